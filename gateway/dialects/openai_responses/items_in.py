"""The items of a client's input become messages.

Items that follow one another and are one turn of the model (its reasoning, text and calls) become
one message, results of tools that follow one another too: other formats know turns, not items.

Rule: an item of an unknown type is Opaque; one that only the vendor's stored state can resolve is
refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.hub import Family, Message, Opaque, Part, Role, Tool, ToolCall, ToolResult
from gateway.dialects.hub.carry import take_from_id
from gateway.dialects.hub.fields import check, read, refuse, want
from gateway.dialects.openai_responses.parts_in import parse_content
from gateway.dialects.openai_responses.reasoning import parse_reasoning
from gateway.dialects.openai_responses.tools_in import TOOL_SEARCH, flatten_name, parse_tools
from gateway.dialects.spec import dump_json
from gateway.errors import NotExpressibleError

_ROLES: Final = {
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
}
# What stands in the input for something that only OpenAI has stored or can read.
_REFERENCE: Final = "item_reference"
_THOUGHTS: Final = "rs_"  # what ids of reasoning items begin with
_STORED: Final = frozenset({_REFERENCE, "compaction", "compaction_trigger"})
# A search for tools is the client's or the vendor's to run.
_SEARCHES: Final = frozenset({"tool_search_call", "tool_search_output"})
# What is no turn of the model, of the types without a parser here.
_OUTPUT: Final = ("_output", "_response")


class ItemReader:
    """Gathers a client's items into messages, and the tools that they declare."""

    __slots__ = ("_at", "_opaque_calls", "_parts", "_role", "messages", "tools")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.tools: list[Tool] = []
        self._role: Role | None = None
        self._parts: list[Part] = []
        self._at = ""
        self._opaque_calls: set[str] = set()

    def _take_reference(self, kind: str, item: dict[str, Any], at: str) -> None:
        """Take what stands for an item that the vendor has stored.

        Of thoughts no more than that is known: they are dropped as another vendor's would be.
        Vercel's SDK sends them so unless `store` is false.
        """
        item_id = read(item, "id", str, at) or ""
        if kind != _REFERENCE or not item_id.startswith(_THOUGHTS):
            raise NotExpressibleError(
                f"{kind} is kept by the vendor: send the items themselves, with store: false",
                field=at,
            )
        self._take_opaque(kind, item, at)

    def take(self, item: dict[str, Any], at: str) -> None:
        """Take in the next item.

        Raises:
            MalformedRequestError: a field of it cannot be read.
            NotExpressibleError: it stands for what the vendor has stored.
        """
        kind = read(item, "type", str, at)
        if kind == "message" or (kind is None and "role" in item):
            self._take_message(item, at)
        elif kind in _STORED or (kind is None and "id" in item):
            self._take_reference(kind or _REFERENCE, item, at)
        elif kind is None:
            refuse(f"{at}.type", "a string")
        elif kind == "additional_tools":
            self.tools += parse_tools(item, at)
        elif kind in _SEARCHES:
            self._take_search(kind, item, at)
        elif kind in _PARSERS:
            role, parse = _PARSERS[kind]
            self._take_part(role, parse(item, at), item)
        else:
            self._take_opaque(kind, item, at)

    def finish(self) -> tuple[Message, ...]:
        """Return all messages."""
        self._flush()
        return tuple(self.messages)

    def _take_message(self, item: Mapping[str, Any], at: str) -> None:
        role = _ROLES.get(want(item, "role", str, at))
        if role is None:
            refuse(f"{at}.role", "user, assistant, system or developer")
        parts = parse_content(item, "content", at)
        if role is Role.ASSISTANT:
            self._join(role, parts, at)
            return
        self._flush()
        self.messages.append(Message(role, parts, at=at))

    def _take_part(self, role: Role, part: Part, item: Mapping[str, Any]) -> None:
        if isinstance(part, ToolResult) and part.call_id in self._opaque_calls:
            # The result of a call that no other vendor knows: it goes where that goes.
            part = Opaque(Family.OPENAI, str(item["type"]), item, at=part.at)
            role = Role.USER
        self._join(role, (part,), part.at)

    def _take_search(self, kind: str, item: dict[str, Any], at: str) -> None:
        found = parse_tools(item, at)
        self.tools += found
        if item.get("execution") != "client":
            self._take_opaque(kind, item, at)
        elif kind == "tool_search_call":
            call = item | {"name": TOOL_SEARCH, "arguments": _dump_object(item.get("arguments"))}
            self._join(Role.ASSISTANT, (_parse_call(call, at),), at)
        else:
            names = [{"name": one.name, "description": one.description} for one in found]
            result = item | {"output": _dump_object({"tools": names})}
            self._join(Role.TOOL, (_parse_result(result, at),), at)

    def _take_opaque(self, kind: str, item: Mapping[str, Any], at: str) -> None:
        call_id = item.get("call_id")
        is_output = kind.endswith(_OUTPUT)
        if isinstance(call_id, str) and not is_output:
            self._opaque_calls.add(call_id)
        role = Role.USER if is_output else Role.ASSISTANT
        self._join(role, (Opaque(Family.OPENAI, kind, item, at=at),), at)

    def _join(self, role: Role, parts: tuple[Part, ...], at: str) -> None:
        if role is not self._role:
            self._flush()
            self._role, self._at = role, at
        self._parts += parts

    def _flush(self) -> None:
        if self._role is not None:
            self.messages.append(Message(self._role, tuple(self._parts), at=self._at))
        self._role, self._parts = None, []


def parse_input(values: Mapping[str, Any]) -> tuple[tuple[Message, ...], tuple[Tool, ...]]:
    """Read ``instructions`` and ``input``: the messages, and the tools declared among them."""
    reader = ItemReader()
    instructions = read(values, "instructions", str)
    if instructions:
        reader.take({"role": "system", "content": instructions}, "instructions")
    given = values.get("input")
    if isinstance(given, str):
        reader.take({"role": "user", "content": given}, "input")
    elif isinstance(given, list):
        for index, item in enumerate(given):
            reader.take(check(item, dict, f"input[{index}]"), f"input[{index}]")
    elif given is not None:
        refuse("input", "a string or a list of items")
    return reader.finish(), tuple(reader.tools)


def _dump_object(value: Any) -> str:
    return value if isinstance(value, str) else dump_json(value).decode()


def _parse_call(item: Mapping[str, Any], at: str) -> Part:
    name = flatten_name(read(item, "namespace", str, at), want(item, "name", str, at))
    call_id, signature = take_from_id(want(item, "call_id", str, at))
    return ToolCall(
        call_id,
        name,
        read(item, "arguments", str, at) or "",
        signature=signature,
        item_id=read(item, "id", str, at),
        at=at,
    )


def _parse_custom_call(item: Mapping[str, Any], at: str) -> Part:
    name = flatten_name(read(item, "namespace", str, at), want(item, "name", str, at))
    call_id, signature = take_from_id(want(item, "call_id", str, at))
    return ToolCall(
        call_id,
        name,
        read(item, "input", str, at) or "",
        custom=True,
        signature=signature,
        item_id=read(item, "id", str, at),
        at=at,
    )


def _parse_result(item: Mapping[str, Any], at: str) -> Part:
    call_id, _ = take_from_id(want(item, "call_id", str, at))
    return ToolResult(call_id, parse_content(item, "output", at), at=at)


def _parse_custom_result(item: Mapping[str, Any], at: str) -> Part:
    call_id, _ = take_from_id(want(item, "call_id", str, at))
    return ToolResult(call_id, parse_content(item, "output", at), custom=True, at=at)


_PARSERS: Final[Mapping[str, tuple[Role, Callable[[Mapping[str, Any], str], Part]]]] = (
    MappingProxyType(
        {
            "reasoning": (Role.ASSISTANT, parse_reasoning),
            "function_call": (Role.ASSISTANT, _parse_call),
            "custom_tool_call": (Role.ASSISTANT, _parse_custom_call),
            "function_call_output": (Role.TOOL, _parse_result),
            "custom_tool_call_output": (Role.TOOL, _parse_custom_result),
        }
    )
)
