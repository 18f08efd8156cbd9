"""The hub's events for a client: a stream of `chat.completion.chunk`.

Rule: one delta says one thing; what repeats in each chunk is written once and kept as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from gateway.dialects.hub import (
    Asked,
    Audio,
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Image,
    Logprobs,
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
from gateway.dialects.hub.carry import build_id
from gateway.dialects.openai import dump_error
from gateway.dialects.openai_chat.answer_out import (
    dump_call,
    dump_citation,
    dump_finish,
    dump_usage,
    is_custom,
    read_input,
    show_opaque,
)
from gateway.dialects.openai_chat.details import find_format
from gateway.dialects.openai_chat.messages_out import dump_url
from gateway.dialects.spec import Usage, dump_json
from gateway.errors import LockgateError

Json = dict[str, Any]

_DONE: Final = b"data: [DONE]\n\n"


class _Open:
    """A part that is being written."""

    __slots__ = ("held", "length", "part", "position")

    def __init__(self, part: Part, position: int) -> None:
        self.part = part
        self.position = position  # of a call among the calls, of a thought among the thoughts
        self.held: list[str] = []  # arguments of a custom tool, which come whole
        self.length = 0


class ChatWriter:
    """Writes one stream."""

    __slots__ = (
        "_asked",
        "_calls",
        "_greeted",
        "_head",
        "_open",
        "_tail",
        "_thoughts",
        "_usage",
        "_writers",
    )

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._head = b""
        # With the counts asked for, each chunk has the field, and the last one its value.
        self._tail = b',"usage":null}\n\n' if asked.request.include_usage else b"}\n\n"
        self._open: dict[tuple[int, int], _Open] = {}
        self._greeted: set[int] = set()
        self._calls: dict[int, int] = {}
        self._thoughts: dict[int, int] = {}
        self._usage: Usage | None = None
        self._writers: dict[type, Callable[[Any, list[bytes]], None]] = {
            Begun: self._begin,
            PartBegun: self._begin_part,
            PartDelta: self._grow,
            PartAdded: self._add,
            PartEnded: self._end_part,
            Logprobs: self._put_logprobs,
            ChoiceEnded: self._end_choice,
            Counted: self._count,
            Ended: self._end,
        }

    def write(self, events: Iterable[Event]) -> bytes:
        """Return the chunks of these events."""
        out: list[bytes] = []
        for event in events:
            write = self._writers.get(type(event))
            if write is not None:  # what failed is told by `fail`
                write(event, out)
        return b"".join(out)

    def fail(self, error: LockgateError) -> bytes:
        """Return the error as the last event; no end marker follows."""
        return b"data: " + dump_error(error, self._asked.request_id) + b"\n\n"

    # --- chunks -----------------------------------------------------------------------------

    def _begin(self, event: Begun, out: list[bytes]) -> None:
        del out
        head = {
            "id": event.id or build_id("chatcmpl-", self._asked.request_id),
            "object": "chat.completion.chunk",
            "created": event.created_s or self._asked.now_s,
            "model": event.model or self._asked.request.model,
        }
        self._head = b"data: " + dump_json(head)[:-1] + b',"choices":['

    def _put(
        self, choice: int, delta: Json, out: list[bytes], reason: str | None = None, **more: Any
    ) -> None:
        if not self._head:
            self._begin(Begun("", ""), out)
        if choice not in self._greeted:
            self._greeted.add(choice)
            delta = {"role": "assistant", "content": "", "refusal": None} | delta
        value = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": reason} | more
        out.append(self._head + dump_json(value) + b"]" + self._tail)

    # --- parts ------------------------------------------------------------------------------

    def _begin_part(self, event: PartBegun, out: list[bytes]) -> None:
        part, choice = event.part, event.choice
        opened = self._open[choice, event.number] = _Open(part, 0)
        if isinstance(part, ToolCall):
            opened.position = self._calls.get(choice, 0)
            self._calls[choice] = opened.position + 1
            if not is_custom(self._asked, part):
                self._put_call(event, part, opened, out)
        elif isinstance(part, Reasoning):
            opened.position = self._thoughts.get(choice, 0)
            self._thoughts[choice] = opened.position + 1
            if part.encrypted is not None:
                self._put_detail(choice, opened, out, data=part.encrypted)
        elif isinstance(part, Image):
            image = {"type": "image_url", "image_url": {"url": dump_url(part.media, "image/png")}}
            self._put(choice, {"images": [image]}, out)
        elif isinstance(part, Opaque):
            self._put(choice, {"content": show_opaque(part)}, out)
        elif isinstance(part, Audio) and part.id is not None:
            self._put(choice, {"audio": {"id": part.id}}, out)
        text = getattr(part, "arguments" if isinstance(part, ToolCall) else "text", "")
        if text and not isinstance(part, Opaque):
            self._grow(PartDelta(choice, event.number, text), out)

    def _put_call(self, event: PartBegun, part: ToolCall, opened: _Open, out: list[bytes]) -> None:
        number = f"{event.choice}.{event.number}"
        call = dump_call(part, self._asked, number) | {"index": opened.position}
        call["function"]["arguments"] = ""
        self._put(event.choice, {"tool_calls": [call]}, out)

    def _grow(self, event: PartDelta, out: list[bytes]) -> None:
        opened = self._open.get((event.choice, event.number))
        if opened is None or not event.text:
            return
        part, text = opened.part, event.text
        if type(part) is Text:
            opened.length += len(text)
            self._put(event.choice, {"content": text}, out)
        elif type(part) is Reasoning:
            self._think(event.choice, opened, part, text, out)
        elif type(part) is ToolCall:
            if is_custom(self._asked, part):
                opened.held.append(text)
            else:
                call = {"index": opened.position, "function": {"arguments": text}}
                self._put(event.choice, {"tool_calls": [call]}, out)
        elif type(part) is Refusal:
            self._put(event.choice, {"refusal": text}, out)
        elif type(part) is Audio:
            self._put(event.choice, {"audio": {"data": text}}, out)

    def _think(
        self, choice: int, opened: _Open, part: Reasoning, text: str, out: list[bytes]
    ) -> None:
        name = "summary" if part.summary else "text"
        detail = self._build_detail(opened, part, name) | {name: text}
        self._put(choice, {"reasoning_content": text, "reasoning_details": [detail]}, out)

    def _build_detail(self, opened: _Open, part: Reasoning, kind: str) -> Json:
        return {
            "type": f"reasoning.{kind}",
            "id": part.id,
            "format": find_format(part.origin),
            "index": opened.position,
        }

    def _put_detail(self, choice: int, opened: _Open, out: list[bytes], **fields: str) -> None:
        part = opened.part
        assert isinstance(part, Reasoning), "only thoughts have details"  # noqa: S101
        kind = "encrypted" if "data" in fields else "text"
        detail = self._build_detail(opened, part, kind) | fields
        self._put(choice, {"reasoning_details": [detail]}, out)

    def _add(self, event: PartAdded, out: list[bytes]) -> None:
        opened = self._open.get((event.choice, event.number))
        if opened is None:
            return
        if isinstance(opened.part, Reasoning):
            if event.signature is not None:
                self._put_detail(event.choice, opened, out, signature=event.signature, text="")
            if event.encrypted is not None:
                self._put_detail(event.choice, opened, out, data=event.encrypted)
        if event.citation is not None:
            note = dump_citation(event.citation, opened.length)
            self._put(event.choice, {"annotations": [note]}, out)
        if event.transcript is not None:
            self._put(event.choice, {"audio": {"transcript": event.transcript}}, out)

    def _end_part(self, event: PartEnded, out: list[bytes]) -> None:
        opened = self._open.pop((event.choice, event.number), None)
        if opened is None or not isinstance(opened.part, ToolCall):
            return
        if is_custom(self._asked, opened.part):  # its text stands in an object, to be read whole
            part = opened.part
            whole = ToolCall(
                part.id, part.name, "".join(opened.held), custom=part.custom,
                signature=part.signature,
            )  # fmt: skip
            call = dump_call(whole, self._asked, f"{event.choice}.{event.number}")
            call["custom"]["input"] = read_input(whole)
            self._put(event.choice, {"tool_calls": [call | {"index": opened.position}]}, out)

    # --- the end ----------------------------------------------------------------------------

    def _put_logprobs(self, event: Logprobs, out: list[bytes]) -> None:
        self._put(event.choice, {}, out, logprobs=event.value)

    def _end_choice(self, event: ChoiceEnded, out: list[bytes]) -> None:
        self._put(event.choice, {}, out, dump_finish(event.finish))

    def _count(self, event: Counted, out: list[bytes]) -> None:
        del out
        self._usage = event.usage

    def _end(self, _event: Ended, out: list[bytes]) -> None:
        if self._asked.request.include_usage and self._usage is not None:
            if not self._head:
                self._begin(Begun("", ""), out)
            counts = dump_json(dump_usage(self._usage))
            out.append(self._head + b'],"usage":' + counts + b"}\n\n")
        out.append(_DONE)
