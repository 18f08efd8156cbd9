"""Tokens of Google Cloud for the key of a service account (RFC 7523).

Source: developers.google.com/identity/protocols/oauth2/service-account, read in November 2026.

Rule: the key signs and is never sent; the assertion goes to Google's own address, or to one that
the operator has allowed by name.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import CredentialRejectedError
from gateway.ports import Clock
from gateway.providers import AuthMode
from gateway.providers.accounts import GOOGLE_SCOPE, GOOGLE_TOKEN_URL, JWT_GRANT, ServiceAccount
from gateway.providers.origin import matches_pattern, parse_base_url
from gateway.proxy.authorization.exchange import TokenExchange
from gateway.proxy.authorization.token import Token, build_token

_LASTS_S: Final = 3_600  # the most that Google takes


async def fetch_google_token(
    account: ServiceAccount, mode: AuthMode, exchange: TokenExchange, clock: Clock
) -> tuple[Token, float]:
    """Return a token for a service account. Raises as `TokenExchange.ask`."""
    url = _choose_url(account, exchange)
    assertion = _sign(account, url, clock.now_ms() // 1000)
    form = {"grant_type": JWT_GRANT, "assertion": assertion}
    value, lasts_s = await exchange.ask(url, form)
    return build_token(value, mode), lasts_s


def _choose_url(account: ServiceAccount, exchange: TokenExchange) -> str:
    """Return Google's address; a file's own only where the operator allows that origin by name."""
    url = account.token_url
    if url == GOOGLE_TOKEN_URL:
        return url
    parsed = parse_base_url(url, field="secret_value.service_account")
    if any(matches_pattern(parsed, pattern) for pattern in exchange.allowed):
        return url
    return GOOGLE_TOKEN_URL


def _sign(account: ServiceAccount, audience: str, at_s: int) -> str:
    # Late: only who uses service accounts needs it.
    import jwt

    claims = {
        "iss": account.email,
        "scope": GOOGLE_SCOPE,
        "aud": audience,
        "iat": at_s,
        "exp": at_s + _LASTS_S,
    }
    headers = {"kid": account.key_id} if account.key_id else None
    try:
        return jwt.encode(claims, account.private_key, algorithm="RS256", headers=headers)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise CredentialRejectedError("the service account's private key cannot be read") from None
