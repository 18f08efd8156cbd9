"""An answer for a client of OpenAI Responses, streamed or whole.

Both are written by the same code: a whole answer is the Response object at its stream's end.

What the format has no place for: signatures of texts (Gemini's), answers but the first, foreign
parts without words in them. Pictures come as ``image_generation_call``, speech as its transcript.

Rule: `dump_answer(collect(events))` is the Response in the last event of the same events written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    Asked,
    Audio,
    Begun,
    ChatAnswer,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Family,
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
    replay,
)
from gateway.dialects.openai import build_error
from gateway.dialects.openai_responses.open_calls import OpenCall
from gateway.dialects.openai_responses.open_parts import (
    OpenMessage,
    OpenPart,
    OpenReasoning,
    OpenRefusal,
    OpenText,
)
from gateway.dialects.openai_responses.outlet import Outlet
from gateway.dialects.openai_responses.response import (
    build_end,
    dump_usage,
    echo_request,
    find_id,
    find_tier,
)
from gateway.dialects.spec import Usage
from gateway.errors import LockgateError, QuotaExhaustedError

_BEGUN: Final = {"status": "in_progress", "error": None, "incomplete_details": None}
# Items of OpenAI's own tools: other parts of its family (chat's) are none.
_ITEM_ENDS: Final = ("_call", "_output", "_list_tools", "_approval_request", "compaction")
_FAILURE_CODES: Final = {400: "invalid_prompt", 413: "invalid_prompt", 429: "rate_limit_exceeded"}


class ResponsesWriter:
    """Writes one answer; `response` is the whole of it once it has ended."""

    __slots__ = (
        "_begun",
        "_end",
        "_handlers",
        "_held",
        "_message",
        "_outlet",
        "_parts",
        "_refused",
        "_text",
        "_usage",
        "_wants_logprobs",
        "response",
    )

    def __init__(self, asked: Asked) -> None:
        self._outlet = Outlet(asked)
        self._begun: Begun | None = None
        self._message: OpenMessage | None = None
        self._parts: dict[int, OpenPart] = {}
        self._text: OpenText | None = None  # the last one, for logprobs
        self._held: tuple[OpenText, str] | None = None
        self._wants_logprobs = bool(asked.request.logprobs)
        self._usage: Usage | None = None
        self._end: ChoiceEnded | None = None
        self._refused = False
        self.response: dict[str, Any] | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            Begun: self._begin,
            PartBegun: self._begin_part,
            PartAdded: self._add,
            PartEnded: self._end_part,
            Logprobs: self._take_logprobs,
            Counted: self._count,
            ChoiceEnded: self._end_choice,
            Ended: self._finish,
        }

    def write(self, events: Iterable[Event]) -> bytes:
        """Return the events of the format that these amount to."""
        for event in events:
            if type(event) is PartDelta:
                part = self._parts.get(event.number)
                if part is None or event.choice:
                    continue
                if self._wants_logprobs and isinstance(part, OpenText):
                    self._hold(part, event.text)
                else:
                    part.grow(event.text)
            elif (handle := self._handlers.get(type(event))) is not None:
                handle(event)
        self._release(None)
        return self._outlet.take()

    def fail(self, error: LockgateError) -> bytes:
        """Return the end after an error: the Response as failed, and an ``error`` event.

        Agents look at the first, which tells them whether to try again; SDKs raise at the second.
        """
        body = build_error(error)
        failure = {"code": _find_code(error), "message": body["message"]}
        self._begin()
        fields = {"status": "failed", "error": failure, "incomplete_details": None}
        self._outlet.say("response.failed", response=self._build(fields, completed=False))
        self._outlet.say(
            "error", code=body["code"], message=body["message"], param=body["param"], error=body
        )
        return self._outlet.take()

    # ---- events

    def _begin(self, begun: Begun | None = None) -> None:
        if self._begun is not None:
            return
        self._begun = begun or Begun("", "")
        response = self._build(_BEGUN, completed=False)
        self._outlet.say("response.created", response=response)
        self._outlet.say("response.in_progress", response=response)

    def _begin_part(self, event: PartBegun) -> None:
        if event.choice:
            return
        self._begin()
        part = self._open(event.part)
        if part is not None:
            self._parts[event.number] = part

    def _open(self, part: Part) -> OpenPart | None:
        if isinstance(part, Text):
            self._text = OpenText(self._outlet, self._find_message(), part)
            return self._text
        if isinstance(part, Refusal):
            self._refused = True
            return OpenRefusal(self._outlet, self._find_message(), part)
        if isinstance(part, Audio):
            return _OpenSpeech(self._outlet, self._find_message(), part)
        if isinstance(part, Reasoning):
            self._leave_message()
            return OpenReasoning(self._outlet, part)
        if isinstance(part, ToolCall):
            self._leave_message()
            return OpenCall(self._outlet, part)
        return self._write_whole(part)

    def _write_whole(self, part: Part) -> OpenPart | None:
        """Write a part that does not grow."""
        if isinstance(part, Image) and part.media.data is not None:
            self._leave_message()
            place, item_id = self._outlet.open_item("ig_")
            item = {"id": item_id, "type": "image_generation_call", "status": "completed"}
            self._outlet.add_item(place, item | {"status": "in_progress", "result": None})
            self._outlet.end_item(place, item | {"result": part.media.data})
        elif isinstance(part, Opaque) and is_item(part):
            self._leave_message()
            place, _ = self._outlet.open_item("")
            self._outlet.add_item(place, part.value)
            self._outlet.end_item(place, dict(part.value))
        elif isinstance(part, Opaque) and isinstance(text := part.value.get("text"), str):
            return OpenText(self._outlet, self._find_message(), Text(text))
        return None

    def _find_message(self) -> OpenMessage:
        if self._message is None:
            self._message = OpenMessage(self._outlet)
        return self._message

    def _leave_message(self) -> None:
        if self._message is not None:
            self._message.leave()
            self._message = None

    def _add(self, event: PartAdded) -> None:
        self._release(None)
        part = None if event.choice else self._parts.get(event.number)
        if part is not None:
            part.learn(event)

    def _end_part(self, event: PartEnded) -> None:
        self._release(None)
        part = None if event.choice else self._parts.pop(event.number, None)
        if part is not None:
            part.end()

    def _count(self, event: Counted) -> None:
        self._usage = event.usage

    def _hold(self, part: OpenText, text: str) -> None:
        self._release(None)
        self._held = part, text

    def _release(self, logprobs: object) -> None:
        """Write the text that waited for its logprobs, which come right behind it."""
        if self._held is not None:
            part, text = self._held
            self._held = None
            part.grow_with(text, logprobs)

    def _take_logprobs(self, event: Logprobs) -> None:
        tokens = None if event.choice else event.value.get("content")
        if self._held is not None:
            self._release(tokens)
        elif self._text is not None and self._wants_logprobs:
            self._text.add_logprobs(tokens)

    def _end_choice(self, event: ChoiceEnded) -> None:
        if event.choice == 0:
            self._end = event

    def _finish(self, _event: Ended) -> None:
        self._begin()
        self._release(None)
        for number in sorted(self._parts):
            self._parts.pop(number).end()
        self._leave_message()
        end = build_end(None if self._end is None else self._end.finish, refused=self._refused)
        self.response = self._build(end, completed=end["status"] == "completed")
        self._outlet.say(f"response.{end['status']}", response=self.response)

    def _build(self, state: Mapping[str, Any], *, completed: bool) -> dict[str, Any]:
        asked, begun = self._outlet.asked, self._begun or Begun("", "")
        return {
            "id": find_id(begun.id, asked),
            **echo_request(asked),
            "created_at": begun.created_s or asked.now_s,
            "completed_at": asked.now_s if completed else None,
            "model": begun.model or asked.request.model,
            "output": [item for item in self._outlet.items if item is not None],
            "service_tier": find_tier(begun.service_tier),
            "usage": dump_usage(self._usage) if state["status"] != "in_progress" else None,
            **state,
        }


class _OpenSpeech(OpenText):
    """Speech, as its transcript: its data is none that a client of this format could take."""

    __slots__ = ()

    def __init__(self, outlet: Outlet, message: OpenMessage, part: Audio) -> None:
        super().__init__(outlet, message, Text(part.transcript or ""))

    def grow(self, text: str) -> None:
        """Leave the data out; what the base class writes is the transcript's."""

    def learn(self, more: PartAdded) -> None:
        """Write more of the transcript."""
        if more.transcript:
            super().grow(more.transcript)


def is_item(part: Opaque) -> bool:
    """Whether a part is an item of this format: what one of OpenAI's own tools did."""
    return part.family is Family.OPENAI and part.kind.endswith(_ITEM_ENDS)


def dump_answer(answer: ChatAnswer, asked: Asked) -> dict[str, Any]:
    """Return the Response object of a whole answer."""
    writer = ResponsesWriter(asked)
    writer.write(replay(answer))
    assert writer.response is not None, "a replay has an end"  # noqa: S101
    return writer.response


def _find_code(error: LockgateError) -> str:
    if isinstance(error, QuotaExhaustedError):
        return "insufficient_quota"
    return _FAILURE_CODES.get(error.status, "server_error")
