"""The three vendors side by side: keys, model lists, unknown models, errors, retry hints."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import anthropic
import pytest
from google import genai
from google.genai import errors, types

from gateway.simulator import RunningSimulator

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

ASKED = [{"role": "user", "content": "hello"}]
MODEL = "claude-sonnet-4-6"


async def _collect(stream: AsyncIterator[object], seen: list[object]) -> None:
    async for chunk in stream:
        seen.append(chunk)  # noqa: PERF401 - what came before an error is kept


async def test_anthropic_models_are_listed_and_found(
    anthropic_sdk: anthropic.AsyncAnthropic,
) -> None:
    listed = [model.id async for model in anthropic_sdk.models.list()]
    assert MODEL in listed
    assert (await anthropic_sdk.models.retrieve(MODEL)).id == MODEL
    with pytest.raises(anthropic.NotFoundError):
        await anthropic_sdk.models.retrieve("no-such-model")


async def test_gemini_models_are_listed_and_found(gemini_sdk: genai.client.AsyncClient) -> None:
    listed = [model.name async for model in await gemini_sdk.models.list()]
    assert "models/gemini-2.5-flash" in listed
    assert (await gemini_sdk.models.get(model="gemini-2.5-pro")).name == "models/gemini-2.5-pro"
    with pytest.raises(errors.ClientError) as caught:
        await gemini_sdk.models.get(model="no-such-model")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


async def test_anthropic_refuses_a_wrong_key_in_either_header(simulator: RunningSimulator) -> None:
    for options in ({"api_key": "wrong-key"}, {"auth_token": "wrong-key"}):
        async with anthropic.AsyncAnthropic(base_url=simulator.url, **options) as client:
            with pytest.raises(anthropic.AuthenticationError) as caught:
                await client.messages.create(model=MODEL, max_tokens=9, messages=ASKED)
        assert caught.value.body["error"]["type"] == "authentication_error"


async def test_anthropic_takes_the_old_header(simulator: RunningSimulator) -> None:
    headers = {"x-api-key": "canary-key-of-the-simulator", "anthropic-version": "2023-06-01"}
    async with (
        aiohttp.ClientSession(simulator.url, headers=headers) as http,
        http.get("/v1/models") as response,
    ):
        assert response.status == 200
        assert "has_more" in await response.json()


async def test_gemini_calls_a_wrong_key_an_invalid_argument(simulator: RunningSimulator) -> None:
    client = genai.Client(api_key="wrong-key", http_options={"base_url": simulator.url})
    with pytest.raises(errors.ClientError) as caught:
        await client.aio.models.generate_content(model="gemini-2.5-flash", contents="hello")
    await client.aio.aclose()
    client.close()
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert caught.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (402, "billing_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "api_error"),
        (529, "overloaded_error"),
    ],
)
async def test_anthropic_errors_have_their_type(
    anthropic_sdk: anthropic.AsyncAnthropic, status: int, kind: str
) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        await anthropic_sdk.messages.create(
            model=f"{MODEL}+status={status},retry-after=7", max_tokens=9, messages=ASKED
        )
    assert caught.value.status_code == status
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.response.headers["retry-after"] == "7"


async def test_an_unknown_anthropic_model_is_not_found(
    anthropic_sdk: anthropic.AsyncAnthropic,
) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        await anthropic_sdk.messages.create(model="no-such-model", max_tokens=9, messages=ASKED)
    assert caught.value.body["error"]["message"] == "model: no-such-model"


async def test_an_anthropic_error_event_is_raised_by_the_sdk(
    anthropic_sdk: anthropic.AsyncAnthropic,
) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        async with anthropic_sdk.messages.stream(
            model=f"{MODEL}+error-event-after=4", max_tokens=9, messages=ASKED
        ) as stream:
            await stream.get_final_message()
    assert caught.value.body["error"]["type"] == "overloaded_error"


async def test_gemini_hints_in_the_body_and_in_no_header(simulator: RunningSimulator) -> None:
    key = {"x-goog-api-key": "canary-key-of-the-simulator"}
    path = "/v1beta/models/gemini-2.5-flash+status=429,retry-after=48.9:generateContent"
    async with (
        aiohttp.ClientSession(simulator.url, headers=key) as http,
        http.post(path, json={"contents": []}) as response,
    ):
        error = (await response.json())["error"]
    assert response.status == error["code"] == 429
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert error["details"][-1]["retryDelay"] == "48.9s"
    assert "retry-after" not in response.headers


async def test_gemini_errors_of_a_stream_without_sse_stand_in_an_array(
    simulator: RunningSimulator,
) -> None:
    path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    headers = {"x-goog-api-key": "canary-key-of-the-simulator"}
    async with aiohttp.ClientSession(simulator.url, headers=headers) as http:
        for fault, status, good in (
            ("status=503", 503, 0),
            ("error-event-first", 200, 0),
            ("error-event-after=2", 200, 2),
        ):
            async with http.post(path, json=body, headers={"x-sim-fault": fault}) as response:
                items = await response.json()
            assert response.status == status
            assert [next(iter(item)) for item in items] == ["candidates"] * good + ["error"]
            assert items[-1]["error"]["status"] == "UNAVAILABLE"


async def test_a_gemini_error_event_ends_the_sdks_stream(
    gemini_sdk: genai.client.AsyncClient,
) -> None:
    stream = await gemini_sdk.models.generate_content_stream(
        model="gemini-2.5-flash+error-event-after=2",
        contents="hello",
        config=types.GenerateContentConfig(),
    )
    seen: list[object] = []
    with pytest.raises(errors.ServerError) as caught:
        await _collect(stream, seen)
    assert len(seen) == 2
    assert caught.value.status == "UNAVAILABLE"
