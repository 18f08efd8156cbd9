"""Handlers of /session: the web page's way in and out."""

from __future__ import annotations

from dataclasses import replace
from http.cookies import SimpleCookie

from aiohttp import hdrs

from gateway.control.auth import SESSION_PURPOSE, AdminAuth
from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.parts import BASE_PATH
from gateway.control.service.change import record_session
from gateway.control.service.sessions import end_session
from gateway.control.session import (
    COOKIE,
    LIFETIME_MS,
    Origin,
    Session,
    build_csrf_token,
    dump_session,
    fingerprint_token,
    new_session_id,
    parse_session,
)


async def create_session(call: Call) -> Answer:
    """Exchange an admin token for a session cookie; it ends with the token at the latest."""
    identity = await AdminAuth(call.parts).check_token(call.request, call.body.token)
    key = call.parts.deriver.derive(SESSION_PURPOSE)
    expires_at = call.parts.clock.now_ms() + LIFETIME_MS
    if identity.ends_at is not None:
        expires_at = min(expires_at, identity.ends_at)
    session = Session(
        session_id=new_session_id(),
        origin=Origin.TOKEN,
        fingerprint=fingerprint_token(key, identity.digest),
        expires_at=expires_at,
    )
    cookie = dump_session(key, session)
    value = {
        "actor": identity.actor,
        "role": identity.role.value,
        "scopes": list(identity.scopes),
        "expires_at": expires_at,
        "csrf_token": build_csrf_token(key, cookie),
    }
    await record_session(call.parts, replace(call.caller, actor=identity.actor), "login")
    header = dump_session_cookie(call, cookie, session)
    return Answer(status=201, value=value, headers={hdrs.SET_COOKIE: header})


async def get_session(call: Call) -> Answer:
    """Answer with who is calling and what they may; with a cookie also its CSRF token and end."""
    key, cookie, session = _find_session(call)
    value = {
        "actor": call.caller.actor,
        "role": call.caller.role.value,
        "scopes": list(call.caller.scopes),
        "expires_at": session and session.expires_at,
        "csrf_token": session and build_csrf_token(key, cookie),
    }
    return Answer(status=200, value=value)


async def delete_session(call: Call) -> Answer:
    """End the session of the cookie, for every copy of it, and take the cookie back."""
    _, _, session = _find_session(call)
    if session is not None:
        await answers.write(call, lambda change: end_session(change, session))
    header = dump_cookie(COOKIE, "", path=BASE_PATH, max_age_s=0, secure=call.request.secure)
    return Answer(status=204, headers={hdrs.SET_COOKIE: header})


async def list_login_methods(call: Call) -> Answer:
    """Answer with the ways to log in that this gateway has."""
    has_oidc = call.parts.settings.oidc_issuer is not None
    return Answer(status=200, value={"token": True, "oidc": has_oidc})


def _find_session(call: Call) -> tuple[bytes, str, Session | None]:
    key = call.parts.deriver.derive(SESSION_PURPOSE)
    cookie = call.request.cookies.get(COOKIE, "")
    if hdrs.AUTHORIZATION in call.request.headers:
        return key, cookie, None  # the header counted
    return key, cookie, parse_session(key, cookie)


def dump_session_cookie(call: Call, value: str, session: Session) -> str:
    """Return the `Set-Cookie` header of a session."""
    max_age_s = (session.expires_at - call.parts.clock.now_ms()) // 1000
    return dump_cookie(
        COOKIE, value, path=BASE_PATH, max_age_s=max_age_s, secure=call.request.secure
    )


def dump_cookie(
    name: str, value: str, *, path: str, max_age_s: int, secure: bool, same_site: str = "Strict"
) -> str:
    """Return a `Set-Cookie` header; scripts never see the cookie."""
    cookie = SimpleCookie()
    cookie[name] = value
    morsel = cookie[name]
    morsel["path"] = path
    morsel["max-age"] = max_age_s
    morsel["httponly"] = True
    morsel["samesite"] = same_site
    if secure:
        morsel["secure"] = True
    return morsel.OutputString()
