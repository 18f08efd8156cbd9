"""A provider's stream of chunks into the hub's events.

Rule: a part is open until one of another kind begins, or its choice ends; which call a piece
belongs to, `calls` knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gateway.dialects.hub import (
    Audio,
    Begun,
    ChoiceEnded,
    Citation,
    Counted,
    Ended,
    Event,
    Failed,
    Family,
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
from gateway.dialects.openai import build_failure, find_failure
from gateway.dialects.openai_chat.answer_in import (
    build_citation,
    find_detail,
    find_finish,
    find_sources,
    iter_parts,
    iter_pieces,
    read_text,
    read_usage,
)
from gateway.dialects.openai_chat.calls import CallsReader
from gateway.dialects.openai_chat.details import find_family
from gateway.dialects.spec import StreamFailure, check_count, load_object, read_object
from gateway.dialects.sse import BlockSplitter, parse_block
from gateway.dialects.watch import DONE
from gateway.errors import UpstreamMalformedError

Json = dict[str, Any]

_TEXT: Final = Text("")
_THOUGHT: Final = Reasoning()
_REFUSAL: Final = Refusal("")
_PLAIN_THOUGHTS: Final = "thinking"


class _ChoiceReader:
    """One answer of a stream."""

    __slots__ = (
        "_kind",
        "_next",
        "_open",
        "_refused",
        "calls",
        "ended",
        "number",
        "paragraph",
        "signatures",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.ended = False
        self.calls = CallsReader(number)
        self.signatures: dict[str, str] = {}  # Gemini's, by the id of the call that is to come
        self.paragraph: object = None  # which one of a summary is open
        self._next = 0  # number of the next part
        self._open = -1  # number of the open part that is no call
        self._kind: Any = None  # what that is
        self._refused = False

    def grow(self, kind: Any, part: Part, text: str) -> Iterator[Event]:
        """Yield more text of a kind of part; one of another kind ends the open one."""
        if self._kind != kind:
            yield from self.close()
            self._open, self._kind, self._next = self._next, kind, self._next + 1
            self._refused = self._refused or part is _REFUSAL
            yield PartBegun(self.number, self._open, part)
        if text:
            yield PartDelta(self.number, self._open, text)

    def add(self, **more: Any) -> Iterator[Event]:
        """Yield what else is known of the open part."""
        if self._open >= 0:
            yield PartAdded(self.number, self._open, **more)

    def is_open(self, kind: Any) -> bool:
        """Tell whether a part of this kind is open."""
        return self._open >= 0 and bool(self._kind == kind)

    def put(self, part: Part) -> Iterator[Event]:
        """Yield a part that came whole."""
        yield from self.close()
        self._refused = self._refused or isinstance(part, Refusal)
        yield PartBegun(self.number, self._next, part)
        yield PartEnded(self.number, self._next)
        self._next += 1

    def call(self, given: Json) -> Iterator[Event]:
        """Yield what a delta says of one call."""
        if self._open >= 0:
            yield from self._close_plain()
        for event in self.calls.take(given, self._next, self.signatures):
            self._next += type(event) is PartBegun
            yield event

    def close(self) -> Iterator[Event]:
        """Yield the ends of what is open."""
        yield from self._close_plain()
        if self.calls.is_open:
            for event in self.calls.close(self._next):
                self._next += type(event) is PartBegun
                yield event

    def _close_plain(self) -> Iterator[Event]:
        if self._open >= 0:
            yield PartEnded(self.number, self._open)
        self._open, self._kind = -1, None

    def end(self, reason: object) -> Iterator[Event]:
        """Yield the end of the answer; what comes after it is no part of it."""
        if self.ended or not isinstance(reason, str) or not reason:
            return
        yield from self.close()
        for call_id, signature in self.signatures.items():  # of no call that came
            origin = Family.GEMINI
            thought = Reasoning(encrypted=signature, redacted=True, origin=origin, id=call_id)
            yield from self.put(thought)
        finish = find_finish(reason, called=self.calls.called, refused=self._refused)
        assert finish is not None, "there is a reason"  # noqa: S101
        yield ChoiceEnded(self.number, finish, detail=find_detail(reason))
        self.ended = True


class ChatReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_blocks", "_choices", "_over", "_sources")

    def __init__(self) -> None:
        self._blocks = BlockSplitter()
        self._choices: dict[int, _ChoiceReader] = {}
        self._sources: tuple[Citation, ...] = ()  # the last ones: they come with each chunk
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
        kind = None
        # Nearly all events are one such line: without a parse of its fields.
        if block.startswith(b"data: {") and b"\n" not in block:
            data = block[6:]
        else:
            event = parse_block(block)
            if event is None:
                return
            data, kind = event.data.strip(), event.event
            if not data:
                return
        if data == DONE:
            self._finish(events)
            return
        value = load_object(data)
        if value is None:
            raise UpstreamMalformedError("an event of the provider's stream cannot be read")
        failure = find_failure(value, data)
        if failure is None and kind == "error":
            failure = build_failure(value, data)
        if failure is not None:
            self._fail(failure, events)
        else:
            self._read(value, data, events)

    def _finish(self, events: list[Event]) -> None:
        """Take the end marker; an answer that has not said why it ends has ended of itself."""
        for choice in self._choices.values():
            self._end(choice, "stop", events)
        self._over = True
        events.append(Ended())

    def _fail(self, failure: StreamFailure, events: list[Event]) -> None:
        self._over = True
        events.append(Failed(failure))

    def _read(self, value: Json, data: bytes, events: list[Event]) -> None:
        choices = value.get("choices")
        if "search_results" in value or "citations" in value:
            self._sources = find_sources(value)
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
                if choice.get("error"):  # OpenRouter's place for the error of a model's host
                    self._fail(build_failure(choice["error"], data), events)
                    return
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
                reader.calls.called = reader.calls.called or isinstance(part, ToolCall)
                events.extend(reader.put(part))
        logprobs = choice.get("logprobs")
        if logprobs and isinstance(logprobs, dict):
            events.append(Logprobs(number, logprobs))
        reason = choice.get("finish_reason")
        if reason:
            self._end(reader, reason, events)

    def _end(self, choice: _ChoiceReader, reason: object, events: list[Event]) -> None:
        if self._sources and choice.is_open("text"):
            for citation in self._sources:
                events.extend(choice.add(citation=citation))
        events.extend(choice.end(reason))


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
        _read_pieces(reader, content, events)
    if delta.get("annotations"):
        _read_notes(reader, delta["annotations"], events)
    _read_media(reader, delta, events)
    calls = delta.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            events.extend(reader.call(call))
    function = read_object(delta, "function_call")
    if function:
        events.extend(reader.call({"index": 0, "function": function}))


def _read_pieces(reader: _ChoiceReader, content: list[Any], events: list[Event]) -> None:
    """Read Mistral's lists of content."""
    for part in iter_pieces(content):
        if isinstance(part, Text):
            events.extend(reader.grow("text", _TEXT, part.text))
        elif isinstance(part, Reasoning):
            events.extend(reader.grow(_PLAIN_THOUGHTS, _THOUGHT, part.text))
        else:
            events.extend(reader.put(part))


def _read_notes(reader: _ChoiceReader, notes: Any, events: list[Event]) -> None:
    for note in notes if isinstance(notes, list) else ():
        citation = build_citation(note)
        if citation is not None:
            events.extend(reader.grow("text", _TEXT, ""))
            events.extend(reader.add(citation=citation))


def _read_media(reader: _ChoiceReader, delta: Json, events: list[Event]) -> None:
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


def _read_thoughts(reader: _ChoiceReader, delta: Json, events: list[Event]) -> None:
    """Read thoughts; where there are details, the text beside them says the same."""
    details = delta.get("reasoning_details")
    told = False
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            told = _read_detail(reader, detail, events) or told
    text = read_text(delta, "reasoning_content") or read_text(delta, "reasoning")
    if text and not told:
        events.extend(reader.grow(_PLAIN_THOUGHTS, _THOUGHT, text))


def _read_detail(reader: _ChoiceReader, detail: Json, events: list[Event]) -> bool:
    """Read one of OpenRouter's details; return whether it held text."""
    origin = find_family(detail.get("format"))
    item = read_text(detail, "id") or None
    kind = detail.get("type")
    is_summary = kind == "reasoning.summary"
    summary = ("summary", origin, item)
    if kind == "reasoning.encrypted":
        data = read_text(detail, "data")
        if not data:
            return False
        if item is not None and origin is Family.GEMINI and not reader.calls.knows(item):
            reader.signatures[item] = data
        elif reader.is_open(summary):  # the same thoughts, unreadable
            events.extend(reader.add(encrypted=data))
        else:
            part = Reasoning(encrypted=data, redacted=True, origin=origin, id=item)
            events.extend(reader.put(part))
        return False
    text = read_text(detail, "summary" if is_summary else "text")
    signature = read_text(detail, "signature")
    if not text and not signature:
        return False
    part = Reasoning(origin=origin, id=item, summary=is_summary)
    # A signature's detail may lack the format that the text's had.
    kind = summary if is_summary else ("details", detail.get("index"))
    is_new = not reader.is_open(kind)
    if is_summary and (is_new or reader.paragraph != detail.get("index")):
        reader.paragraph = detail.get("index")
        events.extend(reader.grow(kind, part, ""))
        events.extend(reader.add(paragraph=True))
    events.extend(reader.grow(kind, part, text))
    if signature:
        events.extend(reader.add(signature=signature))
    return bool(text)
