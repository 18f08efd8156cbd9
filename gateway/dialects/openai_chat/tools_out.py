"""The hub's tools for an OpenAI-compatible provider.

Sources: OpenAI's API reference; "object schema missing properties" is its 400 for a function whose
schema is an object of nothing (2026-11).

Rule: what a server cannot be told of a choice is told by the tools that it gets, where that says
the same; else it is refused.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.hub import (
    ChatRequest,
    Destination,
    Family,
    Feature,
    Losses,
    Tool,
    ToolChoice,
    ToolKind,
    ToolMode,
)
from gateway.dialects.hub.places import find_place
from gateway.dialects.openai_chat.models import is_serial
from gateway.dialects.openai_chat.own import OPENROUTER, dump_mark, is_own

Json = dict[str, Any]

# What a custom tool takes where there are only functions.
_INPUT: Final[Json] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
_COMBINED: Final = frozenset({"$ref", "anyOf", "oneOf", "allOf"})
_OF_MODE: Final = {
    ToolMode.REQUIRED: Feature.TOOL_CHOICE_REQUIRED,
    ToolMode.NONE: Feature.TOOL_CHOICE_NONE,
    ToolMode.NAMED: Feature.TOOL_CHOICE_NAMED,
}


class ToolsOut:
    """Writes the tools of one request and what is said of them."""

    __slots__ = ("_losses", "_quirks", "_request", "_to")

    def __init__(self, request: ChatRequest, to: Destination, losses: Losses) -> None:
        self._request = request
        self._to = to
        self._quirks = to.quirks
        self._losses = losses

    def dump(self) -> Json:
        """Return `tools`, `tool_choice` and `parallel_tool_calls`, those that are wanted.

        Raises:
            NotExpressibleError: the server takes no tools, or cannot be made to call them.
        """
        request = self._request
        choice = self._fit_choice(request.tool_choice)
        if request.tools and self._lacks(Feature.TOOLS):
            self._lose(Feature.TOOLS)
        is_none = choice is not None and choice.mode is ToolMode.NONE
        if is_none and self._lacks(Feature.TOOL_CHOICE_NONE):
            return {}  # who has no tools calls none
        tools = self._list_tools(choice)
        if not tools:
            return {}
        body: Json = {"tools": tools}
        if request.parallel_calls is not None:
            body |= self._dump_parallel(request.parallel_calls)
        if choice is not None:
            body["tool_choice"] = self._dump_choice(choice)
        return body

    def _lacks(self, feature: Feature) -> bool:
        return feature.value in self._quirks.unsupported

    def _lose(self, feature: Feature) -> None:
        self._losses.lose(feature, find_place(self._request.dialect, feature))

    def _find(self, name: str) -> Tool | None:
        return next((tool for tool in self._request.tools if tool.name == name), None)

    # --- the choice -------------------------------------------------------------------------

    def _fit_choice(self, choice: ToolChoice | None) -> ToolChoice | None:
        """Return the same choice in words that the server knows."""
        if choice is None or choice.mode is ToolMode.NONE or choice.mode not in _OF_MODE:
            return choice
        found = self._find(choice.names[0]) if choice.mode is ToolMode.NAMED else None
        if found is not None and found.kind is ToolKind.HOSTED and not is_own(self._request):
            self._lose(Feature.TOOL_CHOICE_NAMED)
        if not self._lacks(_OF_MODE[choice.mode]):
            return choice
        if choice.mode is ToolMode.NAMED and not self._lacks(Feature.TOOL_CHOICE_REQUIRED):
            return ToolChoice(ToolMode.REQUIRED, choice.names)  # one of the one that it gets
        names = choice.names or tuple(tool.name for tool in self._request.tools)
        if len(names) == 1 and not self._lacks(Feature.TOOL_CHOICE_NAMED):
            return ToolChoice(ToolMode.NAMED, names)
        self._lose(_OF_MODE[choice.mode])
        return None

    def _dump_choice(self, choice: ToolChoice) -> str | Json:
        if choice.mode is not ToolMode.NAMED:
            words = {ToolMode.REQUIRED: self._quirks.required_word}
            return words.get(choice.mode, choice.mode.value)
        name = choice.names[0]
        found = self._find(name)
        kind = "custom" if found is not None and self._is_custom(found) else "function"
        return {"type": kind, kind: {"name": name}}

    def _dump_parallel(self, wanted: bool) -> Json:
        if self._lacks(Feature.SERIAL_CALLS):
            if not wanted:
                self._lose(Feature.SERIAL_CALLS)
            return {}
        if self._quirks.is_openai and is_serial(self._to.model):
            return {}
        return {"parallel_tool_calls": wanted}

    # --- the tools --------------------------------------------------------------------------

    def _list_tools(self, choice: ToolChoice | None) -> list[Json]:
        allowed = choice.names if choice is not None and choice.mode is not ToolMode.NAMED else ()
        return [
            dumped
            for tool in self._request.tools
            if (not allowed or tool.name in allowed)
            and (dumped := self._dump_tool(tool)) is not None
        ]

    def _is_custom(self, tool: Tool) -> bool:
        return tool.kind is ToolKind.CUSTOM and self._quirks.is_openai

    def _dump_tool(self, tool: Tool) -> Json | None:
        mark: Json = {}
        if tool.cache is not None and self._quirks.reasoning_request == OPENROUTER:
            mark = dump_mark(tool.cache)
        elif tool.cache is not None:
            self._losses.lose(Feature.CACHE_CONTROL, f"{tool.at}.cache_control")
        if tool.kind is ToolKind.HOSTED:
            if tool.family is Family.OPENAI and is_own(self._request):
                return dict(tool.raw)
            self._losses.lose(Feature.HOSTED_TOOL, tool.at)
            return None
        inner: Json = {"name": tool.name}
        if tool.description is not None:
            inner["description"] = tool.description
        if self._is_custom(tool):
            more = {} if tool.grammar is None else {"format": dict(tool.grammar)}
            return {"type": "custom", "custom": inner | more}
        inner["parameters"] = self._dump_parameters(tool)
        if tool.strict and self._lacks(Feature.STRICT_TOOL):
            self._losses.lose(Feature.STRICT_TOOL, f"{tool.at}.strict")
        elif tool.strict is not None and not self._lacks(Feature.STRICT_TOOL):
            inner["strict"] = tool.strict
        return {"type": "function", "function": inner} | mark

    def _dump_parameters(self, tool: Tool) -> Json:
        if tool.kind is not ToolKind.CUSTOM:
            return fit_schema(dict(tool.parameters or {}))
        if tool.grammar is not None and tool.grammar.get("type") != "text":
            self._losses.lose(Feature.TOOL_GRAMMAR, f"{tool.at}.format")
        return _INPUT


def fit_schema(schema: Json) -> Json:
    """Return the schema of a function with what OpenAI wants of each: a type and properties."""
    if not _COMBINED & schema.keys():
        schema.setdefault("type", "object")
    if schema.get("type") == "object" and not _COMBINED & schema.keys():
        schema.setdefault("properties", {})
    return schema
