"""A provider's stream of chunks into the hub's events.

Rule: a part is open until one of another kind begins, or its choice ends; parallel calls are told
apart by their index, or where there is none by their id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gateway.dialects.hub import (
    Audio,
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Logprobs,
    Media,
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
from gateway.dialects.openai import find_failure
from gateway.dialects.openai_chat.answer_in import (
    build_citation,
    find_detail,
    find_finish,
    find_signature,
    iter_parts,
    iter_pieces,
    read_arguments,
    read_text,
    read_usage,
)
from gateway.dialects.openai_chat.details import find_family
from gateway.dialects.spec import check_count, load_object, read_object
from gateway.dialects.sse import BlockSplitter, parse_block
from gateway.dialects.watch import DONE
from gateway.errors import UpstreamMalformedError

Json = dict[str, Any]

_TEXT: Final = Text("")
_THOUGHT: Final = Reasoning()
_REFUSAL: Final = Refusal("")


class _ChoiceReader:
    """One answer of a stream."""

    __slots__ = ("_calls", "_kind", "_next", "_open", "called", "ended", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.called = False
        self.ended = False
        self._next = 0  # number of the next part
        self._open = -1  # number of the open part that is no call
        self._kind: Any = None  # what that is
        self._calls: dict[Any, int] = {}  # open calls by index or id

    def grow(self, kind: Any, part: Part, text: str) -> Iterator[Event]:
        """Yield more text of a kind of part; one of another kind ends the open one."""
        if self._kind != kind:
            yield from self.close()
            self._open, self._kind, self._next = self._next, kind, self._next + 1
            yield PartBegun(self.number, self._open, part)
        if text:
            yield PartDelta(self.number, self._open, text)

    def add(self, **more: Any) -> Iterator[Event]:
        """Yield what else is known of the open part."""
        if self._open >= 0:
            yield PartAdded(self.number, self._open, **more)

    def put(self, part: Part) -> Iterator[Event]:
        """Yield a part that came whole."""
        yield from self.close()
        yield PartBegun(self.number, self._next, part)
        yield PartEnded(self.number, self._next)
        self._next += 1

    def call(self, given: Json, position: int) -> Iterator[Event]:
        """Yield what a delta says of one call."""
        self.called = True
        custom = read_object(given, "custom")
        function = custom or read_object(given, "function")
        call_id, name = read_text(given, "id"), read_text(function, "name")
        text = read_text(function, "input") if custom else read_arguments(function.get("arguments"))
        key = given.get("index")
        if type(key) is not int:
            key = call_id or (len(self._calls) if name else max(len(self._calls) - 1, position))
        number = self._calls.get(key)
        if number is None:
            if self._kind is not None:
                yield from self._close_plain()
            number = self._calls[key] = self._next
            self._next += 1
            signature = find_signature(given)
            part = ToolCall(call_id, name, "", custom=bool(custom), signature=signature)
            yield PartBegun(self.number, number, part)
        if text:
            yield PartDelta(self.number, number, text)

    def close(self) -> Iterator[Event]:
        """Yield the ends of what is open."""
        yield from self._close_plain()
        for number in self._calls.values():
            yield PartEnded(self.number, number)
        self._calls.clear()

    def _close_plain(self) -> Iterator[Event]:
        if self._open >= 0:
            yield PartEnded(self.number, self._open)
        self._open, self._kind = -1, None

    def end(self, reason: object) -> Iterator[Event]:
        """Yield the end of the answer; what comes after it is no part of it."""
        finish = find_finish(reason, called=self.called)
        if finish is not None and not self.ended:
            yield from self.close()
            yield ChoiceEnded(self.number, finish, detail=find_detail(reason))
            self.ended = True


class ChatReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_blocks", "_choices", "_over")

    def __init__(self) -> None:
        self._blocks = BlockSplitter()
        self._choices: dict[int, _ChoiceReader] = {}
        self._begun = False
        self._over = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes.

        Raises:
            UpstreamMalformedError: an event is no JSON object.
        """
        events: list[Event] = []
        for block in self._blocks.feed(chunk):
            if self._over:
                break
            self._take(block, events)
        return events

    def conclude(self) -> list[Event]:
        """Return the end where each choice has said why it ends: some servers send no marker."""
        events: list[Event] = []
        if not self._over and self._blocks.is_pending:
            try:
                self._take(self._blocks.pending, events)
            except UpstreamMalformedError:
                return events  # half an event: the stream was cut
        choices = self._choices.values()
        if not self._over and choices and all(choice.ended for choice in choices):
            self._over = True
            events.append(Ended())
        return events

    def _take(self, block: bytes, events: list[Event]) -> None:
        # Nearly all events are one such line: without a parse of its fields.
        data = block[6:] if block.startswith(b"data: {") and b"\n" not in block else None
        if data is None:
            event = parse_block(block)
            data = b"" if event is None else event.data.strip()
        if not data:
            return
        if data == DONE:
            self._over = True
            for choice in self._choices.values():
                events.extend(choice.close())
            events.append(Ended())
            return
        value = load_object(data)
        if value is None:
            raise UpstreamMalformedError("an event of the provider's stream cannot be read")
        failure = find_failure(value, data)
        if failure is not None:
            self._over = True
            events.append(Failed(failure))
            return
        self._read(value, events)

    def _read(self, value: Json, events: list[Event]) -> None:
        choices = value.get("choices")
        if not self._begun and (choices or value.get("id")):
            self._begun = True
            events.append(
                Begun(
                    read_text(value, "id"),
                    read_text(value, "model"),
                    check_count(value.get("created")),
                    read_text(value, "service_tier") or None,
                )
            )
        for position, choice in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(choice, dict):
                self._read_choice(choice, position, events)
        if value.get("usage") or "x_groq" in value:
            usage = read_usage(value)
            if usage is not None:
                events.append(Counted(usage))

    def _read_choice(self, choice: Json, position: int, events: list[Event]) -> None:
        number = choice.get("index")
        if type(number) is not int:
            number = position
        reader = self._choices.get(number)
        if reader is None:
            reader = self._choices[number] = _ChoiceReader(number)
        if reader.ended:
            return
        delta = choice.get("delta")
        if isinstance(delta, dict):
            _read_delta(reader, delta, events)
        elif isinstance(choice.get("message"), dict):  # a whole answer as one event
            for part in iter_parts(choice["message"]):
                reader.called = reader.called or isinstance(part, ToolCall)
                events.extend(reader.put(part))
        logprobs = choice.get("logprobs")
        if logprobs and isinstance(logprobs, dict):
            events.append(Logprobs(number, logprobs))
        reason = choice.get("finish_reason")
        if reason is not None:
            events.extend(reader.end(reason))


def _read_delta(reader: _ChoiceReader, delta: Json, events: list[Event]) -> None:
    content = delta.get("content")
    if len(delta) == 1 and type(content) is str:  # what nearly all deltas are
        if content:
            events.extend(reader.grow("text", _TEXT, content))
        return
    _read_thoughts(reader, delta, events)
    if isinstance(content, str):
        if content:
            events.extend(reader.grow("text", _TEXT, content))
    elif isinstance(content, list):
        for kind, text in iter_pieces(content):
            part: Part = _THOUGHT if kind == "thinking" else _TEXT
            events.extend(reader.grow(kind, part, text))
    notes = delta.get("annotations")
    for note in notes if isinstance(notes, list) else ():
        citation = build_citation(note)
        if citation is not None:
            events.extend(reader.grow("text", _TEXT, ""))
            events.extend(reader.add(citation=citation))
    _read_rest(reader, delta, events)


def _read_rest(reader: _ChoiceReader, delta: Json, events: list[Event]) -> None:
    refusal = delta.get("refusal")
    if isinstance(refusal, str) and refusal:
        events.extend(reader.grow("refusal", _REFUSAL, refusal))
    audio = read_object(delta, "audio")
    if audio:
        spoken = Audio(Media(), id=read_text(audio, "id") or None)
        events.extend(reader.grow("audio", spoken, read_text(audio, "data")))
        words = read_text(audio, "transcript")
        if words:
            events.extend(reader.add(transcript=words))
    if delta.get("images"):
        for image in iter_parts({"images": delta["images"]}):
            events.extend(reader.put(image))
    calls = delta.get("tool_calls")
    for position, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, dict):
            events.extend(reader.call(call, position))
    function = read_object(delta, "function_call")
    if function:
        events.extend(reader.call({"index": 0, "function": function}, 0))


def _read_thoughts(reader: _ChoiceReader, delta: Json, events: list[Event]) -> None:
    details = delta.get("reasoning_details")
    if isinstance(details, list) and details:
        for detail in details:
            if isinstance(detail, dict):
                _read_detail(reader, detail, events)
        return
    text = read_text(delta, "reasoning_content") or read_text(delta, "reasoning")
    if text:
        events.extend(reader.grow("thinking", _THOUGHT, text))


def _read_detail(reader: _ChoiceReader, detail: Json, events: list[Event]) -> None:
    """Read one of OpenRouter's details: text, a signature behind it, what is encrypted."""
    origin = find_family(detail.get("format"))
    item = read_text(detail, "id") or None
    kind = detail.get("type")
    if kind == "reasoning.encrypted":
        data = read_text(detail, "data")
        events.extend(reader.put(Reasoning(encrypted=data, redacted=True, origin=origin, id=item)))
        return
    is_summary = kind == "reasoning.summary"
    text = read_text(detail, "summary" if is_summary else "text")
    if not text and not read_text(detail, "signature"):
        return
    part = Reasoning(origin=origin, id=item, summary=is_summary)
    events.extend(reader.grow(("thinking", is_summary), part, text))
    signature = read_text(detail, "signature")
    if signature:
        events.extend(reader.add(signature=signature))
