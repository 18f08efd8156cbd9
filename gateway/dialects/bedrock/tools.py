"""The tools of a request as Converse's `toolConfig`.

Rule: where the conversation holds calls there is a `toolConfig`; without one Bedrock refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.bedrock.models import Traits
from gateway.dialects.hub import (
    ChatRequest,
    Feature,
    Losses,
    OutputFormat,
    OutputKind,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolMode,
)
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.structured import ANSWER_TOOL
from gateway.dialects.hub.tooling import NOTHING, find_parameters, list_offered
from gateway.entities import SchemaSupport
from gateway.errors import NotExpressibleError

Json = dict[str, Any]

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # of the API reference
CACHE_POINT: Final = {"type": "default"}
_AUTO: Final = ToolChoice(ToolMode.AUTO)


def check_name(name: str, at: str) -> str:
    """Return a tool's name if Bedrock takes it.

    Raises:
        NotExpressibleError: it does not; another name would be what comes back.
    """
    if _NAME.fullmatch(name):
        return name
    raise NotExpressibleError(
        "a tool's name is 1 to 64 letters, digits, underscores and hyphens for Bedrock", field=at
    )


def wants_answer_tool(
    output: OutputFormat | None, choice: ToolChoice | None, traits: Traits, schema: SchemaSupport
) -> bool:
    """Tell whether the form of the answer has to be that of a tool's arguments."""
    if output is None or output.kind is OutputKind.TEXT:
        return False
    if choice is not None and choice.mode is ToolMode.NAMED:
        return False  # there will be no text
    can = traits.schema and output.schema is not None and is_closed(output.schema)
    return output.kind is OutputKind.JSON or not can or schema is SchemaSupport.TOOL


def is_closed(schema: Mapping[str, Any]) -> bool:
    """Tell whether all objects of a schema forbid other properties; strict ones have to."""
    waiting: list[Any] = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            is_object = value.get("type") == "object" or isinstance(value.get("properties"), dict)
            if is_object and value.get("additionalProperties") is not False:
                return False
            waiting += value.values()
    return True


def dump_tools(
    request: ChatRequest, traits: Traits, losses: Losses, *, answer_tool: bool
) -> Json | None:
    """Return `toolConfig`; None where nothing of the request is about tools."""
    choice = request.tool_choice or _AUTO
    history = _list_called(request)
    if choice.mode is ToolMode.NONE and history:
        losses.lose(Feature.TOOL_CHOICE_NONE, find_place(request.dialect, Feature.TOOL_CHOICE_NONE))
    tools = list_offered(request, losses)
    specs: list[Json] = []
    for tool in tools:
        specs += _dump_tool(tool, traits, losses)
    if not specs:
        # The model needs to know what was called; it may call nothing that the client has not.
        specs = [_build_spec(call.name, call.at, None, NOTHING) for call in history]
    if answer_tool:
        specs.append(_build_answer_tool(request.output))
    if not specs:
        return None
    config: Json = {"tools": specs}
    wanted = _dump_choice(request, choice, traits, losses, has_tools=bool(tools))
    if answer_tool:
        config["toolChoice"] = _force_answer(request, traits, losses, beside=bool(tools))
    elif wanted is not None:
        config["toolChoice"] = wanted
    return config


def _list_called(request: ChatRequest) -> list[ToolCall]:
    """Return a call of each tool that the conversation holds."""
    calls: dict[str, ToolCall] = {}
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                calls.setdefault(part.name, part)
    return list(calls.values())


def _dump_tool(tool: Tool, traits: Traits, losses: Losses) -> list[Json]:
    schema = find_parameters(tool, losses)
    spec = _build_spec(tool.name, tool.at, tool.description, schema)
    if tool.strict:
        if traits.schema and is_closed(schema):
            spec["toolSpec"]["strict"] = True
        else:
            losses.lose(Feature.STRICT_TOOL, f"{tool.at}.strict")
    if tool.cache is None:
        return [spec]
    if not traits.is_claude:  # Nova caches messages, no tools
        losses.lose(Feature.CACHE_CONTROL, f"{tool.at}.cache_control")
        return [spec]
    return [spec, {"cachePoint": dict(CACHE_POINT)}]


def _build_spec(name: str, at: str, description: str | None, schema: Mapping[str, Any]) -> Json:
    spec: Json = {"name": check_name(name, at)}
    if description and description.strip():  # an empty one is refused
        spec["description"] = description
    spec["inputSchema"] = {"json": dict(schema)}
    return {"toolSpec": spec}


def _build_answer_tool(output: OutputFormat | None) -> Json:
    schema = None if output is None else output.schema
    told = None if output is None else output.description
    return _build_spec(
        ANSWER_TOOL, "", told or "Give the answer with this tool.", schema or {"type": "object"}
    )


def _force_answer(request: ChatRequest, traits: Traits, losses: Losses, *, beside: bool) -> Json:
    if not traits.can_require:
        _refuse(request, Feature.JSON_SCHEMA, losses)
    return {"any": {}} if beside or not traits.can_name else {"tool": {"name": ANSWER_TOOL}}


def _dump_choice(
    request: ChatRequest, choice: ToolChoice, traits: Traits, losses: Losses, *, has_tools: bool
) -> Json | None:
    if choice.mode is ToolMode.REQUIRED:
        if not (has_tools and traits.can_require):
            _refuse(request, Feature.TOOL_CHOICE_REQUIRED, losses)
        return {"any": {}}
    if choice.mode is ToolMode.NAMED:
        name = choice.names[0] if choice.names else ""
        known = any(
            tool.name == name and tool.kind is not ToolKind.HOSTED for tool in request.tools
        )
        if not (known and traits.can_name):
            _refuse(request, Feature.TOOL_CHOICE_NAMED, losses)
        return {"tool": {"name": name}}
    return None


def _refuse(request: ChatRequest, feature: Feature, losses: Losses) -> None:
    losses.lose(feature, find_place(request.dialect, feature))
