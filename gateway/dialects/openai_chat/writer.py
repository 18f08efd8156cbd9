"""The hub's events for a client: a stream of `chat.completion.chunk`.

OpenAI's SDK adds deltas up: texts are joined, whatever they mean, and entries of lists need an
`index`. What is joined that way has to be the message that a client gives back.

Rule: one delta says one thing; what repeats in each chunk is written once and kept as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

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
    PARAGRAPH,
    asks_with_functions,
    dump_call,
    dump_citation,
    dump_finish,
    dump_image,
    dump_usage,
    is_custom,
    show_opaque,
)
from gateway.dialects.openai_chat.details import find_format
from gateway.dialects.spec import Usage, dump_json
from gateway.errors import LockgateError

Json = dict[str, Any]

_DONE: Final = b"data: [DONE]\n\n"
# Parts that grow by text alone, and the field of a delta that each grows in.
_FIELDS: Final[dict[type, str]] = {Text: "content", Refusal: "refusal"}
_END: Final = b',"logprobs":null,"finish_reason":null}]'


class _Choice:
    """One answer of the stream: what of it has been written."""

    __slots__ = ("calls", "details", "greeted", "images", "length", "notes", "refused", "start")

    def __init__(self, number: int) -> None:
        self.start = b'{"index":' + str(number).encode() + b',"delta":'
        self.greeted = False
        self.calls = 0
        self.details = 0  # thoughts, or paragraphs of them
        self.notes = 0
        self.images = 0
        self.length = 0  # characters of the text
        self.refused = False  # whether there are words of refusal


class _Open:
    """A part that is being written."""

    __slots__ = (
        "base",
        "choice",
        "custom",
        "described",
        "field",
        "held",
        "lead",
        "part",
        "position",
        "written",
    )

    def __init__(self, part: Part, choice: _Choice) -> None:
        self.part = part
        self.choice = choice
        self.field = _FIELDS.get(type(part), "")
        self.position = 0  # of a call among the calls, of a thought among the details
        self.base = choice.length  # characters of the text before it
        self.custom = False  # a custom tool's call, whose text stands in an object: written whole
        self.described = -1  # the last detail whose issuer has been told
        self.held: list[str] = []
        self.lead = ""  # what sets a paragraph of thoughts apart from the one before
        self.written = False  # whether it has grown


class ChatWriter:
    """Writes one stream."""

    __slots__ = (
        "_asked",
        "_choices",
        "_functions",
        "_head",
        "_open",
        "_tail",
        "_usage",
        "_writers",
    )

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._functions = asks_with_functions(asked)
        self._head = b""
        # With the counts asked for, each chunk has the field, and the last one its value.
        self._tail = b',"usage":null}\n\n' if asked.request.include_usage else b"}\n\n"
        self._open: dict[tuple[int, int], _Open] = {}
        self._choices: dict[int, _Choice] = {}
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

    def _begin(self, event: Begun, _out: list[bytes]) -> None:
        head = {
            "id": event.id or build_id("chatcmpl-", self._asked.request_id),
            "object": "chat.completion.chunk",
            "created": event.created_s or self._asked.now_s,
            "model": event.model or self._asked.request.model,
        }
        self._head = b"data: " + dump_json(head)[:-1] + b',"choices":['

    def _find(self, number: int, out: list[bytes]) -> _Choice:
        choice = self._choices.get(number)
        if choice is None:
            if not self._head:
                self._begin(Begun("", ""), out)
            choice = self._choices[number] = _Choice(number)
        return choice

    def _put(self, choice: _Choice, delta: Json, out: list[bytes], end: bytes = _END) -> None:
        if not choice.greeted:
            choice.greeted = True
            delta = {"role": "assistant", "content": "", "refusal": None} | delta
        try:
            dumped = orjson.dumps(delta)
        except orjson.JSONEncodeError:  # a lone surrogate
            dumped = dump_json(delta)
        out.append(b"".join((self._head, choice.start, dumped, end, self._tail)))

    # --- parts ------------------------------------------------------------------------------

    def _begin_part(self, event: PartBegun, out: list[bytes]) -> None:
        part, choice = event.part, self._find(event.choice, out)
        opened = self._open[event.choice, event.number] = _Open(part, choice)
        text = ""
        if isinstance(part, ToolCall):
            text = part.arguments
            self._begin_call(event, part, opened, out)
        elif isinstance(part, Reasoning):
            text = part.text
            self._begin_thought(part, opened, out)
        elif isinstance(part, Image):
            image = dump_image(part) | {"index": choice.images}
            choice.images += 1
            self._put(choice, {"images": [image]}, out)
        elif isinstance(part, Opaque):
            self._show(part, choice, out)
        elif isinstance(part, Audio):
            self._begin_audio(part, choice, out)
        elif isinstance(part, Text | Refusal):
            text = part.text
        if text:
            self._grow(PartDelta(event.choice, event.number, text), out)

    def _begin_call(
        self, event: PartBegun, part: ToolCall, opened: _Open, out: list[bytes]
    ) -> None:
        opened.position = opened.choice.calls
        opened.choice.calls += 1
        opened.custom = is_custom(self._asked, part)
        if not opened.custom:
            call = dump_call(part, self._asked, f"{event.choice}.{event.number}")
            call["function"]["arguments"] = ""
            self._put_call(opened, call, out)

    def _put_call(self, opened: _Open, call: Json, out: list[bytes]) -> None:
        if not self._functions:
            self._put(opened.choice, {"tool_calls": [call | {"index": opened.position}]}, out)
        elif opened.position == 0:  # the way before tools knows one call
            self._put(opened.choice, {"function_call": call["function"]}, out)

    def _begin_thought(self, part: Reasoning, opened: _Open, out: list[bytes]) -> None:
        opened.position = opened.choice.details
        opened.choice.details += 1
        if part.encrypted is not None:
            self._put_detail(opened, out, "encrypted", data=part.encrypted)

    def _begin_audio(self, part: Audio, choice: _Choice, out: list[bytes]) -> None:
        audio = {"id": part.id, "data": part.media.data, "transcript": part.transcript}
        said = {name: value for name, value in audio.items() if value}
        if said:
            self._put(choice, {"audio": said}, out)

    def _show(self, part: Opaque, choice: _Choice, out: list[bytes]) -> None:
        text = show_opaque(part)
        if text:
            choice.length += len(text)
            self._put(choice, {"content": text}, out)

    def _grow(self, event: PartDelta, out: list[bytes]) -> None:
        opened = self._open.get((event.choice, event.number))
        text = event.text
        if opened is None or not text:
            return
        choice = opened.choice
        opened.written = True
        if opened.field:
            if opened.field == "content":
                choice.length += len(text)
            else:
                choice.refused = True
            self._put(choice, {opened.field: text}, out)
        elif opened.custom:
            opened.held.append(text)
        elif type(opened.part) is ToolCall:
            if self._functions:
                self._put_call(opened, {"function": {"arguments": text}}, out)
            else:
                call = {"index": opened.position, "function": {"arguments": text}}
                self._put(choice, {"tool_calls": [call]}, out)
        elif type(opened.part) is Reasoning:
            kind = "summary" if opened.part.summary else "text"
            detail = self._build_detail(opened, kind) | {kind: text}
            shown, opened.lead = opened.lead + text, ""
            self._put(choice, {"reasoning_content": shown, "reasoning_details": [detail]}, out)
        elif type(opened.part) is Audio:
            self._put(choice, {"audio": {"data": text}}, out)

    def _build_detail(self, opened: _Open, kind: str) -> Json:
        """Return what a detail begins with; whose it is stands in the first one of its index."""
        part = opened.part
        assert isinstance(part, Reasoning), "only thoughts have details"  # noqa: S101
        detail: Json = {"type": f"reasoning.{kind}"}
        if opened.described != opened.position:
            opened.described = opened.position
            detail |= {"id": part.id, "format": find_format(part.origin)}
        detail["index"] = opened.position
        return detail

    def _put_detail(self, opened: _Open, out: list[bytes], kind: str, **fields: str) -> None:
        if kind == "encrypted" and opened.written:  # a detail of its own
            opened.position = opened.choice.details
            opened.choice.details += 1
        detail = self._build_detail(opened, kind) | fields
        self._put(opened.choice, {"reasoning_details": [detail]}, out)

    def _add(self, event: PartAdded, out: list[bytes]) -> None:
        opened = self._open.get((event.choice, event.number))
        if opened is None:
            return
        if isinstance(opened.part, Reasoning):
            self._add_thought(event, opened, out)
        if event.citation is not None:
            length = opened.choice.length - opened.base
            note = dump_citation(event.citation, opened.base, length)
            note["index"] = opened.choice.notes
            opened.choice.notes += 1
            self._put(opened.choice, {"annotations": [note]}, out)
        if event.transcript is not None:
            self._put(opened.choice, {"audio": {"transcript": event.transcript}}, out)

    def _add_thought(self, event: PartAdded, opened: _Open, out: list[bytes]) -> None:
        if event.paragraph and opened.written:
            opened.position = opened.choice.details
            opened.choice.details += 1
            opened.lead = PARAGRAPH
        if event.signature is not None:
            self._put_detail(opened, out, "text", text="", signature=event.signature)
        if event.encrypted is not None:
            self._put_detail(opened, out, "encrypted", data=event.encrypted)

    def _end_part(self, event: PartEnded, out: list[bytes]) -> None:
        opened = self._open.pop((event.choice, event.number), None)
        if opened is None or not isinstance(opened.part, ToolCall):
            return
        if opened.custom:
            part = opened.part
            whole = ToolCall(
                part.id, part.name, "".join(opened.held), custom=part.custom,
                signature=part.signature,
            )  # fmt: skip
            call = dump_call(whole, self._asked, f"{event.choice}.{event.number}")
            self._put_call(opened, call, out)
        elif not opened.written:  # clients parse what has come: nothing is no JSON
            call = {"index": opened.position, "function": {"arguments": "{}"}}
            self._put_call(opened, call, out)

    # --- the end ----------------------------------------------------------------------------

    def _put_logprobs(self, event: Logprobs, out: list[bytes]) -> None:
        end = b',"logprobs":' + dump_json(event.value) + b',"finish_reason":null}]'
        self._put(self._find(event.choice, out), {}, out, end)

    def _end_choice(self, event: ChoiceEnded, out: list[bytes]) -> None:
        choice = self._find(event.choice, out)
        reason = dump_finish(event.finish, refused=choice.refused).encode()
        if self._functions and reason == b"tool_calls":
            reason = b"function_call"
        end = b',"logprobs":null,"finish_reason":"' + reason + b'"}]'
        self._put(choice, {}, out, end)

    def _count(self, event: Counted, _out: list[bytes]) -> None:
        self._usage = event.usage

    def _end(self, _event: Ended, out: list[bytes]) -> None:
        if self._asked.request.include_usage and self._usage is not None:
            if not self._head:
                self._begin(Begun("", ""), out)
            counts = dump_json(dump_usage(self._usage))
            out.append(self._head + b'],"usage":' + counts + b"}\n\n")
        out.append(_DONE)
