"""A small client of the control plane's REST.

Rule: the admin token and secret values are revealed in this file alone, into the
request that carries them; redirects are never followed; a problem answer becomes
one line.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson

from gateway.cli.refusal import Refused
from gateway.secret import Secret

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

API_PATH: Final = "/api/v1"
_PAGE: Final = 500  # the most that the control plane gives at once
_CONNECT_TIMEOUT_S: Final = 5.0
_TOTAL_TIMEOUT_S: Final = 60.0  # a write waits up to 5 s for stragglers; the rest is slack
_OK = 200
_FIRST_ERROR = 400
# What the caller of a command can do about a refusal that speaks of REST.
_HINTS: Final = {
    "unauthenticated": "; set LOCKGATE_ADMIN_TOKEN or give --token-file",
    "credential_rebind_required": "; add --new-value, --value-file or --value-stdin",
    "in_use": "; --force does so",
    "secret_value_required": "; --values-file or --values-stdin",
}


class Declined(Refused):
    """The control plane answered with an error; `problem` is its body (RFC 9457)."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(_dump_problem(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came back with."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(repr=False)

    @property
    def etag(self) -> str | None:
        """The version of the entity in the answer."""
        return self.headers.get("ETag")


class Api:
    """One connection to a control plane, for the length of one command."""

    def __init__(self, url: str, token: Secret, runner: asyncio.Runner) -> None:
        self._url = url.rstrip("/").removesuffix(API_PATH)
        self._token = token
        self._runner = runner
        self._session: aiohttp.ClientSession | None = None

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        """Read one thing."""
        return self.call("GET", path, query=query)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        if_match: str | None = None,
    ) -> Answer:
        """Make one call; query parameters that are None are left out.

        Raises:
            Refused: nobody answers.
            Declined: the answer is an error.
        """
        return self._runner.run(self._call(method, path, query or {}, body, if_match))

    def list_all(
        self, path: str, query: Mapping[str, Any] | None = None, *, limit: int | None = None
    ) -> list[Any]:
        """Follow a listing's pages up to `limit` items, or to its end."""
        items: list[Any] = []
        cursor: str | None = None
        while limit is None or len(items) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(items))
            page = self.get(path, {**(query or {}), "limit": size, "cursor": cursor}).body
            items.extend(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return items

    def stream(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[bytes]:
        """Read a long answer piece by piece.

        Raises:
            Refused: nobody answers, the answer is an error, or it ends before its end.
        """
        pieces = self._stream(path, query or {})
        try:
            while True:
                try:
                    yield self._runner.run(anext(pieces))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(pieces.aclose())

    async def _stream(self, path: str, query: Mapping[str, Any]) -> AsyncGenerator[bytes]:
        # Late: aiohttp takes longer to load than --help takes to print.
        import aiohttp

        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT_TIMEOUT_S, sock_read=_TOTAL_TIMEOUT_S
        )
        with self._refusing():
            session = self._get_session()
            url = self._build_url(path, query)
            async with session.get(url, allow_redirects=False, timeout=timeout) as response:
                if response.status != _OK:
                    self._parse(response.status, response.headers, await response.read())
                    raise self._refuse_stranger(response.status)
                async for piece in response.content.iter_any():
                    yield piece

    async def _call(
        self, method: str, path: str, query: Mapping[str, Any], body: Any, if_match: str | None
    ) -> Answer:
        with self._refusing():
            session = self._get_session()
            async with session.request(
                method,
                self._build_url(path, query),
                data=_dump_body(body),
                headers=_headers(body, if_match),
                allow_redirects=False,
            ) as response:
                raw = await response.read()
                return self._parse(response.status, response.headers.copy(), raw)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        # Late: aiohttp takes longer to load than --help takes to print.
        import aiohttp

        try:
            yield
        except TimeoutError:
            raise Refused(
                f"{self._url} did not answer in time; a write may have been made or not"
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._refuse(error) from None

    def _build_url(self, path: str, query: Mapping[str, Any]) -> URL:
        from yarl import URL  # late, as above

        return URL(self._url + API_PATH + path, encoded=True).update_query(
            {key: str(value) for key, value in query.items() if value is not None}
        )

    def _get_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._open_session()
        return self._session

    def _open_session(self) -> aiohttp.ClientSession:
        import aiohttp  # late, as above

        return aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._token.reveal().decode('ascii')}"},
            timeout=aiohttp.ClientTimeout(total=_TOTAL_TIMEOUT_S, sock_connect=_CONNECT_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _refuse(self, error: Exception) -> Refused:
        # An exception of the HTTP client may hold the request's headers: only its kind and the
        # operating system's word are told.
        import aiohttp  # late, as above

        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return Refused(f"the certificate of {self._url} is not trusted by this machine")
        if isinstance(error, aiohttp.ClientConnectorError):
            number = error.os_error.errno
            if number is not None and number in errno.errorcode:
                reason = os.strerror(number)
            else:  # a failed handshake counts in the library's own numbers
                reason = type(error.os_error).__name__
            return Refused(
                f"no Lockgate answers at {self._url}: {reason}; "
                "start one with `lockgate serve`, or name another with --url or LOCKGATE_URL"
            )
        return Refused(f"the call of {self._url} failed ({type(error).__name__})")

    def _parse(self, status: int, headers: Mapping[str, str], raw: bytes) -> Answer:
        try:
            body = orjson.loads(raw) if raw else None
        except orjson.JSONDecodeError:
            raise self._refuse_stranger(status) from None
        if status < _FIRST_ERROR:
            if status >= 300:  # noqa: PLR2004  a redirect would take the token elsewhere
                raise self._refuse_stranger(status)
            return Answer(status, body, headers)
        if not isinstance(body, dict) or "code" not in body:
            raise self._refuse_stranger(status)
        raise Declined(body)

    def _refuse_stranger(self, status: int) -> Refused:
        return Refused(
            f"{self._url} answered with status {status}, but not as a Lockgate does; "
            "is --url or LOCKGATE_URL right?"
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


@contextmanager
def open_api(url: str, token: Secret) -> Iterator[Api]:
    """Open a client of the control plane at `url`.

    Raises:
        Refused: the token cannot stand in a header.
    """
    value = token.reveal()
    if not value or not value.isascii() or any(byte <= 0x20 for byte in value):  # noqa: PLR2004
        raise Refused("the admin token is empty or holds characters that no token has")
    with asyncio.Runner() as runner:
        api = Api(url, token, runner)
        try:
            yield api
        finally:
            runner.run(api.close())


def quote_path(text: str) -> str:
    """Quote a name for use as one segment of a path."""
    return quote(text, safe="")


def _headers(body: Any, if_match: str | None) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if if_match is not None:
        headers["If-Match"] = if_match
    return headers


def _dump_body(body: Any) -> bytes | None:
    return None if body is None else orjson.dumps(body, default=_reveal)


def show_once(token: Secret) -> str:
    """Return a token for the one print of it, at the start that made it."""
    return token.reveal().decode("ascii")


def _reveal(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal().decode()
    raise TypeError(f"{type(value).__name__} is no JSON")


def _dump_problem(problem: Mapping[str, Any]) -> str:
    """Return a problem (RFC 9457) as one line: detail, then code and field."""
    code, where = problem["code"], problem.get("field")
    inside = str(code) if where is None else f"{code}, {where}"
    line = f"{problem.get('detail') or problem.get('title')} ({inside})"
    users = problem.get("users")
    if isinstance(users, list) and users:
        line += ": used by " + _dump_users(users, problem.get("count"))
    return line + _HINTS.get(str(code), "")


def _dump_users(users: list[Any], count: Any) -> str:
    names = [str(user.get("name") or user.get("id")) for user in users if isinstance(user, dict)]
    rest = count - len(names) if isinstance(count, int) else 0
    return ", ".join(names) + (f" and {rest} more" if rest > 0 else "")
