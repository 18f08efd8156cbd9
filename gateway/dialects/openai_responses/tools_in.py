"""Tools, and the choice among them, as a client of OpenAI Responses declares them.

Source: OpenAI's API reference, "Create a model response"; Codex for namespaces and
``additional_tools``.

Rule: a tool within a namespace is known to the model by one flat name, which `Tool.namespace` and
the name take apart again; what only OpenAI can run is HOSTED.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.hub import Family, Tool, ToolChoice, ToolKind, ToolMode
from gateway.dialects.hub.carry import fit_id
from gateway.dialects.hub.fields import check, join_path, read, refuse, want

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OTHER_LETTER: Final = re.compile(r"[^a-zA-Z0-9_-]")
_KEPT_LETTERS: Final = 20  # of a name that does not fit: the model reads it
_NAME_LENGTH: Final = 64  # the longest that every vendor takes
TOOL_SEARCH: Final = "tool_search"
_MODES: Final = {
    "auto": ToolMode.AUTO,
    "none": ToolMode.NONE,
    "required": ToolMode.REQUIRED,
}


def parse_tools(values: Mapping[str, Any], at: str = "") -> tuple[Tool, ...]:
    """Read the tools of a request, of an ``additional_tools`` item or of a tool search's result."""
    path = join_path(at, "tools")
    found: list[Tool] = []
    for index, one in enumerate(read(values, "tools", list, at) or []):
        found += _parse_tool(check(one, dict, f"{path}[{index}]"), f"{path}[{index}]")
    return tuple(found)


def flatten_name(namespace: str | None, name: str) -> str:
    """Return the one name of a tool in a namespace, such as ``mcp__files__read``.

    A namespace of the tool's own name is none: so OpenAI calls tools declared among the items.
    """
    if not namespace or namespace == name:
        return name
    joined = namespace + name if namespace.endswith("_") else f"{namespace}__{name}"
    plain = _OTHER_LETTER.sub("_", name[:_KEPT_LETTERS])
    return fit_id(joined, _NAME, _NAME_LENGTH, prefix=plain + "_")


def _parse_tool(tool: Mapping[str, Any], at: str) -> list[Tool]:
    kind = want(tool, "type", str, at)
    if kind == "namespace":
        return _parse_namespace(tool, at)
    if kind == "function":
        return [_parse_function(tool, at, None)]
    if kind == "custom":
        return [_parse_custom(tool, at, None)]
    if kind == TOOL_SEARCH and tool.get("execution") == "client":
        return [_parse_search(tool, at)]
    return [Tool(kind, kind=ToolKind.HOSTED, raw=tool, family=Family.OPENAI, at=at)]


def _parse_namespace(namespace: Mapping[str, Any], at: str) -> list[Tool]:
    name = want(namespace, "name", str, at)
    found = []
    for index, one in enumerate(read(namespace, "tools", list, at) or []):
        path = f"{at}.tools[{index}]"
        tool = check(one, dict, path)
        parse = _parse_custom if tool.get("type") == "custom" else _parse_function
        found.append(dataclasses.replace(parse(tool, path, name), raw=namespace))
    return found


def _parse_function(tool: Mapping[str, Any], at: str, namespace: str | None) -> Tool:
    return Tool(
        name=flatten_name(namespace, want(tool, "name", str, at)),
        description=read(tool, "description", str, at),
        parameters=read(tool, "parameters", dict, at),
        strict=read(tool, "strict", bool, at),
        at=at,
        namespace=namespace,
        bare_name=None if namespace is None else tool["name"],
    )


def _parse_custom(tool: Mapping[str, Any], at: str, namespace: str | None) -> Tool:
    form = read(tool, "format", dict, at)
    return Tool(
        name=flatten_name(namespace, want(tool, "name", str, at)),
        description=read(tool, "description", str, at),
        kind=ToolKind.CUSTOM,
        grammar=None if form is None or form.get("type") == "text" else form,
        at=at,
        namespace=namespace,
        bare_name=None if namespace is None else tool["name"],
    )


def _parse_search(tool: Mapping[str, Any], at: str) -> Tool:
    """Read the search for tools that the client runs itself: a function like others."""
    return Tool(
        name=TOOL_SEARCH,
        description=read(tool, "description", str, at),
        parameters=read(tool, "parameters", dict, at),
        raw=tool,
        at=at,
    )


def parse_choice(values: Mapping[str, Any]) -> ToolChoice | None:
    """Read ``tool_choice``: a word, a tool by its type and name, or those allowed."""
    choice = values.get("tool_choice")
    if choice is None:
        return None
    if isinstance(choice, str):
        if choice not in _MODES:
            refuse("tool_choice", "auto, none, required or an object")
        return ToolChoice(_MODES[choice])
    choice = check(choice, dict, "tool_choice")
    if choice.get("type") == "allowed_tools":
        return _parse_allowed(choice)
    return ToolChoice(ToolMode.NAMED, (_find_name(choice, "tool_choice"),))


def _parse_allowed(choice: Mapping[str, Any]) -> ToolChoice:
    mode = read(choice, "mode", str, "tool_choice") or "auto"
    if mode not in _MODES:
        refuse("tool_choice.mode", "auto or required")
    names = []
    for index, one in enumerate(want(choice, "tools", list, "tool_choice")):
        path = f"tool_choice.tools[{index}]"
        names.append(_find_name(check(one, dict, path), path))
    return ToolChoice(_MODES[mode], tuple(names))


def _find_name(choice: Mapping[str, Any], at: str) -> str:
    """Return a tool's name; OpenAI's own are named after their type."""
    kind = want(choice, "type", str, at)
    if kind not in ("function", "custom"):
        return kind
    return flatten_name(read(choice, "namespace", str, at), want(choice, "name", str, at))
