"""Clients of every dialect, over providers of another one: what they send and how they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.dialects import CODECS
from gateway.entities import Dialect
from gateway.simulator import RunningSimulator
from tests.proxy.rig import Answer, Endpoint, Model, Rig

PROVIDERS = {
    "openai": "gpt-4o-mini",
    "anthropic": "claude-3-5-haiku",
    "gemini": "gemini-2.0-flash",
}
SAID = "say marker-one"


@dataclass(frozen=True, slots=True)
class Told:
    """What a client has read of a stream."""

    text: str
    is_ended: bool
    error: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Client:
    """One dialect's client; `vendor` is the provider that speaks it."""

    vendor: str
    dialect: str
    path: str
    body: Mapping[str, Any]
    read_text: Callable[[Any], str]
    read_stream: Callable[[bytes], Told]
    stream_path: str = ""  # where the path, not the body, asks for a stream
    headers: tuple[tuple[str, str], ...] = ()


def read_events(body: bytes) -> list[Any]:
    return [
        orjson.loads(line[6:])
        for line in body.replace(b"\r\n", b"\n").split(b"\n")
        if line.startswith(b"data: {")
    ]


def _read_chat(body: bytes) -> Told:
    events = read_events(body)
    choices = [event["choices"][0] for event in events if event.get("choices")]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    error = events[-1].get("error") if events else None
    return Told(text, body.endswith(b"data: [DONE]\n\n"), error)


def _read_completions(body: bytes) -> Told:
    events = read_events(body)
    text = "".join(event["choices"][0]["text"] for event in events if event.get("choices"))
    error = events[-1].get("error") if events else None
    return Told(text, body.endswith(b"data: [DONE]\n\n"), error)


def _read_responses(body: bytes) -> Told:
    events = read_events(body)
    text = "".join(
        event["delta"] for event in events if event["type"] == "response.output_text.delta"
    )
    last = events[-1]
    ended = last["type"] in ("response.completed", "response.incomplete")
    failed = last["type"] == "error" or last["type"] == "response.failed"
    return Told(text, ended, last if failed else None)


def _read_messages(body: bytes) -> Told:
    events = read_events(body)
    text = "".join(
        event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta"
    )
    last = events[-1]
    error = last["error"] if last["type"] == "error" else None
    return Told(text, last["type"] == "message_stop", error)


def _read_gemini(body: bytes) -> Told:
    return _gather_gemini(read_events(body))


def _read_array(body: bytes) -> Told:
    # An array that ends with an error stays open, as Google's own does.
    return _gather_gemini(orjson.loads(body if body.endswith(b"]") else body.rstrip() + b"]"))


def _gather_gemini(events: list[Any]) -> Told:
    parts = [
        part
        for event in events
        for candidate in event.get("candidates", ())
        for part in candidate.get("content", {}).get("parts", ())
    ]
    ended = any(
        candidate.get("finishReason")
        for event in events
        for candidate in event.get("candidates", ())
    )
    return Told("".join(part.get("text", "") for part in parts), ended, events[-1].get("error"))


def _read_output(answer: Any) -> str:
    return "".join(
        part["text"]
        for item in answer["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


_GEMINI_BODY = {"contents": [{"role": "user", "parts": [{"text": SAID}]}]}
_MESSAGES = [{"role": "user", "content": SAID}]

CLIENTS: dict[str, Client] = {
    "chat": Client(
        "openai",
        "openai_chat",
        "/v1/chat/completions",
        {"model": "e", "messages": _MESSAGES},
        lambda answer: str(answer["choices"][0]["message"]["content"]),
        _read_chat,
    ),
    "completions": Client(
        "openai",
        "openai_completions",
        "/v1/completions",
        {"model": "e", "prompt": SAID},
        lambda answer: str(answer["choices"][0]["text"]),
        _read_completions,
    ),
    "responses": Client(
        "openai",
        "openai_responses",
        "/v1/responses",
        {"model": "e", "input": SAID},
        _read_output,
        _read_responses,
    ),
    "messages": Client(
        "anthropic",
        "anthropic_messages",
        "/v1/messages",
        {"model": "e", "messages": _MESSAGES, "max_tokens": 100},
        lambda answer: "".join(block.get("text", "") for block in answer["content"]),
        _read_messages,
        headers=(("anthropic-version", "2023-06-01"), ("anthropic-beta", "some-beta")),
    ),
    "gemini": Client(
        "gemini",
        "gemini",
        "/v1beta/models/e:generateContent",
        _GEMINI_BODY,
        lambda answer: "".join(
            part["text"] for part in answer["candidates"][0]["content"]["parts"]
        ),
        _read_gemini,
        stream_path="/v1beta/models/e:streamGenerateContent?alt=sse",
    ),
    "array": Client(
        "gemini",
        "gemini",
        "/v1beta/models/e:generateContent",
        _GEMINI_BODY,
        lambda answer: "".join(
            part["text"] for part in answer["candidates"][0]["content"]["parts"]
        ),
        _read_array,
        stream_path="/v1beta/models/e:streamGenerateContent",
    ),
}
UPSTREAM = {
    "openai": Dialect.OPENAI_CHAT,
    "anthropic": Dialect.ANTHROPIC_MESSAGES,
    "gemini": Dialect.GEMINI,
}


def can_be_asked(provider: str) -> bool:
    codec = CODECS.get(UPSTREAM[provider])
    return codec is not None and codec.upstream is not None


def has_vectors() -> bool:
    codec = CODECS.get(Dialect.GEMINI)
    return codec is not None and codec.upstream_embeddings is not None


PAIRS = [
    (name, provider)
    for name, client in CLIENTS.items()
    for provider in PROVIDERS
    if client.vendor != provider and can_be_asked(provider)
]


async def ask(rig: Rig, name: str, *, stream: bool = False, **fields: Any) -> Answer:
    """Ask as a client of a dialect does."""
    client = CLIENTS[name]
    path = client.stream_path if stream and client.stream_path else client.path
    body = {**client.body, **fields}
    if stream and not client.stream_path:
        body["stream"] = True
    return await rig.post(path, body, **dict(client.headers))


def build_model(sim: RunningSimulator, provider: str, fault: str = "", **more: Any) -> Model:
    """Return a target of a provider, with a fault if one is named."""
    model = PROVIDERS[provider]
    return Model(sim.url, provider=provider, model=f"{model}+{fault}" if fault else model, **more)


def build_endpoint(sim: RunningSimulator, provider: str, fault: str = "") -> dict[str, Endpoint]:
    """Return an endpoint of one target."""
    return {"e": Endpoint([build_model(sim, provider, fault)])}
