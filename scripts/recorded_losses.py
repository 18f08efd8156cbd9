# ruff: noqa: INP001 - run by hand, no part of a package
"""Prints what of the recorded answers does not come through to the clients of other formats.

Run as ``PYTHONPATH=. python scripts/recorded_losses.py``, with the recordings beside the checkout;
``--write`` puts the table into docs/translation.md.

Rule: an answer is written for a client and read as its SDK reads it; what is there before and not
after is lost. What a vendor's signature says is not compared, only that one is there.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.dialects import CODECS
from gateway.dialects.hub import (
    Asked,
    ChatAnswer,
    ChatRequest,
    Opaque,
    Reasoning,
    ReasoningConfig,
    Text,
    ToolCall,
    collect,
)
from gateway.dialects.hub.carry import take_from_id
from gateway.entities import Dialect, Purpose
from tests.translation.recordings import Recording, list_recordings

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "translation.md"
CLIENTS: Final = (
    Dialect.OPENAI_CHAT,
    Dialect.OPENAI_RESPONSES,
    Dialect.ANTHROPIC_MESSAGES,
    Dialect.GEMINI,
)
_MARKED: Final = re.compile(r"(<!-- recorded -->\n).*?(<!-- /recorded -->)", re.DOTALL)
# A client of Gemini's gets foreign signatures of thoughts packed into that of what follows them.
_CARRIERS: Final = frozenset({"Text.signature", "ToolCall.signature"})
_USAGE: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def read(recording: Recording) -> ChatAnswer:
    """Return a recorded answer, whole or streamed."""
    codec = CODECS[recording.dialect].upstream
    if codec is None:
        raise LookupError(recording.dialect)
    if not recording.streamed:
        return codec.parse_answer(recording.answer)
    reader = codec.reader()
    return collect([*reader.feed(recording.answer), *reader.conclude()])


def send(answer: ChatAnswer, client: Dialect) -> ChatAnswer:
    """Return an answer as a client of this format reads it."""
    codec = CODECS[client]
    if codec.client is None or codec.upstream is None:
        raise LookupError(client)
    request = ChatRequest(
        client, "chat", (), logprobs=True, reasoning=ReasoningConfig(show=True, encrypted=True)
    )
    body = codec.client.dump_answer(answer, Asked(request, "r-1", 1_790_000_000))
    return codec.upstream.parse_answer(orjson.dumps(body))


def list_told(answer: ChatAnswer) -> Iterator[str]:
    """Yield what an answer says, one name for each kind of thing."""
    for choice in answer.choices:
        for part in choice.parts:
            yield from _list_part(part)
        if choice.logprobs:
            yield "logprobs"
        if choice.stop_sequence:
            yield "stop_sequence"
        if choice.finish:
            yield f"finish: {choice.finish.value}"
    for name in _USAGE:
        if getattr(answer.usage, name, None):
            yield f"usage: {name}"


def _list_part(part: Any) -> Iterator[str]:
    if isinstance(part, Opaque):
        yield f"Opaque {part.kind}"
    elif isinstance(part, ToolCall):
        yield "ToolCall"
        if part.signature or take_from_id(part.id)[1]:
            yield "ToolCall.signature"
        if part.custom:
            yield "ToolCall.custom"
    elif isinstance(part, Text):
        names = ("text", "citations", "signature")
        yield from (f"Text.{name}" for name in names if getattr(part, name))
    elif isinstance(part, Reasoning):
        if part.text:
            yield "Reasoning.text"
        if part.signature or part.encrypted:  # a client of another format has one field for both
            yield "Reasoning.signature"
    else:
        yield type(part).__name__


def build_table() -> str:
    """Return the table as Markdown: of how many recorded answers that say it, how many lose it."""
    said: Counter[tuple[str, Dialect]] = Counter()
    lost: Counter[tuple[str, Dialect]] = Counter()
    for recording in list_recordings():
        if recording.purpose is not Purpose.CHAT or recording.status != 200:  # noqa: PLR2004
            continue
        answer = read(recording)
        for client in CLIENTS:
            if client is not recording.dialect:
                there = set(list_told(answer))
                here = set(list_told(send(answer, client)))
                if here & _CARRIERS:
                    here.add("Reasoning.signature")
                said.update((name, client) for name in there)
                lost.update((name, client) for name in there - here)
    lines = [f"| said | {' | '.join(CLIENTS)} |", f"| --- |{' --- |' * len(CLIENTS)}"]
    for name in sorted({name for name, _ in said}):
        if any(lost[name, client] for client in CLIENTS):
            cells = [f"{lost[name, client]} of {said[name, client]}" for client in CLIENTS]
            lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write_page() -> None:
    """Put the table between the page's marks."""
    text = PAGE.read_text(encoding="utf-8")
    table = build_table()
    PAGE.write_text(_MARKED.sub(lambda match: match[1] + table + match[2], text), encoding="utf-8")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write_page()
    else:
        sys.stdout.write(build_table())
