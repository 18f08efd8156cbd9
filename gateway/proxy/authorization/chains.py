"""What the machine is given by its cloud: environment, files, metadata service.

The vendors' own libraries know all the places, and ask them in ways that wait: so they run in a
thread, and over connections of their own. They are extras: an operator who installs one lets those
who may store credentials use the machine's identity, at the vendor's own addresses only.

Rule: never on the event loop; what a library says in an error is not repeated.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final, NamedTuple

from gateway.errors import CredentialRejectedError, UpstreamConnectError
from gateway.providers import AuthMode
from gateway.providers.accounts import GOOGLE_SCOPE
from gateway.proxy.authorization.aws import AwsKeys
from gateway.proxy.authorization.token import Token, build_token

# botocore renews what ends by itself, a quarter of an hour before: so often it is asked.
_AWS_LASTS_S: Final = 300.0
_GOOGLE_LASTS_S: Final = 300.0  # where the library does not say when the token ends
_HTTP_LIMIT_S: Final = 10.0
_MAX_ANSWER_BYTES: Final = 1 << 20


class AwsChain:
    """Asks botocore. The session is kept: it caches and renews."""

    __slots__ = ("_credentials",)

    def __init__(self) -> None:
        self._credentials: Any = None

    async def fetch(self) -> tuple[AwsKeys, float]:
        """Return the machine's keys.

        Raises:
            UpstreamConnectError: the extra is not installed.
            CredentialRejectedError: the machine is given none.
        """
        return await asyncio.to_thread(self._ask), _AWS_LASTS_S

    def _ask(self) -> AwsKeys:
        try:
            session = import_module("botocore.session")  # late: an extra, and slow to load
        except ImportError:
            raise _miss("bedrock", "botocore") from None
        try:
            if self._credentials is None:
                self._credentials = session.get_session().get_credentials()
            found = self._credentials
            frozen = None if found is None else found.get_frozen_credentials()
        except Exception:  # noqa: BLE001  botocore raises what its many places raise
            raise CredentialRejectedError(
                "the default chain of AWS failed to give credentials to this machine"
            ) from None
        if frozen is None or not frozen.access_key:
            raise CredentialRejectedError(
                "the default chain of AWS finds no credentials on this machine"
            )
        return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token)


class GoogleChain:
    """Asks google-auth for application default credentials."""

    __slots__ = ("_credentials", "_mode")

    def __init__(self, mode: AuthMode) -> None:
        self._mode = mode
        self._credentials: Any = None

    async def fetch(self) -> tuple[Token, float]:
        """Return a token of the machine's account.

        Raises:
            UpstreamConnectError: the extra is not installed.
            CredentialRejectedError: the machine is given none.
        """
        value, lasts_s = await asyncio.to_thread(self._ask)
        return build_token(value, self._mode), lasts_s

    def _ask(self) -> tuple[str, float]:
        try:
            auth = import_module("google.auth")  # late: an extra, and slow to load
        except ImportError:
            raise _miss("vertex", "google-auth") from None
        try:
            if self._credentials is None:
                self._credentials, _ = auth.default(scopes=[GOOGLE_SCOPE], request=_ask_http)
            self._credentials.refresh(_ask_http)
        except Exception:  # noqa: BLE001  google-auth raises what its many places raise
            raise CredentialRejectedError(
                "Google's application default credentials give none to this machine"
            ) from None
        return str(self._credentials.token), _count_left(self._credentials.expiry)


def _count_left(expiry: datetime | None) -> float:
    """Return the seconds until a token ends; google-auth says it in UTC without saying so."""
    if expiry is None:
        return _GOOGLE_LASTS_S
    return max(0.0, (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds())


def _miss(extra: str, library: str) -> UpstreamConnectError:
    return UpstreamConnectError(f"the default chain needs {library}: install lockgate[{extra}]")


class _Answer(NamedTuple):
    """What google-auth wants to know of an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def _ask_http(
    url: str,
    method: str = "GET",
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
    **_: Any,
) -> _Answer:
    """Make a request for google-auth, as its `transport.Request` has it.

    Raises:
        google.auth.exceptions.TransportError: no answer came.
    """
    data = body.encode() if isinstance(body, str) else body
    # The addresses are google-auth's own: the metadata service, its token services.
    asked = urllib.request.Request(  # noqa: S310
        url, data=data, headers=dict(headers or {}), method=method
    )
    try:
        with urllib.request.urlopen(asked, timeout=timeout or _HTTP_LIMIT_S) as found:  # noqa: S310
            return _Answer(found.status, dict(found.headers), found.read(_MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return _Answer(error.code, dict(error.headers), error.read(_MAX_ANSWER_BYTES))
    except OSError as error:
        raise import_module("google.auth.exceptions").TransportError(error) from error
