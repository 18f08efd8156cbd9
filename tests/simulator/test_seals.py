"""What the simulator signs it takes back, in loops of tools with thoughts."""

from __future__ import annotations

from typing import Any

import aiohttp
import anthropic
import openai

from gateway.simulator.seals import build_seal, is_sealed

KEY = {"x-goog-api-key": "canary-key-of-the-simulator"}
GEMINI = "/v1beta/models/gemini-3-pro:generateContent"


def test_a_seal_is_of_its_kind_and_content() -> None:
    seal = build_seal("claude", "key", "thought")
    assert is_sealed("claude", seal, "thought")
    assert not is_sealed("gemini", seal, "thought")
    assert not is_sealed("claude", seal, "other")
    for junk in (None, 7, "", "???", "AAAA"):
        assert not is_sealed("claude", junk, "thought")


async def test_claude_takes_its_thought_back(anthropic_sdk: anthropic.AsyncAnthropic) -> None:
    asked: list[Any] = [{"role": "user", "content": "hello"}]
    options: Any = {
        "model": "claude-sonnet-4-6",
        "max_tokens": 2000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
    }
    called = await anthropic_sdk.messages.create(messages=asked, **options)
    call = called.content[-1]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "done"}
    blocks = [block.model_dump(exclude_none=True) for block in called.content]
    history = [{"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]
    ended = await anthropic_sdk.messages.create(messages=[*asked, *history], **options)
    assert "The tools said: done." in ended.content[-1].text


async def test_responses_take_their_secret_back(openai_sdk: openai.AsyncOpenAI) -> None:
    items: list[Any] = [{"role": "user", "content": "hello"}]
    options: Any = {
        "model": "gpt-5",
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low"},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
    }
    called = await openai_sdk.responses.create(input=items, **options)
    items += [item.model_dump(exclude_none=True) for item in called.output]
    output = {"type": "function_call_output", "call_id": called.output[-1].call_id}
    items.append(output | {"output": "done"})
    ended = await openai_sdk.responses.create(input=items, **options)
    assert "The tools said: done." in ended.output_text


async def test_gemini_takes_its_signature_back(http: aiohttp.ClientSession) -> None:
    body: dict[str, Any] = {
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}],
    }
    async with http.post(GEMINI, json=body, headers=KEY) as response:
        content = (await response.json(content_type=None))["candidates"][0]["content"]
    responses = [
        {"functionResponse": {"name": name, "response": {"result": f"{name} did"}}} for name in "fg"
    ]
    body["contents"] += [content, {"role": "user", "parts": responses}]
    async with http.post(GEMINI, json=body, headers=KEY) as response:
        text = await response.text()
    assert "The tools said: f did; g did." in text
