"""Sessions of the web page: a signed cookie that stands for an admin token.

Rule: nothing is stored. A session ends with its time, with the token it was made with, and
with the root key; a cookie alone changes nothing, an unsafe method needs the CSRF token.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass

import orjson

COOKIE = "lockgate_session"
CSRF_HEADER = "X-CSRF-Token"
LIFETIME_MS = 12 * 3_600_000  # a working day; then the token is asked for again
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie says; `fingerprint` tells which admin token it was made with."""

    fingerprint: str
    expires_at: int


def fingerprint_token(key: bytes, digest: bytes) -> str:
    """Return a name for an admin token that tells nothing about it."""
    return hmac.digest(key, b"fingerprint" + digest, "sha256").hex()


def dump_session(key: bytes, session: Session) -> str:
    """Return the cookie's value."""
    payload = orjson.dumps([session.fingerprint, session.expires_at])
    mac = hmac.digest(key, b"cookie" + payload, "sha256")
    return base64.urlsafe_b64encode(mac + payload).decode().rstrip("=")


def parse_session(key: bytes, cookie: str, now_ms: int) -> Session | None:
    """Return the session of a cookie, None if it was not made here or has ended."""
    try:
        raw = base64.b64decode(
            cookie.encode() + b"=" * (-len(cookie) % 4), altchars=b"-_", validate=True
        )
    except (binascii.Error, ValueError):
        return None
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, hmac.digest(key, b"cookie" + payload, "sha256")):
        return None
    fingerprint, expires_at = orjson.loads(payload)
    session = Session(str(fingerprint), int(expires_at))
    return session if now_ms < session.expires_at else None


def build_csrf_token(key: bytes, cookie: str) -> str:
    """Return the token that unsafe methods must carry beside this cookie."""
    return hmac.digest(key, b"csrf" + cookie.encode(), "sha256").hex()


def check_csrf_token(key: bytes, cookie: str, given: str) -> bool:
    """Tell whether a CSRF token belongs to the cookie."""
    # A header may hold bytes that are no UTF-8: they come as lone surrogates.
    return hmac.compare_digest(
        build_csrf_token(key, cookie).encode(), given.encode(errors="replace")
    )
