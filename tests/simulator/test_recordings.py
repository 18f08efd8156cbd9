"""The simulator's answers beside recorded ones: no key invented, none of the constant ones missing.

The recordings lie beside the repository and are not part of it; without them there is nothing to
compare with.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.simulator import RunningSimulator

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "recorded"

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded provider traffic is not beside the repository"
)

FREE_FORM = {"arguments", "args", "input", "tools", "metadata", "partial_json", "logprobs"}
"""Keys whose content is the caller's or the model's own, not the format's."""

HEADERS = {
    "anthropic-version": "2023-06-01",
    "x-goog-api-key": "canary-key-of-the-simulator",
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CHAT: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "Hello there"}],
}
CHAT_STREAMED: dict[str, Any] = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
CHAT_TOOLS = {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]}
RESPONSE: dict[str, Any] = {"model": "gpt-5", "input": "Hello there"}
RESPONSE_TOOLS = {"tools": [{"type": "function", "name": "f", "parameters": SCHEMA}]}
MESSAGE: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 999,
    "messages": [{"role": "user", "content": "Hello there"}],
}
MESSAGE_TOOLS = {"tools": [{"name": "f", "input_schema": SCHEMA}]}
CONTENT: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]}
CONTENT_TOOLS = {"tools": [{"functionDeclarations": [{"name": "f", "parameters": SCHEMA}]}]}
GEMINI = "/v1beta/models/gemini-2.5-flash"

PLAIN = {
    "openai_chat": ("/v1/chat/completions", CHAT, CHAT_TOOLS),
    "openai_responses": ("/v1/responses", RESPONSE, RESPONSE_TOOLS),
    "anthropic": ("/v1/messages", MESSAGE, MESSAGE_TOOLS),
    "gemini": (f"{GEMINI}:generateContent", CONTENT, CONTENT_TOOLS),
}
STREAMED = {
    "openai_chat": ("/v1/chat/completions", CHAT_STREAMED, CHAT_TOOLS),
    "openai_responses": ("/v1/responses", RESPONSE | {"stream": True}, RESPONSE_TOOLS),
    "anthropic": ("/v1/messages", MESSAGE | {"stream": True}, MESSAGE_TOOLS),
    "gemini": (f"{GEMINI}:streamGenerateContent?alt=sse", CONTENT, CONTENT_TOOLS),
}
ROUTE = {"gemini": "enerateContent", "anthropic": "/v1/messages"}


def list_paths(node: Any, prefix: str = "") -> set[str]:
    """List the paths of all keys of a JSON value; items of a list share one path."""
    if isinstance(node, list):
        return set().union(*(list_paths(item, f"{prefix}[]") for item in node))
    if not isinstance(node, dict):
        return set()
    kind = f"<{node['type']}>" if isinstance(node.get("type"), str) and prefix else ""
    paths = set()
    for key, value in node.items():
        path = f"{prefix}{kind}.{key}"
        paths |= {path} | (set() if key in FREE_FORM else list_paths(value, path))
    return paths


def parse_stream(text: str) -> list[dict[str, Any]]:
    """Read the JSON events of an SSE stream in any of the three framings."""
    lines = (line for line in text.splitlines() if line.startswith("data: {"))
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def iterate_recorded(provider: str, suffix: str) -> Iterator[str]:
    """Yield the bodies of the recorded successes on the provider's own route."""
    for described in sorted((RECORDED / provider).glob("x*-200.json")):
        body = described.with_suffix(f".response.{suffix}")
        path = json.loads(described.read_text())["request"]["path"]
        if body.exists() and ROUTE.get(provider, "/v1/") in path:
            yield body.read_text()


async def ask(http: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> str:
    async with http.post(path, json=body, headers=HEADERS) as response:
        assert response.status == 200, await response.text()
        return await response.text()


@pytest.mark.parametrize("provider", PLAIN)
async def test_plain_answers_have_the_recorded_keys(
    http: aiohttp.ClientSession, provider: str
) -> None:
    path, body, tools = PLAIN[provider]
    recorded = [list_paths(json.loads(text)) for text in iterate_recorded(provider, "json")]
    known = set().union(*recorded)
    constant = set.intersection(*recorded)
    for request in (body, body | tools):
        paths = list_paths(json.loads(await ask(http, path, request)))
        assert not paths - known, "invented"
        assert not constant - paths, "missing"


def _group_by_type(events: list[dict[str, Any]]) -> dict[str, list[set[str]]]:
    groups: dict[str, list[set[str]]] = {}
    for event in events:
        groups.setdefault(event.get("type", ""), []).append(list_paths(event))
    return groups


SINCE_RECORDED = {
    "openai_responses": {".sequence_number", ".logprobs", ".name", ".part<output_text>.logprobs"}
    | {".item<message>.content[]<output_text>.logprobs"},
}
"""Keys of events that the specification has and that the older recordings do not show yet."""
GROWN = (".response.", ".item<reasoning>")
"""The response inside an event is compared as a plain answer, whose recordings are newer."""


@pytest.mark.parametrize("provider", STREAMED)
async def test_events_have_the_recorded_keys(http: aiohttp.ClientSession, provider: str) -> None:
    path, body, tools = STREAMED[provider]
    recorded = [event for text in iterate_recorded(provider, "sse") for event in parse_stream(text)]
    groups = _group_by_type(recorded)
    allowed = SINCE_RECORDED.get(provider, set())
    for request in (body, body | tools):
        for kind, seen in _group_by_type(parse_stream(await ask(http, path, request))).items():
            known = set().union(*groups[kind])
            constant = set.intersection(*groups[kind])
            for paths in seen:
                grown = {one for one in paths if one.startswith(GROWN)}
                assert not paths - grown - known - allowed, f"invented in {kind}"
                assert not constant - paths - {".response.reasoning.generate_summary"}, kind


@pytest.mark.parametrize("provider", ["openai_responses", "anthropic"])
async def test_events_come_in_a_recorded_order(http: aiohttp.ClientSession, provider: str) -> None:
    path, body, tools = STREAMED[provider]
    recorded = [_collapse(parse_stream(text)) for text in iterate_recorded(provider, "sse")]
    assert _collapse(parse_stream(await ask(http, path, body))) in recorded
    if provider == "openai_responses":
        assert _collapse(parse_stream(await ask(http, path, body | tools))) in recorded


def _collapse(events: list[dict[str, Any]]) -> list[str]:
    return [kind for kind, _ in itertools.groupby(event["type"] for event in events)]


ERRORS = [
    ("openai_chat", "x06-completions-404", "/v1/chat/completions", CHAT, "error=no-model"),
    ("openai_chat", "x07-completions-401", "/v1/chat/completions", CHAT, "error=bad-key"),
    ("openai_responses", "x04-responses-401", "/v1/responses", RESPONSE, "error=bad-key"),
    ("anthropic", "x02-messages-400", "/v1/messages", MESSAGE, "status=400"),
    ("anthropic", "x01-count_tokens-404", "/v1/messages", MESSAGE, "error=no-model"),
    ("gemini", "x01-countTokens-404", f"{GEMINI}:countTokens", CONTENT, "error=no-model"),
]


@pytest.mark.parametrize(("provider", "case", "path", "body", "fault"), ERRORS)
async def test_errors_have_the_recorded_shape(
    http: aiohttp.ClientSession,
    simulator: RunningSimulator,
    provider: str,
    case: str,
    path: str,
    body: dict[str, Any],
    fault: str,
) -> None:
    recorded = json.loads((RECORDED / provider / f"{case}.response.json").read_text())
    simulator.set_fault(fault, times=1)
    async with http.post(path, json=body, headers=HEADERS) as response:
        answer = json.loads(await response.text())
    assert response.status == int(case[-3:])
    assert list_paths(answer) == list_paths(recorded)
    for name in ("type", "code", "status"):
        assert answer["error"].get(name) == recorded["error"].get(name) or fault == "status=400"
