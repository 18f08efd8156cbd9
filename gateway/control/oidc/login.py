"""One login under way: what ties the provider's answer to the browser that began.

The browser keeps one random secret in a cookie; state, nonce and PKCE's verifier are derived from
it with the installation's key. So any gateway of the installation can finish what another began.

Rule: nothing of it is stored before the login is finished, and then that it was.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass, field
from urllib.parse import urlencode

import orjson

from gateway.control.session import find_payload, sign

COOKIE = "lockgate_login"
LIFETIME_MS = 600_000  # to type a password and a second factor
PURPOSE = "oidc-login"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Login:
    """A login that was begun; `ends_at` in milliseconds."""

    secret: str = field(repr=False)
    ends_at: int
    key: bytes = field(repr=False)

    @property
    def login_id(self) -> str:
        """A name for it that may be stored."""
        return self._derive("id")[:32]

    @property
    def state(self) -> str:
        """What the provider hands back to us."""
        return self._derive("state")

    @property
    def nonce(self) -> str:
        """What the ID token must hold."""
        return self._derive("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's secret: only whoever began can redeem the code (RFC 7636)."""
        return self._derive("verifier")

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _derive(self, purpose: str) -> str:
        return hmac.digest(self.key, f"{purpose}:{self.secret}".encode(), "sha256").hex()


def begin_login(key: bytes, now_ms: int) -> Login:
    """Begin a login."""
    return Login(os.urandom(_SECRET_BYTES).hex(), now_ms + LIFETIME_MS, key)


def dump_login(login: Login) -> str:
    """Return the cookie's value."""
    return sign(login.key, b"login", orjson.dumps([login.secret, login.ends_at]))


def find_login(key: bytes, cookie: str, now_ms: int) -> Login | None:
    """Return the login of a cookie, None if it was not begun here or too long ago."""
    payload = find_payload(key, b"login", cookie)
    if payload is None:
        return None
    secret, ends_at = orjson.loads(payload)
    return Login(str(secret), int(ends_at), key) if now_ms < int(ends_at) else None


def build_authorization_url(
    endpoint: str, login: Login, *, client_id: str, redirect_uri: str, scopes: tuple[str, ...]
) -> str:
    """Return where the browser is sent to."""
    query = urlencode(
        {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *scopes))),
            "state": login.state,
            "nonce": login.nonce,
            "code_challenge": login.challenge,
            "code_challenge_method": "S256",
        }
    )
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"
