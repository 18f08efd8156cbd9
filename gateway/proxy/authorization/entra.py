"""Tokens of Microsoft Entra ID for an application's secret.

Source: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, read in
November 2026.

Rule: the secret goes to the login of the cloud that the resource is in, by the table of `accounts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.providers import AuthMode
from gateway.providers.accounts import find_entra_place
from gateway.proxy.authorization.exchange import TokenExchange
from gateway.proxy.authorization.token import Token, build_token


async def fetch_entra_token(
    client_secret: str, config: Mapping[str, Any], mode: AuthMode, exchange: TokenExchange
) -> tuple[Token, float]:
    """Return a token for an application. Raises as `TokenExchange.ask`."""
    place = find_entra_place(config)
    form = {
        "grant_type": "client_credentials",
        "client_id": str(config.get("client_id") or ""),
        "client_secret": client_secret,
        "scope": place.scope,
    }
    value, lasts_s = await exchange.ask(place.url, form)
    return build_token(value, mode), lasts_s
