"""The official Google SDK against the simulated Gemini API, and what it does not look at."""

from __future__ import annotations

import json
import math

import aiohttp
import pytest
from google import genai
from google.genai import types

# The SDK subclasses aiohttp's session, which aiohttp warns of; nothing of ours does.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

ASKED = "What is a lock? marker-5"
MODEL = "gemini-2.5-flash"
HEADERS = {"x-goog-api-key": "canary-key-of-the-simulator"}
BODY = {"contents": [{"role": "user", "parts": [{"text": ASKED}]}]}
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            parameters=types.Schema(
                type="OBJECT", properties={"city": types.Schema(type="STRING")}
            ),
        )
    ]
)


async def test_an_answer_names_simulator_model_and_marker(
    gemini_sdk: genai.client.AsyncClient,
) -> None:
    answer = await gemini_sdk.models.generate_content(model=MODEL, contents=ASKED)
    assert answer.text.startswith(f"Hello from sim-a: model {MODEL} marker-5")
    assert answer.candidates[0].finish_reason == "STOP"
    assert answer.usage_metadata.prompt_token_count > 0
    assert answer.usage_metadata.candidates_token_count > 0


async def test_a_stream_joins_to_the_plain_answer(gemini_sdk: genai.client.AsyncClient) -> None:
    plain = await gemini_sdk.models.generate_content(model=MODEL, contents=ASKED)
    stream = await gemini_sdk.models.generate_content_stream(model=MODEL, contents=ASKED)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.text or "" for chunk in chunks) == plain.text
    assert chunks[-1].usage_metadata == plain.usage_metadata
    assert [c.candidates[0].finish_reason for c in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].candidates[0].finish_reason == "STOP"


async def test_a_tool_call_arrives_whole_and_stops(gemini_sdk: genai.client.AsyncClient) -> None:
    config = types.GenerateContentConfig(
        tools=[WEATHER],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    plain = await gemini_sdk.models.generate_content(model=MODEL, contents=ASKED, config=config)
    stream = await gemini_sdk.models.generate_content_stream(
        model=MODEL, contents=ASKED, config=config
    )
    chunks = [chunk async for chunk in stream]
    for answer in (plain, chunks[-1]):
        call = answer.function_calls[0]
        assert (call.name, call.args) == ("get_weather", {"city": "city marker-5"})
        assert answer.candidates[0].finish_reason == "STOP"


async def test_tokens_are_counted(gemini_sdk: genai.client.AsyncClient) -> None:
    counted = await gemini_sdk.models.count_tokens(model=MODEL, contents=ASKED)
    answer = await gemini_sdk.models.generate_content(model=MODEL, contents=ASKED)
    assert counted.total_tokens == answer.usage_metadata.prompt_token_count > 1


async def test_embeddings_are_unit_vectors_of_the_wanted_size(
    gemini_sdk: genai.client.AsyncClient,
) -> None:
    config = types.EmbedContentConfig(output_dimensionality=12)
    answer = await gemini_sdk.models.embed_content(
        model="gemini-embedding-001", contents=["one", "two"], config=config
    )
    first, second = (embedding.values for embedding in answer.embeddings)
    assert len(first) == len(second) == 12
    assert first != second
    assert math.isclose(sum(value * value for value in first), 1.0, rel_tol=1e-5)


async def test_one_embedding_equals_that_of_a_batch(http: aiohttp.ClientSession) -> None:
    one = {"content": {"parts": [{"text": "one"}]}, "outputDimensionality": 4}
    path = "/v1beta/models/gemini-embedding-001"
    async with http.post(f"{path}:embedContent", json=one, headers=HEADERS) as response:
        single = (await response.json())["embedding"]
    batch = {"requests": [one]}
    async with http.post(f"{path}:batchEmbedContents", json=batch, headers=HEADERS) as response:
        assert (await response.json())["embeddings"] == [single]


async def test_thoughts_are_parts_and_tokens_of_their_own(
    gemini_sdk: genai.client.AsyncClient,
) -> None:
    config = types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(include_thoughts=True)
    )
    answer = await gemini_sdk.models.generate_content(model=MODEL, contents=ASKED, config=config)
    usage = answer.usage_metadata
    assert answer.candidates[0].content.parts[0].thought
    assert usage.thoughts_token_count > 0
    assert usage.total_token_count == (
        usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count
    )


async def test_a_blocked_prompt_has_no_candidates(gemini_sdk: genai.client.AsyncClient) -> None:
    answer = await gemini_sdk.models.generate_content(model=f"{MODEL}+refuse", contents=ASKED)
    assert answer.candidates is None
    assert answer.prompt_feedback.block_reason == "SAFETY"


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_sse_is_framed_with_crlf(http: aiohttp.ClientSession, version: str) -> None:
    path = f"/{version}/models/{MODEL}:streamGenerateContent?alt=sse"
    async with http.post(path, json=BODY, headers=HEADERS) as response:
        sent = await response.read()
    events = sent.split(b"\r\n\r\n")
    assert events.pop() == b""
    assert all(json.loads(event.removeprefix(b"data: "))["candidates"] for event in events)
    assert response.headers["content-type"] == "text/event-stream"


async def test_without_sse_the_stream_is_an_array(http: aiohttp.ClientSession) -> None:
    path = f"/v1beta/models/{MODEL}:streamGenerateContent"
    async with http.post(path, json=BODY, headers=HEADERS) as response:
        parts = await response.json()
    text = "".join(part["candidates"][0]["content"]["parts"][0]["text"] for part in parts)
    assert "marker-5" in text
    assert parts[-1]["candidates"][0]["finishReason"] == "STOP"


async def test_snake_case_is_read_too(http: aiohttp.ClientSession) -> None:
    body = {**BODY, "generation_config": {"max_output_tokens": 1}}
    path = f"/v1beta/models/{MODEL}:generateContent"
    async with http.post(path, json=body, params=HEADERS_AS_QUERY) as response:
        candidate = (await response.json())["candidates"][0]
    assert candidate["content"]["parts"] == [{"text": "Hello"}]
    assert candidate["finishReason"] == "MAX_TOKENS"


HEADERS_AS_QUERY = {"key": HEADERS["x-goog-api-key"]}


@pytest.mark.parametrize(("action", "status"), [("generateContent", 400), ("noSuchAction", 404)])
async def test_what_is_missing_or_unknown_is_refused(
    http: aiohttp.ClientSession, action: str, status: int
) -> None:
    path = f"/v1beta/models/{MODEL}:{action}"
    async with http.post(path, json={}, headers=HEADERS) as response:
        error = (await response.json())["error"]
    assert error["code"] == response.status == status
