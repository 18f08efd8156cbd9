"""Who is calling the control plane: an admin token, or a session made with one.

Rule: deny by default. Tokens are compared by digest in constant time; every known one is
looked at, so that time tells nothing about which one it was.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from aiohttp import hdrs, web

from gateway.control.parts import ControlParts
from gateway.control.session import (
    COOKIE,
    CSRF_HEADER,
    check_csrf_token,
    fingerprint_token,
    parse_session,
)
from gateway.errors import (
    DatabaseDamagedError,
    ForbiddenError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from gateway.secret import Secret

SETTINGS_ACTOR = "admin"  # name of the token that the settings give
SESSION_PURPOSE = "session"
_REFRESH_S = 60.0  # how long a token that another process disabled may still work
_RETRY_S = 1.0  # least time between reads that an unknown token can cause
_SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_REFUSAL = (
    "an admin token is needed: Authorization: Bearer <token>, or Basic with it as the password"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A known admin."""

    actor: str
    digest: bytes


class AdminAuth:
    """Checks callers against the settings' token and those of the database."""

    def __init__(self, parts: ControlParts) -> None:
        self._parts = parts
        self._session_key = parts.deriver.derive(SESSION_PURPOSE)
        self._cache = parts.tokens

    async def authenticate(self, request: web.Request) -> Identity:
        """Return who is calling.

        Raises:
            UnauthenticatedError: no credential, or one that is not known.
            ForbiddenError: a client's api key, or a cookie without its CSRF token.
            StoreUnavailableError: the tokens could never be read.
        """
        authorization = request.headers.get(hdrs.AUTHORIZATION)
        if authorization is not None:
            return await self._check_authorization(authorization)
        cookie = request.cookies.get(COOKIE)
        if cookie is not None:
            return await self._check_cookie(request, cookie)
        raise UnauthenticatedError(_REFUSAL)

    async def check_token(self, token: str) -> Identity:
        """Return whose admin token this is.

        Raises:
            UnauthenticatedError: nobody's.
            ForbiddenError: it is a client's api key.
        """
        digest = Secret(token.encode(errors="replace")).digest()
        found = _find(await self._list(), digest) or _find(await self._list_again(), digest)
        if found is not None:
            return found
        if digest in self._parts.snapshots.current.keys:
            raise ForbiddenError("an api key is for the data plane: use an admin token")
        raise UnauthenticatedError("the admin token is not known")

    async def _check_authorization(self, authorization: str) -> Identity:
        scheme, _, given = authorization.partition(" ")
        parse = _TOKEN_PARSERS.get(scheme.lower())
        token = "" if parse is None else parse(given.strip())
        if not token:
            raise UnauthenticatedError(_REFUSAL)
        return await self.check_token(token)

    async def _check_cookie(self, request: web.Request, cookie: str) -> Identity:
        session = parse_session(self._session_key, cookie, self._parts.clock.now_ms())
        if session is None:
            raise UnauthenticatedError("the session has ended: log in again")
        for identity in await self._list():
            name = fingerprint_token(self._session_key, identity.digest)
            if hmac.compare_digest(name, session.fingerprint):
                self._check_csrf(request, cookie)
                return identity
        raise UnauthenticatedError("the session's admin token is no longer valid")

    def _check_csrf(self, request: web.Request, cookie: str) -> None:
        if request.method in _SAFE_METHODS:
            return
        if not check_csrf_token(self._session_key, cookie, request.headers.get(CSRF_HEADER, "")):
            raise ForbiddenError(
                f"a session changes something only with its {CSRF_HEADER}", field=CSRF_HEADER
            )

    async def _list(self) -> list[Identity]:
        cache = self._cache
        age_s = self._parts.clock.monotonic_s() - cache.read_at_s
        if cache.known is None or age_s >= _REFRESH_S:
            await self._read()
        return self._identities()

    async def _list_again(self) -> list[Identity]:
        if self._parts.clock.monotonic_s() - self._cache.read_at_s >= _RETRY_S:
            await self._read()
        return self._identities()

    def _identities(self) -> list[Identity]:
        known = [Identity(name, digest) for name, digest in self._cache.known or ()]
        own = self._parts.settings.admin_token
        return known if own is None else [*known, Identity(SETTINGS_ACTOR, own.digest())]

    async def _read(self) -> None:
        cache, parts = self._cache, self._parts
        try:
            async with parts.store.read() as tx:
                rows = await tx.admin.list_tokens()
        except (StoreUnavailableError, DatabaseDamagedError):
            if cache.known is None and parts.settings.admin_token is None:
                raise
            return  # those of before still count; what they may change needs the database anyway
        cache.known = tuple((row.name, row.digest) for row in rows if not row.disabled)
        cache.read_at_s = parts.clock.monotonic_s()


def _parse_password(given: str) -> str:
    """Return the password of Basic credentials (RFC 7617), nothing where there is none."""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:  # not Base64, or not UTF-8 inside
        return ""


# No 401 asks for Basic, so that no browser ever keeps a token and sends it by itself.
_TOKEN_PARSERS: Mapping[str, Callable[[str], str]] = {"bearer": str, "basic": _parse_password}


def _find(known: Iterable[Identity], digest: bytes) -> Identity | None:
    found = None
    for identity in known:
        if hmac.compare_digest(identity.digest, digest):
            found = identity
    return found


async def may_read_metrics(parts: ControlParts, request: web.Request) -> bool:
    """Tell whether a request may read /metrics: with an admin token, or where all may.

    Raises:
        UnauthenticatedError, ForbiddenError: the credential is none of an admin's.
    """
    if parts.settings.metrics_public:
        return True
    await AdminAuth(parts).authenticate(request)
    return True
