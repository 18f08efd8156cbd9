"""Streams and whole answers into each other, and parts into their order.

Rule: `collect(replay(answer)) == answer`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from gateway.dialects.hub.answer import ChatAnswer, Choice
from gateway.dialects.hub.content import Audio, Part, Reasoning, Refusal, Text, ToolCall
from gateway.dialects.hub.events import (
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Logprobs,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
)
from gateway.dialects.spec import Usage


class _Growing:
    """One part while it grows."""

    __slots__ = ("_added", "_paragraphs", "_part", "_texts")

    def __init__(self, part: Part) -> None:
        self._part = part
        self._texts: list[str] = []
        self._paragraphs: list[int] = []
        self._added: list[PartAdded] = []

    def grow(self, text: str) -> None:
        self._texts.append(text)

    def add(self, more: PartAdded) -> None:
        if more.paragraph:
            self._paragraphs.append(len(self._texts))
        self._added.append(more)

    def finish(self) -> Part:
        part, text = self._part, "".join(self._texts)
        changes: dict[str, Any] = {}
        if isinstance(part, Text | Refusal | Reasoning):
            changes["text"] = part.text + text
        elif isinstance(part, ToolCall):
            changes["arguments"] = part.arguments + text
        elif isinstance(part, Audio) and text:
            changes["media"] = dataclasses.replace(part.media, data=(part.media.data or "") + text)
        if isinstance(part, Reasoning) and self._paragraphs:
            changes["texts"] = tuple(self._split())
        for more in self._added:
            self._apply(part, more, changes)
        return dataclasses.replace(part, **changes) if changes else part

    def _split(self) -> Iterator[str]:
        starts = [*self._paragraphs, len(self._texts)]
        for start, end in pairwise(starts):
            yield "".join(self._texts[start:end])

    @staticmethod
    def _apply(part: Part, more: PartAdded, changes: dict[str, Any]) -> None:
        for name in ("signature", "encrypted", "id", "name"):
            value = getattr(more, name)
            if value is not None and hasattr(part, name):
                changes[name] = value
        if more.citation is not None and isinstance(part, Text):
            changes["citations"] = (*changes.get("citations", part.citations), more.citation)
        if more.transcript is not None and isinstance(part, Audio):
            changes["transcript"] = (
                changes.get("transcript", part.transcript) or ""
            ) + more.transcript


class Collector:
    """Gathers a stream into one answer."""

    __slots__ = ("_begun", "_ends", "_logprobs", "_parts", "ended", "usage")

    def __init__(self) -> None:
        self._begun = Begun("", "")
        self._parts: dict[tuple[int, int], _Growing] = {}
        self._ends: dict[int, ChoiceEnded] = {}
        self._logprobs: dict[int, dict[str, Any]] = {}
        self.usage: Usage | None = None
        self.ended = False

    def take(self, events: Iterable[Event]) -> None:
        """Take in the next events."""
        for event in events:
            if isinstance(event, PartDelta):
                self._parts[event.choice, event.number].grow(event.text)
            elif isinstance(event, PartBegun):
                self._parts[event.choice, event.number] = _Growing(event.part)
            elif isinstance(event, PartAdded):
                self._parts[event.choice, event.number].add(event)
            elif isinstance(event, Counted):
                self.usage = event.usage
            elif isinstance(event, ChoiceEnded):
                self._ends[event.choice] = event
            elif isinstance(event, Begun):
                self._begun = event
            elif isinstance(event, Logprobs):
                self._join(event)
            elif isinstance(event, Ended):
                self.ended = True

    def _join(self, event: Logprobs) -> None:
        joined = self._logprobs.setdefault(event.choice, {})
        for name, values in event.value.items():
            if isinstance(values, list):
                joined[name] = [*(joined.get(name) or []), *values]
            else:
                joined.setdefault(name, values)

    def build(self) -> ChatAnswer:
        """Return the answer so far."""
        numbers = sorted({choice for choice, _ in self._parts} | set(self._ends))
        return ChatAnswer(
            id=self._begun.id,
            model=self._begun.model,
            choices=tuple(map(self._build_choice, numbers)),
            usage=self.usage,
            created_s=self._begun.created_s,
            service_tier=self._begun.service_tier,
        )

    def _build_choice(self, number: int) -> Choice:
        parts = sorted((key, one) for key, one in self._parts.items() if key[0] == number)
        end = self._ends.get(number)
        return Choice(
            parts=tuple(one.finish() for _, one in parts),
            finish=None if end is None else end.finish,
            index=number,
            stop_sequence=None if end is None else end.stop_sequence,
            detail=None if end is None else end.detail,
            logprobs=self._logprobs.get(number),
        )


def collect(events: Iterable[Event]) -> ChatAnswer:
    """Return the answer that a stream amounts to."""
    collector = Collector()
    collector.take(events)
    return collector.build()


def replay(answer: ChatAnswer) -> Iterator[Event]:
    """Yield a whole answer as a stream: for clients whose provider did not stream."""
    yield Begun(answer.id, answer.model, answer.created_s, answer.service_tier)
    for choice in answer.choices:
        for index, part in enumerate(choice.parts):
            yield from _replay_part(choice.index, index, part)
        if choice.logprobs is not None:
            yield Logprobs(choice.index, choice.logprobs)
        if choice.finish is not None:
            yield ChoiceEnded(choice.index, choice.finish, choice.stop_sequence, choice.detail)
    if answer.usage is not None:
        yield Counted(answer.usage)
    yield Ended()


def _replay_part(choice: int, index: int, part: Part) -> Iterator[Event]:
    empty, text, added = _open(part)
    yield PartBegun(choice, index, empty)
    if isinstance(part, Reasoning) and part.texts:
        for paragraph in part.texts:
            yield PartAdded(choice, index, paragraph=True)
            yield PartDelta(choice, index, paragraph)
    elif text:
        yield PartDelta(choice, index, text)
    for more in added:
        yield PartAdded(choice, index, **more)
    yield PartEnded(choice, index)


def _open(part: Part) -> tuple[Part, str, list[Mapping[str, Any]]]:
    """Return a part without what grows, its text, and what is added behind it."""
    added: list[Mapping[str, Any]] = []
    if isinstance(part, Text):
        added += [{"citation": citation} for citation in part.citations]
        if part.signature is not None:
            added.append({"signature": part.signature})
        return dataclasses.replace(part, text="", citations=(), signature=None), part.text, added
    if isinstance(part, Refusal):
        return dataclasses.replace(part, text=""), part.text, added
    if isinstance(part, Reasoning):
        added += [
            {name: value}
            for name in ("signature", "encrypted")
            if not part.redacted and (value := getattr(part, name)) is not None
        ]
        keep = part.encrypted if part.redacted else None
        empty = dataclasses.replace(part, text="", texts=(), signature=None, encrypted=keep)
        return empty, part.text, added
    if isinstance(part, ToolCall):
        return dataclasses.replace(part, arguments=""), part.arguments, added
    return part, "", added


class Sequencer:
    """Puts the parts of each choice one behind the other, as Anthropic's and others' streams are.

    What comes for a part while an earlier one is open waits until that has ended.
    """

    __slots__ = ("_open", "_waiting")

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        self._waiting: dict[int, list[Event]] = {}

    def order(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events whose turn has come."""
        for event in events:
            yield from self._take(event)

    def _take(self, event: Event) -> Iterator[Event]:
        if isinstance(event, PartDelta | PartBegun | PartAdded | PartEnded):
            current = self._open.get(event.choice)
            if current is not None and event.number != current:
                self._waiting.setdefault(event.choice, []).append(event)
                return
            yield event
            if isinstance(event, PartBegun):
                self._open[event.choice] = event.number
            elif isinstance(event, PartEnded):
                yield from self._close(event.choice)
        elif isinstance(event, ChoiceEnded):
            waiting = self._waiting.pop(event.choice, None)
            while waiting:  # a part that never ended does not keep the others
                self._open.pop(event.choice, None)
                for one in waiting:
                    yield from self._take(one)
                waiting = self._waiting.pop(event.choice, None)
            self._open.pop(event.choice, None)
            yield event
        else:
            yield event

    def _close(self, choice: int) -> Iterator[Event]:
        self._open.pop(choice, None)
        for one in self._waiting.pop(choice, []):
            yield from self._take(one)
