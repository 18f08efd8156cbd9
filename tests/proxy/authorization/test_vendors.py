"""What each vendor's token service is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.errors import CredentialRejectedError, UpstreamMalformedError
from gateway.providers import PROVIDERS
from gateway.providers.accounts import GOOGLE_TOKEN_URL, parse_service_account
from gateway.proxy.authorization.entra import fetch_entra_token
from gateway.proxy.authorization.exchange import TokenExchange
from gateway.proxy.authorization.google import fetch_google_token
from gateway.proxy.upstream import Upstreams
from gateway.settings import parse_origin_pattern
from tests.proxy.authorization.conftest import TOKEN, dump_key_file
from tests.proxy.rig import NOW_MS, Clock

GOOGLE = PROVIDERS["vertex"].auth[0]
ENTRA = PROVIDERS["azure"].auth[1]


class Notes(TokenExchange):
    """Notes what is asked, and gives a token."""

    token = TOKEN

    def __init__(self, *allowed: str) -> None:
        patterns = tuple(parse_origin_pattern(origin) for origin in allowed)
        super().__init__(Upstreams(patterns), patterns)
        asked: list[tuple[str, Mapping[str, str]]] = []
        object.__setattr__(self, "asked", asked)

    async def ask(self, url: str, form: Mapping[str, str]) -> tuple[str, float]:
        self.asked.append((url, form))  # type: ignore[attr-defined]
        return self.token, 3600.0


async def ask_google(exchange: Any, **changes: str) -> tuple[str, Mapping[str, str]]:
    pem = changes.pop("pem")
    account = parse_service_account(dump_key_file(pem, **changes))
    token, lasts_s = await fetch_google_token(account, GOOGLE, exchange, Clock())
    assert (token.lines, lasts_s) == (f"authorization: Bearer {TOKEN}\r\n".encode(), 3600.0)
    (asked,) = exchange.asked
    return asked  # type: ignore[no-any-return]


async def test_google_gets_an_assertion_that_the_account_has_signed(
    rsa_key: rsa.RSAPrivateKey, pem: str
) -> None:
    url, form = await ask_google(Notes(), pem=pem)
    assert url == GOOGLE_TOKEN_URL
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        form["assertion"],
        rsa_key.public_key(),
        algorithms=["RS256"],
        audience=GOOGLE_TOKEN_URL,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": "lockgate@proj-1.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": GOOGLE_TOKEN_URL,
        "iat": NOW_MS // 1000,
        "exp": NOW_MS // 1000 + 3600,
    }
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "kid-1"


async def test_a_key_file_cannot_send_its_assertion_elsewhere(pem: str) -> None:
    url, _ = await ask_google(Notes(), pem=pem, token_uri="https://evil.example.com/token")
    assert url == GOOGLE_TOKEN_URL


async def test_an_operator_can_allow_a_token_service_by_its_origin(pem: str) -> None:
    exchange = Notes("http://tokens.internal:8080")
    url, _ = await ask_google(exchange, pem=pem, token_uri="http://tokens.internal:8080/token")
    assert url == "http://tokens.internal:8080/token"


async def test_a_private_key_that_is_none_is_a_refused_credential() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"
    account = parse_service_account(dump_key_file(pem))
    with pytest.raises(CredentialRejectedError) as caught:
        await fetch_google_token(account, GOOGLE, Notes(), Clock())
    assert "canary" not in caught.value.detail
    assert "canary" not in repr(account)


@pytest.mark.parametrize(
    ("base", "url", "scope"),
    [
        (
            "https://n.openai.azure.com",
            "https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token",
            "https://cognitiveservices.azure.com/.default",
        ),
        (
            "https://n.openai.azure.us",
            "https://login.microsoftonline.us/tenant-1/oauth2/v2.0/token",
            "https://cognitiveservices.azure.us/.default",
        ),
        (
            "https://n.openai.azure.cn/x",
            "https://login.partner.microsoftonline.cn/tenant-1/oauth2/v2.0/token",
            "https://cognitiveservices.azure.cn/.default",
        ),
    ],
)
async def test_entra_gets_the_applications_secret_in_the_resources_cloud(
    base: str, url: str, scope: str
) -> None:
    exchange: Any = Notes()
    config = {"api_base": base, "tenant_id": "tenant-1", "client_id": "client-1"}
    token, _ = await fetch_entra_token("canary-secret", config, ENTRA, exchange)
    assert token.lines == f"authorization: Bearer {TOKEN}\r\n".encode()
    assert exchange.asked == [
        (
            url,
            {
                "grant_type": "client_credentials",
                "client_id": "client-1",
                "client_secret": "canary-secret",
                "scope": scope,
            },
        )
    ]


async def test_a_token_that_would_end_its_header_is_none() -> None:
    exchange = Notes()
    object.__setattr__(exchange, "token", "a\r\nx: y")
    config = {"api_base": "https://n.openai.azure.com"}
    with pytest.raises(UpstreamMalformedError):
        await fetch_entra_token("s", config, ENTRA, exchange)
