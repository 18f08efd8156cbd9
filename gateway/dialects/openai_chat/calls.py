"""Calls of tools in a provider's stream: which of them a piece belongs to.

OpenAI numbers them. Others leave the number out and send calls whole (Mistral), number each of
them 0, or name neither number nor id in what follows.

Rule: a call begins when its name is known; what came of it before waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.dialects.hub import Event, PartBegun, PartDelta, PartEnded, ToolCall
from gateway.dialects.openai_chat.answer_in import read_arguments, read_text
from gateway.dialects.openai_chat.details import find_signature
from gateway.dialects.spec import read_object

Json = Mapping[str, Any]


class _Call:
    """A call that is open; `number` is -1 until it has begun."""

    __slots__ = ("custom", "held", "id", "index", "number", "signature")

    def __init__(self, index: object, call_id: str) -> None:
        self.index = index
        self.id = call_id
        self.number = -1
        self.custom = False
        self.signature: str | None = None
        self.held: list[str] = []


class CallsReader:
    """The calls of one answer; `called`: whether there was one."""

    __slots__ = ("_choice", "_ids", "_open", "called")

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._open: list[_Call] = []
        self._ids: set[str] = set()
        self.called = False

    @property
    def is_open(self) -> bool:
        """Whether a call has begun and not ended."""
        return bool(self._open)

    def knows(self, call_id: str) -> bool:
        """Tell whether a call of this id has begun."""
        return call_id in self._ids

    def take(self, given: Json, number: int, signatures: dict[str, str]) -> Iterator[Event]:
        """Yield what a delta says of one call.

        Args:
            given: the piece.
            number: of the next part.
            signatures: of calls, by their ids; the one that belongs to the call is taken out.
        """
        custom = read_object(given, "custom")
        function = custom or read_object(given, "function")
        name = read_text(function, "name")
        text = read_text(function, "input") if custom else read_arguments(function.get("arguments"))
        call = self._find(given.get("index"), read_text(given, "id"), name)
        call.signature = call.signature or find_signature(given)
        call.custom = call.custom or bool(custom)
        if call.number < 0 and not name:
            call.held.append(text)
            return
        if call.number < 0:
            call.signature = signatures.pop(call.id, None) or call.signature
            yield from self._begin(call, name, number)
        if text:
            yield PartDelta(self._choice, call.number, text)

    def close(self, number: int) -> Iterator[Event]:
        """Yield the ends of all calls; one that was never named begins with its end."""
        for call in self._open:
            if call.number < 0:
                if not any(call.held):
                    continue
                yield from self._begin(call, "", number)
                number += 1
            yield PartEnded(self._choice, call.number)
        self._open.clear()

    def _find(self, index: object, call_id: str, name: str) -> _Call:
        """Return the open call that a piece belongs to, or a new one."""
        if type(index) is int:
            found = next((call for call in reversed(self._open) if call.index == index), None)
        elif call_id:
            found = next((call for call in self._open if call.id == call_id), None)
        else:
            found = self._open[-1] if self._open and not name else None
        is_other = found is not None and bool(call_id and found.id) and call_id != found.id
        if found is None or (is_other and name):
            found = _Call(index, call_id)
            self._open.append(found)
        elif not found.id and found.number < 0:
            found.id = call_id
        return found

    def _begin(self, call: _Call, name: str, number: int) -> Iterator[Event]:
        self.called = True
        call.number = number
        self._ids.add(call.id)
        part = ToolCall(call.id, name, "", custom=call.custom, signature=call.signature)
        yield PartBegun(self._choice, number, part)
        held = "".join(call.held)
        if held:
            yield PartDelta(self._choice, number, held)
