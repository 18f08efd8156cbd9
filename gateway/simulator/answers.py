"""What a simulated model says: one answer, before a vendor's wire format dresses it.

Rule: the same question to the same simulator gets the same answer; the text names simulator and
model and repeats every ``marker-...`` of the request; no token count is zero.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.simulator.exchange import Inquiry, Json, build_digest, dump_json
from gateway.simulator.instances import build_instance

_TOKEN = re.compile(r"\s*\S{1,24}|\s+\Z")
"""A simulated token is a word of at most 24 characters with the blanks before it."""
_MARKER = re.compile(r"marker-[A-Za-z0-9_-]+")
_SAID_LIMIT = 160
"""Characters of the user's words that are repeated: enough to tell answers apart."""
_HUGE_PIECE = 4096
"""Characters per event of a huge answer, so that it does not become a million events."""
_MOST_CALLS = 2
"""Tools called at once when the request allows parallel calls."""
_HOW_KEYS = frozenset({"stream", "stream_options", "model"})
"""What changes how an answer is sent, not what it says; the model counts without its fault."""
_NO_TEXT_KEYS = frozenset({"type", "role", "data", "url", "mimeType", "mime_type", "id"})


class Finish(StrEnum):
    """Why an answer ends, in the simulator's own words."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; ``schema`` describes its arguments."""

    name: str
    schema: Json


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks, without its wire format.

    ``prompt`` is every JSON value that counts as input, ``said`` the last words of the user,
    ``tools`` those that shall be called now. ``wants_json`` holds also when there is a ``schema``.
    """

    prompt: Any
    said: str
    tools: tuple[Tool, ...] = ()
    wants_json: bool = False
    schema: Json | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool; ``key`` is the unique part of its id."""

    key: str
    name: str
    arguments: Json

    def dump_arguments(self) -> str:
        """Write the arguments as the JSON text that OpenAI puts in a string."""
        return dump_json(self.arguments).decode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says; ``pieces`` joined are ``text``, ``key`` makes its ids."""

    key: str
    text: str
    pieces: tuple[str, ...]
    calls: tuple[ToolCall, ...]
    finish: Finish
    input_tokens: int
    output_tokens: int


def count_tokens(node: Any) -> int:
    """Count the simulated tokens of all text in a JSON value; at least one."""
    return max(1, sum(1 for text in iterate_text(node) for _ in _TOKEN.finditer(text)))


def iterate_text(node: Any) -> Iterator[str]:
    """Yield every string of a JSON value that a model would read."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list | tuple):
        for item in node:
            yield from iterate_text(item)
    elif isinstance(node, dict):
        for key, item in node.items():
            if key not in _NO_TEXT_KEYS:
                yield from iterate_text(item)


def find_markers(node: Any) -> list[str]:
    """Find the different ``marker-...`` words of a JSON value, in order."""
    found = (match for text in iterate_text(node) for match in _MARKER.findall(text))
    return list(dict.fromkeys(found))


def choose_tools(tools: tuple[Tool, ...], *, named: str | None, parallel: bool) -> tuple[Tool, ...]:
    """Choose the tools to call: the named one, or the first (two, where parallel is allowed)."""
    if named is not None:
        return tuple(tool for tool in tools if tool.name == named)
    return tools[: _MOST_CALLS if parallel else 1]


def build_answer(inquiry: Inquiry, question: Question, *, choice: int = 0) -> Answer:
    """Build what the model says to a question; ``choice`` tells alternatives apart."""
    asked = {name: value for name, value in inquiry.body.items() if name not in _HOW_KEYS}
    key = build_digest(inquiry.simulator, inquiry.model, asked, choice)
    input_tokens = count_tokens(question.prompt)
    calls = _build_calls(question, key)
    if calls and not inquiry.fault.refuse:
        spent = sum(count_tokens([call.name, call.dump_arguments()]) for call in calls)
        return Answer(key, "", (), calls, Finish.TOOL_CALLS, input_tokens, spent)
    text = _build_text(inquiry, question, choice)
    if not question.wants_json:
        text = _pad(text, inquiry)
    text, finish = _limit(text, question.max_tokens)
    if inquiry.fault.refuse:
        finish = Finish.REFUSED
    pieces = _split(text, inquiry)
    return Answer(key, text, pieces, (), finish, input_tokens, count_tokens(text))


def _build_calls(question: Question, key: str) -> tuple[ToolCall, ...]:
    markers = " ".join(find_markers(question.prompt))
    hint = markers or "value"
    return tuple(
        ToolCall(
            key=build_digest(key, index)[:24],
            name=tool.name,
            arguments=_mark(build_instance(tool.schema, hint=hint), markers),
        )
        for index, tool in enumerate(question.tools)
    )


def _mark(arguments: Any, markers: str) -> Json:
    """Append the markers to the free strings of tool arguments: calls show whose they are."""
    if not isinstance(arguments, dict):
        return {}
    if not markers:
        return arguments
    return {
        name: f"{value} {markers}" if value == name else value for name, value in arguments.items()
    }


def _build_text(inquiry: Inquiry, question: Question, choice: int) -> str:
    if inquiry.fault.refuse:
        return "I cannot help with that."
    markers = find_markers(question.prompt)
    said = question.said[:_SAID_LIMIT]
    if question.schema is not None:
        hint = " ".join(["value", *markers])
        return dump_json(build_instance(question.schema, hint=hint)).decode()
    if question.wants_json:
        facts = {
            "simulator": inquiry.simulator,
            "model": inquiry.model,
            "markers": markers,
            "said": said,
        }
        return dump_json(facts).decode()
    words = [f"Hello from {inquiry.simulator}: model {inquiry.model}", *markers]
    if choice:
        words.append(f"(choice {choice})")
    words.append(f"heard {count_tokens(question.prompt)} tokens. You said: {said}")
    return " ".join(words).rstrip()


def _pad(text: str, inquiry: Inquiry) -> str:
    """Lengthen a text to the size or number of pieces that was asked for."""
    fault = inquiry.fault
    if fault.huge_bytes is not None and len(text.encode()) < fault.huge_bytes:
        filler = " lorem ipsum dolor"
        text += filler * (fault.huge_bytes // len(filler) + 1)
    missing = fault.chunks - count_tokens(text) if fault.chunks else 0
    return text + "".join(f" word-{number}" for number in range(missing))


def _limit(text: str, max_tokens: int | None) -> tuple[str, Finish]:
    if max_tokens is None:
        return text, Finish.STOP
    kept = "".join(match[0] for match in itertools.islice(_TOKEN.finditer(text), max_tokens))
    return kept, Finish.STOP if kept == text else Finish.LENGTH


def _split(text: str, inquiry: Inquiry) -> tuple[str, ...]:
    if inquiry.fault.huge_bytes is not None and inquiry.fault.chunks is None:
        return tuple(text[at : at + _HUGE_PIECE] for at in range(0, len(text), _HUGE_PIECE))
    tokens = _TOKEN.findall(text)
    count = min(inquiry.fault.chunks or len(tokens), len(tokens))
    edges = [len(tokens) * number // count for number in range(count + 1)] if count else [0]
    return tuple("".join(tokens[low:high]) for low, high in itertools.pairwise(edges))
