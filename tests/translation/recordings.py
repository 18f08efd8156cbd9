"""The recorded exchanges with real providers, each with the dialect of its answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gateway.entities import Dialect, Purpose
from tests.recorded import RECORDED

_OF_ENDPOINT = {
    "messages": (Dialect.ANTHROPIC_MESSAGES, Purpose.CHAT),
    "count_tokens": (Dialect.ANTHROPIC_MESSAGES, Purpose.COUNT),
    "completions": (Dialect.OPENAI_CHAT, Purpose.CHAT),
    "responses": (Dialect.OPENAI_RESPONSES, Purpose.CHAT),
    "embeddings": (Dialect.OPENAI_EMBEDDINGS, Purpose.EMBED),
    "converse": (Dialect.BEDROCK_CONVERSE, Purpose.CHAT),
    "converse-stream": (Dialect.BEDROCK_CONVERSE, Purpose.CHAT),
    "chat": (Dialect.COHERE_CHAT, Purpose.CHAT),
    "embed": (Dialect.COHERE_CHAT, Purpose.EMBED),
    "generateContent": (Dialect.GEMINI, Purpose.CHAT),
    "streamGenerateContent": (Dialect.GEMINI, Purpose.CHAT),
    "countTokens": (Dialect.GEMINI, Purpose.COUNT),
    "batchEmbedContents": (Dialect.GEMINI, Purpose.EMBED),
}


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange. `request` is the recorded body, empty where there is none."""

    name: str
    dialect: Dialect
    purpose: Purpose
    status: int
    streamed: bool
    answer: bytes
    request: dict[str, Any]


def list_recordings() -> Iterator[Recording]:
    """Yield what is there: the manifest names more than the folder has."""
    manifest = RECORDED / "manifest.json"
    for entry in orjson.loads(manifest.read_bytes()) if manifest.exists() else ():
        action = entry["endpoint"].rpartition(":")[2]
        folder = RECORDED / entry["provider"]
        answers = sorted(folder.glob(f"{entry['id']}.response.*"))
        if action not in _OF_ENDPOINT or not answers:
            continue
        dialect, purpose = _OF_ENDPOINT[action]
        if entry["provider"] == "ollama" and action == "chat":
            dialect = Dialect.OLLAMA_CHAT
        path: Path = answers[0]
        recorded = orjson.loads((folder / f"{entry['id']}.json").read_bytes())
        body = recorded["request"].get("body")
        yield Recording(
            f"{entry['provider']}/{entry['id']}",
            dialect,
            purpose,
            entry["status"],
            path.suffix in {".sse", ".bin", ".ndjson"},
            path.read_bytes(),
            body if isinstance(body, dict) else {},
        )
