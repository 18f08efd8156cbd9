"""The lines of a streamed ``/api/chat`` as events of the hub.

Rule: a line that is no JSON object ends the stream; one that says nothing passes.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.hub import (
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Finish,
    Logprobs,
    Part,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    Text,
)
from gateway.dialects.hub.arguments import load_exact
from gateway.dialects.hub.provided import read_text
from gateway.dialects.ndjson import LineSplitter
from gateway.dialects.ollama.answer import (
    build_failure,
    parse_finish,
    parse_logprobs,
    parse_moment,
    parse_parts,
    parse_usage,
)
from gateway.dialects.spec import load_object
from gateway.errors import UpstreamMalformedError

Json = dict[str, Any]
_TEXT: Final = Text("")
_THOUGHT: Final = Reasoning("")


class ChatReader:
    """Reads one streamed answer."""

    __slots__ = ("_begun", "_count", "_has_calls", "_lines", "_open", "_over")

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._begun = False
        self._over = False
        self._has_calls = False
        self._count = 0
        self._open: Part | None = None  # the last part, if it may still grow

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes."""
        events: list[Event] = []
        if not self._over:
            for line in self._lines.feed(chunk):
                value = load_object(line)
                if value is None:
                    raise UpstreamMalformedError("a line of the stream is not a JSON object")
                if self._take(value, line, events):
                    break
        return events

    def conclude(self) -> list[Event]:
        """Return what the last line says if only its end is missing."""
        events: list[Event] = []
        line = b"" if self._over else self._lines.conclude()
        value = load_object(line) if line else None
        if value is not None:
            self._take(value, line, events)
        return events

    def _take(self, value: Json, line: bytes, events: list[Event]) -> bool:
        """Take one line; return whether the stream is over with it."""
        if value.get("error"):
            events.append(Failed(build_failure(value, line)))
            self._over = True
            return True
        if not self._begun:
            self._begun = True
            created_s = parse_moment(value.get("created_at"))
            events.append(Begun("", read_text(value, "model"), created_s))
        message = value.get("message")
        if isinstance(message, dict):
            self._take_message(message, line, events)
        if "logprobs" in value:
            logprobs = parse_logprobs(value)
            if logprobs is not None:
                events.append(Logprobs(0, logprobs))
        if value.get("done") is True:
            self._end(value, events)
        return self._over

    def _take_message(self, message: Json, line: bytes, events: list[Event]) -> None:
        thinking = message.get("thinking")
        if thinking and isinstance(thinking, str):
            self._grow(_THOUGHT, thinking, events)
        content = message.get("content")
        if content and isinstance(content, str):
            self._grow(_TEXT, content, events)
        if "tool_calls" in message or "images" in message:
            self._take_whole(line, events)

    def _take_whole(self, line: bytes, events: list[Event]) -> None:
        """Take calls and images, which come whole; integers of any size among them."""
        message = (load_exact(line) or {}).get("message")
        for part in parse_parts(message) if isinstance(message, dict) else ():
            if isinstance(part, Text | Reasoning):
                continue
            self._close(events)
            if hasattr(part, "arguments"):
                self._has_calls = True
            events.append(PartBegun(0, self._count, part))
            events.append(PartEnded(0, self._count))
            self._count += 1

    def _grow(self, kind: Part, text: str, events: list[Event]) -> None:
        if self._open is not kind:
            self._close(events)
            self._open = kind
            events.append(PartBegun(0, self._count, kind))
        events.append(PartDelta(0, self._count, text))

    def _close(self, events: list[Event]) -> None:
        if self._open is not None:
            self._open = None
            events.append(PartEnded(0, self._count))
            self._count += 1

    def _end(self, value: Json, events: list[Event]) -> None:
        self._close(events)
        usage = parse_usage(value)
        if usage is not None:
            events.append(Counted(usage))
        finish, detail = parse_finish(value, has_calls=self._has_calls)
        events.append(ChoiceEnded(0, finish or Finish.STOP, None, detail))
        events.append(Ended())
        self._over = True
