"""Structured answers from vendors that know none: a tool that must be called stands in.

Rule: the client never sees that tool: what it was called with is the answer's text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Final

from gateway.dialects.hub.answer import ChatAnswer, Finish
from gateway.dialects.hub.content import Text, ToolCall
from gateway.dialects.hub.events import ChoiceEnded, Event, PartBegun
from gateway.dialects.hub.stream import collect, replay

ANSWER_TOOL: Final = "lockgate_answer"


class StructuredFilter:
    """Turns calls of the stand-in tool into text, in a stream."""

    __slots__ = ("_called", "_others")

    def __init__(self) -> None:
        self._called: set[int] = set()
        self._others: set[int] = set()

    def order(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events as a client may see them."""
        for event in events:
            if isinstance(event, PartBegun) and isinstance(event.part, ToolCall):
                yield self._open(event, event.part)
            elif isinstance(event, ChoiceEnded) and event.finish is Finish.TOOL_CALLS:
                yield self._close(event)
            else:
                yield event

    def _open(self, event: PartBegun, call: ToolCall) -> Event:
        if call.name != ANSWER_TOOL:
            self._others.add(event.choice)
            return event
        self._called.add(event.choice)
        return PartBegun(event.choice, event.number, Text(call.arguments))

    def _close(self, event: ChoiceEnded) -> Event:
        if event.choice in self._called and event.choice not in self._others:
            return event._replace(finish=Finish.STOP, detail=None)
        return event


def unwrap_answer(answer: ChatAnswer) -> ChatAnswer:
    """Return a whole answer as a client may see it."""
    seen = collect(StructuredFilter().order(replay(answer)))
    return dataclasses.replace(answer, choices=seen.choices)
