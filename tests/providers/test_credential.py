from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import InvalidValueError
from gateway.providers import PROVIDERS, check_auth_config, check_secret, credential_headers

KEY = {"api_key": "canary-key-1"}
BASE = {"api_base": "https://llm.example.com/v1"}


@pytest.mark.parametrize(
    ("provider", "config"),
    [
        ("openai", None),
        ("openai", {"organization": "org-1", "project": "p", "auth_mode": "api_key"}),
        ("anthropic", {"api_base": "https://proxy.example.com"}),
        ("openai_compatible", BASE),
        (None, None),
        (None, {"organization": "o", **BASE}),
        ("openai", {"api_base": None}),
    ],
)
def test_what_a_provider_takes_passes(provider: str | None, config: dict[str, Any] | None) -> None:
    check_secret(provider, KEY, config)


@pytest.mark.parametrize(
    ("provider", "value", "config", "field", "words"),
    [
        ("opena1", KEY, None, "provider", "did you mean 'openai'"),
        ("openai", {}, None, "secret_value.api_key", "required"),
        (None, {}, None, "secret_value.api_key", "required"),
        ("openai", {"api_key": ""}, None, "secret_value.api_key", "empty"),
        ("openai", {"api_key": None}, None, "secret_value.api_key", "string"),
        ("openai", {"api_key": 7}, None, "secret_value.api_key", "string"),
        ("openai", {"apikey": "x"}, None, "secret_value.apikey", "did you mean 'api_key'"),
        ("openai", {**KEY, "x": "y"}, None, "secret_value.x", "Known: api_key"),
        ("openai", {"api_key": "canary\r\nx: y"}, None, "secret_value.api_key", "header"),
        ("openai", {"api_key": "canary\x00"}, None, "secret_value.api_key", "header"),
        ("openai", {"api_key": "canary\n"}, None, "secret_value.api_key", "header"),
        ("openai", {"api_key": " canary"}, None, "secret_value.api_key", "blanks"),
        ("openai", {"api_key": "canary\u20ac"}, None, "secret_value.api_key", "header"),
        ("openai", {"api_key": "c" * 8_001}, None, "secret_value.api_key", "8000"),
        ("openai_compatible", KEY, None, "auth_config.api_base", "required"),
        ("openai_compatible", KEY, {"api_base": None}, "auth_config.api_base", "required"),
        ("openai", KEY, {"api_bas": "x"}, "auth_config.api_bas", "did you mean 'api_base'"),
        ("anthropic", KEY, {"organization": "o"}, "auth_config.organization", "unknown field"),
        ("openai", KEY, {"organization": "o\r\n"}, "auth_config.organization", "header"),
        ("openai", KEY, {"auth_mode": "oauth"}, "auth_config.auth_mode", "api_key"),
        ("openai", KEY, {"api_base": "ftp://x"}, "auth_config.api_base", "https"),
        ("openai", KEY, {"api_base": 7}, "auth_config.api_base", "string"),
    ],
)
def test_what_it_does_not_take_is_refused_by_its_field(
    provider: str | None,
    value: dict[str, Any],
    config: dict[str, Any] | None,
    field: str,
    words: str,
) -> None:
    with pytest.raises(InvalidValueError, match=words) as caught:
        check_secret(provider, value, config)
    assert caught.value.field == field
    assert "canary" not in caught.value.detail


def test_settings_are_checked_once_a_provider_is_named() -> None:
    check_auth_config("openai_compatible", BASE)
    with pytest.raises(InvalidValueError) as caught:
        check_auth_config("openai_compatible", None)
    assert caught.value.field == "auth_config.api_base"


@pytest.mark.parametrize(
    ("provider", "headers"),
    [
        ("openai", (("authorization", "Bearer canary-key-1"),)),
        ("openai_compatible", (("authorization", "Bearer canary-key-1"),)),
        ("anthropic", (("x-api-key", "canary-key-1"),)),
        ("gemini", (("x-goog-api-key", "canary-key-1"),)),
    ],
)
def test_the_key_goes_where_the_vendor_looks(
    provider: str, headers: tuple[tuple[str, str], ...]
) -> None:
    assert credential_headers(PROVIDERS[provider], KEY, None) == headers


def test_organization_and_project_are_headers_too() -> None:
    config = {"organization": "org-1", "project": "proj-2", **BASE}
    assert credential_headers(PROVIDERS["openai"], KEY, config)[1:] == (
        ("openai-organization", "org-1"),
        ("openai-project", "proj-2"),
    )


def test_no_key_no_headers() -> None:
    with pytest.raises(InvalidValueError):
        credential_headers(PROVIDERS["openai"], {}, None)
