"""The official OpenAI SDK against the simulated Responses, and the whole order of events."""

from __future__ import annotations

import json

import aiohttp
import openai

ASKED = "What is a lock gate? marker-31"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


async def test_an_answer_names_simulator_model_and_marker(openai_sdk: openai.AsyncOpenAI) -> None:
    answer = await openai_sdk.responses.create(model="gpt-5", input=ASKED)
    assert answer.output_text.startswith("Hello from sim-a: model gpt-5 marker-31")
    assert answer.status == "completed"
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


async def test_the_text_events_come_in_order_and_join(openai_sdk: openai.AsyncOpenAI) -> None:
    stream = await openai_sdk.responses.create(model="gpt-5", input=ASKED, stream=True)
    events = [event async for event in stream]
    names = [event.type.removeprefix("response.") for event in events]
    deltas = names.count("output_text.delta")
    assert names == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        *["output_text.delta"] * deltas,
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == events[-1].response.output_text


async def test_reasoning_and_tool_calls_stream_to_the_plain_answer(
    openai_sdk: openai.AsyncOpenAI,
) -> None:
    request = {
        "model": "gpt-5",
        "input": ASKED,
        "tools": [WEATHER],
        "reasoning": {"effort": "low", "summary": "auto"},
    }
    plain = await openai_sdk.responses.create(**request)
    async with openai_sdk.responses.stream(**request) as stream:
        names = {event.type async for event in stream}
        streamed = await stream.get_final_response()
    assert [item.type for item in plain.output] == ["reasoning", "function_call"]
    assert json.loads(plain.output[1].arguments) == {"city": "city marker-31"}
    assert plain.usage.output_tokens_details.reasoning_tokens > 0
    assert [item.id for item in streamed.output] == [item.id for item in plain.output]
    assert streamed.output[1].arguments == plain.output[1].arguments
    assert {
        "response.reasoning_summary_text.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
    } <= names


async def test_after_a_tool_result_the_model_speaks(openai_sdk: openai.AsyncOpenAI) -> None:
    called = {"type": "function_call", "call_id": "call_1", "name": "get_weather"}
    given = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    items = [{"role": "user", "content": ASKED}, called | {"arguments": "{}"}, given]
    answer = await openai_sdk.responses.create(model="gpt-5", input=items, tools=[WEATHER])
    assert answer.output_text.startswith("Hello")


async def test_a_short_limit_is_incomplete(openai_sdk: openai.AsyncOpenAI) -> None:
    said = f"{ASKED} please-long"
    answer = await openai_sdk.responses.create(model="gpt-5", input=said, max_output_tokens=16)
    assert answer.status == "incomplete"
    assert answer.incomplete_details.reason == "max_output_tokens"
    stream = await openai_sdk.responses.create(
        model="gpt-5", input=said, max_output_tokens=16, stream=True
    )
    assert [event async for event in stream][-1].type == "response.incomplete"


async def test_an_error_event_has_the_next_number(http: aiohttp.ClientSession) -> None:
    body = {"model": "gpt-5+error-event-after=3,status=429", "input": ASKED, "stream": True}
    async with http.post("/v1/responses", json=body) as response:
        lines = (await response.text()).splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert response.status == 200
    assert [event["sequence_number"] for event in events] == [0, 1, 2, 3]
    assert (events[-1]["type"], events[-1]["code"]) == ("error", "rate_limit_exceeded")
