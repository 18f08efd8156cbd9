"""A client's body into the hub.

Rule: a field that is not known here goes into `extra`, under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    ChatRequest,
    Family,
    OutputFormat,
    OutputKind,
    ReasoningConfig,
    Tool,
    ToolChoice,
    ToolKind,
    ToolMode,
)
from gateway.dialects.hub.fields import (
    check,
    join_path,
    read,
    read_objects,
    read_texts,
    refuse,
    want,
)
from gateway.dialects.openai_chat.messages_in import parse_cache, parse_messages
from gateway.entities import Dialect

Json = Mapping[str, Any]

_KNOWN: Final = frozenset(
    (
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "functions",
        "tool_choice",
        "function_call",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
        "reasoning",
        "thinking",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "n",
        "user",
        "safety_identifier",
        "metadata",
        "service_tier",
        "store",
        "prompt_cache_key",
        "verbosity",
        "modalities",
        "audio",
        "prediction",
    )
)
_MODES: Final = {
    "auto": ToolMode.AUTO,
    "none": ToolMode.NONE,
    "required": ToolMode.REQUIRED,
    "any": ToolMode.REQUIRED,  # Mistral's word
}
_MOST_CANDIDATES: Final = 128  # OpenAI's own limit


def parse_request(body: Json, model: str, stream: bool) -> ChatRequest:
    """Return what a client asks for.

    Raises:
        MalformedRequestError: a field is not what it has to be; `field` is its path.
    """
    options = read(body, "stream_options", dict) or {}
    return ChatRequest(
        dialect=Dialect.OPENAI_CHAT,
        model=model,
        messages=parse_messages(body),
        stream=stream or bool(read(body, "stream", bool)),
        tools=_parse_tools(body),
        tool_choice=_parse_choice(body),
        parallel_calls=read(body, "parallel_tool_calls", bool),
        output=_parse_output(body),
        reasoning=_parse_reasoning(body),
        max_tokens=_read_positive(body, "max_completion_tokens")
        or _read_positive(body, "max_tokens"),
        include_usage=bool(read(options, "include_usage", bool, "stream_options")),
        extra={name: value for name, value in body.items() if name not in _KNOWN},
        **_read_tuning(body),
    )


def _read_tuning(body: Json) -> dict[str, Any]:
    user = read(body, "safety_identifier", str) or read(body, "user", str)
    return {
        "temperature": read(body, "temperature", float),
        "top_p": read(body, "top_p", float),
        "top_k": read(body, "top_k", int),
        "stop": _parse_stop(body),
        "seed": read(body, "seed", int),
        "presence_penalty": read(body, "presence_penalty", float),
        "frequency_penalty": read(body, "frequency_penalty", float),
        "logit_bias": _parse_bias(body),
        "logprobs": read(body, "logprobs", bool),
        "top_logprobs": read(body, "top_logprobs", int),
        "candidates": _read_candidates(body),
        "user": user,
        "metadata": _parse_metadata(body),
        "service_tier": read(body, "service_tier", str),
        "store": read(body, "store", bool),
        "cache_key": read(body, "prompt_cache_key", str),
        "verbosity": read(body, "verbosity", str),
        "modalities": read_texts(body, "modalities"),
        "audio": read(body, "audio", dict),
        "prediction": read(body, "prediction", dict),
    }


def _read_positive(body: Json, name: str) -> int | None:
    value = read(body, name, int)
    if value is not None and value < 1:
        refuse(name, "at least 1")
    return value


def _read_candidates(body: Json) -> int | None:
    value = _read_positive(body, "n")
    if value is not None and value > _MOST_CANDIDATES:
        refuse("n", f"at most {_MOST_CANDIDATES}")
    return value


def _parse_stop(body: Json) -> tuple[str, ...]:
    given = body.get("stop")
    if given is None:
        return ()
    stops = (given,) if isinstance(given, str) else read_texts(body, "stop")
    if "" in stops:
        refuse("stop", "free of empty strings")
    return tuple(stops)


def _parse_bias(body: Json) -> dict[str, float] | None:
    given = read(body, "logit_bias", dict)
    if given is None:
        return None
    return {name: check(value, float, f"logit_bias.{name}") for name, value in given.items()}


def _parse_metadata(body: Json) -> dict[str, str] | None:
    given = read(body, "metadata", dict)
    if given is None:
        return None
    return {name: check(value, str, f"metadata.{name}") for name, value in given.items()}


def _parse_tools(body: Json) -> tuple[Tool, ...]:
    tools = [_parse_tool(value, at) for at, value in read_objects(body, "tools")]
    tools += [_parse_function(value, at) for at, value in read_objects(body, "functions")]
    return tuple(tools)


def _parse_tool(value: Json, at: str) -> Tool:
    # Servers take a function that does not say that it is one, and clients rely on it.
    kind = "function" if "type" not in value else want(value, "type", str, at)
    if kind == "function":
        path = join_path(at, "function")
        return _parse_function(want(value, "function", dict, at), path, parse_cache(value), at)
    if kind != "custom":
        return Tool(kind, kind=ToolKind.HOSTED, raw=value, family=Family.OPENAI, at=at)
    inner, path = want(value, "custom", dict, at), join_path(at, "custom")
    return Tool(
        want(inner, "name", str, path),
        read(inner, "description", str, path),
        kind=ToolKind.CUSTOM,
        grammar=read(inner, "format", dict, path),
        at=at,
    )


def _parse_function(value: Json, at: str, cache: Any = None, tool_at: str = "") -> Tool:
    return Tool(
        want(value, "name", str, at),
        read(value, "description", str, at),
        read(value, "parameters", dict, at),
        read(value, "strict", bool, at),
        cache=cache,
        at=tool_at or at,
    )


def _parse_choice(body: Json) -> ToolChoice | None:
    given = body.get("tool_choice")
    if given is None:
        given = body.get("function_call")
        if isinstance(given, dict):
            return ToolChoice(ToolMode.NAMED, (want(given, "name", str, "function_call"),))
    if given is None:
        return None
    if isinstance(given, str):
        mode = _MODES.get(given)
        if mode is None:
            refuse("tool_choice", f"one of: {', '.join(_MODES)}, or an object")
        return ToolChoice(mode)
    return _parse_choice_object(check(given, dict, "tool_choice"))


def _parse_choice_object(value: Json) -> ToolChoice:
    kind = want(value, "type", str, "tool_choice")
    if kind == "allowed_tools":
        inner = want(value, kind, dict, "tool_choice")
        path = f"tool_choice.{kind}"
        mode = _MODES.get(want(inner, "mode", str, path))
        if mode is None:
            refuse(f"{path}.mode", "auto or required")
        names = [_read_name(tool, at) for at, tool in read_objects(inner, "tools", path)]
        return ToolChoice(mode, tuple(names))
    return ToolChoice(ToolMode.NAMED, (_read_name(value, "tool_choice"),))


def _read_name(value: Json, at: str) -> str:
    kind = want(value, "type", str, at)
    inner = value.get(kind)
    return want(inner if isinstance(inner, dict) else value, "name", str, join_path(at, kind))


def _parse_output(body: Json) -> OutputFormat | None:
    given = read(body, "response_format", dict)
    if given is None:
        return None
    kind = want(given, "type", str, "response_format")
    if kind == "text":
        return OutputFormat(OutputKind.TEXT)
    if kind == "json_object":
        return OutputFormat(OutputKind.JSON)
    if kind != "json_schema":
        refuse("response_format.type", "text, json_object or json_schema")
    path = "response_format.json_schema"
    inner = want(given, "json_schema", dict, "response_format")
    return OutputFormat(
        OutputKind.SCHEMA,
        schema=read(inner, "schema", dict, path) or {},
        name=read(inner, "name", str, path),
        description=read(inner, "description", str, path),
        strict=read(inner, "strict", bool, path),
    )


def _parse_reasoning(body: Json) -> ReasoningConfig | None:
    """Read `reasoning_effort`, else OpenRouter's `reasoning`, else the `thinking` of others."""
    effort = read(body, "reasoning_effort", str)
    given = read(body, "reasoning", dict)
    if given is None:
        thinking = read(body, "thinking", dict)
        if thinking is not None and effort is None:
            return _parse_thinking(thinking)
        given = {}
    effort = effort or read(given, "effort", str, "reasoning")
    hidden = read(given, "exclude", bool, "reasoning")
    enabled = read(given, "enabled", bool, "reasoning")
    if effort is None and not given:
        return None
    return ReasoningConfig(
        enabled=effort != "none" if effort is not None else enabled,
        effort=effort,
        budget_tokens=read(given, "max_tokens", int, "reasoning"),
        summary=read(given, "summary", str, "reasoning"),
        show=None if hidden is None else not hidden,
    )


def _parse_thinking(given: Json) -> ReasoningConfig:
    """Read ``{"type": "enabled"}`` of DeepSeek, Z.ai and Moonshot; Anthropic's users add more."""
    kind = want(given, "type", str, "thinking")
    if kind not in ("enabled", "disabled", "adaptive", "auto"):
        refuse("thinking.type", "enabled, disabled or adaptive")
    return ReasoningConfig(
        enabled=kind != "disabled",
        budget_tokens=read(given, "budget_tokens", int, "thinking"),
        adaptive=kind in ("adaptive", "auto"),
    )
