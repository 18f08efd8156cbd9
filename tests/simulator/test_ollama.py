"""Ollama's routes: lines that stream by default, objects as arguments, images, embeddings."""

from __future__ import annotations

import base64
import json
from typing import Any

import aiohttp

from gateway.simulator import RunningSimulator

ASKED: dict[str, Any] = {
    "model": "llama3.2",
    "messages": [{"role": "user", "content": "What is a lock? marker-7f3"}],
}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 60).decode()
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


async def ask(http: aiohttp.ClientSession, body: dict[str, Any]) -> list[dict[str, Any]]:
    async with http.post("/api/chat", json=body) as response:
        assert response.status == 200
        return [json.loads(line) for line in (await response.text()).splitlines()]


async def test_a_stream_is_the_default_and_joins_to_the_plain_answer(
    http: aiohttp.ClientSession,
) -> None:
    lines = await ask(http, ASKED)
    (plain,) = await ask(http, ASKED | {"stream": False})
    text = "".join(line["message"]["content"] for line in lines)
    assert text == plain["message"]["content"]
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    counts = ("done_reason", "prompt_eval_count", "eval_count")
    assert [lines[-1][name] for name in counts] == [plain[name] for name in counts]


async def test_tools_thoughts_and_images(http: aiohttp.ClientSession) -> None:
    (called,) = await ask(http, ASKED | {"stream": False, "tools": [TOOL], "think": True})
    call = called["message"]["tool_calls"][0]
    assert call["function"]["arguments"] == {"city": "city marker-7f3"}
    assert called["message"]["thinking"]
    seen = [{"role": "user", "content": "look", "images": [PNG]}]
    (looked,) = await ask(http, ASKED | {"stream": False, "messages": seen})
    assert "I saw image/png of 68 bytes." in looked["message"]["content"]


async def test_errors_also_as_a_line_of_a_stream(http: aiohttp.ClientSession) -> None:
    async with http.post("/api/chat", json=ASKED | {"model": "no-such-model"}) as response:
        assert response.status == 404
        assert await response.json() == {"error": "model 'no-such-model' not found"}
    lines = await ask(http, ASKED | {"model": "llama3.2+error-event-after=2"})
    assert set(lines[-1]) == {"error"}


async def test_no_key_is_asked_for(simulator: RunningSimulator) -> None:
    async with aiohttp.ClientSession(simulator.url) as http:
        async with http.get("/api/tags") as response:
            assert (await response.json())["models"][0]["name"]
        async with http.post("/api/embed", json={"model": "e", "input": ["a", "b"]}) as response:
            assert len((await response.json())["embeddings"]) == 2
