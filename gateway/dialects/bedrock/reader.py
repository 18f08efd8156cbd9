"""The stream of ConverseStream as events of the hub.

A text's block has no start event; counts come behind the end of the message; each event's JSON
is padded by a field `p`.

Rule: an event or a block that nobody knows passes without harm; a broken frame ends the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.dialects.bedrock.answer import (
    ORIGIN,
    SERVER_TOOL,
    build_failure,
    parse_block,
    parse_citation,
    parse_finish,
    parse_usage,
)
from gateway.dialects.eventstream import Message, MessageSplitter
from gateway.dialects.hub import (
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Finish,
    Image,
    Media,
    Part,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.dialects.hub.arguments import parse_arguments
from gateway.dialects.hub.provided import read_index, read_text
from gateway.dialects.spec import load_object, read_object
from gateway.errors import UpstreamMalformedError

Json = dict[str, Any]
_TEXT: Final = "text"
_REASONING: Final = "reasoningContent"
_CALL: Final = "toolUse"


class _Gathered:
    """A block that only comes whole: what the vendor's own tools were asked and gave, images."""

    __slots__ = ("kind", "pieces", "start")

    def __init__(self, kind: str, start: Json) -> None:
        self.kind = kind
        self.start = start
        self.pieces: list[Any] = []

    def build(self) -> Part:
        if self.kind == "image":
            return self._build_image()
        block = dict(self.start)
        if self.kind == _CALL:
            texts = (read_text(one, "input") for one in self.pieces if isinstance(one, dict))
            block["input"] = parse_arguments("".join(texts))
        else:
            block["content"] = [
                one for piece in self.pieces if isinstance(piece, list) for one in piece
            ]
        return parse_block({self.kind: block})

    def _build_image(self) -> Part:
        sources = (read_object(one, "source") for one in self.pieces if isinstance(one, dict))
        data = "".join(read_text(source, "bytes") for source in sources)
        return Image(Media(f"image/{read_text(self.start, 'format') or 'png'}", data))


class ConverseReader:
    """Reads one streamed answer."""

    __slots__ = (
        "_begun",
        "_blocks",
        "_count",
        "_frames",
        "_gathered",
        "_over",
        "_silent",
        "_stopped",
    )

    def __init__(self) -> None:
        self._frames = MessageSplitter()
        self._begun = False
        self._stopped = False
        self._over = False
        self._count = 0
        self._blocks: dict[int, tuple[str, int]] = {}  # by the vendor's index: kind, our number
        self._gathered: dict[int, _Gathered] = {}
        self._silent: set[int] = set()  # calls without arguments so far: none is an empty object

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes."""
        events: list[Event] = []
        if not self._over:
            for message in self._frames.feed(chunk):
                if self._take(message, events):
                    break
        return events

    def conclude(self) -> list[Event]:
        """Return the end where only the counts are missing; nothing after a cut."""
        if self._over or not self._stopped or self._frames.is_pending:
            return []
        self._over = True
        return [Ended()]

    def _take(self, message: Message, events: list[Event]) -> bool:
        """Take one message; return whether the stream is over with it."""
        headers, payload = message
        value = load_object(payload)
        kind = headers.get(":message-type", "event")
        if kind != "event":
            self._over = True
            name = headers.get(":exception-type") or headers.get(":error-code") or kind
            told = value or {"message": headers.get(":error-message", "")}
            events.append(Failed(build_failure(name, told, payload)))
            return True
        if value is None:
            raise UpstreamMalformedError("an event of the stream is not a JSON object")
        take = _EVENTS.get(headers.get(":event-type", ""))
        if take is not None:
            take(self, value, events)
        return self._over

    def begin(self, value: Json, events: list[Event]) -> None:  # noqa: ARG002 - says a role only
        """Take `messageStart`."""
        if not self._begun:
            self._begun = True
            events.append(Begun("", ""))

    def open(self, value: Json, events: list[Event]) -> None:
        """Take `contentBlockStart`."""
        self.begin(value, events)
        index = read_index(value, "contentBlockIndex")
        for kind, start in read_object(value, "start").items():
            if not isinstance(start, dict):
                continue
            self._close(index, events)
            if kind == _CALL and start.get("type") != SERVER_TOOL:
                call = ToolCall(read_text(start, "toolUseId"), read_text(start, "name"), "")
                self._silent.add(self._open(index, kind, call, events))
            else:
                self._gathered[index] = _Gathered(kind, start)

    def grow(self, value: Json, events: list[Event]) -> None:
        """Take `contentBlockDelta`."""
        index = read_index(value, "contentBlockIndex")
        delta = value.get("delta")
        if not isinstance(delta, dict):
            return
        text = delta.get("text")
        if text is not None and index not in self._gathered:
            if isinstance(text, str):
                number = self._find(index, _TEXT, events)
                if text:
                    events.append(PartDelta(0, number, text))
            return
        self._grow_other(index, delta, events)

    def _grow_other(self, index: int, delta: Json, events: list[Event]) -> None:
        for kind, more in delta.items():
            gathered = self._gathered.get(index)
            if gathered is not None:
                gathered.pieces.append(more)
            elif kind == _CALL and isinstance(more, dict):
                self._grow_call(index, read_text(more, "input"), events)
            elif kind == _REASONING and isinstance(more, dict):
                self._grow_thought(index, more, events)
            elif kind == "citation" and isinstance(more, dict):
                number = self._find(index, _TEXT, events)
                events.append(PartAdded(0, number, citation=parse_citation(more)))
            else:
                self._gathered[index] = gathered = _Gathered(kind, {})
                gathered.pieces.append(more)

    def _grow_call(self, index: int, text: str, events: list[Event]) -> None:
        number = self._find(index, _CALL, events)
        if text:
            self._silent.discard(number)
            events.append(PartDelta(0, number, text))

    def _grow_thought(self, index: int, more: Json, events: list[Event]) -> None:
        redacted = more.get("redactedContent")
        if isinstance(redacted, str):
            if self._blocks.get(index, ("",))[0] == "redacted":
                return
            self._close(index, events)
            part = Reasoning(encrypted=redacted, redacted=True, origin=ORIGIN)
            self._open(index, "redacted", part, events)
            return
        number = self._find(index, _REASONING, events)
        text, signature = more.get("text"), more.get("signature")
        if isinstance(text, str) and text:
            events.append(PartDelta(0, number, text))
        if isinstance(signature, str) and signature:
            events.append(PartAdded(0, number, signature=signature))

    def close(self, value: Json, events: list[Event]) -> None:
        """Take `contentBlockStop`."""
        self._close(read_index(value, "contentBlockIndex"), events)

    def stop(self, value: Json, events: list[Event]) -> None:
        """Take `messageStop`."""
        self.begin(value, events)
        for index in [*self._blocks, *self._gathered]:
            self._close(index, events)
        finish, sequence, detail = parse_finish(value)
        events.append(ChoiceEnded(0, finish or Finish.STOP, sequence, detail))
        self._stopped = True

    def count(self, value: Json, events: list[Event]) -> None:
        """Take `metadata`, which is the last event behind the end of the message."""
        usage = parse_usage(value)
        if usage is not None:
            events.append(Counted(usage))
        if self._stopped:
            self._over = True
            events.append(Ended())

    def _find(self, index: int, kind: str, events: list[Event]) -> int:
        """Return the number of a block's part; it begins where the block has had no start."""
        block = self._blocks.get(index)
        if block is not None and block[0] == kind:
            return block[1]
        self._close(index, events)
        return self._open(index, kind, _EMPTY[kind], events)

    def _open(self, index: int, kind: str, part: Part, events: list[Event]) -> int:
        if not self._begun:
            self.begin({}, events)
        number = self._count
        self._count += 1
        self._blocks[index] = (kind, number)
        events.append(PartBegun(0, number, part))
        return number

    def _close(self, index: int, events: list[Event]) -> None:
        gathered = self._gathered.pop(index, None)
        if gathered is not None:
            self._open(index, gathered.kind, gathered.build(), events)
        block = self._blocks.pop(index, None)
        if block is None:
            return
        number = block[1]
        if number in self._silent:
            events.append(PartDelta(0, number, "{}"))
        events.append(PartEnded(0, number))


_EMPTY: Final[Mapping[str, Part]] = {
    _TEXT: Text(""),
    _REASONING: Reasoning(origin=ORIGIN),
    _CALL: ToolCall("", "", ""),
}
_EVENTS: Final[Mapping[str, Callable[[ConverseReader, Json, list[Event]], None]]] = {
    "messageStart": ConverseReader.begin,
    "contentBlockStart": ConverseReader.open,
    "contentBlockDelta": ConverseReader.grow,
    "contentBlockStop": ConverseReader.close,
    "messageStop": ConverseReader.stop,
    "metadata": ConverseReader.count,
}
