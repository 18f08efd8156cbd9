"""Handlers of /session/oidc: to the identity provider, and back.

Rule: a browser is only ever sent to the provider or to our own page; why a login came to nothing
goes there as a code, and into the log as a sentence.
"""

from __future__ import annotations

import hmac
import logging
from typing import Final

from aiohttp import hdrs

from gateway.control.auth import SESSION_PURPOSE
from gateway.control.call import Answer, Call, Caller
from gateway.control.handlers.sessions import dump_cookie, dump_session_cookie
from gateway.control.oidc import login as logins
from gateway.control.oidc.claims import Expected, check_claims, find_role, name_actor
from gateway.control.oidc.provider import Provider
from gateway.control.parts import BASE_PATH
from gateway.control.service.change import run_change
from gateway.control.service.sessions import begin_session
from gateway.control.session import (
    LIFETIME_MS,
    Origin,
    Session,
    dump_session,
    new_session_id,
)
from gateway.errors import (
    GatewayError,
    LockgateError,
    NotFoundError,
    RequestError,
    UnauthenticatedError,
)

logger = logging.getLogger("lockgate.control")

PATH: Final = "/session/oidc"
CALLBACK: Final = f"{PATH}/callback"
_PAGE: Final = "/ui/"
_SEE_OTHER: Final = 303


async def start_login(call: Call) -> Answer:
    """Send the browser to the identity provider."""
    provider = _get_provider(call)
    key = call.parts.deriver.derive(logins.PURPOSE)
    begun = logins.begin_login(key, call.parts.clock.now_ms())
    try:
        metadata = await provider.get_metadata()
    except GatewayError as error:
        return _give_up(error)
    location = logins.build_authorization_url(
        metadata.authorization_endpoint,
        begun,
        client_id=call.parts.settings.oidc_client_id or "",
        redirect_uri=_get_redirect_uri(call),
        scopes=call.parts.settings.oidc_scopes,
    )
    cookie = dump_cookie(
        logins.COOKIE,
        logins.dump_login(begun),
        path=BASE_PATH + PATH,
        max_age_s=logins.LIFETIME_MS // 1000,
        secure=call.request.secure,
        same_site="Lax",  # it has to come along when the provider sends the browser back
    )
    return Answer(status=_SEE_OTHER, headers={hdrs.LOCATION: location, hdrs.SET_COOKIE: cookie})


async def finish_login(call: Call) -> Answer:
    """Take the provider's answer, and make a session of it."""
    provider = _get_provider(call)
    try:
        session = await _log_in(call, provider)
    except (RequestError, GatewayError) as error:
        return _give_up(error)
    cookie = dump_session(call.parts.deriver.derive(SESSION_PURPOSE), session)
    header = dump_session_cookie(call, cookie, session)
    return Answer(status=_SEE_OTHER, headers={hdrs.LOCATION: _PAGE, hdrs.SET_COOKIE: header})


async def _log_in(call: Call, provider: Provider) -> Session:
    begun = _get_login(call)
    metadata = await provider.get_metadata()
    if call.query["iss"] not in (None, metadata.issuer):  # RFC 9207: another one's answer
        raise UnauthenticatedError("the answer is another identity provider's")
    if call.query["error"] is not None or call.query["code"] is None:
        raise UnauthenticatedError("the identity provider did not let the person in")
    token = await provider.redeem(call.query["code"], begun.verifier, _get_redirect_uri(call))
    claims = await provider.verify(token)
    settings, now_ms = call.parts.settings, call.parts.clock.now_ms()
    expected = Expected(metadata.issuer, settings.oidc_client_id or "", begun.nonce)
    check_claims(claims, expected, now_ms / 1000)
    session = Session(
        session_id=new_session_id(),
        origin=Origin.OIDC,
        fingerprint=call.parts.oidc_fingerprint,
        expires_at=now_ms + LIFETIME_MS,
        actor=name_actor(claims),
        role=find_role(claims, settings.oidc_roles),
    )
    await run_change(
        call.parts,
        Caller(
            actor=session.actor,
            source_address=call.caller.source_address,
            request_id=call.caller.request_id,
            role=session.role,
        ),
        lambda change: begin_session(change, begun.login_id, begun.ends_at, session),
    )
    return session


def _get_login(call: Call) -> logins.Login:
    key = call.parts.deriver.derive(logins.PURPOSE)
    cookie = call.request.cookies.get(logins.COOKIE, "")
    begun = logins.find_login(key, cookie, call.parts.clock.now_ms())
    state = call.query["state"] or ""
    if begun is None or not hmac.compare_digest(begun.state.encode(), state.encode()):
        raise UnauthenticatedError("this login was not begun in this browser, or too long ago")
    return begun


def _get_provider(call: Call) -> Provider:
    parts = call.parts
    if parts.settings.oidc_issuer is None:
        raise NotFoundError("this gateway has no identity provider: see LOCKGATE_OIDC_ISSUER")
    return Provider(parts.settings, parts.clock, parts.oidc)


def _get_redirect_uri(call: Call) -> str:
    given = call.parts.settings.oidc_redirect_url
    # The Host has been checked against those that are ours.
    return given or f"{call.request.scheme}://{call.request.host}{BASE_PATH}{CALLBACK}"


def _give_up(error: LockgateError) -> Answer:
    logger.warning("a login with OIDC came to nothing: %s", error.detail)
    return Answer(status=_SEE_OTHER, headers={hdrs.LOCATION: f"{_PAGE}?login={error.code}"})
