"""Servers with an accent: Mistral's ids and chunks, DeepSeek's and OpenRouter's reasoning."""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp
import pytest

ASKED = [{"role": "user", "content": "What is a lock? marker-7f3"}]
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
}


async def ask(http: aiohttp.ClientSession, model: str, **fields: Any) -> tuple[str, Any]:
    body = {"model": model, "messages": ASKED, **fields}
    async with http.post("/v1/chat/completions", json=body) as response:
        text = await response.text()
        assert response.status == 200, text
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
    return text, [json.loads(line) for line in lines] if lines else json.loads(text)


async def test_mistral_gives_nine_letters_and_one_chunk(http: aiohttp.ClientSession) -> None:
    _, plain = await ask(http, "mistral-small-latest", tools=[TOOL])
    call = plain["choices"][0]["message"]["tool_calls"][0]
    assert re.fullmatch("[a-zA-Z0-9]{9}", call["id"])
    _, chunks = await ask(http, "mistral-small-latest", tools=[TOOL], stream=True)
    last = chunks[-1]
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    assert last["choices"][0]["delta"]["tool_calls"][0]["id"] == call["id"]
    assert last["usage"] == plain["usage"]


async def test_mistral_thinks_in_a_list_of_content(http: aiohttp.ClientSession) -> None:
    _, plain = await ask(http, "magistral-medium-latest", prompt_mode="reasoning")
    kinds = [part["type"] for part in plain["choices"][0]["message"]["content"]]
    assert kinds == ["thinking", "text"]
    _, chunks = await ask(http, "magistral-medium-latest", prompt_mode="reasoning", stream=True)
    said = [chunk["choices"][0]["delta"]["content"] for chunk in chunks]
    assert said[1][0]["type"] == "thinking"
    assert "marker-7f3" in "".join(one for one in said if isinstance(one, str))


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("deepseek-reasoner", "reasoning_content"),
        ("qwen3-32b", "reasoning_content"),
        ("anthropic/claude-sonnet-4-6", "reasoning"),
    ],
)
async def test_thoughts_have_the_servers_own_field(
    http: aiohttp.ClientSession, model: str, field: str
) -> None:
    _, plain = await ask(http, model, reasoning_effort="low")
    message = plain["choices"][0]["message"]
    text, chunks = await ask(http, model, reasoning_effort="low", stream=True)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get(field) or "" for delta in deltas) == message[field]
    assert "".join(delta.get("content") or "" for delta in deltas) == message["content"]
    assert (": OPENROUTER PROCESSING" in text) == (field == "reasoning")
    assert ("reasoning_details" in message) == (field == "reasoning")
