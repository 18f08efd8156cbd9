"""Messages, as system prompt and turns of a request.

Source: Anthropic's API reference, "Create a Message"; "Mid-conversation system messages".

- What stands in front of the conversation is the system prompt. A later system message keeps its
  place: of an Anthropic client as it is, of another one as text of the user's turn in
  ``<system>`` tags, which every model understands.
- Consecutive messages of one side are one turn, the tools' results first, as the API wants them.
- A conversation begins with the user; where models do not continue an answer, it ends so too.
- Calls and results of clients that have no ids for them (Gemini's) are paired by the tool's name,
  in their order.

Rule: the turns alternate, and none of them is empty.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, takewhile
from typing import Any, Final

from gateway.dialects.anthropic_messages.blocks_out import BlockWriter
from gateway.dialects.hub import (
    ChatRequest,
    Message,
    Part,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.entities import Dialect

Json = dict[str, Any]
_SYSTEM: Final = frozenset({Role.SYSTEM, Role.DEVELOPER})
# What stands for a turn that the conversation lacks: the API takes no empty one.
_NOTHING: Final = "."
_GO_ON: Final = "Continue."


def dump_system(request: ChatRequest, writer: BlockWriter) -> list[Json]:
    """Return the blocks of the system prompt."""
    return [block for one in _take_first(request.messages) for block in writer.dump(one.parts)]


def dump_turns(request: ChatRequest, writer: BlockWriter, *, continues: bool) -> list[Json]:
    """Return the turns of the conversation.

    Args:
        request: the client's.
        writer: of its parts.
        continues: whether the model goes on where the last turn, of the assistant, ends.
    """
    is_own = request.dialect is Dialect.ANTHROPIC_MESSAGES
    first = len(list(_take_first(request.messages)))
    messages = request.messages[first:]
    paired = _pair(messages) if any(map(_lacks_id, messages)) else messages
    turns = list(_join(_place(one, is_own=is_own) for one in paired))
    dumped = _merge(turn for role, parts in turns for turn in _dump_turn(role, parts, writer))
    if is_own and dumped:
        return dumped
    if not dumped or dumped[0]["role"] != "user":
        dumped.insert(0, _build_user(_NOTHING))
    if dumped[-1]["role"] == "assistant":
        if continues:
            _strip_end(dumped[-1]["content"])
        else:
            dumped.append(_build_user(_GO_ON))
    return dumped


def _take_first(messages: Iterable[Message]) -> Iterator[Message]:
    return takewhile(lambda one: one.role in _SYSTEM, messages)


def _place(message: Message, *, is_own: bool) -> tuple[str, tuple[Part, ...]]:
    """Return whose turn a message belongs to, and what it says there."""
    if message.role in _SYSTEM:
        if is_own:
            return "system", message.parts
        return "user", tuple(map(_wrap, message.parts))
    return "assistant" if message.role is Role.ASSISTANT else "user", message.parts


def _wrap(part: Part) -> Part:
    if isinstance(part, Text) and part.text:
        return dataclasses.replace(part, text=f"<system>{part.text}</system>")
    return part


def _join(placed: Iterable[tuple[str, tuple[Part, ...]]]) -> Iterator[tuple[str, list[Part]]]:
    """Yield one turn for consecutive messages of one side."""
    for role, group in groupby(placed, lambda one: one[0]):
        yield role, [part for _, parts in group for part in parts]


def _dump_turn(role: str, parts: Sequence[Part], writer: BlockWriter) -> Iterator[Json]:
    results = [part for part in parts if isinstance(part, ToolResult)]
    others = [part for part in parts if not isinstance(part, ToolResult)]
    blocks = writer.dump((*results, *others))
    if blocks:
        yield {"role": role, "content": blocks}
    elif role == "user":
        yield _build_user(_NOTHING)


def _merge(turns: Iterable[Json]) -> list[Json]:
    """Return turns that alternate, where one between two was empty."""
    merged: list[Json] = []
    for turn in turns:
        if merged and merged[-1]["role"] == turn["role"]:
            content = [*merged[-1]["content"], *turn["content"]]
            content.sort(key=lambda block: block["type"] != "tool_result")
            merged[-1] = {"role": turn["role"], "content": content}
        else:
            merged.append(turn)
    return merged


def _build_user(text: str) -> Json:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _strip_end(blocks: list[Json]) -> None:
    """Take blanks off the end of an answer that is to be continued: the API refuses them."""
    if blocks[-1]["type"] == "text":
        blocks[-1] = blocks[-1] | {"text": blocks[-1]["text"].rstrip()}


def _lacks_id(message: Message) -> bool:
    return any(
        (isinstance(part, ToolCall) and not part.id)
        or (isinstance(part, ToolResult) and not part.call_id)
        for part in message.parts
    )


def _pair(messages: Iterable[Message]) -> Iterator[Message]:
    """Yield messages whose calls and results all have ids."""
    waiting: list[tuple[str, str]] = []
    count = 0
    for message in messages:
        parts: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolCall) and not part.id:
                count += 1
                part = dataclasses.replace(part, id=f"call_{count}")  # noqa: PLW2901
                waiting.append((part.name, part.id))
            elif isinstance(part, ToolResult) and not part.call_id:
                found = _find_waiting(waiting, part.name)
                part = dataclasses.replace(part, call_id=found)  # noqa: PLW2901
            parts.append(part)
        yield dataclasses.replace(message, parts=tuple(parts))


def _find_waiting(waiting: list[tuple[str, str]], name: str | None) -> str:
    """Return the id of the first call that waits for a result; taken out."""
    for index, (called, call_id) in enumerate(waiting):
        if name is None or called == name:
            del waiting[index]
            return call_id
    return "call_0"
