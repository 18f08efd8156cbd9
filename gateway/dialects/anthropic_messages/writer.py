"""A streamed answer for a client, event by event.

Source: Anthropic's API reference, "Streaming messages"; recordings. Blocks come one behind the
other and their index has no gaps, whatever the provider's parts do.

The message begins with the first part, with the counts that came by then; the true ones stand in
message_delta. Text and thoughts are opened with their first letter: without any the one is no
block (nobody takes an empty one back), the others are a redacted block. A call is opened once the
tool's name is known, one with free text once that is whole.

Rule: message_stop follows the provider's own end alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.dialects.anthropic_messages.answer_out import (
    begin_call,
    dump_citations,
    dump_end,
    dump_message,
    dump_usage,
    is_hidden,
    show,
    shows_thoughts,
)
from gateway.dialects.anthropic_messages.thoughts import BETWEEN, hide, sign
from gateway.dialects.anthropic_messages.watch import dump_error
from gateway.dialects.hub import (
    Asked,
    Audio,
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Finish,
    Opaque,
    Part,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    Refusal,
    Sequencer,
    Text,
    ToolCall,
)
from gateway.dialects.spec import Usage, dump_json
from gateway.errors import LockgateError

_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_CLOSING: Final = b"}}\n\n"
# The delta of a block, and the field that grows by it.
_DELTAS: Final[Mapping[type, tuple[str, str]]] = {
    Text: ("text_delta", "text"),
    ToolCall: ("input_json_delta", "partial_json"),
    Reasoning: ("thinking_delta", "thinking"),
}


class MessagesWriter:
    """Writes one answer; of several choices the first."""

    __slots__ = (
        "_asked",
        "_begun",
        "_call",
        "_end",
        "_index",
        "_is_begun",
        "_is_open",
        "_lengths",
        "_number",
        "_opening",
        "_part",
        "_seen",
        "_sequencer",
        "_texts",
        "_usage",
    )

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._sequencer = Sequencer()
        self._begun = Begun("", "")
        self._is_begun = False
        self._usage: Usage | None = None
        self._index = 0  # of the open block, or of the next one
        self._number = 0  # of its part
        self._is_open = False
        self._opening = b""  # of the open block's deltas; empty where they are not shown
        self._part: Part | None = None  # what is known of the part that has begun
        self._texts: list[str] = []  # of a part whose block cannot be opened yet, or of a refusal
        self._lengths: list[int] = []  # of the paragraphs of thoughts
        self._seen: list[Part] = []  # what matters to the reason of the end
        self._end: ChoiceEnded | None = None

    def write(self, events: Iterable[Event]) -> bytes:
        """Return whole events; errors of the provider are for `fail`."""
        out: list[bytes] = []
        for event in self._sequencer.order(events):
            write = _WRITERS.get(type(event))
            if write is not None:
                write(self, event, out)
        return b"".join(out)

    def fail(self, error: LockgateError) -> bytes:
        """Return an error event."""
        return b"event: error\ndata: " + dump_error(error, self._asked.request_id) + b"\n\n"

    def _take_begun(self, event: Begun, _out: list[bytes]) -> None:
        self._begun = event

    def _take_counts(self, event: Counted, _out: list[bytes]) -> None:
        self._usage = event.usage

    def _begin(self, out: list[bytes]) -> None:
        """Begin the message."""
        self._is_begun = True
        message = dump_message(self._begun.id, self._begun.model, self._asked)
        message["usage"] = dump_usage(self._usage, self._begun.service_tier)
        out += (_dump("message_start", {"message": message}), _PING)

    def _begin_part(self, event: PartBegun, out: list[bytes]) -> None:
        if event.choice:
            return
        if not self._is_begun:
            self._begin(out)
        if self._part is not None:  # one that never ended
            self._close(out)
        self._number = event.number
        self._texts = []
        self._lengths = []
        self._part = part = event.part
        if isinstance(part, Reasoning):
            if part.text:
                self._grow(part.text, out)
        elif isinstance(part, ToolCall) and (part.custom or not part.name):
            self._texts.append(part.arguments)
            self._part = dataclasses.replace(part, arguments="")
        elif not isinstance(part, Text) or part.text or part.citations:
            self._open(out)

    def _open(self, out: list[bytes]) -> None:
        """Open the block of the part that has begun, if it is to have one."""
        part = self._part
        if part is None or self._is_open:
            return
        shown = show(part)
        if shown is None:
            return
        self._is_open = True
        out.append(_dump("content_block_start", self._at(content_block=self._build_start(shown))))
        kind, field = _DELTAS.get(type(shown), ("", ""))
        if not kind or isinstance(part, Audio):
            self._opening = b""
        else:
            self._opening = _open_delta(self._index, kind, field)
        if isinstance(shown, Text | ToolCall):
            text = shown.text if isinstance(shown, Text) else shown.arguments
            self._write_delta(text, out) if self._opening else self._write_text(text, out)
            if isinstance(shown, Text):
                self._cite(shown, out)

    def _build_start(self, shown: Text | ToolCall | Reasoning | Opaque) -> dict[str, Any]:
        if isinstance(shown, Text):
            return {"type": "text", "text": ""}
        if isinstance(shown, ToolCall):
            return begin_call(shown, self._asked, self._number)
        if isinstance(shown, Reasoning):
            return {"type": "thinking", "thinking": "", "signature": ""}
        return dict(shown.value)

    def _take_delta(self, event: PartDelta, out: list[bytes]) -> None:
        if event.choice or not event.text:
            return
        if self._opening and self._part.__class__ in _PLAIN:  # what nearly all events are
            out.append(self._opening + dump_json(event.text) + _CLOSING)
            return
        self._grow(event.text, out)

    def _grow(self, text: str, out: list[bytes]) -> None:
        part = self._part
        if isinstance(part, Reasoning):
            if self._lengths:
                self._lengths[-1] += len(text)
            self._open(out)
            if shows_thoughts(self._asked):
                self._write_delta(text, out)
        elif isinstance(part, Text):
            self._open(out)
        elif isinstance(part, Refusal) or not self._is_open:
            self._texts.append(text)
        if self._is_open and not isinstance(part, Reasoning):
            self._write_delta(text, out)

    def _write_delta(self, text: str, out: list[bytes]) -> None:
        if text and self._opening:
            out.append(self._opening + dump_json(text) + _CLOSING)

    def _write_text(self, text: str, out: list[bytes]) -> None:
        if text:
            opening = _open_delta(self._index, "text_delta", "text")
            out.append(opening + dump_json(text) + _CLOSING)

    def _cite(self, text: Text, out: list[bytes]) -> None:
        for citation in dump_citations(text.citations):
            delta = {"type": "citations_delta", "citation": citation}
            out.append(_dump("content_block_delta", self._at(delta=delta)))

    def _add(self, event: PartAdded, out: list[bytes]) -> None:
        part = self._part
        if event.choice or part is None:
            return
        if isinstance(part, Reasoning):
            self._add_thought(part, event, out)
        elif isinstance(part, ToolCall):
            self._part = dataclasses.replace(
                part,
                id=part.id if event.id is None else event.id,
                name=part.name if event.name is None else event.name,
                signature=part.signature if event.signature is None else event.signature,
            )
            if event.name and not part.custom:
                self._open_late(out)
        elif isinstance(part, Text) and event.citation is not None:
            self._open(out)
            self._cite(Text("", (event.citation,)), out)
        elif isinstance(part, Audio) and event.transcript and self._is_open:
            self._write_text(event.transcript, out)

    def _add_thought(self, part: Reasoning, event: PartAdded, out: list[bytes]) -> None:
        if event.paragraph:
            if self._lengths and shows_thoughts(self._asked):
                self._write_delta(BETWEEN, out)
            self._lengths.append(0)
        changes = {
            name: value
            for name in ("signature", "encrypted")
            if (value := getattr(event, name)) is not None
        }
        if changes:
            self._part = dataclasses.replace(part, **changes)

    def _open_late(self, out: list[bytes]) -> None:
        """Open the block of a call that had to wait, with what has come of it."""
        if self._is_open:
            return
        self._open(out)
        text = "".join(self._texts)
        is_custom = isinstance(self._part, ToolCall) and self._part.custom
        self._write_delta(dump_json({"input": text}).decode() if is_custom else text, out)
        self._texts = []

    def _end_part(self, event: PartEnded, out: list[bytes]) -> None:
        if not event.choice and self._part is not None:
            self._close(out)

    def _close(self, out: list[bytes]) -> None:
        part = self._part
        if isinstance(part, ToolCall):
            self._open_late(out)
            self._seen.append(ToolCall("", "", ""))
        elif isinstance(part, Refusal):
            self._seen.append(Refusal(part.text + "".join(self._texts)))
        elif isinstance(part, Reasoning):
            self._close_thoughts(part, out)
        if self._is_open:
            out.append(_dump("content_block_stop", self._at()))
            self._index += 1
        self._is_open = False
        self._opening = b""
        self._part = None

    def _close_thoughts(self, part: Reasoning, out: list[bytes]) -> None:
        if not self._is_open and is_hidden(part):
            block = {"type": "redacted_thinking", "data": hide(part)}
            out.append(_dump("content_block_start", self._at(content_block=block)))
            self._is_open = True
            return
        if part.signature is not None:
            self._open(out)
        if self._is_open:
            lengths = self._lengths if shows_thoughts(self._asked) else ()
            delta = {"type": "signature_delta", "signature": sign(part, lengths)}
            out.append(_dump("content_block_delta", self._at(delta=delta)))

    def _take_end(self, event: ChoiceEnded, out: list[bytes]) -> None:
        if event.choice:
            return
        if not self._is_begun:
            self._begin(out)
        if self._part is not None:
            self._close(out)
        self._end = event  # counts may come behind it

    def _finish(self, _event: Ended, out: list[bytes]) -> None:
        end = self._end or ChoiceEnded(0, Finish.STOP)
        self._take_end(end, out)
        delta = dump_end(end.finish, end.stop_sequence, end.detail, self._seen)
        usage = dump_usage(self._usage)
        del usage["cache_creation"]  # stands in message_start alone
        out += (_dump("message_delta", {"delta": delta, "usage": usage}), _STOP)

    def _at(self, **fields: Any) -> dict[str, Any]:
        return {"index": self._index, **fields}


_PLAIN: Final = frozenset({Text, ToolCall})
_WRITERS: Final[Mapping[type, Callable[[MessagesWriter, Any, list[bytes]], None]]] = {
    PartDelta: MessagesWriter._take_delta,  # noqa: SLF001  the class's own table
    PartBegun: MessagesWriter._begin_part,  # noqa: SLF001
    PartAdded: MessagesWriter._add,  # noqa: SLF001
    PartEnded: MessagesWriter._end_part,  # noqa: SLF001
    Counted: MessagesWriter._take_counts,  # noqa: SLF001
    Begun: MessagesWriter._take_begun,  # noqa: SLF001
    ChoiceEnded: MessagesWriter._take_end,  # noqa: SLF001
    Ended: MessagesWriter._finish,  # noqa: SLF001
}


def _dump(kind: str, fields: Mapping[str, Any]) -> bytes:
    data = dump_json({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _open_delta(index: int, kind: str, field: str) -> bytes:
    return (
        'event: content_block_delta\ndata: {"type":"content_block_delta",'
        f'"index":{index},"delta":{{"type":"{kind}","{field}":'
    ).encode()
