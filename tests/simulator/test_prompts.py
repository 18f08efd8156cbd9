"""The same prompts get the same behaviour on every surface, so that a matrix can be driven."""

from __future__ import annotations

import base64
import json
from typing import Any

import aiohttp
import pytest

from tests.simulator.test_bedrock import ask as ask_bedrock

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 60).decode()
HEADERS = {
    "anthropic-version": "2023-06-01",
    "x-goog-api-key": "canary-key-of-the-simulator",
}


def _chat(text: str, model: str = "gpt-4o") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def _contents(text: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def _converse(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"text": text}]}]}


CLAUDE = "claude-sonnet-4-6"
GEMINI = "/v1beta/models/gemini-2.5-flash:generateContent"
SURFACES: dict[str, Any] = {
    "chat": ("/v1/chat/completions", _chat),
    "responses": ("/v1/responses", lambda text: {"model": "gpt-5", "input": text}),
    "anthropic": ("/v1/messages", lambda text: _chat(text, CLAUDE) | {"max_tokens": 900}),
    "gemini": (GEMINI, _contents),
    "bedrock": ("converse", _converse),
    "cohere": ("/v2/chat", _chat),
    "ollama": ("/api/chat", lambda text: _chat(text) | {"stream": False}),
}
REFUSALS = {
    "chat": '"refusal":"I cannot',
    "responses": '"type":"refusal"',
    "anthropic": '"stop_reason":"refusal"',
    "gemini": '"finishReason":"SAFETY"',
    "bedrock": '"stopReason":"guardrail_intervened"',
    "cohere": '"finish_reason":"ERROR"',
    "ollama": "I cannot help with that.",
}
CACHED = {
    "chat": '"cached_tokens":11',
    "responses": '"cached_tokens":11',
    "anthropic": '"cache_read_input_tokens":11',
    "gemini": '"cachedContentTokenCount":11',
    "bedrock": '"cacheReadInputTokens":11',
    "cohere": '"cached_tokens":11',
}
STOPS: dict[str, tuple[dict[str, Any], str]] = {
    "chat": ({"stop": ["tokens"]}, '"finish_reason":"stop"'),
    "anthropic": ({"stop_sequences": ["tokens"]}, '"stop_sequence":"tokens"'),
    "gemini": ({"generationConfig": {"stopSequences": ["tokens"]}}, '"finishReason":"STOP"'),
    "bedrock": ({"inferenceConfig": {"stopSequences": ["tokens"]}}, '"stop_sequence"'),
    "cohere": ({"stop_sequences": ["tokens"]}, '"finish_reason":"STOP_SEQUENCE"'),
    "ollama": ({"options": {"stop": ["tokens"]}}, '"done_reason":"stop"'),
}


async def say(http: aiohttp.ClientSession, surface: str, text: str, **fields: Any) -> str:
    """Ask a surface and return its answer as JSON without blanks behind colons."""
    path, build = SURFACES[surface]
    body = build(text) | fields
    if surface == "bedrock":
        status, raw, _ = await ask_bedrock(http, body)
    else:
        async with http.post(path, json=body, headers=HEADERS) as response:
            status, raw = response.status, await response.read()
    assert status == 200, raw
    return json.dumps(json.loads(raw), separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("surface", SURFACES)
async def test_a_refusal_has_each_formats_own_form(
    http: aiohttp.ClientSession, surface: str
) -> None:
    assert REFUSALS[surface] in await say(http, surface, "please-refuse this")


@pytest.mark.parametrize("surface", CACHED)
async def test_a_cache_is_counted(http: aiohttp.ClientSession, surface: str) -> None:
    assert CACHED[surface] in await say(http, surface, "please-cache this")


@pytest.mark.parametrize("surface", STOPS)
async def test_a_stop_sequence_cuts(http: aiohttp.ClientSession, surface: str) -> None:
    fields, reason = STOPS[surface]
    answer = await say(http, surface, "hello", **fields)
    assert reason in answer
    assert "You said" not in answer


IMAGES: dict[str, dict[str, Any]] = {
    "chat": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    "anthropic": {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PNG},
    },
    "gemini": {"inlineData": {"mimeType": "image/png", "data": PNG}},
    "bedrock": {"image": {"format": "png", "source": {"bytes": PNG}}},
    "cohere": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
}


@pytest.mark.parametrize("surface", IMAGES)
async def test_an_image_is_noticed(http: aiohttp.ClientSession, surface: str) -> None:
    image = IMAGES[surface]
    messages = {"messages": [{"role": "user", "content": [image]}]}
    contents = {"contents": [{"role": "user", "parts": [image]}]}
    fields = contents if surface == "gemini" else messages
    answer = await say(http, surface, "look", **fields)
    assert "I saw image/png of 68 bytes." in answer
