"""The stream of ``/v2/chat`` as events of the hub.

Rule: an event that nobody knows passes without harm; citations belong to their text even where
they come behind its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.cohere.answer import (
    parse_block,
    parse_call,
    parse_citation,
    parse_finish,
    parse_usage,
)
from gateway.dialects.hub import (
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Finish,
    Part,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.dialects.hub.provided import read_index, read_text
from gateway.dialects.spec import StreamFailure, load_object, read_object
from gateway.dialects.sse import BlockSplitter
from gateway.dialects.sse import parse_block as parse_event
from gateway.dialects.watch import DONE
from gateway.errors import UpstreamMalformedError

Json = dict[str, Any]
Key = tuple[str, int]

_CITATIONS: Final = frozenset({"citation-start", "citation-end"})
_PLAN: Final = ("plan", 0)
_FAILURE_STATUSES: Final = {"TIMEOUT": 504}


class ChatReader:
    """Reads one streamed answer."""

    __slots__ = (
        "_begun",
        "_blocks",
        "_closing",
        "_count",
        "_last_text",
        "_over",
        "_parts",
        "_silent",
    )

    def __init__(self) -> None:
        self._blocks = BlockSplitter()
        self._begun = False
        self._over = False
        self._count = 0
        self._parts: dict[Key, int] = {}  # those that are open, by the vendor's index
        self._closing: list[Key] = []  # ended, but citations may come
        self._last_text: Key | None = None
        self._silent: set[int] = set()  # calls without arguments so far: none is an empty object

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes."""
        events: list[Event] = []
        if not self._over:
            blocks = self._blocks.feed(chunk)
            if self._blocks.cut:
                raise UpstreamMalformedError("an event of the stream is too long")
            for block in blocks:
                if self._take(block, events):
                    break
        return events

    def conclude(self) -> list[Event]:
        """Return what the last event says if only its end is missing."""
        events: list[Event] = []
        if not self._over:
            found = parse_event(self._blocks.pending)
            if found is not None and load_object(found.data) is not None:
                self._take(self._blocks.pending, events)
        return events

    def _take(self, block: bytes, events: list[Event]) -> bool:
        """Take one event; return whether the stream is over with it."""
        found = parse_event(block)
        if found is None or not found.data.strip() or found.data.strip() == DONE:
            return False
        value = load_object(found.data)
        if value is None:
            raise UpstreamMalformedError("an event of the stream is not a JSON object")
        kind = read_text(value, "type") or found.event or ""
        take = _EVENTS.get(kind)
        if take is None:
            if "message" in value and "delta" not in value:  # an error's form, not an event's
                told = read_text(value, "message")
                events.append(Failed(StreamFailure(None, "error", told, found.data)))
                self._over = True
            return self._over
        if self._closing and kind not in _CITATIONS:
            self._flush(events)
        take(self, value, events)
        return self._over

    def begin(self, value: Json, events: list[Event]) -> None:
        """Take `message-start`."""
        if not self._begun:
            self._begun = True
            events.append(Begun(read_text(value, "id"), ""))

    def plan(self, value: Json, events: list[Event]) -> None:
        """Take `tool-plan-delta`: what the model thinks before it calls."""
        text = read_text(_read_message(value), "tool_plan")
        self._grow(_PLAN, text, events, Reasoning(""))

    def open(self, value: Json, events: list[Event]) -> None:
        """Take `content-start`."""
        key = ("content", read_index(value, "index"))
        self._end_plan(events)
        part = parse_block({"type": "text", **read_object(_read_message(value), "content")})
        text = part.text if isinstance(part, Text | Reasoning) else ""
        if isinstance(part, Text):
            part = Text("")
            self._last_text = key
        elif isinstance(part, Reasoning):
            part = Reasoning("")
        self._open(key, part, events)
        self._grow(key, text, events, part)

    def grow(self, value: Json, events: list[Event]) -> None:
        """Take `content-delta`."""
        key = ("content", read_index(value, "index"))
        content = read_object(_read_message(value), "content")
        text = content.get("text")
        if isinstance(text, str):
            self._last_text = key
            self._grow(key, text, events, Text(""))
        else:
            self._grow(key, read_text(content, "thinking"), events, Reasoning(""))

    def close(self, value: Json, events: list[Event]) -> None:  # noqa: ARG002 - as the others
        """Take `content-end`."""
        self._closing.append(("content", read_index(value, "index")))

    def call(self, value: Json, events: list[Event]) -> None:
        """Take `tool-call-start`."""
        self._end_plan(events)
        key = ("call", read_index(value, "index"))
        call = parse_call(read_object(_read_message(value), "tool_calls"))
        self._open(key, ToolCall(call.id, call.name, ""), events)
        self._silent.add(self._parts[key])
        self._argue(key, call.arguments, events)

    def argue(self, value: Json, events: list[Event]) -> None:
        """Take `tool-call-delta`."""
        key = ("call", read_index(value, "index"))
        call = parse_call(read_object(_read_message(value), "tool_calls"))
        self._argue(key, call.arguments, events)

    def hang_up(self, value: Json, events: list[Event]) -> None:
        """Take `tool-call-end`."""
        self._end(("call", read_index(value, "index")), events)

    def cite(self, value: Json, events: list[Event]) -> None:
        """Take `citation-start`; it holds all of the citation."""
        cited = read_object(_read_message(value), "citations")
        key: Key | None = ("content", read_index(cited, "content_index"))
        if key not in self._parts:
            key = self._last_text
        number = None if key is None else self._parts.get(key)
        if cited and number is not None:
            events.append(PartAdded(0, number, citation=parse_citation(cited)))

    def end(self, value: Json, events: list[Event]) -> None:
        """Take `message-end`."""
        self.begin({}, events)
        for key in list(self._parts):
            self._end(key, events)
        delta = read_object(value, "delta")
        usage = parse_usage(delta)
        if usage is not None:
            events.append(Counted(usage))
        self._over = True
        reason, error = read_text(delta, "finish_reason"), read_text(delta, "error")
        if error:
            status = _FAILURE_STATUSES.get(reason, 500)
            events.append(Failed(StreamFailure(status, reason or "error", error)))
            return
        finish, detail = parse_finish(delta)
        events.append(ChoiceEnded(0, finish or Finish.STOP, None, detail))
        events.append(Ended())

    def skip(self, value: Json, events: list[Event]) -> None:
        """Take what says nothing."""

    def _open(self, key: Key, part: Part, events: list[Event]) -> None:
        self.begin({}, events)
        self._end(key, events)
        self._parts[key] = self._count
        self._count += 1
        events.append(PartBegun(0, self._parts[key], part))

    def _grow(self, key: Key, text: str, events: list[Event], empty: Part) -> None:
        if not text:
            return
        if key not in self._parts:
            self._open(key, empty, events)
        events.append(PartDelta(0, self._parts[key], text))

    def _argue(self, key: Key, text: str, events: list[Event]) -> None:
        if text:
            self._grow(key, text, events, ToolCall("", "", ""))
            self._silent.discard(self._parts[key])

    def _end(self, key: Key, events: list[Event]) -> None:
        number = self._parts.pop(key, None)
        if number is None:
            return
        if number in self._silent:
            events.append(PartDelta(0, number, "{}"))
        events.append(PartEnded(0, number))

    def _end_plan(self, events: list[Event]) -> None:
        self._end(_PLAN, events)

    def _flush(self, events: list[Event]) -> None:
        for key in self._closing:
            self._end(key, events)
        self._closing.clear()


def _read_message(value: Json) -> Mapping[str, Any]:
    return read_object(read_object(value, "delta"), "message")


_EVENTS: Final[Mapping[str, Callable[[ChatReader, Json, list[Event]], None]]] = MappingProxyType(
    {
        "message-start": ChatReader.begin,
        "tool-plan-delta": ChatReader.plan,
        "content-start": ChatReader.open,
        "content-delta": ChatReader.grow,
        "content-end": ChatReader.close,
        "tool-call-start": ChatReader.call,
        "tool-call-delta": ChatReader.argue,
        "tool-call-end": ChatReader.hang_up,
        "citation-start": ChatReader.cite,
        "citation-end": ChatReader.skip,
        "message-end": ChatReader.end,
    }
)
