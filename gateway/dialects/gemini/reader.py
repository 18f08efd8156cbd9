"""A provider's stream, as the hub's events.

Source: the Generative Language API's reference, `models.streamGenerateContent` and
`GenerateContentResponse`; recordings; the same of Vertex AI.

There is no end marker, and some models give a reason to end with every answer: so what ends a
candidate is said when the stream has ended. Text that carries a signature is a part of its own, as
its text may not be joined with another's.

Rule: a candidate that began and never said why it ends was cut off: then there is no `Ended`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.dialects.gemini.citations_in import list_citations
from gateway.dialects.gemini.ends import find_detail, find_finish
from gateway.dialects.gemini.logprobs import parse_logprobs
from gateway.dialects.gemini.media import build_file, build_inline
from gateway.dialects.gemini.watch import build_usage, find_failure
from gateway.dialects.hub import (
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Family,
    Finish,
    Logprobs,
    Opaque,
    Part,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.dialects.hub.arguments import dump_arguments, load_exact
from gateway.dialects.json_stream import ElementSplitter
from gateway.dialects.spec import load_object, read_object
from gateway.dialects.sse import BlockSplitter, parse_block
from gateway.errors import UpstreamMalformedError

_Object = Mapping[str, Any]
_ARRAY_STARTS: Final = (b"[", b"{")
_DONE: Final = b"[DONE]"  # some servers end as OpenAI's do
_NO_REASONS: Final = frozenset({"FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED"})
_MOST_CANDIDATES: Final = 128
# Fields of a part that say something about it, and none of what it is.
_ABOUT: Final = frozenset({"thought", "thoughtSignature", "partMetadata", "mediaResolution"})


class _Candidate:
    """One answer of the stream."""

    __slots__ = ("called", "cited", "kind", "next", "number", "reason", "texts")

    def __init__(self) -> None:
        self.next = 0  # the number of the next part
        self.number = -1  # of the open part
        self.kind: type | None = None  # of it
        self.texts: list[str] = []  # of the open part, for the places of citations
        self.cited: set[Any] = set()
        self.called = False
        self.reason: str | None = None


class AnswerReader:
    """Reads answers, one after the other, into the events of one stream."""

    __slots__ = ("_begun", "_blocked", "_candidates", "_counts", "_failed", "events")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._begun = False
        self._blocked: str | None = None
        self._candidates: dict[int, _Candidate] = {}
        self._counts: Any = None
        self._failed = False

    @property
    def is_over(self) -> bool:
        """Whether the provider has reported an error."""
        return self._failed

    def take(self, value: _Object, data: bytes) -> None:
        """Read one answer; `data` is what it was parsed from."""
        if self._failed:
            return
        failure = find_failure(value, data) if "error" in value else None
        if failure is not None:
            self._failed = True
            self.events.append(Failed(failure))
            return
        if not self._begun:
            self._begun = True
            self.events.append(
                Begun(_read_text(value, "responseId"), _read_text(value, "modelVersion"))
            )
        candidates = value.get("candidates")
        for candidate in candidates if isinstance(candidates, list) else ():
            if isinstance(candidate, dict):
                self._take_candidate(candidate)
        feedback = value.get("promptFeedback")
        if isinstance(feedback, dict):
            reason = feedback.get("blockReason")
            if isinstance(reason, str) and reason not in _NO_REASONS:
                self._blocked = reason
        counts = value.get("usageMetadata")
        if counts and counts != self._counts:
            self._counts = counts
            usage = build_usage(value)
            if usage is not None:
                self.events.append(Counted(usage))

    def conclude(self, *, complete: bool = True) -> None:
        """Say what ends the answers; `complete`: the frame of the stream lacks nothing."""
        if self._failed:
            return
        if not self._candidates and self._blocked is not None:
            self.events.append(ChoiceEnded(0, Finish.FILTERED, None, self._blocked))
            self.events.append(Ended())
            return
        for index, candidate in self._candidates.items():
            self._close(index, candidate)
            if candidate.reason is not None:
                finish = find_finish(candidate.reason, called=candidate.called)
                detail = find_detail(candidate.reason)
                self.events.append(ChoiceEnded(index, finish, None, detail))
            elif self._blocked is not None:
                self.events.append(ChoiceEnded(index, Finish.FILTERED, None, self._blocked))
            else:
                complete = False
        if complete and self._candidates:
            self.events.append(Ended())

    # --- candidates -------------------------------------------------------------------------

    def _take_candidate(self, given: _Object) -> None:
        index = given.get("index", 0)
        if type(index) is not int or not 0 <= index < _MOST_CANDIDATES:
            index = 0
        candidate = self._candidates.get(index)
        if candidate is None:
            candidate = self._candidates[index] = _Candidate()
        content = given.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if not isinstance(part, dict):
                continue
            text = part.get("text")
            if candidate.kind is Text and len(part) == 1 and text.__class__ is str:
                if text:  # more of the same: what nearly all events are
                    candidate.texts.append(text)
                    self.events.append(PartDelta(index, candidate.number, text))
            else:
                self._take_part(index, candidate, part)
        if len(given) > 1 + ("index" in given):  # more than content
            self._take_rest(index, candidate, given)

    def _take_rest(self, index: int, candidate: _Candidate, given: _Object) -> None:
        if candidate.kind is Text:
            for citation in list_citations(given, "".join(candidate.texts)):
                key = (citation.url, citation.title, citation.start, citation.end)
                if key not in candidate.cited:
                    candidate.cited.add(key)
                    self.events.append(PartAdded(index, candidate.number, citation=citation))
        logprobs = parse_logprobs(read_object(given, "logprobsResult"))
        if logprobs is not None:
            self.events.append(Logprobs(index, logprobs))
        reason = given.get("finishReason")
        if isinstance(reason, str) and reason not in _NO_REASONS:
            candidate.reason = reason

    # --- parts ------------------------------------------------------------------------------

    def _take_part(self, index: int, candidate: _Candidate, part: _Object) -> None:
        text = part.get("text")
        if isinstance(text, str):
            self._take_text(index, candidate, part, text)
            return
        names = [name for name, value in part.items() if name not in _ABOUT and value is not None]
        signature = _read_signature(part)
        if not names:
            if signature is not None:
                self._take_text(index, candidate, part, "")
            return
        build = _BUILDERS.get(names[0]) if len(names) == 1 else None
        built = build(part, signature) if build is not None else None
        if built is None:
            built = Opaque(Family.GEMINI, "+".join(names), part)
        self._close(index, candidate)
        number = candidate.next
        candidate.next += 1
        if isinstance(built, ToolCall):
            candidate.called = True
            arguments = dump_arguments(read_object(read_object(part, names[0]), "args"))
            self.events += (
                PartBegun(index, number, built),
                PartDelta(index, number, arguments),
                PartEnded(index, number),
            )
        else:
            self.events += (PartBegun(index, number, built), PartEnded(index, number))

    def _take_text(self, index: int, candidate: _Candidate, part: _Object, text: str) -> None:
        kind = Reasoning if part.get("thought") is True else Text
        signature = _read_signature(part)
        if not text and signature is None:
            return
        if candidate.kind is not kind:
            self._close(index, candidate)
            candidate.number = candidate.next
            candidate.next += 1
            candidate.kind = kind
            empty: Part = Text("") if kind is Text else Reasoning(origin=Family.GEMINI)
            self.events.append(PartBegun(index, candidate.number, empty))
        if text:
            candidate.texts.append(text)
            self.events.append(PartDelta(index, candidate.number, text))
        if signature is not None:
            self.events.append(PartAdded(index, candidate.number, signature))
            self._close(index, candidate)

    def _close(self, index: int, candidate: _Candidate) -> None:
        if candidate.kind is not None:
            self.events.append(PartEnded(index, candidate.number))
            candidate.kind = None
            candidate.texts.clear()


def _read_text(values: _Object, name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _read_signature(part: _Object) -> str | None:
    return _read_text(part, "thoughtSignature") or None


def _build_call(part: _Object, signature: str | None) -> Part | None:
    call = read_object(part, "functionCall")
    name = _read_text(call, "name")
    return ToolCall(_read_text(call, "id"), name, "", signature=signature) if name else None


def _build_inline(part: _Object, _signature: str | None) -> Part | None:
    blob = read_object(part, "inlineData")
    data = _read_text(blob, "data")
    return build_inline(_read_text(blob, "mimeType") or None, data, None, "") if data else None


def _build_file(part: _Object, _signature: str | None) -> Part | None:
    file = read_object(part, "fileData")
    uri = _read_text(file, "fileUri")
    return build_file(_read_text(file, "mimeType") or None, uri, None, "") if uri else None


_BUILDERS: Final[Mapping[str, Callable[[_Object, str | None], Part | None]]] = {
    "functionCall": _build_call,
    "inlineData": _build_inline,
    "fileData": _build_file,
}


class GeminiReader:
    """Reads one stream, framed as events or as a JSON array."""

    __slots__ = ("_answers", "_array", "_concluded", "_head", "_sse")

    def __init__(self) -> None:
        self._answers = AnswerReader()
        self._sse = BlockSplitter()
        self._array: ElementSplitter | None = None
        self._head: bytes | None = b""  # until the first byte tells the framing
        self._concluded = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes; after `Failed` or `Ended` none.

        Raises:
            UpstreamMalformedError: an event that nobody can read.
        """
        if self._head is not None:
            self._head += chunk
            start = self._head.lstrip()
            if not start:
                return []
            chunk, self._head = self._head, None
            if start.startswith(_ARRAY_STARTS):
                self._array = ElementSplitter()
        if self._array is not None:
            for element in self._array.feed(chunk):
                self._take(element)
            if self._array.cut:
                raise UpstreamMalformedError("an answer of the stream is too long")
        else:
            for block in self._sse.feed(chunk):
                self._take_block(block)
            if self._sse.cut:
                raise UpstreamMalformedError("an event of the stream is too long")
        return self._give()

    def conclude(self) -> list[Event]:
        """Return what is known once the stream has ended: `Ended` only if it lacks nothing."""
        if self._concluded:
            return []
        self._concluded = True
        complete = True
        if self._array is not None:
            complete = self._array.closed
        elif self._sse.is_pending:  # a last event without its blank line
            complete = self._take_pending(self._sse.pending)
        self._answers.conclude(complete=complete)
        return self._give()

    def _give(self) -> list[Event]:
        events = self._answers.events
        self._answers.events = []
        return events

    def _take_block(self, block: bytes) -> None:
        if block.startswith(_DATA) and block.find(b"\n") < 0 and block.find(b"\r") < 0:
            data = block[len(_DATA) :]
        else:
            event = parse_block(block)
            if event is None:
                return
            data = event.data
        if data.strip() not in {b"", _DONE}:
            self._take(data)

    def _take_pending(self, block: bytes) -> bool:
        """Read an event that was cut off if it is whole all the same."""
        event = parse_block(block)
        value = None if event is None else load_exact(event.data)
        if event is None or value is None:
            return event is None
        self._answers.take(value, event.data)
        return True

    def _take(self, data: bytes) -> None:
        if self._answers.is_over:
            return
        # Only a call's arguments hold numbers that must keep all of their digits.
        value = load_exact(data) if _CALL in data else load_object(data)
        if value is None:
            raise UpstreamMalformedError("an event of the stream is no JSON object")
        self._answers.take(value, data)


_DATA: Final = b"data:"
_CALL: Final = b'"functionCall"'
