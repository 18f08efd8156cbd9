"""The items of an answer of OpenAI Responses, and the parts within them, as they come.

Servers differ in how much they repeat and which events they leave out: what the ``.done`` events
hold beyond the ``.delta`` ones is read from there.

Rule: a part begins once, has its text once, and ends once, whichever events speak of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    Event,
    Family,
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
from gateway.dialects.openai_responses.parts_in import parse_citation
from gateway.dialects.spec import read_object

Json = Mapping[str, Any]
_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
_WHOLE: Final = -1  # the content index of what has none


class _Part:
    """A part of the answer as far as it has been read."""

    __slots__ = ("ended", "logprobs", "notes", "number", "paragraph", "size")

    def __init__(self, number: int) -> None:
        self.number = number
        self.paragraph = -1  # the last that has begun, of thoughts
        self.size = 0  # characters of the text, or of the paragraph
        self.notes = 0  # annotations
        self.logprobs = False
        self.ended = False


class PartsReader:
    """Reads items into parts.

    `called`: one of them is a call that the client has to answer; `refused`: one is a refusal.
    """

    __slots__ = ("_done", "_encrypted", "_ids", "_parts", "called", "events", "handlers", "refused")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.called = self.refused = False
        self._parts: dict[tuple[int, int], _Part] = {}  # by output index, and content index
        self._encrypted: set[int] = set()  # output indices of such thoughts
        self._ids: dict[int, str | None] = {}  # of items, by output index
        self._done: set[int | str | None] = set()  # output indices and ids of complete items
        self.handlers: dict[str, Callable[[Json], None]] = {
            "response.output_item.added": self._add_item,
            "response.output_item.done": self._end_item,
            "response.content_part.added": self._add_content,
            "response.content_part.done": self._end_content,
            "response.output_text.delta": self._grow_content,
            "response.output_text.done": self._fill_content,
            "response.output_text.annotation.added": self._annotate,
            "response.refusal.delta": self._grow_content,
            "response.refusal.done": self._fill_content,
            "response.function_call_arguments.delta": self._grow_item,
            "response.function_call_arguments.done": self._fill_item,
            "response.custom_tool_call_input.delta": self._grow_item,
            "response.custom_tool_call_input.done": self._fill_item,
            "response.reasoning_summary_part.added": self._add_paragraph,
            "response.reasoning_summary_text.delta": self._grow_thought,
            "response.reasoning_summary_text.done": self._fill_thought,
            "response.reasoning_text.delta": self._grow_thought,
            "response.reasoning_text.done": self._fill_thought,
        }

    def take(self) -> list[Event]:
        """Return the events since the last time."""
        events, self.events = self.events, []
        return events

    def end_all(self) -> None:
        """End what is still open."""
        for part in self._parts.values():
            self._end(part)

    def _add_item(self, event: Json) -> None:
        index, item = _find_index(event, "output_index"), read_object(event, "item")
        self._ids[index] = find_text(item, "id")
        if find_text(item, "encrypted_content"):
            self._encrypted.add(index)
        if find_text(item, "type") in _CALLS and find_text(item, "name"):
            self._begin_call(index, item)

    def _end_item(self, event: Json) -> None:
        self.complete(_find_index(event, "output_index"), read_object(event, "item"))

    def complete(self, index: int, item: Json) -> None:
        """Read a whole item, as far as it has not come in pieces."""
        item_id = find_text(item, "id")
        if index in self._done or item_id in self._done:
            return
        self._done |= {index} if item_id is None else {index, item_id}
        self._ids.setdefault(index, item_id)
        kind = find_text(item, "type")
        if kind == "message":
            self._complete_message(index, item)
        elif kind == "reasoning":
            self._complete_thought(index, item)
        elif kind in _CALLS:
            part = self._begin_call(index, item)
            self._fill(part, item.get(_CALLS[kind]))
            self._end(part)
        elif kind is not None:
            part = self._open(index, _WHOLE, Opaque(Family.OPENAI, kind, item))
            self._end(part)

    def _begin_call(self, index: int, item: Json) -> _Part:
        self.called = True
        call = ToolCall(
            find_text(item, "call_id") or find_text(item, "id") or "",
            find_text(item, "name") or "",
            "",
            custom=item.get("type") == "custom_tool_call",
            item_id=find_text(item, "id"),
        )
        return self._open(index, _WHOLE, call)

    def _grow_item(self, event: Json) -> None:
        self._grow(self._parts.get((_find_index(event, "output_index"), _WHOLE)), event)

    def _fill_item(self, event: Json) -> None:
        part = self._parts.get((_find_index(event, "output_index"), _WHOLE))
        if part is not None:
            self._fill(part, event.get("arguments", event.get("input")))

    # ---- the content of messages

    def _add_content(self, event: Json) -> None:
        given = read_object(event, "part")
        if given.get("type") == "reasoning_text":
            self._begin_thought(event, summary=False)
        else:
            self._begin_content(*_find_place(event), given)

    def _begin_content(self, index: int, place: int, given: Json) -> _Part | None:
        kind = given.get("type")
        if kind == "output_text":
            return self._open(index, place, Text(""))
        if kind == "refusal":
            return self._open(index, place, Refusal(""))
        return None

    def _end_content(self, event: Json) -> None:
        given = read_object(event, "part")
        if given.get("type") != "reasoning_text":
            self._complete_content(*_find_place(event), given)

    def _complete_content(self, index: int, place: int, given: Json) -> None:
        part = self._begin_content(index, place, given)
        if part is None or part.ended:
            return
        self._fill(part, given.get("text", given.get("refusal")))
        notes = given.get("annotations")
        for note in (notes if isinstance(notes, list) else [])[part.notes :]:
            self._note(part, note)
        if not part.logprobs:
            self._add_logprobs(part, given)
        self._end(part)

    def _complete_message(self, index: int, item: Json) -> None:
        content = item.get("content")
        for place, given in enumerate(content if isinstance(content, list) else ()):
            if isinstance(given, dict):
                self._complete_content(index, place, given)
        for (output, _), part in self._parts.items():
            if output == index:
                self._end(part)

    def _grow_content(self, event: Json) -> None:
        part = self._parts.get(_find_place(event))
        if part is None:  # a server that does not announce its parts
            is_text = str(event.get("type")).startswith("response.output_text")
            part = self._open(*_find_place(event), Text("") if is_text else Refusal(""))
        self._grow(part, event)
        if event.get("logprobs"):
            self._add_logprobs(part, event)

    def _fill_content(self, event: Json) -> None:
        part = self._parts.get(_find_place(event))
        if part is not None:
            self._fill(part, event.get("text", event.get("refusal")))

    def _annotate(self, event: Json) -> None:
        part = self._parts.get(_find_place(event))
        if part is not None:
            self._note(part, event.get("annotation"))

    def _note(self, part: _Part, note: object) -> None:
        if isinstance(note, dict) and not part.ended:
            part.notes += 1
            self.events.append(PartAdded(0, part.number, citation=parse_citation(note)))

    def _add_logprobs(self, part: _Part, given: Json) -> None:
        tokens = given.get("logprobs")
        if isinstance(tokens, list) and tokens:
            part.logprobs = True
            self.events.append(Logprobs(0, {"content": tokens}))

    # ---- thoughts

    def _add_paragraph(self, event: Json) -> None:
        self._begin_thought(event, summary=True)

    def _grow_thought(self, event: Json) -> None:
        self._grow(self._begin_thought(event, summary="summary_index" in event), event)

    def _fill_thought(self, event: Json) -> None:
        part = self._begin_thought(event, summary="summary_index" in event)
        self._fill(part, event.get("text"))

    def _begin_thought(self, event: Json, *, summary: bool) -> _Part:
        index = _find_index(event, "output_index")
        part = self._open_thought(index, summary=summary)
        self._turn_to(part, _find_index(event, "summary_index" if summary else "content_index"))
        return part

    def _open_thought(self, index: int, *, summary: bool) -> _Part:
        # Raw thoughts of an open model are nobody's secret, unless an encrypted form is with them.
        is_own = summary or index in self._encrypted
        origin = Family.OPENAI if is_own else Family.OTHER
        thought = Reasoning(summary=summary, origin=origin, id=self._ids.get(index))
        return self._open(index, _WHOLE, thought)

    def _turn_to(self, part: _Part, paragraph: int) -> None:
        if paragraph > part.paragraph and not part.ended:
            part.paragraph, part.size = paragraph, 0
            self.events.append(PartAdded(0, part.number, paragraph=True))

    def _complete_thought(self, index: int, item: Json) -> None:
        summary, raw = _list_texts(item, "summary"), _list_texts(item, "content")
        encrypted = find_text(item, "encrypted_content")
        if not (summary or raw or encrypted or (index, _WHOLE) in self._parts):
            return  # a mark of what the vendor keeps: nothing of it can be used
        if encrypted is not None:
            self._encrypted.add(index)
        part = self._open_thought(index, summary=bool(summary))
        for paragraph, text in enumerate(summary or raw):
            if paragraph >= part.paragraph:
                self._turn_to(part, paragraph)
                self._fill(part, text)
        if encrypted is not None and not part.ended:
            self.events.append(PartAdded(0, part.number, encrypted=encrypted))
        self._end(part)

    # ---- parts

    def _open(self, index: int, place: int, begun: Part) -> _Part:
        """Return a part, begun now if it was not."""
        part = self._parts.get((index, place))
        if part is None:
            self.refused = self.refused or isinstance(begun, Refusal)
            part = self._parts[index, place] = _Part(len(self._parts))
            self.events.append(PartBegun(0, part.number, begun))
        return part

    def _grow(self, part: _Part | None, event: Json) -> None:
        text = event.get("delta")
        if part is not None and not part.ended and text and isinstance(text, str):
            part.size += len(text)
            self.events.append(PartDelta(0, part.number, text))

    def _fill(self, part: _Part, whole: object) -> None:
        """Add what a whole text has beyond the pieces that came."""
        if isinstance(whole, str) and len(whole) > part.size and not part.ended:
            self.events.append(PartDelta(0, part.number, whole[part.size :]))
            part.size = len(whole)

    def _end(self, part: _Part) -> None:
        if not part.ended:
            part.ended = True
            self.events.append(PartEnded(0, part.number))


def find_text(values: Json, name: str) -> str | None:
    """Return a field if it is a text."""
    value = values.get(name)
    return value if isinstance(value, str) else None


def _find_index(event: Json, name: str) -> int:
    value = event.get(name)
    return value if type(value) is int else 0


def _find_place(event: Json) -> tuple[int, int]:
    return _find_index(event, "output_index"), _find_index(event, "content_index")


def _list_texts(item: Json, name: str) -> list[str]:
    parts = item.get(name)
    if not isinstance(parts, list):
        return []
    return [text for part in parts if isinstance(part, dict) and (text := find_text(part, "text"))]
