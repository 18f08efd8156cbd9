"""A streamed answer for a client: whole answers with what is new.

Source: the Generative Language API's reference, `models.streamGenerateContent`; recordings. With
``alt=sse`` each is an event whose lines end with CRLF, else an element of one JSON array.

Calls come whole, those of one candidate in their order. The reason of the end and the last counts
come with the provider's own end, in one last answer; so do citations, as Google's do: google-genai
keeps no turn of which an answer had no parts.

Rule: without the provider's own end there is no finishReason, and no bracket closes the array.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final

from gateway.dialects.gemini.answer_out import (
    Json,
    carry,
    dump_block,
    dump_citation,
    dump_end,
    dump_names,
    dump_part,
    dump_rest,
    dump_usage,
    is_left_out,
    shows_thoughts,
)
from gateway.dialects.gemini.logprobs import dump_logprobs
from gateway.dialects.gemini.thoughts import is_own, is_worth
from gateway.dialects.gemini.watch import dump_error
from gateway.dialects.hub import (
    Asked,
    Audio,
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Finish,
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
from gateway.dialects.spec import dump_json
from gateway.errors import LockgateError

_Key = tuple[int, int]


class _Growing:
    """A part that has begun."""

    __slots__ = ("before", "paragraphs", "part", "texts")

    def __init__(self, part: Part, before: str) -> None:
        self.part = part
        self.texts: list[str] = []
        self.paragraphs: list[int] = []  # where those of thoughts begin
        self.before = before  # the candidate's text before it

    def finish(self) -> Part:
        """Return the part with what it has grown by."""
        text = "".join(self.texts)
        part = self.part
        if isinstance(part, ToolCall):
            return dataclasses.replace(part, arguments=part.arguments + text)
        if isinstance(part, Audio) and text:
            media = dataclasses.replace(part.media, data=(part.media.data or "") + text)
            return dataclasses.replace(part, media=media)
        if isinstance(part, Reasoning) and len(self.paragraphs) > 1:
            ends = [*self.paragraphs[1:], len(self.texts)]
            pairs = zip(self.paragraphs, ends, strict=True)
            texts = tuple("".join(self.texts[start:end]) for start, end in pairs)
            return dataclasses.replace(part, text=text, texts=texts)
        if isinstance(part, Text | Refusal | Reasoning):
            return dataclasses.replace(part, text=part.text + text)
        return part


class _Candidate:
    """One answer of the stream."""

    __slots__ = (
        "citations",
        "end",
        "left_out",
        "logprobs",
        "queue",
        "refused",
        "seen",
        "text",
        "thoughts",
    )

    def __init__(self) -> None:
        self.citations: list[Json] = []
        self.end: ChoiceEnded | None = None
        self.left_out: list[str] = []
        self.logprobs: dict[str, list[Any]] = {}
        self.queue: dict[int, Part | None] = {}  # calls by number; None: it still grows
        self.refused = False
        self.seen = False  # something of it was shown
        self.text = ""  # of the parts that are complete, for the places of citations
        self.thoughts: list[Reasoning] = []  # that wait for a part to carry them


class GeminiWriter:
    """Writes one answer as server-sent events."""

    opening: ClassVar[bytes] = b""
    before: ClassVar[bytes] = b"data: "
    between: ClassVar[bytes] = b"data: "
    after: ClassVar[bytes] = b"\r\n\r\n"
    closing: ClassVar[bytes] = b""

    __slots__ = (
        "_asked",
        "_candidates",
        "_head",
        "_is_first",
        "_names",
        "_open",
        "_shows",
        "_tail",
        "_usage",
    )

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._shows = shows_thoughts(asked)
        self._candidates: dict[int, _Candidate] = {}
        self._open: dict[_Key, _Growing] = {}
        self._names = dump_names("", "", asked)
        self._usage: Json | None = None
        self._tail: dict[int, bytes] = {}  # what follows a text, by candidate
        self._is_first = True

    def write(self, events: Iterable[Event]) -> bytes:
        """Return whole answers; errors of the provider are for `fail`."""
        out: list[bytes] = []
        for event in events:
            write = _WRITERS.get(type(event))
            if write is not None:
                write(self, event, out)
        return b"".join(out)

    def fail(self, error: LockgateError) -> bytes:
        """Return an error in the place of an answer; an array stays open."""
        return self._frame(dump_error(error, self._asked.request_id))

    # --- framing ----------------------------------------------------------------------------

    def _frame(self, data: bytes) -> bytes:
        if self._is_first:
            self._is_first = False
            return self.opening + self.before + data + self.after
        return self.between + data + self.after

    def _dump(self, candidates: list[Json], out: list[bytes]) -> None:
        body: Json = {"candidates": candidates}
        if self._usage is not None:
            body["usageMetadata"] = self._usage
        out.append(self._frame(dump_json(body | self._names)))

    def _dump_parts(self, choice: int, parts: list[Json], out: list[bytes]) -> None:
        if parts:
            self._get(choice).seen = True
            content = {"parts": parts, "role": "model"}
            self._dump([{"content": content, "index": choice}], out)

    def _dump_text(self, choice: int, text: str, out: list[bytes]) -> None:
        """Write more of a text: what nearly all events are."""
        tail = self._tail.get(choice)
        if tail is None:
            tail = self._tail[choice] = self._build_tail(choice)
        data = dump_json(text)
        if self._is_first:
            out.append(self._frame(_HEAD + data + tail))
        else:
            out.append(self.between + _HEAD + data + tail + self.after)

    def _build_tail(self, choice: int) -> bytes:
        self._get(choice).seen = True
        rest: Json = {} if self._usage is None else {"usageMetadata": self._usage}
        index = str(choice).encode()
        return b'}],"role":"model"},"index":' + index + b"}]," + dump_json(rest | self._names)[1:]

    def _get(self, choice: int) -> _Candidate:
        found = self._candidates.get(choice)
        if found is None:
            found = self._candidates[choice] = _Candidate()
        return found

    # --- events -----------------------------------------------------------------------------

    def _take_begun(self, event: Begun, _out: list[bytes]) -> None:
        self._names = dump_names(event.id, event.model, self._asked)
        self._tail.clear()

    def _take_counts(self, event: Counted, _out: list[bytes]) -> None:
        self._usage = dump_usage(event.usage)
        self._tail.clear()

    def _begin_part(self, event: PartBegun, out: list[bytes]) -> None:
        candidate = self._get(event.choice)
        self._open[event.choice, event.number] = _Growing(event.part, candidate.text)
        part = event.part
        if isinstance(part, ToolCall):
            candidate.queue[event.number] = None
        elif isinstance(part, Text | Refusal | Reasoning):
            candidate.refused = candidate.refused or isinstance(part, Refusal)
            if part.text:
                self._open[event.choice, event.number].part = _empty(part)
                self._take_delta(PartDelta(event.choice, event.number, part.text), out)
            if isinstance(part, Text) and part.signature is not None:
                signed = {"text": "", "thoughtSignature": part.signature}
                self._dump_parts(event.choice, [signed], out)
        elif isinstance(part, Opaque) and is_left_out(part):
            candidate.left_out.append(part.kind)

    def _take_delta(self, event: PartDelta, out: list[bytes]) -> None:
        growing = self._open.get((event[0], event[1]))
        if growing is None or not event.text:
            return
        growing.texts.append(event.text)
        kind = growing.part.__class__
        if kind is Text or kind is Refusal:
            candidate = self._candidates[event.choice]
            if candidate.thoughts:
                self._dump_parts(
                    event.choice, [carry({"text": event.text}, candidate.thoughts)], out
                )
            else:
                self._dump_text(event.choice, event.text, out)
        elif kind is Reasoning and self._shows:
            self._dump_parts(event.choice, [{"text": event.text, "thought": True}], out)

    def _add(self, event: PartAdded, out: list[bytes]) -> None:
        growing = self._open.get((event.choice, event.number))
        if growing is None:
            return
        part = growing.part
        changes = {
            name: value
            for name in ("signature", "encrypted", "id", "name")
            if (value := getattr(event, name)) is not None and hasattr(part, name)
        }
        if changes:
            growing.part = dataclasses.replace(part, **changes)
        if isinstance(part, Text):
            self._add_to_text(growing, event, out)
        elif isinstance(part, Reasoning):
            self._add_to_thought(growing, part, event, out)
        elif isinstance(part, Audio) and event.transcript:
            transcript = (part.transcript or "") + event.transcript
            growing.part = dataclasses.replace(part, transcript=transcript)

    def _add_to_text(self, growing: _Growing, event: PartAdded, out: list[bytes]) -> None:
        if event.signature is not None:
            signed = {"text": "", "thoughtSignature": event.signature}
            self._dump_parts(event.choice, [signed], out)
        if event.citation is not None:
            shown = dump_citation(event.citation, growing.before, "".join(growing.texts))
            self._get(event.choice).citations.append(shown)

    def _add_to_thought(
        self, growing: _Growing, part: Reasoning, event: PartAdded, out: list[bytes]
    ) -> None:
        if event.paragraph and growing.texts and self._shows:
            self._dump_parts(event.choice, [{"text": "\n\n", "thought": True}], out)
        if event.paragraph:
            growing.paragraphs.append(len(growing.texts))
        if event.signature is not None and is_own(part) and self._shows:
            signed = {"text": "", "thought": True, "thoughtSignature": event.signature}
            self._dump_parts(event.choice, [signed], out)

    def _end_part(self, event: PartEnded, out: list[bytes]) -> None:
        growing = self._open.pop((event.choice, event.number), None)
        if growing is None:
            return
        candidate = self._get(event.choice)
        part = growing.finish()
        if isinstance(part, ToolCall):
            candidate.queue[event.number] = part
            self._show_calls(event.choice, candidate, out)
        elif isinstance(part, Text | Refusal):
            candidate.text += part.text
        elif isinstance(part, Reasoning):
            if not is_own(part) and is_worth(part):
                candidate.thoughts.append(part)
        else:
            parts = dump_part(part, self._asked, event.choice, event.number, candidate.thoughts)
            self._dump_parts(event.choice, list(parts), out)

    def _show_calls(self, choice: int, candidate: _Candidate, out: list[bytes]) -> None:
        """Show the calls that are whole and whose turn it is."""
        parts: list[Json] = []
        for number in sorted(candidate.queue):
            call = candidate.queue[number]
            if call is None:
                break
            parts += dump_part(call, self._asked, choice, number, candidate.thoughts)
            del candidate.queue[number]
        self._dump_parts(choice, parts, out)

    def _take_logprobs(self, event: Logprobs, _out: list[bytes]) -> None:
        joined = self._get(event.choice).logprobs
        for name, values in event.value.items():
            if isinstance(values, list):
                joined.setdefault(name, []).extend(values)

    def _take_end(self, event: ChoiceEnded, out: list[bytes]) -> None:
        candidate = self._get(event.choice)
        for choice, number in sorted(self._open):  # parts that never ended
            if choice == event.choice:
                self._end_part(PartEnded(choice, number), out)
        candidate.end = event  # counts may come behind it

    def _finish(self, _event: Ended, out: list[bytes]) -> None:
        if not self._candidates:
            self._take_end(ChoiceEnded(0, Finish.STOP), out)
        for choice, candidate in sorted(self._candidates.items()):
            if candidate.end is None:
                self._take_end(ChoiceEnded(choice, Finish.STOP), out)
        only = next(iter(self._candidates.values()))
        if len(self._candidates) == 1 and _is_blocked(only):
            self._block(only, out)
        else:
            self._dump([self._build_end(*one) for one in sorted(self._candidates.items())], out)
        out.append(self.closing)

    def _block(self, candidate: _Candidate, out: list[bytes]) -> None:
        detail = None if candidate.end is None else candidate.end.detail
        body: Json = {"promptFeedback": dump_block(detail)}
        if self._usage is not None:
            body["usageMetadata"] = self._usage
        out.append(self._frame(dump_json(body | self._names)))

    def _build_end(self, choice: int, candidate: _Candidate) -> Json:
        end = candidate.end or ChoiceEnded(choice, Finish.STOP)
        parts = dump_rest(candidate.thoughts) or [{"text": ""}]
        shown: Json = {"content": {"parts": parts, "role": "model"}}
        refused = candidate.refused
        shown |= dump_end(end.finish, end.detail, candidate.left_out, refused=refused)
        if candidate.citations:
            shown["citationMetadata"] = {"citations": candidate.citations}
        return shown | dump_logprobs(candidate.logprobs) | {"index": choice}


class GeminiArrayWriter(GeminiWriter):
    """Writes one answer as a JSON array."""

    opening: ClassVar[bytes] = b"["
    before: ClassVar[bytes] = b""
    between: ClassVar[bytes] = b",\r\n"
    after: ClassVar[bytes] = b""
    closing: ClassVar[bytes] = b"]"

    __slots__ = ()


_HEAD: Final = b'{"candidates":[{"content":{"parts":[{"text":'
_WRITERS: Final[Mapping[type, Callable[[GeminiWriter, Any, list[bytes]], None]]] = {
    PartDelta: GeminiWriter._take_delta,  # noqa: SLF001  the class's own table
    PartBegun: GeminiWriter._begin_part,  # noqa: SLF001
    PartAdded: GeminiWriter._add,  # noqa: SLF001
    PartEnded: GeminiWriter._end_part,  # noqa: SLF001
    Counted: GeminiWriter._take_counts,  # noqa: SLF001
    Logprobs: GeminiWriter._take_logprobs,  # noqa: SLF001
    Begun: GeminiWriter._take_begun,  # noqa: SLF001
    ChoiceEnded: GeminiWriter._take_end,  # noqa: SLF001
    Ended: GeminiWriter._finish,  # noqa: SLF001
}


def _empty(part: Text | Refusal | Reasoning) -> Part:
    return dataclasses.replace(part, text="")


def _is_blocked(candidate: _Candidate) -> bool:
    end = candidate.end
    return not candidate.seen and end is not None and end.finish is Finish.FILTERED
