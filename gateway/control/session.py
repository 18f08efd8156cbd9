"""Sessions of the web page: a signed cookie that stands for an admin token or a person.

Rule: a session ends with its time, with what it was made with, with the root key, and when
somebody logs out; a cookie alone changes nothing, an unsafe method needs the CSRF token.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from dataclasses import dataclass
from enum import StrEnum

import orjson

from gateway.roles import Role

COOKIE = "lockgate_session"
CSRF_HEADER = "X-CSRF-Token"
LIFETIME_MS = 12 * 3_600_000  # a working day; then the token is asked for again
_MAC_BYTES = 32
_ID_BYTES = 16


class Origin(StrEnum):
    """What a session was made with."""

    TOKEN = "token"  # noqa: S105  # a kind, no secret
    OIDC = "oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a cookie says; `fingerprint` tells what it was made with, times in milliseconds.

    `actor` and `role` are those of a person named by the identity provider; a token's are read
    from its row each time.
    """

    session_id: str
    origin: Origin
    fingerprint: str
    expires_at: int
    actor: str = ""
    role: Role = Role.VIEWER


def new_session_id() -> str:
    """Return a fresh id."""
    return os.urandom(_ID_BYTES).hex()


def fingerprint_token(key: bytes, digest: bytes) -> str:
    """Return a name for an admin token that tells nothing about it."""
    return hmac.digest(key, b"fingerprint" + digest, "sha256").hex()


def sign(key: bytes, purpose: bytes, payload: bytes) -> str:
    """Return a payload with its MAC, fit for a cookie."""
    mac = hmac.digest(key, purpose + payload, "sha256")
    return base64.urlsafe_b64encode(mac + payload).decode().rstrip("=")


def find_payload(key: bytes, purpose: bytes, text: str) -> bytes | None:
    """Return the payload of what `sign` made with this key and purpose, else None."""
    try:
        raw = base64.b64decode(
            text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
    except (binascii.Error, ValueError):
        return None
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, hmac.digest(key, purpose + payload, "sha256")):
        return None
    return payload


def dump_session(key: bytes, session: Session) -> str:
    """Return the cookie's value."""
    fields = [
        session.session_id,
        session.origin.value,
        session.fingerprint,
        session.expires_at,
        session.actor,
        session.role.value,
    ]
    return sign(key, b"session", orjson.dumps(fields))


def parse_session(key: bytes, cookie: str) -> Session | None:
    """Return the session of a cookie, also one that has ended; None if it was not made here."""
    payload = find_payload(key, b"session", cookie)
    if payload is None:
        return None
    session_id, origin, fingerprint, expires_at, actor, role = orjson.loads(payload)
    return Session(
        session_id=str(session_id),
        origin=Origin(origin),
        fingerprint=str(fingerprint),
        expires_at=int(expires_at),
        actor=str(actor),
        role=Role(role),
    )


def build_csrf_token(key: bytes, cookie: str) -> str:
    """Return the token that unsafe methods must carry beside this cookie."""
    return hmac.digest(key, b"csrf" + cookie.encode(), "sha256").hex()


def check_csrf_token(key: bytes, cookie: str, given: str) -> bool:
    """Tell whether a CSRF token belongs to the cookie."""
    # A header may hold bytes that are no UTF-8: they come as lone surrogates.
    return hmac.compare_digest(
        build_csrf_token(key, cookie).encode(), given.encode(errors="replace")
    )
