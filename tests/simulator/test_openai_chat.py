"""The official OpenAI SDK against the simulated Chat Completions, and the stream's order."""

from __future__ import annotations

import json

import aiohttp
import openai
import pytest

from gateway.simulator import RunningSimulator

ASKED = [{"role": "user", "content": "What is a lock gate? marker-7f3"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
TIME = {
    "type": "function",
    "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}},
}


CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    ],
}


async def test_an_answer_names_simulator_model_and_marker(openai_sdk: openai.AsyncOpenAI) -> None:
    answer = await openai_sdk.chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    text = answer.choices[0].message.content
    assert text.startswith("Hello from sim-a: model gpt-4o-mini marker-7f3")
    assert "What is a lock gate?" in text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_equal_questions_get_equal_answers_and_others_do_not(
    openai_sdk: openai.AsyncOpenAI,
) -> None:
    chat = openai_sdk.chat.completions
    first = await chat.create(model="gpt-4o", messages=ASKED)
    again = await chat.create(model="gpt-4o", messages=ASKED)
    other = await chat.create(model="gpt-4o-mini", messages=ASKED)
    assert first.model_dump() == again.model_dump()
    assert first.id != other.id


async def test_a_stream_joins_to_the_plain_answer(openai_sdk: openai.AsyncOpenAI) -> None:
    chat = openai_sdk.chat.completions
    plain = await chat.create(model="gpt-4o", messages=ASKED)
    stream = await chat.create(
        model="gpt-4o", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == plain.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == plain.usage.completion_tokens
    assert chunks[-1].choices == []
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_a_stream_without_include_usage_has_none(openai_sdk: openai.AsyncOpenAI) -> None:
    stream = await openai_sdk.chat.completions.create(model="gpt-4o", messages=ASKED, stream=True)
    chunks = [chunk async for chunk in stream]
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_the_number_of_stream_chunks_is_chosen(openai_sdk: openai.AsyncOpenAI) -> None:
    for count in (1, 3, 200):
        stream = await openai_sdk.chat.completions.create(
            model=f"gpt-4o+chunks={count}", messages=ASKED, stream=True
        )
        texts = [c.choices[0].delta.content async for c in stream if c.choices[0].delta.content]
        assert len(texts) == count


async def test_two_tools_are_called_in_parallel_and_one_when_forbidden(
    openai_sdk: openai.AsyncOpenAI,
) -> None:
    chat = openai_sdk.chat.completions
    both = await chat.create(model="gpt-4o", messages=ASKED, tools=[WEATHER, TIME])
    one = await chat.create(
        model="gpt-4o", messages=ASKED, tools=[WEATHER, TIME], parallel_tool_calls=False
    )
    calls = both.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert json.loads(calls[0].function.arguments) == {"city": "city marker-7f3", "days": 1}
    assert calls[0].id != calls[1].id
    assert both.choices[0].finish_reason == "tool_calls"
    assert len(one.choices[0].message.tool_calls) == 1


async def test_a_named_tool_is_the_one_called(openai_sdk: openai.AsyncOpenAI) -> None:
    answer = await openai_sdk.chat.completions.create(
        model="gpt-4o",
        messages=ASKED,
        tools=[WEATHER, TIME],
        tool_choice={"type": "function", "function": {"name": "get_time"}},
    )
    assert [c.function.name for c in answer.choices[0].message.tool_calls] == ["get_time"]


async def test_after_a_tool_result_the_model_speaks(openai_sdk: openai.AsyncOpenAI) -> None:
    answer = await openai_sdk.chat.completions.create(
        model="gpt-4o",
        messages=[*ASKED, CALLED, {"role": "tool", "tool_call_id": "call_1", "content": "12:00"}],
        tools=[TIME],
    )
    assert answer.choices[0].message.content.startswith("Hello from sim-a")
    assert answer.choices[0].finish_reason == "stop"


async def test_streamed_tool_arguments_join_to_the_plain_ones(
    openai_sdk: openai.AsyncOpenAI,
) -> None:
    async with openai_sdk.chat.completions.stream(
        model="gpt-4o", messages=ASKED, tools=[WEATHER, TIME]
    ) as stream:
        streamed = (await stream.get_final_completion()).choices[0]
    plain = await openai_sdk.chat.completions.create(
        model="gpt-4o", messages=ASKED, tools=[WEATHER, TIME]
    )
    assert [c.function.arguments for c in streamed.message.tool_calls] == [
        c.function.arguments for c in plain.choices[0].message.tool_calls
    ]
    assert streamed.finish_reason == "tool_calls"


async def test_choices_length_json_and_schema(openai_sdk: openai.AsyncOpenAI) -> None:
    chat = openai_sdk.chat.completions
    several = await chat.create(model="gpt-4o", messages=ASKED, n=3)
    assert len({choice.message.content for choice in several.choices}) == 3
    short = await chat.create(model="gpt-4o", messages=ASKED, max_completion_tokens=3)
    assert short.choices[0].message.content == "Hello from sim-a:"
    assert short.choices[0].finish_reason == "length"
    assert short.usage.completion_tokens == 3
    loose = await chat.create(
        model="gpt-4o",
        messages=[{"role": "system", "content": "Answer in JSON."}, *ASKED],
        response_format={"type": "json_object"},
    )
    assert json.loads(loose.choices[0].message.content)["markers"] == ["marker-7f3"]
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    strict = await chat.create(
        model="gpt-4o",
        messages=ASKED,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    )
    assert json.loads(strict.choices[0].message.content) == {"ok": True}


async def test_a_refusal_ends_with_content_filter(openai_sdk: openai.AsyncOpenAI) -> None:
    answer = await openai_sdk.chat.completions.create(model="gpt-4o+refuse", messages=ASKED)
    assert answer.choices[0].finish_reason == "content_filter"


async def test_reasoning_tokens_are_part_of_the_completion(openai_sdk: openai.AsyncOpenAI) -> None:
    chat = openai_sdk.chat.completions
    plain = (await chat.create(model="gpt-5", messages=ASKED)).usage
    thought = (await chat.create(model="gpt-5", messages=ASKED, reasoning_effort="low")).usage
    extra = thought.completion_tokens_details.reasoning_tokens
    assert extra > 0
    assert thought.completion_tokens == plain.completion_tokens + extra


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"messages": ASKED}, None, None),
        ({"model": "gpt-4o"}, "missing_required_parameter", "messages"),
        ({"model": "gpt-4o", "messages": "hello"}, "invalid_type", "messages"),
        ({"model": "gpt-4o", "messages": []}, "empty_array", "messages"),
    ],
)
async def test_a_bad_body_is_refused_as_the_vendor_does(
    http: aiohttp.ClientSession, body: dict[str, object], code: str | None, param: str | None
) -> None:
    async with http.post("/v1/chat/completions", json=body) as response:
        error = (await response.json())["error"]
    assert response.status == 400
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)


async def test_a_body_that_is_no_json_is_refused(http: aiohttp.ClientSession) -> None:
    async with http.post("/v1/chat/completions", data=b"{") as response:
        assert response.status == 400
        assert "could not parse" in (await response.json())["error"]["message"]


async def test_a_stream_ends_with_done_and_its_headers_are_the_vendors(
    http: aiohttp.ClientSession, simulator: RunningSimulator
) -> None:
    body = {"model": "gpt-4o", "messages": ASKED, "stream": True}
    async with http.post("/v1/chat/completions", json=body) as response:
        sent = await response.read()
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["x-request-id"].startswith("req_")
    assert "openai-processing-ms" in response.headers
    assert "x-ratelimit-remaining-tokens" in response.headers
    assert sent.endswith(b"data: [DONE]\n\n")
    assert json.loads(simulator.calls[0].body) == body
    assert simulator.calls[0].headers["content-type"] == "application/json"
