"""What a simulated model says: one answer, before a vendor's wire format dresses it.

Rule: the same question to the same simulator gets the same answer; the text names simulator and
model and repeats every ``marker-...`` of the request; no token count is zero.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.simulator.conversation import (
    CACHE,
    CITE,
    LONG,
    REFUSE,
    Step,
    Turn,
    find_human,
    find_progress,
    list_results,
)
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
_NO_TEXT_KEYS = frozenset(
    {"type", "role", "data", "url", "mimeType", "mime_type", "id", "bytes", "images"}
    | {"signature", "thoughtSignature", "encrypted_content", "image_url", "file_data"}
)
_LONG_WORDS = 64
_RESULT_LIMIT = 2000
"""Characters of each tool's result that are repeated: more than an agent's test looks for."""
CACHE_READ_TOKENS = 11
CACHE_WRITE_TOKENS = 7
"""What a prompt with ``please-cache`` reads from and writes to the cache; part of the input."""
REASONING_TOKENS = 16
"""What an answer with a thought spends on it, beside its other output."""
THOUGHT = "The user wants an answer, so I will give one."


class Finish(StrEnum):
    """Why an answer ends, in the simulator's own words."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    REFUSED = "refused"
    DECLINED = "declined"
    """The model declines by itself; ``REFUSED`` is a filter's doing."""
    STOP_SEQUENCE = "stop_sequence"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; ``schema`` describes its arguments."""

    name: str
    schema: Json


class Choice(StrEnum):
    """Whether tools may be called."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks, without its wire format.

    ``prompt`` is every JSON value that counts as input, ``said`` the last words of the user,
    ``tools`` all that are offered, ``named`` the one that must be called. ``wants_json`` holds
    also when there is a ``schema``; ``thinks`` asks for a thought before the answer.
    """

    prompt: Any
    said: str
    tools: tuple[Tool, ...] = ()
    wants_json: bool = False
    schema: Json | None = None
    max_tokens: int | None = None
    turns: tuple[Turn, ...] = ()
    choice: Choice = Choice.AUTO
    named: str | None = None
    parallel: bool = True
    stops: tuple[str, ...] = ()
    thinks: bool = False
    cites: bool = False


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
    """What the model says; ``pieces`` joined are ``text``, ``key`` makes its ids.

    ``input_tokens`` is all of the input, cached or not; ``output_tokens`` is without
    ``reasoning_tokens``. ``stop`` is the sequence that the text was cut at.
    """

    key: str
    text: str
    pieces: tuple[str, ...]
    calls: tuple[ToolCall, ...]
    finish: Finish
    input_tokens: int
    output_tokens: int
    thought: str = ""
    reasoning_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    stop: str | None = None
    cites: bool = False

    @property
    def spent_tokens(self) -> int:
        """All of the output, thought included."""
        return self.output_tokens + self.reasoning_tokens

    @property
    def fresh_tokens(self) -> int:
        """The input that was neither read from nor written to a cache."""
        return self.input_tokens - self.cache_read_tokens - self.cache_write_tokens


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


def build_answer(inquiry: Inquiry, question: Question, *, choice: int = 0) -> Answer:
    """Build what the model says to a question; ``choice`` tells alternatives apart."""
    asked = {name: value for name, value in inquiry.body.items() if name not in _HOW_KEYS}
    key = build_digest(inquiry.simulator, inquiry.model, asked, choice)
    answer = _build_spoken(inquiry, question, key, choice)
    calls = () if _is_refused(inquiry, question) else _build_calls(question, key)
    if calls:
        spent = sum(count_tokens([call.name, call.dump_arguments()]) for call in calls)
        answer = dataclasses.replace(
            answer,
            text="",
            pieces=(),
            calls=calls,
            finish=Finish.TOOL_CALLS,
            output_tokens=spent,
            stop=None,
        )
    return answer


def _is_refused(inquiry: Inquiry, question: Question) -> bool:
    return inquiry.fault.refuse or REFUSE in question.said


def _build_spoken(inquiry: Inquiry, question: Question, key: str, choice: int) -> Answer:
    """Build the answer in words, with all that is counted beside them."""
    text = _build_text(inquiry, question, choice)
    if not question.wants_json:
        text = _pad(text, inquiry)
    text, stop = _cut(text, question.stops)
    text, finish = _limit(text, question.max_tokens)
    if finish is Finish.STOP and stop is not None:
        finish = Finish.STOP_SEQUENCE
    if _is_refused(inquiry, question):
        finish = Finish.REFUSED if inquiry.fault.refuse else Finish.DECLINED
    cached = any(CACHE in one for one in iterate_text(question.prompt))
    read, written = (CACHE_READ_TOKENS, CACHE_WRITE_TOKENS) if cached else (0, 0)
    return Answer(
        key=key,
        text=text,
        pieces=_split(text, inquiry),
        calls=(),
        finish=finish,
        input_tokens=count_tokens(question.prompt) + read + written,
        output_tokens=count_tokens(text),
        thought=THOUGHT if question.thinks else "",
        reasoning_tokens=REASONING_TOKENS if question.thinks else 0,
        cache_read_tokens=read,
        cache_write_tokens=written,
        stop=stop if finish is Finish.STOP_SEQUENCE else None,
        cites=question.cites or CITE in question.said,
    )


def _build_calls(question: Question, key: str) -> tuple[ToolCall, ...]:
    markers = " ".join(find_markers(question.prompt))
    hint = markers or "value"
    calls = _choose_calls(question)
    return tuple(
        ToolCall(
            key=build_digest(key, index)[:24],
            name=tool.name,
            arguments=_mark(build_instance(tool.schema, hint=hint), markers)
            if arguments is None
            else arguments,
        )
        for index, (tool, arguments) in enumerate(calls)
    )


def _choose_calls(question: Question) -> list[tuple[Tool, Json | None]]:
    """Choose the tools to call now; arguments are None where the model makes them up.

    A script goes first. Otherwise the named tool, or the first two; behind a tool's result only
    a request that requires a call gets one, of the last tool not called yet, so that loops end.
    """
    if question.choice is Choice.NONE or not question.tools:
        return []
    most = _MOST_CALLS if question.parallel else 1
    progress = find_progress(question.turns)
    if progress is not None and (progress.following or question.choice is Choice.AUTO):
        following = (_find_scripted(question.tools, step) for step in progress.following)
        found = [one for one in following if one is not None]
        return found if question.parallel else found[:1]
    if question.named is not None:
        return [(tool, None) for tool in question.tools if tool.name == question.named]
    if not list_results(question.turns, find_human(question.turns)):
        return [(tool, None) for tool in question.tools[:most]]
    return [(tool, None) for tool in _list_uncalled(question)[-1:]]


def _list_uncalled(question: Question) -> list[Tool]:
    if question.choice is not Choice.REQUIRED:
        return []
    since = find_human(question.turns)
    called = {name for turn in question.turns[since + 1 :] for name in turn.calls}
    return [tool for tool in question.tools if tool.name not in called]


def _find_scripted(tools: tuple[Tool, ...], step: Step) -> tuple[Tool, Json | None] | None:
    wanted = step.tool.lower()
    found = (tool for tool in tools if tool.name.lower() == wanted)
    return next(((tool, step.arguments) for tool in found), None)


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
    if _is_refused(inquiry, question):
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
    words.append(f"heard {count_tokens(question.prompt)} tokens.")
    words += _list_noticed(question)
    words.append(f"You said: {said}")
    if LONG in question.said:
        words += [f"word-{number}" for number in range(_LONG_WORDS)]
    return " ".join(words).rstrip()


def _list_noticed(question: Question) -> list[str]:
    """List the sentences that repeat media and the results of tools: what is lost is missed."""
    human = find_human(question.turns)
    seen = [one for turn in question.turns[max(human, 0) :] for one in turn.seen]
    results = [one[:_RESULT_LIMIT] for one in list_results(question.turns, human)]
    words = [f"I saw {', '.join(seen)}."] if seen else []
    return [*words, f"The tools said: {'; '.join(results)}."] if results else words


def _cut(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """Cut a text before the first stop sequence in it."""
    found = [(text.index(stop), stop) for stop in stops if stop and stop in text]
    if not found:
        return text, None
    at, stop = min(found)
    return text[:at], stop


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
