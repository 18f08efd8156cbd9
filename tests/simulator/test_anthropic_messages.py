"""The official Anthropic SDK against the simulated Messages, and the order of the events."""

from __future__ import annotations

import json

import aiohttp
import anthropic
import pytest

ASKED = [{"role": "user", "content": [{"type": "text", "text": "What is a lock? marker-9"}]}]
WEATHER = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
MODEL = "claude-sonnet-4-6"
VERSION = {"anthropic-version": "2023-06-01"}


async def test_an_answer_names_simulator_model_and_marker(
    anthropic_sdk: anthropic.AsyncAnthropic,
) -> None:
    answer = await anthropic_sdk.messages.create(model=MODEL, max_tokens=99, messages=ASKED)
    assert answer.content[0].text.startswith(f"Hello from sim-a: model {MODEL} marker-9")
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0


async def test_a_stream_joins_to_the_plain_answer(anthropic_sdk: anthropic.AsyncAnthropic) -> None:
    plain = await anthropic_sdk.messages.create(model=MODEL, max_tokens=99, messages=ASKED)
    async with anthropic_sdk.messages.stream(model=MODEL, max_tokens=99, messages=ASKED) as stream:
        streamed = await stream.get_final_message()
    assert streamed.content[0].text == plain.content[0].text
    assert streamed.usage.output_tokens == plain.usage.output_tokens
    assert streamed.usage.input_tokens == plain.usage.input_tokens


async def test_tools_and_thinking_stream_to_the_plain_answer(
    anthropic_sdk: anthropic.AsyncAnthropic,
) -> None:
    request = {
        "model": MODEL,
        "max_tokens": 2048,
        "messages": ASKED,
        "tools": [WEATHER],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    plain = await anthropic_sdk.messages.create(**request)
    async with anthropic_sdk.messages.stream(**request) as stream:
        streamed = await stream.get_final_message()
    assert [block.type for block in plain.content] == ["thinking", "tool_use"]
    assert plain.content[0].signature
    assert plain.content[1].input == {"city": "city marker-9"}
    assert plain.stop_reason == streamed.stop_reason == "tool_use"
    assert [b.model_dump(exclude_none=True) for b in streamed.content] == [
        b.model_dump(exclude_none=True) for b in plain.content
    ]


async def test_after_a_tool_result_the_model_speaks(
    anthropic_sdk: anthropic.AsyncAnthropic,
) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}
    answer = await anthropic_sdk.messages.create(
        model=MODEL,
        max_tokens=99,
        messages=[
            *ASKED,
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ],
        tools=[WEATHER],
    )
    assert answer.content[0].type == "text"


async def test_a_short_limit_stops_at_max_tokens(anthropic_sdk: anthropic.AsyncAnthropic) -> None:
    answer = await anthropic_sdk.messages.create(model=MODEL, max_tokens=2, messages=ASKED)
    assert answer.content[0].text == "Hello from"
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 2


async def test_counted_tokens_are_the_input_tokens_of_the_answer(
    anthropic_sdk: anthropic.AsyncAnthropic,
) -> None:
    counted = await anthropic_sdk.messages.count_tokens(model=MODEL, messages=ASKED)
    answer = await anthropic_sdk.messages.create(model=MODEL, max_tokens=9, messages=ASKED)
    assert counted.input_tokens == answer.usage.input_tokens > 1


async def test_the_events_come_in_the_vendors_order(http: aiohttp.ClientSession) -> None:
    body = {"model": MODEL, "max_tokens": 9, "messages": ASKED, "stream": True}
    async with http.post("/v1/messages?beta=true", json=body, headers=VERSION) as response:
        lines = (await response.text()).splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line[:5] == "data:"]
    assert [event["type"] for event in events] == names
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert set(names[3:-3]) == {"content_block_delta"}
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert response.headers["request-id"].startswith("req_")
    assert "anthropic-ratelimit-requests-remaining" in response.headers


@pytest.mark.parametrize("missing", ["model", "messages", "max_tokens"])
async def test_a_missing_field_is_named(http: aiohttp.ClientSession, missing: str) -> None:
    body = {"model": MODEL, "max_tokens": 9, "messages": ASKED}
    del body[missing]
    async with http.post("/v1/messages", json=body, headers=VERSION) as response:
        error = await response.json()
    assert response.status == 400
    assert error["error"] == {
        "type": "invalid_request_error",
        "message": f"{missing}: Field required",
    }
    assert error["request_id"] == response.headers["request-id"]


async def test_the_version_header_is_required(http: aiohttp.ClientSession) -> None:
    body = {"model": MODEL, "max_tokens": 9, "messages": ASKED}
    async with http.post("/v1/messages", json=body) as response:
        assert response.status == 400
        assert "anthropic-version" in (await response.json())["error"]["message"]
