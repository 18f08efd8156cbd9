"""Messages become the items of a request to OpenAI Responses.

Source: OpenAI's API reference, "Create a model response", `input`; Codex, which sends no ids of
items where nothing is stored.

Rule: items stand in the order of the parts; ids of items are left out (they name what is stored),
those of calls fit into the 64 characters that the API takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.dialects.hub import (
    ChatRequest,
    Family,
    Feature,
    Message,
    Opaque,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.hub.carry import fit_id
from gateway.dialects.openai_responses.parts_out import Json, PartWriter
from gateway.dialects.spec import dump_json

_CALL_ID: Final = re.compile(r"[\x21-\x7e]{1,64}")
_CALL_ID_LENGTH: Final = 64
_IN_CONTENT: Final = re.compile(r"\.(?:content|output)\[\d+\]\Z")
_ROLES: Final = {Role.USER: "user", Role.ASSISTANT: "assistant", Role.SYSTEM: "system"}


class ItemWriter:
    """Writes the items of one request."""

    __slots__ = ("_custom", "_developer", "_is_open", "_parts", "items")

    def __init__(
        self, parts: PartWriter, request: ChatRequest, *, developer: bool, is_open: bool
    ) -> None:
        self._parts = parts
        self._is_open = is_open
        self._developer = "developer" if developer else "system"
        self._custom = _find_custom(request.messages)
        self.items: list[Json] = []

    def take(self, message: Message) -> None:
        """Write a message: its texts and media in one item, each call and result in its own."""
        if message.name is not None:
            self._parts.losses.lose(Feature.NAME, f"{message.at}.name")
        for name in message.extra:
            self._parts.losses.lose(Feature.EXTRA, f"{message.at}.{name}")
        role = _ROLES.get(message.role, "user")
        if message.role is Role.DEVELOPER:
            role = self._developer
        kind = "output_text" if role == "assistant" else "input_text"
        content: list[Json] = []
        for part in message.parts:
            items = self._dump_item(part)
            if items is None:
                content += self._parts.dump(part, kind)
                continue
            self._add_message(role, content)
            content = []
            self.items += items
        self._add_message(role, content)

    def _add_message(self, role: str, content: list[Json]) -> None:
        if not content:
            return
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            self.items.append({"role": role, "content": content[0]["text"]})
        else:
            self.items.append({"type": "message", "role": role, "content": content})

    def _dump_item(self, part: Part) -> list[Json] | None:
        """Return what is an item of its own; None for what is a part of a message."""
        if isinstance(part, ToolCall):
            return [self._dump_call(part)]
        if isinstance(part, ToolResult):
            return [self._dump_result(part)]
        if isinstance(part, Reasoning):
            return self._dump_reasoning(part)
        if isinstance(part, Opaque) and not _IN_CONTENT.search(part.at):
            return self._parts.dump_opaque(part, "")
        return None

    def _dump_call(self, call: ToolCall) -> Json:
        losses = self._parts.losses
        if call.cache is not None:
            losses.lose(Feature.CACHE_CONTROL, call.at)
        if call.signature is not None:
            losses.lose(Feature.REASONING_HISTORY, call.at)
        dumped = {"call_id": fit_call(call.id), "name": call.name}
        if call.custom:
            return {"type": "custom_tool_call", **dumped, "input": call.arguments}
        arguments = call.arguments if call.arguments.strip() else "{}"
        return {"type": "function_call", **dumped, "arguments": arguments}

    def _dump_result(self, result: ToolResult) -> Json:
        if result.cache is not None:
            self._parts.losses.lose(Feature.CACHE_CONTROL, result.at)
        is_custom = result.custom or result.call_id in self._custom
        return {
            "type": "custom_tool_call_output" if is_custom else "function_call_output",
            "call_id": fit_call(result.call_id),
            "output": self._dump_output(result),
        }

    def _dump_output(self, result: ToolResult) -> str | list[Json]:
        parts: Iterable[Part] = result.parts
        if not result.parts and result.structured is not None:
            parts = (Text(dump_json(result.structured).decode(), at=result.at),)
        output = [one for part in parts for one in self._parts.dump(part, "input_text")]
        if result.is_error:
            output = _mark_error(output)
        if len(output) == 1 and output[0].keys() == {"type", "text"}:
            return str(output[0]["text"])
        return output or ""

    def _dump_reasoning(self, part: Reasoning) -> list[Json]:
        """Return OpenAI's own thoughts, encrypted, or raw ones where an open model wants them."""
        texts = [text for text in part.texts or (part.text,) if text]
        if part.origin is Family.OPENAI and part.encrypted is not None:
            summary = [{"type": "summary_text", "text": text} for text in texts if part.summary]
            item: Json = {"type": "reasoning", "summary": summary}
            return [item | {"encrypted_content": part.encrypted}]
        is_raw = texts and not part.summary and part.signature is None and part.encrypted is None
        if self._is_open and is_raw:
            content = [{"type": "reasoning_text", "text": text} for text in texts]
            return [{"type": "reasoning", "summary": [], "content": content}]
        self._parts.losses.lose(Feature.REASONING_HISTORY, part.at)
        return []


def fit_call(call_id: str) -> str:
    """Return a call's id that the API takes."""
    return fit_id(call_id, _CALL_ID, _CALL_ID_LENGTH, prefix="call_")


def _find_custom(messages: Iterable[Message]) -> frozenset[str]:
    """Return the ids of custom calls: other formats' results do not say whose they are."""
    return frozenset(
        part.id
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCall) and part.custom
    )


def _mark_error(output: list[Json]) -> list[Json]:
    """Say that a tool has failed, for which there is no field, unless its text does."""
    first = output[0].get("text") if output else ""
    if isinstance(first, str) and "error" in first[:_ERROR_WITHIN].lower():
        return output
    if isinstance(first, str) and output:
        return [{"type": "input_text", "text": f"Error: {first}"}, *output[1:]]
    return [{"type": "input_text", "text": "Error"}, *output]


_ERROR_WITHIN: Final = 40  # characters at the beginning of a text
