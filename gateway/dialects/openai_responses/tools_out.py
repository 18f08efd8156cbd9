"""Tools and the choice among them on the wire of OpenAI Responses, for both halves.

Source: OpenAI's API reference, "Create a model response", `tools` and `tool_choice`.

Rule: `strict` is always said where the client's dialect takes silence for "no": here silence is
a "yes" that rewrites the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.dialects.hub import Tool, ToolChoice, ToolKind, ToolMode

# A tool without parameters still needs a schema that says so.
_NO_PARAMETERS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}


def dump_function(tool: Tool, *, silence: bool | None = None) -> dict[str, Any]:
    """Return a function; `silence` is what it means that the client did not say `strict`."""
    dumped: dict[str, Any] = {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": _NO_PARAMETERS if tool.parameters is None else tool.parameters,
        "strict": silence if tool.strict is None else tool.strict,
    }
    return {name: value for name, value in dumped.items() if value is not None}


def dump_custom(tool: Tool) -> dict[str, Any]:
    """Return a tool that takes free text."""
    dumped = {"type": "custom", "name": tool.name, "description": tool.description}
    if tool.grammar is not None:
        dumped["format"] = tool.grammar  # type: ignore[assignment]
    return {name: value for name, value in dumped.items() if value is not None}


def echo_tools(tools: Iterable[Tool]) -> list[Mapping[str, Any]]:
    """Return a client's tools as an answer repeats them: namespaces whole, each once."""
    echoed: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    for tool in tools:
        if tool.namespace is not None:
            if tool.namespace not in seen:
                seen.add(tool.namespace)
                echoed.append(tool.raw)
        elif tool.raw:  # OpenAI's own, and a search for tools
            echoed.append(tool.raw)
        elif tool.kind is ToolKind.CUSTOM:
            echoed.append(dump_custom(tool))
        else:
            echoed.append(
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": tool.strict,
                }
            )
    return echoed


def dump_choice(choice: ToolChoice | None, tools: Iterable[Tool]) -> Any:
    """Return ``tool_choice``: a word, a tool, or those allowed; None where nothing was said."""
    if choice is None:
        return None
    kinds = {tool.name: tool for tool in tools}
    if choice.mode is ToolMode.NAMED:
        return _name_tool(kinds.get(choice.names[0]), choice.names[0]) if choice.names else "auto"
    if not choice.names or choice.mode is ToolMode.NONE:
        return choice.mode.value
    named = [_name_tool(kinds.get(name), name) for name in choice.names]
    return {"type": "allowed_tools", "mode": choice.mode.value, "tools": named}


def _name_tool(tool: Tool | None, name: str) -> dict[str, Any]:
    kind = ToolKind.FUNCTION if tool is None else tool.kind
    return {"type": name} if kind is ToolKind.HOSTED else {"type": kind.value, "name": name}
