"""What OpenAI's other routes say to the official SDK, and its errors."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import aiohttp
import openai
import pytest

from gateway.simulator import RunningSimulator

ASKED = [{"role": "user", "content": "hello"}]


async def _collect(stream: AsyncIterator[object], seen: list[object]) -> None:
    async for chunk in stream:
        seen.append(chunk)  # noqa: PERF401 - what came before an error is kept


async def test_models_are_listed_and_found(openai_sdk: openai.AsyncOpenAI) -> None:
    listed = [model.id async for model in openai_sdk.models.list()]
    assert "gpt-4o-mini" in listed
    assert (await openai_sdk.models.retrieve("gpt-4o")).id == "gpt-4o"
    with pytest.raises(openai.NotFoundError):
        await openai_sdk.models.retrieve("no-such-model")


async def test_a_wrong_key_is_refused_and_masked(simulator: RunningSimulator) -> None:
    wrong = "another-key-that-is-wrong"
    async with openai.AsyncOpenAI(api_key=wrong, base_url=f"{simulator.url}/v1") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.chat.completions.create(model="gpt-4o", messages=ASKED)
    assert caught.value.code == "invalid_api_key"
    assert "another-****rong" in caught.value.message
    assert wrong not in caught.value.message


async def test_a_missing_key_is_refused(simulator: RunningSimulator) -> None:
    async with aiohttp.ClientSession(simulator.url) as http, http.get("/v1/models") as response:
        assert response.status == 401
        assert "didn't provide an API key" in (await response.json())["error"]["message"]


async def test_an_unknown_model_is_not_found(openai_sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await openai_sdk.chat.completions.create(model="no-such-model", messages=ASKED)
    assert caught.value.code == "model_not_found"
    assert "`no-such-model`" in caught.value.message


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (403, openai.PermissionDeniedError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
        (599, openai.InternalServerError),
    ],
)
async def test_each_status_is_the_sdks_own_error(
    openai_sdk: openai.AsyncOpenAI, status: int, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        await openai_sdk.chat.completions.create(model=f"gpt-4o+status={status}", messages=ASKED)
    assert caught.value.status_code == status
    assert caught.value.request_id


async def test_named_errors_have_their_code(openai_sdk: openai.AsyncOpenAI) -> None:
    codes = {
        "quota": "insufficient_quota",
        "context": "context_length_exceeded",
        "policy": "content_policy_violation",
        "bad-key": "invalid_api_key",
        "no-model": "model_not_found",
    }
    for name, code in codes.items():
        with pytest.raises(openai.APIStatusError) as caught:
            await openai_sdk.chat.completions.create(model=f"gpt-4o+error={name}", messages=ASKED)
        assert caught.value.code == code


async def test_an_error_event_in_a_stream_is_raised_by_the_sdk(
    openai_sdk: openai.AsyncOpenAI,
) -> None:
    stream = await openai_sdk.chat.completions.create(
        model="gpt-4o+error-event-after=2", messages=ASKED, stream=True
    )
    seen: list[object] = []
    with pytest.raises(openai.APIError) as caught:
        await _collect(stream, seen)
    assert len(seen) == 2
    assert caught.value.code == "server_overloaded"


async def test_embeddings_are_the_same_as_floats_and_as_base64(
    openai_sdk: openai.AsyncOpenAI,
) -> None:
    embeddings = openai_sdk.embeddings
    encoded = await embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    floats = await embeddings.create(
        model="text-embedding-3-small", input=["one", "two"], encoding_format="float"
    )
    first, second = (item.embedding for item in encoded.data)
    assert first != second
    assert [item.embedding for item in floats.data] == [first, second]
    assert len(first) == 1536
    assert math.isclose(sum(value * value for value in first), 1.0, rel_tol=1e-5)
    assert encoded.usage.total_tokens == 2


async def test_embeddings_have_the_wanted_size_and_take_tokens(
    openai_sdk: openai.AsyncOpenAI,
) -> None:
    answer = await openai_sdk.embeddings.create(
        model="text-embedding-3-large", input=[[1, 2, 3], [4]], dimensions=8
    )
    assert [len(item.embedding) for item in answer.data] == [8, 8]
    assert [item.index for item in answer.data] == [0, 1]


async def test_a_text_completion_streams_to_the_plain_one(openai_sdk: openai.AsyncOpenAI) -> None:
    completions = openai_sdk.completions
    plain = await completions.create(model="gpt-3.5-turbo-instruct", prompt=["one", "two"])
    stream = await completions.create(
        model="gpt-3.5-turbo-instruct",
        prompt=["one", "two"],
        stream=True,
        stream_options={"include_usage": True},
    )
    texts = ["", ""]
    usage = None
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == [choice.text for choice in plain.choices]
    assert usage == plain.usage
    assert {choice.finish_reason for choice in plain.choices} == {"stop"}


async def test_unknown_paths_and_bad_faults_are_refused(http: aiohttp.ClientSession) -> None:
    async with http.post("/v1/nothing", json={}) as response:
        assert response.status == 404
        assert "Invalid URL (POST /v1/nothing)" in await response.text()
    body = {"model": "gpt-4o+statsu=503", "messages": ASKED}
    async with http.post("/v1/chat/completions", json=body) as response:
        assert response.status == 400
        assert "'statsu=503'" in (await response.json())["error"]["message"]
    async with http.head("/") as response:
        assert response.status == 404
