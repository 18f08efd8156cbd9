from __future__ import annotations

import pytest

from gateway.entities import Dialect
from gateway.errors import DialectMismatchError, InvalidValueError
from gateway.providers import PROVIDERS, allowed_origin, base_url, gemini_suffix, upstream_url


def test_the_vendors_home_unless_another_is_given() -> None:
    assert base_url("openai", None) == "https://api.openai.com/v1"
    assert (
        base_url("openai", {"api_base": "https://EU.example.com/v1/"})
        == "https://eu.example.com/v1"
    )
    assert base_url("openai", {"api_base": None}) == "https://api.openai.com/v1"
    assert base_url("openai_compatible", {}) is None
    assert base_url(None, None) is None
    assert base_url(None, {"api_base": "https://a.example.com"}) == "https://a.example.com"


def test_the_origin_follows_the_base_url() -> None:
    assert allowed_origin("gemini", None) == "https://generativelanguage.googleapis.com:443"
    assert allowed_origin("anthropic", {"api_base": "http://127.0.0.1:9/x"}) == "http://127.0.0.1:9"
    assert allowed_origin(None, {"organization": "o"}) == ""


@pytest.mark.parametrize("given", [7, ["https://a.com"], "nowhere"])
def test_a_base_url_that_is_none_is_refused(given: object) -> None:
    with pytest.raises(InvalidValueError) as caught:
        allowed_origin("openai", {"api_base": given})
    assert caught.value.field == "auth_config.api_base"


@pytest.mark.parametrize(
    ("provider", "base", "dialect", "suffix", "url"),
    [
        (
            "openai",
            "https://api.openai.com/v1",
            Dialect.OPENAI_CHAT,
            "/chat/completions",
            "https://api.openai.com/v1/chat/completions",
        ),
        ("openai", "https://h/x/", Dialect.OPENAI_RESPONSES, "/responses", "https://h/x/responses"),
        (
            "anthropic",
            "https://h",
            Dialect.ANTHROPIC_MESSAGES,
            "/v1/messages",
            "https://h/v1/messages",
        ),
        (
            "anthropic",
            "https://h/v1",
            Dialect.ANTHROPIC_MESSAGES,
            "/v1/messages",
            "https://h/v1/messages",
        ),
        (
            "anthropic",
            "https://h/xv1",
            Dialect.ANTHROPIC_MESSAGES,
            "/v1/messages",
            "https://h/xv1/v1/messages",
        ),
        (
            "gemini",
            "https://h/v1beta",
            Dialect.GEMINI,
            "/v1beta/models/m:x",
            "https://h/v1beta/models/m:x",
        ),
    ],
)
def test_paths_are_joined(
    provider: str, base: str, dialect: Dialect, suffix: str, url: str
) -> None:
    assert upstream_url(PROVIDERS[provider], base, dialect, suffix) == url


def test_a_dialect_that_a_provider_does_not_speak_has_no_url() -> None:
    with pytest.raises(DialectMismatchError, match="anthropic"):
        upstream_url(PROVIDERS["anthropic"], "https://h", Dialect.GEMINI, "/x")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("a/b", "models/a%2Fb"),
        ("../../x?key=1#y z", "models/..%2F..%2Fx%3Fkey%3D1%23y%20z"),
        ("m+fault=1,x", "models/m%2Bfault%3D1%2Cx"),
    ],
)
def test_a_gemini_model_cannot_leave_its_place_in_the_path(model: str, path: str) -> None:
    assert gemini_suffix("v1beta", model, "countTokens") == f"/v1beta/{path}:countTokens"
