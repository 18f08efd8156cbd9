"""A provider's stream, as the hub's events.

Source: Anthropic's API reference, "Streaming messages"; recordings. Data may be padded with
blanks, pings and comments come anywhere, unknown events and deltas are to be ignored.

A block that only Anthropic knows may grow too (the input of its own tools, a compaction): it is
held back until it is whole.

Rule: only message_stop ends a stream.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.dialects.anthropic_messages.answer_in import (
    find_refusal,
    parse_end,
    parse_part,
    read_text,
)
from gateway.dialects.anthropic_messages.blocks_in import parse_citation
from gateway.dialects.anthropic_messages.watch import build_usage, find_failure
from gateway.dialects.hub import (
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Opaque,
    Part,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dialects.hub.arguments import parse_arguments
from gateway.dialects.spec import load_object, read_object
from gateway.dialects.sse import BlockSplitter, parse_block
from gateway.errors import UpstreamMalformedError

_Object = Mapping[str, Any]
# The field that a delta brings more of.
_GROWTH: Final = {
    "text_delta": "text",
    "input_json_delta": "partial_json",
    "thinking_delta": "thinking",
}


class _Opaque:
    """A block of Anthropic's own while it grows."""

    __slots__ = ("_inputs", "_value")

    def __init__(self, value: _Object) -> None:
        self._value = dict(value)
        self._inputs: list[str] = []

    def grow(self, delta: _Object) -> None:
        if delta.get("type") == "input_json_delta":
            self._inputs.append(read_text(delta, "partial_json"))
        else:
            self._value |= {name: value for name, value in delta.items() if name != "type"}

    def finish(self, part: Opaque) -> Opaque:
        text = "".join(self._inputs)
        if text:
            self._value["input"] = parse_arguments(text)
        return dataclasses.replace(part, value=self._value)


class MessagesReader:
    """Reads one answer."""

    __slots__ = ("_blocks", "_counts", "_id", "_is_over", "_next", "_opaque", "_open")

    def __init__(self) -> None:
        self._blocks = BlockSplitter()
        self._counts: dict[str, Any] = {}
        self._id: str | None = None
        self._is_over = False
        self._next = 0  # number of the next part
        self._open: dict[int | str | None, tuple[int, Part]] = {}  # by the block's index
        self._opaque: dict[int, _Opaque] = {}  # by the part's number

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes."""
        events: list[Event] = []
        for block in self._blocks.feed(chunk):
            self._read(block, events)
        return events

    def conclude(self) -> list[Event]:
        """Return what an event without its blank line says."""
        events: list[Event] = []
        pending = self._blocks.pending
        if pending and not self._is_over:
            try:
                self._read(pending, events)
            except UpstreamMalformedError:  # half an event
                return []
        return events

    def _read(self, block: bytes, events: list[Event]) -> None:
        event = parse_block(block)
        if event is None or self._is_over:
            return
        value = load_object(event.data)
        if value is None:
            if event.data.strip():  # an empty one keeps the connection alive
                raise UpstreamMalformedError("an event of the provider's stream is not JSON")
            return
        take = _TAKERS.get(read_text(value, "type"))
        if take is not None:
            take(self, value, events)
            return
        failure = find_failure(value, event.data)
        if failure is not None:
            self._is_over = True
            events.append(Failed(failure))

    def _begin(self, value: _Object, events: list[Event]) -> None:
        message = read_object(value, "message")
        name = read_text(message, "id")
        if self._id is not None:
            if name not in ("", self._id):
                raise UpstreamMalformedError("another message begins within the provider's stream")
            return
        self._id = name
        usage = read_object(message, "usage")
        tier = read_text(usage, "service_tier") or None
        events.append(Begun(name, read_text(message, "model"), None, tier))
        self._count(usage, events)
        content = message.get("content")  # some servers send all of a short answer in it
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict):
                self._add_part(parse_part(block), events)

    def _count(self, usage: _Object, events: list[Event]) -> None:
        self._counts.update({name: one for name, one in usage.items() if one is not None})
        counted = build_usage(self._counts)
        if counted is not None and usage:
            events.append(Counted(counted))

    def _add_part(self, part: Part, events: list[Event]) -> None:
        number = self._next
        self._next += 1
        if isinstance(part, Opaque):
            events.append(PartBegun(0, number, part))
        else:
            _announce(number, part, events)
        events.append(PartEnded(0, number))

    def _begin_block(self, value: _Object, events: list[Event]) -> None:
        block = read_object(value, "content_block")
        part = parse_part(block)
        number = self._next
        self._next += 1
        index = _key(value)
        self._end_open(index, events)
        self._open[index] = (number, part)
        if isinstance(part, Opaque):
            self._opaque[number] = _Opaque(block)
            return
        if isinstance(part, ToolCall) and not block.get("input"):
            part = dataclasses.replace(part, arguments="")
        _announce(number, part, events)

    def _grow(self, value: _Object, events: list[Event]) -> None:
        opened = self._open.get(_key(value))
        delta = value.get("delta")
        if opened is None or not isinstance(delta, dict):
            return
        number, part = opened
        field = _GROWTH.get(read_text(delta, "type"))
        if type(part) is Opaque:
            self._opaque[number].grow(delta)
        elif field is not None:
            text = delta.get(field)
            if isinstance(text, str) and text:
                events.append(PartDelta(0, number, text))
        else:
            self._add(number, part, delta, events)

    def _add(self, number: int, part: Part, delta: _Object, events: list[Event]) -> None:
        if isinstance(part, Reasoning) and isinstance(delta.get("signature"), str):
            events.append(PartAdded(0, number, signature=delta["signature"]))
        elif isinstance(part, Text) and isinstance(delta.get("citation"), dict):
            events.append(PartAdded(0, number, citation=parse_citation(delta["citation"])))

    def _end_block(self, value: _Object, events: list[Event]) -> None:
        self._end_open(_key(value), events)

    def _end_open(self, index: int | str | None, events: list[Event]) -> None:
        opened = self._open.pop(index, None)
        if opened is None:
            return
        number, part = opened
        if isinstance(part, Opaque):
            events.append(PartBegun(0, number, self._opaque.pop(number).finish(part)))
        events.append(PartEnded(0, number))

    def _end(self, value: _Object, events: list[Event]) -> None:
        """Take in the counts and, where it is said, why the answer ends."""
        delta = read_object(value, "delta")
        finish, stop_sequence, detail = parse_end(delta)
        if finish is not None:
            for index in list(self._open):
                self._end_open(index, events)
            refusal = find_refusal(delta)
            if refusal is not None:
                self._add_part(Refusal(refusal), events)
            events.append(ChoiceEnded(0, finish, stop_sequence, detail))
        self._count(read_object(value, "usage"), events)

    def _stop(self, _value: _Object, events: list[Event]) -> None:
        self._is_over = True
        events.append(Ended())


def _announce(number: int, part: Part, events: list[Event]) -> None:
    """Begin a part, with what is there of its text behind it."""
    text = ""
    if isinstance(part, ToolCall):
        text, part = part.arguments, dataclasses.replace(part, arguments="")
    elif isinstance(part, Text | Refusal | Reasoning):
        text, part = part.text, dataclasses.replace(part, text="")
    events.append(PartBegun(0, number, part))
    if text:
        events.append(PartDelta(0, number, text))


def _key(value: _Object) -> int | str | None:
    """Return a block's index as one that can be looked up by."""
    index = value.get("index")
    return index if isinstance(index, int | str) else None


_TAKERS: Final[Mapping[str, Callable[[MessagesReader, _Object, list[Event]], None]]] = {
    "content_block_delta": MessagesReader._grow,  # noqa: SLF001  the class's own table
    "content_block_start": MessagesReader._begin_block,  # noqa: SLF001
    "content_block_stop": MessagesReader._end_block,  # noqa: SLF001
    "message_start": MessagesReader._begin,  # noqa: SLF001
    "message_delta": MessagesReader._end,  # noqa: SLF001
    "message_stop": MessagesReader._stop,  # noqa: SLF001
}
