"""Who is calling the control plane: an admin token, or a session made with one or with OIDC.

Rule: deny by default. Tokens are compared by digest in constant time; every known one is
looked at, so that time tells nothing about which one it was. A wrong one costs its sender time.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from gateway.control import gate
from gateway.control.access import ALLOWED
from gateway.control.call import Policy
from gateway.control.parts import ControlParts
from gateway.control.scopes import is_confined
from gateway.control.session import (
    COOKIE,
    CSRF_HEADER,
    Origin,
    Session,
    check_csrf_token,
    fingerprint_token,
    parse_session,
)
from gateway.entities import ALL_ENDPOINTS, AdminToken
from gateway.errors import (
    DatabaseDamagedError,
    ForbiddenError,
    GatewayError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from gateway.roles import Role
from gateway.secret import Secret
from gateway.web import get_request_id, parse_client_address

SETTINGS_ACTOR = "admin"  # name of the token that the settings give
SESSION_PURPOSE = "session"
_REFRESH_S = (
    60.0  # beside the epoch, which tells of every change at once: what somebody did by hand
)
_RETRY_S = 1.0  # least time between reads that an unknown token can cause
_USED_EVERY_MS = 600_000  # how late `last_used_at` may be; a write for each time it is noted
_SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_REFUSAL = (
    "an admin token is needed: Authorization: Bearer <token>, or Basic with it as the password"
)

# A task that nobody refers to may be collected in the middle of its work.
_running: set[asyncio.Task[None]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody known: under which name, with which role, for which endpoints.

    `ends_at` is when the credential expires, in milliseconds; None if it does not.
    """

    actor: str
    role: Role
    scopes: tuple[str, ...] = ALL_ENDPOINTS
    ends_at: int | None = None
    digest: bytes = field(default=b"", repr=False)


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
            TooManyAttemptsError: too many wrong ones from this address.
            StoreUnavailableError: the tokens could never be read.
        """
        authorization = request.headers.get(hdrs.AUTHORIZATION)
        if authorization is not None:
            return await self._check_authorization(request, authorization)
        cookie = request.cookies.get(COOKIE)
        if cookie is not None:
            return await self._check_cookie(request, cookie)
        raise UnauthenticatedError(_REFUSAL)

    async def check_token(self, request: web.Request, token: str) -> Identity:
        """Return whose admin token this is.

        Raises:
            UnauthenticatedError: nobody's, or it is disabled or has expired.
            ForbiddenError: it is a client's api key.
            TooManyAttemptsError: too many wrong ones from this address.
        """
        digest = Secret(token.encode(errors="replace")).digest()
        row = _find(await self._list(), digest)
        if row is None and gate.is_suspect(self._parts, parse_client_address(request)):
            row = _find(await self._list_again(), digest)  # a new one must not stand at the gate
        if row is not None:
            return self._admit(row)
        if digest in self._parts.snapshots.current.keys:
            raise ForbiddenError("an api key is for the data plane: use an admin token")
        return await self._check_unknown(request, digest)

    async def _check_unknown(self, request: web.Request, digest: bytes) -> Identity:
        """Look at what is no token that we know of: the settings', a very new one, or a guess."""
        address = parse_client_address(request)
        await gate.wait_turn(self._parts, address)
        own = self._parts.settings.admin_token
        if own is not None and hmac.compare_digest(own.digest(), digest):
            gate.note_success(self._parts, address)
            return Identity(actor=SETTINGS_ACTOR, role=Role.ADMIN, digest=digest)
        row = _find(await self._list_again(), digest)
        if row is not None:
            return self._admit(row)
        await gate.note_failure(self._parts, address, get_request_id(request))
        raise UnauthenticatedError("the admin token is not known")

    def _admit(self, row: AdminToken) -> Identity:
        now_ms = self._parts.clock.now_ms()
        if row.disabled:
            raise UnauthenticatedError("the admin token is disabled")
        if row.expires_at is not None and row.expires_at <= now_ms:
            raise UnauthenticatedError("the admin token has expired")
        if now_ms - self._cache.used_at.get(row.token_id, row.last_used_at or 0) >= _USED_EVERY_MS:
            self._cache.used_at[row.token_id] = now_ms
            task = asyncio.ensure_future(_note_used(self._parts, row.token_id, now_ms))
            _running.add(task)
            task.add_done_callback(_running.discard)
        return Identity(
            actor=row.name,
            role=row.role,
            scopes=row.scopes,
            ends_at=row.expires_at,
            digest=row.digest,
        )

    async def _check_authorization(self, request: web.Request, authorization: str) -> Identity:
        scheme, _, given = authorization.partition(" ")
        parse = _TOKEN_PARSERS.get(scheme.lower())
        token = "" if parse is None else parse(given.strip())
        if not token:
            raise UnauthenticatedError(_REFUSAL)
        return await self.check_token(request, token)

    # --- sessions -------------------------------------------------------------------------

    async def _check_cookie(self, request: web.Request, cookie: str) -> Identity:
        session = parse_session(self._session_key, cookie)
        if session is None:
            address = parse_client_address(request)
            await gate.wait_turn(self._parts, address)
            await gate.note_failure(self._parts, address, get_request_id(request))
            raise UnauthenticatedError("the session has ended: log in again")
        known = await self._list()
        if session.session_id in self._cache.ended or (
            session.expires_at <= self._parts.clock.now_ms()
        ):
            raise UnauthenticatedError("the session has ended: log in again")
        identity = self._find_owner(session, known)
        self._check_csrf(request, cookie)
        return identity

    def _find_owner(self, session: Session, known: Iterable[AdminToken]) -> Identity:
        if session.origin is Origin.OIDC:
            if not hmac.compare_digest(self._parts.oidc_fingerprint, session.fingerprint):
                raise UnauthenticatedError("the settings of OIDC have changed: log in again")
            return Identity(actor=session.actor, role=session.role)
        for row in known:
            if self._is_made_with(session, row.digest):
                return self._admit(row)
        own = self._parts.settings.admin_token
        if own is not None and self._is_made_with(session, own.digest()):
            return Identity(actor=SETTINGS_ACTOR, role=Role.ADMIN, digest=own.digest())
        raise UnauthenticatedError("the session's admin token is no longer valid")

    def _is_made_with(self, session: Session, digest: bytes) -> bool:
        name = fingerprint_token(self._session_key, digest)
        return hmac.compare_digest(name, session.fingerprint)

    def _check_csrf(self, request: web.Request, cookie: str) -> None:
        if request.method in _SAFE_METHODS:
            return
        if not check_csrf_token(self._session_key, cookie, request.headers.get(CSRF_HEADER, "")):
            raise ForbiddenError(
                f"a session changes something only with its {CSRF_HEADER}", field=CSRF_HEADER
            )

    # --- what is known --------------------------------------------------------------------

    async def _list(self) -> tuple[AdminToken, ...]:
        cache = self._cache
        age_s = self._parts.clock.monotonic_s() - cache.read_at_s
        is_behind = cache.epoch < self._parts.snapshots.current.epoch
        if cache.known is None or is_behind or age_s >= _REFRESH_S:
            await self._read()
        return cache.known or ()

    async def _list_again(self) -> tuple[AdminToken, ...]:
        cache, now_s = self._cache, self._parts.clock.monotonic_s()
        if now_s - max(cache.read_at_s, cache.asked_at_s) >= _RETRY_S:
            cache.asked_at_s = now_s  # before the read: of many guesses at once, one makes it
            await self._read()
        return self._cache.known or ()

    async def _read(self) -> None:
        cache, parts = self._cache, self._parts
        try:
            async with parts.store.read() as tx:
                epoch = await tx.get_epoch()
                rows = await tx.admin.list_tokens()
                ended = await tx.admin.list_ended_sessions(parts.clock.now_ms())
        except (StoreUnavailableError, DatabaseDamagedError):
            if cache.known is None and parts.settings.admin_token is None:
                raise
            return  # those of before still count; what they may change needs the database anyway
        cache.known, cache.ended, cache.epoch = rows, ended, epoch
        cache.read_at_s = parts.clock.monotonic_s()


def _parse_password(given: str) -> str:
    """Return the password of Basic credentials (RFC 7617), nothing where there is none."""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:  # not Base64, or not UTF-8 inside
        return ""


# No 401 asks for Basic, so that no browser ever keeps a token and sends it by itself.
_TOKEN_PARSERS: Mapping[str, Callable[[str], str]] = {"bearer": str, "basic": _parse_password}


def _find(known: Iterable[AdminToken], digest: bytes) -> AdminToken | None:
    found = None
    for row in known:
        if hmac.compare_digest(row.digest, digest):
            found = row
    return found


async def _note_used(parts: ControlParts, token_id: str, at_ms: int) -> None:
    try:
        async with parts.store.write() as tx:
            await tx.admin.note_token_used(token_id, at_ms)
    except (GatewayError, DatabaseDamagedError):
        return  # the next use notes it again, some minutes later


async def may_read_metrics(parts: ControlParts, request: web.Request) -> bool:
    """Tell whether a request may read /metrics: with an admin token, or where all may.

    Raises:
        UnauthenticatedError, ForbiddenError: the credential is none of an admin's, or confined.
    """
    if parts.settings.metrics_public:
        return True
    identity = await AdminAuth(parts).authenticate(request)
    if Policy.READ not in ALLOWED[identity.role] or is_confined(identity.scopes):
        raise ForbiddenError("the metrics are of all endpoints: they need a token without scopes")
    return True
