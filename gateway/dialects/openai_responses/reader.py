"""An answer of a server of OpenAI Responses, streamed or whole.

Both are read by the same code: a whole answer is what stands in a stream's last event.

Rule: an event of an unknown type is passed over, an item of one is Opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    Begun,
    ChatAnswer,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Finish,
    collect,
)
from gateway.dialects.openai import build_failure, build_usage
from gateway.dialects.openai_responses.parts_reader import PartsReader, find_text
from gateway.dialects.spec import dump_json, load_object, read_object
from gateway.dialects.sse import BlockSplitter, parse_block
from gateway.errors import UpstreamMalformedError

Json = Mapping[str, Any]
_INCOMPLETE: Final = {"max_output_tokens": Finish.LENGTH, "content_filter": Finish.FILTERED}
_ENDS: Final = frozenset({"completed", "incomplete"})
_DONE_WORD: Final = b"[DONE]"  # some servers end as chat's do


class ResponsesReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_handlers", "_over", "_parts", "_splitter")

    def __init__(self) -> None:
        self._splitter = BlockSplitter()
        self._parts = PartsReader()
        self._begun = self._over = False
        self._handlers: dict[str, Callable[[Json], None]] = {
            "response.created": self._begin,
            "response.in_progress": self._begin,
            "response.queued": self._begin,
            **self._parts.handlers,
            "response.completed": self._finish,
            "response.incomplete": self._finish,
            "response.failed": self._fail,
            "error": self._fail,
        }

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes; after `Failed` or `Ended` none."""
        for block in self._splitter.feed(chunk):
            self._read(block)
        return self._parts.take()

    def conclude(self) -> list[Event]:
        """Return what a last event without its blank line has said."""
        if self._splitter.is_pending and not self._over:
            event = parse_block(self._splitter.pending)
            if event is not None and load_object(event.data) is not None:
                self._read(self._splitter.pending)
        return self._parts.take()

    def read_whole(self, response: Json) -> list[Event]:
        """Return the events that a Response object amounts to."""
        self._finish({"response": response})
        return self._parts.take()

    def _read(self, block: bytes) -> None:
        event = None if self._over else parse_block(block)
        if event is None or event.data.strip() == _DONE_WORD:
            return
        value = load_object(event.data)
        if value is None:
            raise UpstreamMalformedError("an event of the stream is no JSON object")
        kind = value.get("type")
        handle = self._handlers.get(kind) if isinstance(kind, str) else None
        if handle is not None:
            if not self._begun and handle != self._fail:
                self._begin(value)  # some servers begin with the first item
            handle(value)
        elif kind is None and value.get("error"):
            self._fail(value)

    # ---- the answer

    def _begin(self, event: Json) -> None:
        if not self._begun:
            self._begun = True
            response = read_object(event, "response")
            made = response.get("created_at")
            self._parts.events.append(
                Begun(
                    find_text(response, "id") or "",
                    find_text(response, "model") or "",
                    int(made) if isinstance(made, int | float) and abs(made) < _MAX_TIME else None,
                    find_text(response, "service_tier"),
                )
            )

    def _finish(self, event: Json) -> None:
        response = read_object(event, "response")
        status = find_text(response, "status") or str(event.get("type")).rpartition(".")[2]
        if status not in _ENDS:
            self._fail(event)
            return
        self._begin(event)
        output = response.get("output")
        for index, item in enumerate(output if isinstance(output, list) else ()):
            if isinstance(item, dict):
                self._parts.complete(index, item)
        self._parts.end_all()
        self._parts.events.append(self._build_end(response, status))
        usage = build_usage(response)
        if usage is not None:
            self._parts.events.append(Counted(usage))
        self._parts.events.append(Ended())
        self._over = True

    def _build_end(self, response: Json, status: object) -> ChoiceEnded:
        if status == "incomplete":
            reason = find_text(read_object(response, "incomplete_details"), "reason")
            finish = _INCOMPLETE.get(reason or "", Finish.LENGTH)
            return ChoiceEnded(0, finish, detail=None if reason in _INCOMPLETE else reason)
        if self._parts.called:
            return ChoiceEnded(0, Finish.TOOL_CALLS)
        return ChoiceEnded(0, Finish.REFUSED if self._parts.refused else Finish.STOP)

    def _fail(self, event: Json) -> None:
        response = read_object(event, "response")
        error = response.get("error") or event.get("error") or event
        if error is event and response:  # cancelled, or with no word of why
            error = {"message": f"the answer is {response.get('status')}"}
        self._parts.events.append(Failed(build_failure(error, dump_json(event))))
        self._over = True


_MAX_TIME: Final = 2**40  # seconds; what is beyond is no time


def parse_answer(body: bytes) -> ChatAnswer:
    """Read a whole answer.

    Raises:
        UpstreamMalformedError: it is no Response object.
    """
    response = load_object(body)
    if response is None or not isinstance(response.get("output"), list):
        raise UpstreamMalformedError("the answer is no Response object")
    events = ResponsesReader().read_whole(response)
    if any(isinstance(event, Failed) for event in events):
        raise UpstreamMalformedError(f"the answer's status is {response.get('status')!r}")
    return collect(events)
