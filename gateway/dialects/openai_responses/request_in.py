"""A request of a client of OpenAI Responses.

Source: OpenAI's API reference, "Create a model response"; the requests of Codex and of the SDKs.

Rule: what needs state at the vendor is refused or given to who asks the vendor (`previous_id`);
a field without a name in the hub goes to `extra`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.hub import ChatRequest, OutputFormat, OutputKind, ReasoningConfig
from gateway.dialects.hub.fields import read, read_texts, refuse, want
from gateway.dialects.openai_responses.items_in import parse_input
from gateway.dialects.openai_responses.tools_in import parse_choice, parse_tools
from gateway.entities import Dialect
from gateway.errors import NotExpressibleError

ENCRYPTED: Final = "reasoning.encrypted_content"
LOGPROBS: Final = "message.output_text.logprobs"
_READ: Final = frozenset(
    {
        "model",
        "input",
        "instructions",
        "stream",
        "stream_options",  # padding against measuring of lengths: nothing of the answer
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "reasoning",
        "max_output_tokens",
        "temperature",
        "top_p",
        "top_logprobs",
        "include",
        "store",
        "metadata",
        "user",
        "safety_identifier",
        "service_tier",
        "prompt_cache_key",
        "previous_response_id",
        "client_metadata",  # Codex's own: counts and ids for its maker
    }
)
# What stands for "nothing" in a field that other dialects lack.
_DEFAULTS: Final[Mapping[str, Any]] = {"truncation": "disabled", "background": False}
# What is read of objects; what else is in them goes to `extra` with its path.
_NESTED: Final = {
    "reasoning": frozenset({"effort", "summary", "generate_summary"}),
    "text": frozenset({"format", "verbosity"}),
}
_STATE: Final = ("background", "conversation", "prompt")
_FORMATS: Final = {
    "text": OutputKind.TEXT,
    "json_object": OutputKind.JSON,
    "json_schema": OutputKind.SCHEMA,
}


def parse_request(body: Mapping[str, Any], endpoint: str, stream: bool) -> ChatRequest:
    """Read a client's request.

    Args:
        body: the JSON object.
        endpoint: what the client called the model.
        stream: not used; the body says it.

    Raises:
        MalformedRequestError: with the field.
        NotExpressibleError: it rests on what the vendor keeps.
    """
    for name in _STATE:
        if body.get(name) not in (None, False):
            raise NotExpressibleError(f"'{name}' needs state at the vendor", field=name)
    messages, declared = parse_input(body)
    include = read_texts(body, "include")
    top = read(body, "top_logprobs", int)
    kind, verbosity = _parse_text(body)
    request = ChatRequest(
        dialect=Dialect.OPENAI_RESPONSES,
        model=endpoint,
        messages=messages,
        stream=bool(read(body, "stream", bool)) or stream,
        tools=parse_tools(body) + declared,
        tool_choice=parse_choice(body),
        output=kind,
        verbosity=verbosity,
        reasoning=_parse_reasoning(body, ENCRYPTED in include),
        logprobs=True if LOGPROBS in include or top else None,
        top_logprobs=top or None,
        include_usage=True,
        extra=_list_extra(body, include),
    )
    return dataclasses.replace(request, **_parse_settings(body))


def _parse_settings(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "parallel_calls": read(body, "parallel_tool_calls", bool),
        "max_tokens": read(body, "max_output_tokens", int),
        "temperature": read(body, "temperature", float),
        "top_p": read(body, "top_p", float),
        "user": read(body, "safety_identifier", str) or read(body, "user", str),
        "metadata": _parse_metadata(body),
        "service_tier": read(body, "service_tier", str),
        "store": read(body, "store", bool),
        "cache_key": read(body, "prompt_cache_key", str),
        "previous_id": read(body, "previous_response_id", str) or None,
    }


def _parse_metadata(body: Mapping[str, Any]) -> Mapping[str, str] | None:
    given = read(body, "metadata", dict)
    for name, value in (given or {}).items():
        if not isinstance(value, str):
            refuse(f"metadata.{name}", "a string")
    return given


def _parse_text(body: Mapping[str, Any]) -> tuple[OutputFormat | None, str | None]:
    text = read(body, "text", dict) or {}
    form = read(text, "format", dict, "text")
    verbosity = read(text, "verbosity", str, "text")
    if form is None:
        return None, verbosity
    kind = _FORMATS.get(want(form, "type", str, "text.format"))
    if kind is None:
        refuse("text.format.type", "text, json_object or json_schema")
    if kind is OutputKind.SCHEMA and not isinstance(form.get("schema"), dict):
        refuse("text.format.schema", "an object")
    return OutputFormat(
        kind,
        schema=read(form, "schema", dict, "text.format"),
        name=read(form, "name", str, "text.format"),
        description=read(form, "description", str, "text.format"),
        strict=read(form, "strict", bool, "text.format"),
    ), verbosity


def _parse_reasoning(body: Mapping[str, Any], encrypted: bool) -> ReasoningConfig | None:
    given = read(body, "reasoning", dict)
    if given is None:
        return ReasoningConfig(encrypted=True) if encrypted else None
    effort = read(given, "effort", str, "reasoning")
    summary = read(given, "summary", str, "reasoning")
    summary = summary or read(given, "generate_summary", str, "reasoning")  # its old name
    return ReasoningConfig(
        enabled=None if effort is None else effort != "none",
        effort=effort,
        summary=None if summary == "none" else summary,
        show=True if summary and summary != "none" else None,
        encrypted=encrypted,
    )


def _list_extra(body: Mapping[str, Any], include: Any) -> dict[str, Any]:
    extra = {
        name: value
        for name, value in body.items()
        if name not in _READ and value is not None and _DEFAULTS.get(name) != value
    }
    for name, known in _NESTED.items():
        inner = body.get(name) or {}
        extra |= {f"{name}.{key}": inner[key] for key in inner if key not in known}
    more = [one for one in include if one not in (ENCRYPTED, LOGPROBS)]
    if more:
        extra["include"] = more
    return extra
