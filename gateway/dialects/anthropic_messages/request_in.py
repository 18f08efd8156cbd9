"""A client's request, as the hub's.

Source: Anthropic's API reference, "Create a Message" and "Count tokens in a Message";
anthropic-sdk-python 2.12's types; what Claude Code 2.1 sends.

Rule: what a field means is read, or the field goes into `extra` as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from gateway.dialects.anthropic_messages.blocks_in import parse_cache, parse_content
from gateway.dialects.hub import (
    ChatRequest,
    Family,
    Message,
    Opaque,
    OutputFormat,
    OutputKind,
    Part,
    ReasoningConfig,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolKind,
    ToolMode,
    ToolResult,
)
from gateway.dialects.hub.fields import check, read, refuse, want
from gateway.entities import Dialect

_Object = Mapping[str, Any]
_ROLES: Final = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_MODES: Final = {
    "auto": ToolMode.AUTO,
    "any": ToolMode.REQUIRED,
    "tool": ToolMode.NAMED,
    "none": ToolMode.NONE,
}
_TOOL_FIELDS: Final = frozenset(
    {"type", "name", "description", "input_schema", "strict", "cache_control"}
)
_FIELDS: Final = frozenset(
    {
        "model",
        "messages",
        "system",
        "stream",
        "tools",
        "tool_choice",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "thinking",
        "output_config",
        "output_format",
        "metadata",
        "service_tier",
    }
)


def parse_request(body: _Object, endpoint: str, stream: bool) -> ChatRequest:
    """Read a request.

    A missing max_tokens passes: a count of tokens has none, and a target may have a default.

    Raises:
        MalformedRequestError: a field is not what it must be; `field` names it.
    """
    choice = read(body, "tool_choice", dict) or {}
    output = read(body, "output_config", dict) or {}
    metadata = read(body, "metadata", dict) or {}
    serial = read(choice, "disable_parallel_tool_use", bool, "tool_choice")
    return ChatRequest(
        dialect=Dialect.ANTHROPIC_MESSAGES,
        model=endpoint,
        messages=(*_parse_system(body), *_parse_messages(body)),
        stream=stream or read(body, "stream", bool) or False,
        tools=tuple(_parse_tools(body)),
        tool_choice=_parse_choice(choice) if choice else None,
        parallel_calls=None if serial is None else not serial,
        output=_parse_output(body, output),
        reasoning=_parse_reasoning(body, output),
        max_tokens=read(body, "max_tokens", int),
        temperature=read(body, "temperature", float),
        top_p=read(body, "top_p", float),
        top_k=read(body, "top_k", int),
        stop=tuple(_parse_stop(body)),
        user=read(metadata, "user_id", str, "metadata"),
        service_tier=read(body, "service_tier", str),
        extra=_pick_extra(body, output, metadata),
    )


def _parse_system(body: _Object) -> Iterator[Message]:
    system = body.get("system")
    if system:
        parts = tuple(map(_mark_billing, parse_content(system, "system")))
        yield Message(Role.SYSTEM, parts, at="system")


# Claude Code writes it in front of its system prompt (seen from 2.1.36 on). It is told to nobody
# but Anthropic, who takes it out: it changes with each request, and no other vendor's cache would
# know a prompt again that begins with it.
_BILLING: Final = "x-anthropic-billing-header:"


def _mark_billing(part: Part) -> Part:
    if not isinstance(part, Text) or not part.text.startswith(_BILLING) or "\n" in part.text:
        return part
    block = {"type": "text", "text": part.text}
    return Opaque(Family.ANTHROPIC, "billing_header", block, part.at)


def _parse_messages(body: _Object) -> Iterator[Message]:
    for index, value in enumerate(want(body, "messages", list, "")):
        at = f"messages[{index}]"
        given = check(value, dict, at)
        role = _ROLES.get(want(given, "role", str, at))
        if role is None:
            refuse(f"{at}.role", "user, assistant or system")
        parts = parse_content(given.get("content"), f"{at}.content")
        extra = {name: one for name, one in given.items() if name not in ("role", "content")}
        yield from _split(Message(role, parts, extra=extra, at=at))


def _split(message: Message) -> Iterator[Message]:
    """Yield a turn with the tools' results as messages of their own."""
    if not any(isinstance(part, ToolResult) for part in message.parts):
        yield message
        return
    extra = message.extra
    for is_result, group in groupby(message.parts, _is_result):
        role = Role.TOOL if is_result else message.role
        yield Message(role, tuple(group), extra=extra, at=message.at)
        extra = {}


def _is_result(part: Part) -> bool:
    return isinstance(part, ToolResult)


def _parse_tools(body: _Object) -> Iterator[Tool]:
    for index, value in enumerate(read(body, "tools", list) or []):
        at = f"tools[{index}]"
        tool = check(value, dict, at)
        kind = read(tool, "type", str, at)
        yield _parse_function(tool, at) if kind in (None, "custom") else _parse_hosted(tool, at)


def _parse_function(tool: _Object, at: str) -> Tool:
    return Tool(
        want(tool, "name", str, at),
        read(tool, "description", str, at),
        want(tool, "input_schema", dict, at),
        read(tool, "strict", bool, at),
        family=Family.ANTHROPIC,
        cache=parse_cache(tool, at),
        at=at,
        extra={name: value for name, value in tool.items() if name not in _TOOL_FIELDS},
    )


def _parse_hosted(tool: _Object, at: str) -> Tool:
    """Read a tool whose type says what it is; bash, editors and computers among them.

    Those run at the client, but only Anthropic's models know what they take.
    """
    name = read(tool, "name", str, at) or want(tool, "type", str, at)
    return Tool(name, kind=ToolKind.HOSTED, raw=tool, family=Family.ANTHROPIC, at=at)


def _parse_choice(choice: _Object) -> ToolChoice:
    mode = _MODES.get(want(choice, "type", str, "tool_choice"))
    if mode is None:
        refuse("tool_choice.type", "auto, any, tool or none")
    if mode is ToolMode.NAMED:
        return ToolChoice(mode, (want(choice, "name", str, "tool_choice"),))
    return ToolChoice(mode)


def _parse_stop(body: _Object) -> Iterator[str]:
    for index, value in enumerate(read(body, "stop_sequences", list) or []):
        at = f"stop_sequences[{index}]"
        if not check(value, str, at):
            refuse(at, "a string that is not empty")
        yield value


def _parse_output(body: _Object, output: _Object) -> OutputFormat | None:
    """Read the form of the answer; ``output_format`` is its place of the beta."""
    at = "output_config.format"
    given = read(output, "format", dict, "output_config")
    if given is None:
        at = "output_format"
        given = read(body, at, dict)
    if given is None:
        return None
    if want(given, "type", str, at) != "json_schema":
        refuse(f"{at}.type", "json_schema")
    return OutputFormat(OutputKind.SCHEMA, want(given, "schema", dict, at))


_SHOWS: Final = {"summarized": True, "omitted": False}


def _parse_reasoning(body: _Object, output: _Object) -> ReasoningConfig | None:
    effort = read(output, "effort", str, "output_config")
    thinking = read(body, "thinking", dict)
    if thinking is None or _is_own(thinking):
        return None if effort is None else ReasoningConfig(effort=effort)
    kind = want(thinking, "type", str, "thinking")
    display = read(thinking, "display", str, "thinking")
    return ReasoningConfig(
        enabled=kind != "disabled",
        effort=effort,
        budget_tokens=read(thinking, "budget_tokens", int, "thinking"),
        adaptive=kind == "adaptive",
        show=_SHOWS.get(display or ""),
    )


def _is_own(thinking: _Object) -> bool:
    """Whether thinking is set in a way that the hub has no word for, such as between_tools."""
    return want(thinking, "type", str, "thinking") not in ("enabled", "adaptive", "disabled")


def _pick_extra(body: _Object, output: _Object, metadata: _Object) -> dict[str, Any]:
    extra = {name: value for name, value in body.items() if name not in _FIELDS}
    thinking = body.get("thinking")
    if thinking is not None and _is_own(thinking):
        extra["thinking"] = thinking
    for name, values, known in (
        ("output_config", output, ("effort", "format")),
        ("metadata", metadata, ("user_id",)),
    ):
        rest = {key: value for key, value in values.items() if key not in known}
        if rest:
            extra[name] = rest
    return {name: value for name, value in extra.items() if value is not None}
