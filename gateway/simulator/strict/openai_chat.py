"""What OpenAI's Chat Completions refuse.

Source: OpenAI's published API specification and its answers to wrong requests, 2026-11.

Rule: shapes first, then what the fields may not say together, then the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from gateway.simulator.exchange import Inquiry, Json, Problem
from gateway.simulator.flavours import Flavour, find_flavour
from gateway.simulator.openai import INVALID, VENDOR
from gateway.simulator.strict.mistral import find_mistral_problem
from gateway.simulator.strict.openai_media import find_media_problem
from gateway.simulator.strict.openai_schema import find_schema_problem
from gateway.simulator.strict.openai_words import build_invalid, build_problem
from gateway.simulator.strict.shapes import (
    ANY,
    FLAG,
    OBJECT,
    TEXT,
    WHOLE,
    Fault,
    Fields,
    Many,
    Number,
    Tagged,
    Text,
    either,
    fields,
)

NAME = Text(pattern="[a-zA-Z0-9_-]+", most=64)
EFFORT = Text(one_of=("none", "minimal", "low", "medium", "high", "xhigh", "max"))
METADATA = Fields({}, free=True)
TIER = Text(one_of=("auto", "default", "flex", "scale", "priority"))
VERBOSITY = Text(one_of=("low", "medium", "high"))

_PART_TEXT = fields("type", "text", type=TEXT, text=TEXT, prompt_cache_breakpoint=ANY)
_DETAIL = Text(one_of=("auto", "low", "high", "original"))
_PARTS = {
    "text": _PART_TEXT,
    "image_url": fields("image_url", type=TEXT, image_url=fields("url", url=TEXT, detail=_DETAIL)),
    "input_audio": fields(
        "input_audio",
        type=TEXT,
        input_audio=fields("data", "format", data=TEXT, format=Text(one_of=("wav", "mp3"))),
    ),
    "file": fields("file", type=TEXT, file=fields(file_data=TEXT, file_id=TEXT, filename=TEXT)),
}
_REFUSAL = fields("refusal", type=TEXT, refusal=TEXT)
_WORDS = either(TEXT, Many(Tagged({"text": _PART_TEXT}), least=1))
_SAID = either(TEXT, Many(Tagged(_PARTS), least=1))
_ANSWERED = either(TEXT, Many(Tagged({"text": _PART_TEXT, "refusal": _REFUSAL})))
_CALL_ID = Text(most=40)
_CALLED = fields("name", "arguments", name=TEXT, arguments=TEXT)
_CALLS = Many(
    Tagged(
        {
            "function": fields("id", "type", "function", id=_CALL_ID, type=TEXT, function=_CALLED),
            "custom": fields(
                "id",
                "custom",
                id=_CALL_ID,
                type=TEXT,
                custom=fields("name", "input", name=TEXT, input=TEXT),
            ),
        }
    ),
    least=1,
)
_SYSTEM = fields("content", role=TEXT, content=_WORDS, name=TEXT)
_MESSAGES = Many(
    Tagged(
        {
            "system": _SYSTEM,
            "developer": _SYSTEM,
            "user": fields("content", role=TEXT, content=_SAID, name=TEXT),
            "assistant": fields(
                role=TEXT,
                content=_ANSWERED,
                name=TEXT,
                refusal=TEXT,
                audio=OBJECT,
                tool_calls=_CALLS,
                function_call=_CALLED,
                annotations=ANY,
            ),
            "tool": fields("content", "tool_call_id", role=TEXT, content=_WORDS, tool_call_id=TEXT),
            "function": fields("name", role=TEXT, content=TEXT, name=TEXT),
        },
        tag="role",
    ),
    least=1,
)
_FUNCTION = fields("name", name=NAME, description=TEXT, parameters=OBJECT, strict=FLAG)
_TOOLS = Many(
    Tagged(
        {
            "function": fields("type", "function", type=TEXT, function=_FUNCTION),
            "custom": fields(
                "custom", type=TEXT, custom=fields("name", name=NAME, description=TEXT, format=ANY)
            ),
        }
    ),
    least=1,
    most=128,
)
_NAMED = fields("name", name=TEXT)
_CHOICE = either(
    Text(one_of=("none", "auto", "required")),
    Tagged(
        {
            "function": fields("function", type=TEXT, function=_NAMED),
            "custom": fields("custom", type=TEXT, custom=_NAMED),
            "allowed_tools": fields("allowed_tools", type=TEXT, allowed_tools=OBJECT),
        }
    ),
)
_FORMAT = Tagged(
    {
        "text": fields(type=TEXT),
        "json_object": fields(type=TEXT),
        "json_schema": fields(
            "json_schema",
            type=TEXT,
            json_schema=fields("name", name=NAME, description=TEXT, schema=OBJECT, strict=FLAG),
        ),
    }
)
_PENALTY = Number(-2, 2)
_STOP = either(TEXT, Many(Text(least=1), most=4))
BODY = fields(
    "model",
    "messages",
    model=TEXT,
    messages=_MESSAGES,
    audio=OBJECT,
    frequency_penalty=_PENALTY,
    function_call=ANY,
    functions=Many(OBJECT, least=1),
    logit_bias=OBJECT,
    logprobs=FLAG,
    max_completion_tokens=Number(1, whole=True),
    max_tokens=Number(1, whole=True),
    metadata=METADATA,
    modalities=Many(Text(one_of=("text", "audio"))),
    moderation=ANY,
    n=Number(1, 128, whole=True),
    parallel_tool_calls=FLAG,
    prediction=OBJECT,
    presence_penalty=_PENALTY,
    prompt_cache_key=TEXT,
    prompt_cache_options=OBJECT,
    prompt_cache_retention=TEXT,
    reasoning_effort=EFFORT,
    response_format=_FORMAT,
    safety_identifier=TEXT,
    seed=WHOLE,
    service_tier=TIER,
    stop=_STOP,
    store=FLAG,
    stream=FLAG,
    stream_options=fields(include_usage=FLAG, include_obfuscation=FLAG),
    temperature=Number(0, 2),
    tool_choice=_CHOICE,
    tools=_TOOLS,
    top_logprobs=Number(0, 20, whole=True),
    top_p=Number(0, 1),
    user=TEXT,
    verbosity=VERBOSITY,
    web_search_options=OBJECT,
)
"""A request of OpenAI's own."""

_REASONING = re.compile(r"(gpt-5(?!.*-chat)|o[1-9])")
_OLD = re.compile(r"(gpt-4|gpt-3\.5|chatgpt-)")
_NOT_REASONING = ("top_p", "presence_penalty", "frequency_penalty", "logprobs", "logit_bias")
_NEEDS = {
    "tool_choice": ("tools", "'tools' are specified"),
    "parallel_tool_calls": ("tools", "'tools' are specified"),
    "stream_options": ("stream", "'stream' is enabled"),
    "top_logprobs": ("logprobs", "'logprobs' is enabled"),
}
"""Field to the other that it needs and how that is said."""


def find_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that a server of this model's flavour refuses."""
    flavour = find_flavour(inquiry.model)
    if flavour is Flavour.MISTRAL:
        return find_mistral_problem(inquiry)
    if not isinstance(inquiry.body.get("model"), str):
        return VENDOR.build_problem("model-missing")
    checks: tuple[Callable[[Inquiry], Problem | None], ...] = (
        (_find_shape_problem, _find_model_problem, *_RULES)
        if flavour is Flavour.OPENAI
        else (_find_conversation_problem,)
    )
    return next(filter(None, (check(inquiry) for check in checks)), None)


def _find_shape_problem(inquiry: Inquiry) -> Problem | None:
    flaw = BODY.find(inquiry.body, ())
    if flaw is None:
        return None
    if flaw.fault is Fault.UNKNOWN and len(flaw.path) == 1:
        message = f"Unrecognized request argument supplied: {flaw.path[0]}"
        return build_invalid(message, None)
    return build_problem(flaw)


def is_reasoning(model: str) -> bool:
    """Tell whether a model is one of those that reason and take no sampling parameters."""
    return _REASONING.match(model) is not None


def _find_model_problem(inquiry: Inquiry) -> Problem | None:
    """Find a field that this family of models does not know."""
    body = inquiry.body
    if _OLD.match(inquiry.model) and body.get("reasoning_effort") is not None:
        return build_invalid("Unrecognized request argument supplied: reasoning_effort", None)
    if not is_reasoning(inquiry.model):
        return None
    if body.get("max_tokens") is not None:
        return _say_unsupported("max_tokens", " Use 'max_completion_tokens' instead.")
    problem = find_sampling_problem(body)
    if problem is not None:
        return problem
    found = (name for name in (*_NOT_REASONING, "stop") if body.get(name) not in {None, False})
    name = next((one for one in found if body[one] not in ({}, [], 0, 1)), None)
    return None if name is None else _say_unsupported(name)


def _say_unsupported(name: str, more: str = "") -> Problem:
    message = f"Unsupported parameter: '{name}' is not supported with this model.{more}"
    return build_invalid(message, "unsupported_parameter", name)


def find_sampling_problem(body: Json) -> Problem | None:
    """Find a temperature that a reasoning model does not take."""
    given = body.get("temperature")
    if given is None or given == 1:
        return None
    message = (
        f"Unsupported value: 'temperature' does not support {given} with this model. Only the "
        "default (1) value is supported."
    )
    return build_invalid(message, "unsupported_value", "temperature")


def _find_need_problem(inquiry: Inquiry) -> Problem | None:
    for name, (needed, said) in _NEEDS.items():
        if inquiry.body.get(name) is not None and not inquiry.body.get(needed):
            message = f"Invalid value for '{name}': '{name}' is only allowed when {said}."
            return build_invalid(message, None, name)
    if inquiry.body.get("max_tokens") and inquiry.body.get("max_completion_tokens"):
        message = (
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        )
        return build_invalid(message, "invalid_parameter_combination", "max_tokens")
    return None


def _find_choice_problem(inquiry: Inquiry) -> Problem | None:
    choice = inquiry.body.get("tool_choice")
    if not isinstance(choice, dict) or choice["type"] == "allowed_tools":
        return None
    kind = choice["type"]
    declared = {(tool.get(kind) or {}).get("name") for tool in inquiry.body.get("tools") or []}
    name = choice[kind]["name"]
    if name in declared:
        return None
    message = f"Tool choice '{kind}' '{name}' not found in 'tools' parameter."
    return build_invalid(message, None, "tool_choice")


def _find_format_problem(inquiry: Inquiry) -> Problem | None:
    shape = inquiry.body.get("response_format") or {}
    if shape.get("type") == "json_object" and "json" not in str(inquiry.body["messages"]).lower():
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of "
            "type 'json_object'."
        )
        return build_invalid(message, None, "messages")
    return find_schema_problem(inquiry.body)


def _find_conversation_problem(inquiry: Inquiry) -> Problem | None:
    """Find a call without its result, a result without its call or an empty answer."""
    messages: Any = inquiry.body.get("messages")
    waiting: dict[str, None] = {}
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        role = message.get("role")
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                return _say_orphan(index)
            del waiting[message["tool_call_id"]]
            continue
        if waiting:
            return _say_unanswered(waiting)
        if role == "assistant":
            calls = message.get("tool_calls") or []
            waiting = dict.fromkeys(str(call.get("id")) for call in calls)
            if _is_empty(message):
                message_ = "Invalid value for 'content': expected a string, got null."
                return build_invalid(message_, None, f"messages.[{index}].content")
    return _say_unanswered(waiting) if waiting else None


def _is_empty(message: Json) -> bool:
    given = (message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio"))
    return message.get("content") is None and not any(given)


def _say_orphan(index: int) -> Problem:
    message = (
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message "
        "with 'tool_calls'."
    )
    return Problem(400, INVALID, message, None, f"messages.[{index}].role")


def _say_unanswered(waiting: Any) -> Problem:
    message = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: "
        f"{', '.join(waiting)}"
    )
    return Problem(400, INVALID, message, None, "messages")


_RULES = (
    _find_need_problem,
    _find_choice_problem,
    _find_format_problem,
    find_media_problem,
    _find_conversation_problem,
)
