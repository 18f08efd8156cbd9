"""What a trial of a credential asks, and what it makes of each answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.entities import SealedSecret, SecretId, TrialOutcome
from gateway.errors import TooManyRequestsError
from gateway.proxy import UpstreamTrials
from gateway.secret import Secret
from gateway.settings import Settings, parse_origin_pattern
from tests.proxy.rig import PlainOpener, serve_raw

KEY = "canary-key-of-the-provider-0001"
MODELS = orjson.dumps({"data": [{"id": "m"}]})


class Provider:
    """Answers every GET as it was told, and notes what was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body = MODELS
        self.asked: list[web.Request] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        headers = {"Location": "/elsewhere"} if self.status in (301, 302) else {}
        return web.Response(status=self.status, body=self.body, headers=headers)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


def build_trials(url: str) -> UpstreamTrials:
    settings = Settings(allowed_private_origins=(parse_origin_pattern(url),))
    return UpstreamTrials(PlainOpener(), settings)


def wrap(key: str = KEY) -> Secret:
    return Secret(orjson.dumps({"api_key": key}))


async def ask(url: str, provider: str = "openai", path: str = "/v1", **config: str) -> Any:
    trials = build_trials(url)
    return await trials.try_value(provider, wrap(), {"api_base": url + path, **config})


@pytest.mark.parametrize(
    ("name", "path", "asked", "header", "value"),
    [
        ("openai", "/v1", "/v1/models", "Authorization", f"Bearer {KEY}"),
        ("openai_compatible", "/api", "/api/models", "Authorization", f"Bearer {KEY}"),
        ("anthropic", "", "/v1/models?limit=1", "x-api-key", KEY),
        ("anthropic", "/v1", "/v1/models?limit=1", "x-api-key", KEY),
        ("gemini", "", "/v1beta/models?pageSize=1", "x-goog-api-key", KEY),
    ],
)
async def test_each_provider_is_asked_for_its_models(
    provider: Provider, name: str, path: str, asked: str, header: str, value: str
) -> None:
    trial = await ask(provider.url, name, path)
    (request,) = provider.asked
    assert (trial.outcome, trial.status) == (TrialOutcome.WORKS, 200)
    assert request.path_qs == asked
    assert request.headers[header] == value
    assert ("anthropic-version" in request.headers) == (name == "anthropic")


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"models": []}', TrialOutcome.WORKS),
        (200, b"[]", TrialOutcome.WORKS),
        (200, b"<html>", TrialOutcome.UNKNOWN),
        (200, b'{"hello": 1}', TrialOutcome.UNKNOWN),
        (401, b'{"error": {"code": "invalid_api_key"}}', TrialOutcome.REFUSED),
        (401, b"", TrialOutcome.REFUSED),
        (429, b'{"error": {"code": "rate_limit_exceeded"}}', TrialOutcome.LIMITED),
        (429, b'{"error": {"code": "insufficient_quota"}}', TrialOutcome.LIMITED),
        (404, b"", TrialOutcome.UNKNOWN),
        (302, b"", TrialOutcome.UNKNOWN),
        (500, b"boom", TrialOutcome.UNKNOWN),
    ],
)
async def test_what_an_answer_means(
    provider: Provider, status: int, body: bytes, outcome: TrialOutcome
) -> None:
    provider.status, provider.body = status, body
    trial = await ask(provider.url)
    assert (trial.outcome, trial.status) == (outcome, status)
    assert len(provider.asked) == 1


async def test_nothing_of_the_provider_s_words_comes_back(provider: Provider) -> None:
    provider.status = 401
    provider.body = b'{"error": {"message": "no such key: canary-key-of-the-provider-0001"}}'
    trial = await ask(provider.url)
    assert "canary" not in repr(trial)
    assert provider.url not in repr(trial)


async def test_a_restricted_key_is_known_and_forbidden(provider: Provider) -> None:
    provider.status = 403
    words = "You have insufficient permissions for this operation. Missing scopes: api.model.read"
    provider.body = orjson.dumps({"error": {"message": words}})
    assert (await ask(provider.url)).outcome is TrialOutcome.FORBIDDEN


async def test_who_does_not_answer_is_unreachable() -> None:
    async with serve_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{") as url:
        assert (await ask(url)).outcome is TrialOutcome.UNREACHABLE
    trial = await ask(url)
    assert (trial.outcome, trial.status) == (TrialOutcome.UNREACHABLE, None)


@pytest.mark.parametrize("base", ["http://127.0.0.1:9/v1", "https://10.0.0.1/v1"])
async def test_an_address_that_is_not_allowed_is_not_called(provider: Provider, base: str) -> None:
    trial = await build_trials(provider.url).try_value("openai", wrap(), {"api_base": base})
    assert trial.outcome is TrialOutcome.UNREACHABLE
    assert "allowed origins" in trial.detail


async def test_a_stored_value_is_opened_for_its_trial(provider: Provider) -> None:
    sealed = SealedSecret(
        secret_id=SecretId("s-1"),
        secret_name="one",
        provider=None,
        auth_config={"api_base": provider.url + "/v1"},
        secret_version=1,
        kek_term=1,
        record=orjson.dumps({"api_key": KEY}),
    )
    trial = await build_trials(provider.url).try_stored(sealed, "openai")
    assert trial.outcome is TrialOutcome.WORKS
    assert provider.asked[0].headers["Authorization"] == f"Bearer {KEY}"


async def test_trials_are_few(provider: Provider) -> None:
    trials = build_trials(provider.url)
    config = {"api_base": provider.url + "/v1"}
    with pytest.raises(TooManyRequestsError) as caught:
        for _ in range(50):
            await trials.try_value("openai", wrap(), config)
    assert caught.value.retry_after_s
    assert 5 <= len(provider.asked) <= 12
