"""Handlers of /session: the web page's way in and out."""

from __future__ import annotations

from dataclasses import replace
from http.cookies import SimpleCookie

from aiohttp import hdrs

from gateway.control.auth import SESSION_PURPOSE, AdminAuth
from gateway.control.call import Answer, Call
from gateway.control.parts import BASE_PATH
from gateway.control.service.change import record_session
from gateway.control.session import (
    COOKIE,
    LIFETIME_MS,
    Session,
    build_csrf_token,
    dump_session,
    fingerprint_token,
    parse_session,
)


async def create_session(call: Call) -> Answer:
    """Exchange an admin token for a session cookie."""
    identity = await AdminAuth(call.parts).check_token(call.body.token)
    key = call.parts.deriver.derive(SESSION_PURPOSE)
    expires_at = call.parts.clock.now_ms() + LIFETIME_MS
    cookie = dump_session(key, Session(fingerprint_token(key, identity.digest), expires_at))
    value = {
        "actor": identity.actor,
        "expires_at": expires_at,
        "csrf_token": build_csrf_token(key, cookie),
    }
    header = _dump_cookie(cookie, LIFETIME_MS // 1000, secure=call.request.secure)
    await record_session(call.parts, replace(call.caller, actor=identity.actor), "login")
    return Answer(status=201, value=value, headers={hdrs.SET_COOKIE: header})


async def get_session(call: Call) -> Answer:
    """Answer with who is calling; with a cookie also its CSRF token and end."""
    key = call.parts.deriver.derive(SESSION_PURPOSE)
    cookie = call.request.cookies.get(COOKIE, "")
    session = parse_session(key, cookie, call.parts.clock.now_ms())
    if hdrs.AUTHORIZATION in call.request.headers:
        session = None  # the header counted
    value = {
        "actor": call.caller.actor,
        "expires_at": session and session.expires_at,
        "csrf_token": session and build_csrf_token(key, cookie),
    }
    return Answer(status=200, value=value)


async def delete_session(call: Call) -> Answer:
    """Take the cookie back. A copy of it would work on until its end: it is stored nowhere."""
    header = _dump_cookie("", 0, secure=call.request.secure)
    await record_session(call.parts, call.caller, "logout")
    return Answer(status=204, headers={hdrs.SET_COOKIE: header})


def _dump_cookie(value: str, max_age_s: int, *, secure: bool) -> str:
    cookie = SimpleCookie()
    cookie[COOKIE] = value
    morsel = cookie[COOKIE]
    morsel["path"] = BASE_PATH
    morsel["max-age"] = max_age_s
    morsel["httponly"] = True
    morsel["samesite"] = "Strict"
    if secure:
        morsel["secure"] = True
    return morsel.OutputString()
