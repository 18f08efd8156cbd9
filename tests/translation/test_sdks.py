"""The official Python SDKs, unmodified, on every provider format: text, streams, tools and back."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest
from google import genai

from tests.translation.world import World

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # google-genai's own way to use aiohttp.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession"),
]

ENDPOINTS = ("openai", "responses", "anthropic", "gemini", "bedrock", "cohere", "ollama", "azure")
SAID = "say marker-one"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
RESULTS = {"get_weather": "sunny-17", "get_time": "noon-12"}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_openai_chat(world: World, endpoint: str) -> None:
    tools: Any = [
        {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in RESULTS
    ]
    messages: list[Any] = [{"role": "user", "content": SAID}]
    async with openai.AsyncOpenAI(
        api_key=world.key, base_url=f"{world.url}/v1", max_retries=0
    ) as sdk:
        async with sdk.chat.completions.stream(model=endpoint, messages=messages) as stream:
            plain = await stream.get_final_completion()
        assert "marker-one" in (plain.choices[0].message.content or "")
        first = await sdk.chat.completions.create(model=endpoint, messages=messages, tools=tools)
        message = first.choices[0].message
        assert message.tool_calls
        messages.append(message.model_dump(exclude_none=True))  # whole, as it came
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": RESULTS[call.function.name]}
            for call in message.tool_calls
            if call.type == "function"
        ]
        last = await sdk.chat.completions.create(model=endpoint, messages=messages, tools=tools)
    assert "sunny-17" in (last.choices[0].message.content or "")
    assert last.usage is not None
    assert last.usage.completion_tokens > 0


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_openai_responses(world: World, endpoint: str) -> None:
    tools: Any = [
        {"type": "function", "name": name, "parameters": SCHEMA, "strict": True} for name in RESULTS
    ]
    given: list[Any] = [{"role": "user", "content": SAID}]
    async with openai.AsyncOpenAI(
        api_key=world.key, base_url=f"{world.url}/v1", max_retries=0
    ) as sdk:
        async with sdk.responses.stream(
            model=endpoint, input=given, tools=tools, store=False
        ) as stream:
            first = await stream.get_final_response()
        calls = [item for item in first.output if item.type == "function_call"]
        assert calls
        given += [item.model_dump(exclude_none=True) for item in first.output]
        given += [
            {"type": "function_call_output", "call_id": one.call_id, "output": RESULTS[one.name]}
            for one in calls
        ]
        for item in given:
            item.pop("parsed_arguments", None)  # the SDK's own
        last = await sdk.responses.create(model=endpoint, input=given, tools=tools, store=False)
    assert "sunny-17" in last.output_text


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_anthropic(world: World, endpoint: str) -> None:
    tools: Any = [{"name": name, "input_schema": SCHEMA} for name in RESULTS]
    messages: list[Any] = [{"role": "user", "content": SAID}]
    more: Any = {"model": endpoint, "max_tokens": 4000, "tools": tools}
    async with anthropic.AsyncAnthropic(
        api_key=world.key, base_url=world.url, max_retries=0
    ) as sdk:
        async with sdk.messages.stream(messages=messages, **more) as stream:
            first = await stream.get_final_message()
        assert first.stop_reason == "tool_use"
        content = [block.model_dump(exclude_none=True) for block in first.content]
        results = [
            {"type": "tool_result", "tool_use_id": one.id, "content": RESULTS[one.name]}
            for one in first.content
            if one.type == "tool_use"
        ]
        messages += [
            {"role": "assistant", "content": content},
            {"role": "user", "content": results},
        ]
        last = await sdk.messages.create(messages=messages, **more)
        counted = await sdk.messages.count_tokens(
            model=endpoint, messages=[{"role": "user", "content": SAID}]
        )
    assert any(block.type == "text" and "sunny-17" in block.text for block in last.content)
    assert counted.input_tokens > 0


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_google(world: World, endpoint: str) -> None:
    declared = [{"name": name, "parameters_json_schema": SCHEMA} for name in RESULTS]
    config: Any = {"tools": [{"function_declarations": declared}]}
    client = genai.Client(api_key=world.key, http_options={"base_url": world.url})
    async with client.aio as sdk:
        text = ""
        async for chunk in await sdk.models.generate_content_stream(model=endpoint, contents=SAID):
            text += chunk.text or ""
        assert "marker-one" in text
        chat = sdk.chats.create(model=endpoint, config=config)
        first = await chat.send_message(SAID)
        calls = first.function_calls or []
        assert calls
        results: list[Any] = [
            genai.types.Part(
                function_response=genai.types.FunctionResponse(
                    id=call.id, name=call.name, response={"result": RESULTS[call.name or ""]}
                )
            )
            for call in calls
        ]
        last = await chat.send_message(results)
    assert "sunny-17" in (last.text or "")
