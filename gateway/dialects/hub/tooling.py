"""What the dialects with OpenAI-like functions share: which tools are sent, and as what.

Rule: a tool that only another vendor runs is not sent as if it were a function.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.hub.content import ToolCall
from gateway.dialects.hub.loss import Feature, Losses
from gateway.dialects.hub.request import ChatRequest, Tool, ToolKind, ToolMode

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({"type": "object", "properties": {}})
# A custom tool takes free text; the writer of the answer takes it out of the object again.
ONE_TEXT: Final[Mapping[str, Any]] = MappingProxyType(
    {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
)


def list_offered(
    request: ChatRequest, losses: Losses, *, even_forbidden: bool = False
) -> list[Tool]:
    """Return the tools that may be called: those allowed, without the hosted ones.

    `even_forbidden`: for a vendor that can be told that none of them may be.
    """
    choice = request.tool_choice
    if choice is not None and choice.mode is ToolMode.NONE and not even_forbidden:
        return []
    allowed = None
    if choice is not None and choice.mode is not ToolMode.NAMED:
        allowed = frozenset(choice.names) or None
    offered = []
    for tool in request.tools:
        if allowed is not None and tool.name not in allowed:
            continue
        if tool.kind is ToolKind.HOSTED:
            losses.lose(Feature.HOSTED_TOOL, tool.at)
        else:
            offered.append(tool)
    return offered


def find_parameters(tool: Tool, losses: Losses) -> dict[str, Any]:
    """Return the schema of what a function takes; the grammar of a custom tool is lost."""
    if tool.grammar is not None:
        losses.lose(Feature.TOOL_GRAMMAR, f"{tool.at}.format")
    schema = ONE_TEXT if tool.kind is ToolKind.CUSTOM else tool.parameters
    found = dict(schema or NOTHING)
    return found if "type" in found else {"type": "object", **found}


def find_names(request: ChatRequest) -> dict[str, str]:
    """Return the tools' names by the ids of their calls."""
    return {
        part.id: part.name
        for message in request.messages
        for part in message.parts
        if isinstance(part, ToolCall)
    }
