from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import (
    CredentialRejectedError,
    UpstreamConnectError,
    UpstreamError,
    UpstreamMalformedError,
    UpstreamOriginError,
    UpstreamRedirectError,
)
from gateway.proxy.authorization.exchange import TokenExchange
from gateway.proxy.upstream import Upstreams
from gateway.settings import parse_origin_pattern
from tests.proxy.authorization.conftest import TOKEN, Cloud

FORM = {"grant_type": "client_credentials", "client_secret": "canary a&b=c"}


@pytest.fixture
async def exchange(cloud: Cloud) -> AsyncIterator[TokenExchange]:
    allowed = (parse_origin_pattern(cloud.url),)
    upstreams = Upstreams(allowed)
    yield TokenExchange(upstreams, allowed)
    await upstreams.close()


async def test_a_form_is_traded_for_a_token(cloud: Cloud, exchange: TokenExchange) -> None:
    assert await exchange.ask(f"{cloud.url}/token", FORM) == (TOKEN, 3600.0)
    assert cloud.forms == [FORM]


@pytest.mark.parametrize(
    ("lasts", "expected"),
    [("3599", 3599.0), (None, 300.0), ("soon", 300.0), (10**9, 86_400.0), (-5, 0.0)],
)
async def test_how_long_it_lasts_is_read_with_care(
    cloud: Cloud, exchange: TokenExchange, lasts: Any, expected: float
) -> None:
    cloud.answer = {"access_token": TOKEN, "expires_in": lasts}
    assert await exchange.ask(f"{cloud.url}/token", FORM) == (TOKEN, expected)


@pytest.mark.parametrize(
    ("status", "answer", "error", "words"),
    [
        (400, {"error": "invalid_grant", "error_description": "canary"}, None, "invalid_grant"),
        (401, {"error": "invalid_client"}, None, "invalid_client"),
        (403, b"<html>canary", None, "refused"),
        (400, {"error": "canary <script>"}, None, "refused"),
        (400, {"error": {"canary": 1}}, None, "refused"),
        (429, {}, UpstreamConnectError, "429"),
        (503, b"", UpstreamConnectError, "503"),
        (302, b"", UpstreamRedirectError, "redirect"),
        (200, b"canary", UpstreamMalformedError, "no token"),
        (200, {"access_token": ""}, UpstreamMalformedError, "no token"),
        (200, {"access_token": 7}, UpstreamMalformedError, "no token"),
        (200, b"[1]", UpstreamMalformedError, "no token"),
    ],
)
async def test_what_is_no_token_is_said_without_the_services_words(
    cloud: Cloud,
    exchange: TokenExchange,
    status: int,
    answer: Any,
    error: type[UpstreamError] | None,
    words: str,
) -> None:
    cloud.status, cloud.answer = status, answer
    with pytest.raises(error or CredentialRejectedError, match=words) as caught:
        await exchange.ask(f"{cloud.url}/token", FORM)
    assert "canary" not in caught.value.detail


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/token", "https://10.0.0.1/token", "https://metadata.internal/x"]
)
async def test_a_credential_goes_nowhere_else(exchange: TokenExchange, url: str) -> None:
    with pytest.raises(UpstreamOriginError):
        await exchange.ask(url, FORM)
