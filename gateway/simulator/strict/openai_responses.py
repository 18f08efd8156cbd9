"""What OpenAI's Responses refuse.

Source: OpenAI's published API specification and its answers to wrong requests, 2026-11.

Rule: shapes first, then what the fields may not say together, then the items.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.exchange import Inquiry, Json, Problem
from gateway.simulator.flavours import Flavour, find_flavour
from gateway.simulator.openai import VENDOR
from gateway.simulator.openai_responses_question import CALLS, OUTPUTS
from gateway.simulator.seals import is_sealed
from gateway.simulator.strict.openai_chat import (
    EFFORT,
    METADATA,
    TIER,
    VERBOSITY,
    find_sampling_problem,
    is_reasoning,
)
from gateway.simulator.strict.openai_media import find_media_problem
from gateway.simulator.strict.openai_schema import find_schema_problem
from gateway.simulator.strict.openai_words import build_invalid, build_problem
from gateway.simulator.strict.shapes import (
    ANY,
    FLAG,
    OBJECT,
    TEXT,
    Many,
    Number,
    Shape,
    Tagged,
    Text,
    either,
    fields,
)

_NAME = Text(pattern="[a-zA-Z0-9_-]+", most=128)
_STATUS = Text(one_of=("in_progress", "completed", "incomplete"))
_CALL_ID = Text(least=1, most=64)
_ID = Text(most=64)
_DETAIL = Text(one_of=("low", "high", "auto", "original"))
_INPUT_PARTS: dict[str, Shape] = {
    "input_text": fields("text", type=TEXT, text=TEXT, prompt_cache_breakpoint=ANY),
    "input_image": fields(
        type=TEXT, image_url=TEXT, file_id=TEXT, detail=_DETAIL, prompt_cache_breakpoint=ANY
    ),
    "input_file": fields(
        type=TEXT,
        file_data=TEXT,
        file_id=TEXT,
        file_url=TEXT,
        filename=TEXT,
        detail=ANY,
        prompt_cache_breakpoint=ANY,
    ),
    "input_audio": fields("input_audio", type=TEXT, input_audio=OBJECT),
}
_OUTPUT_PARTS: dict[str, Shape] = {
    "output_text": fields("text", type=TEXT, text=TEXT, annotations=Many(OBJECT), logprobs=ANY),
    "refusal": fields("refusal", type=TEXT, refusal=TEXT),
}
_SAID = either(TEXT, Many(Tagged(_INPUT_PARTS)))
_ANSWERED = either(TEXT, Many(Tagged(_OUTPUT_PARTS)))


def _message(content: Shape) -> Shape:
    return fields(
        "content",
        role=TEXT,
        type=TEXT,
        content=content,
        id=_ID,
        status=_STATUS,
        phase=TEXT,
    )


_MESSAGE = Tagged(
    {
        "user": _message(_SAID),
        "system": _message(_SAID),
        "developer": _message(_SAID),
        "assistant": _message(_ANSWERED),
    },
    tag="role",
)
_OUTPUT = either(TEXT, Many(Tagged(_INPUT_PARTS)))
_OPEN = fields(free=True)
_ITEMS = Tagged(
    {
        "message": _MESSAGE,
        "function_call": fields(
            "call_id",
            "name",
            "arguments",
            type=TEXT,
            id=_ID,
            call_id=_CALL_ID,
            name=_NAME,
            arguments=TEXT,
            status=_STATUS,
            namespace=TEXT,
            caller=ANY,
            async_=ANY,
        ),
        "function_call_output": fields(
            "call_id",
            "output",
            type=TEXT,
            id=_ID,
            call_id=_CALL_ID,
            output=_OUTPUT,
            status=_STATUS,
            name=TEXT,
            namespace=TEXT,
            caller=ANY,
        ),
        "custom_tool_call": fields(
            "call_id",
            "name",
            "input",
            type=TEXT,
            id=_ID,
            call_id=_CALL_ID,
            name=_NAME,
            input=TEXT,
            status=_STATUS,
            namespace=TEXT,
            caller=ANY,
            async_=ANY,
        ),
        "custom_tool_call_output": fields(
            "call_id",
            "output",
            type=TEXT,
            id=_ID,
            call_id=_CALL_ID,
            output=_OUTPUT,
            status=_STATUS,
            caller=ANY,
        ),
        "reasoning": fields(
            "summary",
            type=TEXT,
            id=_ID,
            summary=Many(fields("text", type=TEXT, text=TEXT)),
            content=Many(OBJECT),
            encrypted_content=TEXT,
            status=_STATUS,
        ),
        **dict.fromkeys(
            (
                "item_reference",
                "file_search_call",
                "computer_call",
                "computer_call_output",
                "web_search_call",
                "tool_search_call",
                "tool_search_output",
                "additional_tools",
                "configuration_update",
                "compaction",
                "image_generation_call",
                "code_interpreter_call",
                "local_shell_call",
                "local_shell_call_output",
                "shell_call",
                "shell_call_output",
                "apply_patch_call",
                "apply_patch_call_output",
                "mcp_list_tools",
                "mcp_approval_request",
                "mcp_approval_response",
                "mcp_call",
                "compaction_trigger",
                "program",
                "program_output",
            ),
            _OPEN,
        ),
    },
    default="message",
)
_FUNCTION = fields(
    "name",
    type=TEXT,
    name=_NAME,
    description=TEXT,
    parameters=OBJECT,
    strict=FLAG,
    defer_loading=FLAG,
    output_schema=ANY,
    allowed_callers=ANY,
)
_CUSTOM = fields(
    "name",
    type=TEXT,
    name=_NAME,
    description=TEXT,
    format=OBJECT,
    defer_loading=FLAG,
    allowed_callers=ANY,
)
_HOSTED = (
    "file_search",
    "web_search",
    "web_search_preview",
    "computer_use_preview",
    "computer",
    "mcp",
    "code_interpreter",
    "image_generation",
    "local_shell",
    "shell",
    "apply_patch",
    "tool_search",
    "namespace",
)
_TOOLS = Many(
    Tagged(
        {"function": _FUNCTION, "custom": _CUSTOM, **dict.fromkeys(_HOSTED, _OPEN)},
        prefixes={"web_search_": _OPEN},
    )
)
_NAMED = fields("name", type=TEXT, name=TEXT)
_CHOICE = either(
    Text(one_of=("none", "auto", "required")),
    Tagged(
        {
            "function": _NAMED,
            "custom": _NAMED,
            "allowed_tools": fields("tools", type=TEXT, mode=TEXT, tools=Many(OBJECT)),
            "mcp": _OPEN,
            **dict.fromkeys(_HOSTED, _OPEN),
        },
        prefixes={"web_search_": _OPEN},
    ),
)
_FORMAT = Tagged(
    {
        "text": fields(type=TEXT),
        "json_object": fields(type=TEXT),
        "json_schema": fields(
            "name",
            "schema",
            type=TEXT,
            name=Text(pattern="[a-zA-Z0-9_-]+", most=64),
            schema=OBJECT,
            description=TEXT,
            strict=FLAG,
        ),
    }
)
BODY = fields(
    model=TEXT,
    input=either(TEXT, Many(_ITEMS)),
    access_programs=ANY,
    background=FLAG,
    background_options=ANY,
    context_management=ANY,
    conversation=ANY,
    image=ANY,
    include=Many(TEXT),
    instructions=TEXT,
    max_output_tokens=Number(16, whole=True),
    max_tool_calls=Number(whole=True),
    metadata=METADATA,
    moderation=ANY,
    parallel_tool_calls=FLAG,
    previous_response_id=TEXT,
    prompt=OBJECT,
    prompt_cache_key=Text(most=64),
    prompt_cache_options=OBJECT,
    prompt_cache_retention=TEXT,
    reasoning=fields(
        effort=EFFORT,
        summary=Text(one_of=("auto", "concise", "detailed")),
        generate_summary=TEXT,
        context=ANY,
        mode=ANY,
    ),
    safety_identifier=TEXT,
    service_tier=TIER,
    store=FLAG,
    stream=FLAG,
    stream_options=fields(include_obfuscation=FLAG),
    temperature=Number(0, 2),
    text=fields(format=_FORMAT, verbosity=VERBOSITY),
    tool_choice=_CHOICE,
    tools=_TOOLS,
    top_logprobs=Number(0, 20, whole=True),
    top_p=Number(0, 1),
    truncation=Text(one_of=("auto", "disabled")),
    user=TEXT,
    client_metadata=OBJECT,
)
"""A request of OpenAI's own; ``client_metadata`` is what Codex adds."""


def find_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that OpenAI refuses; other servers look at the calls only."""
    if not isinstance(inquiry.body.get("model"), str):
        return VENDOR.build_problem("model-missing")
    if find_flavour(inquiry.model) is not Flavour.OPENAI:
        return _find_call_problem(inquiry)
    flaw = BODY.find(inquiry.body, ())
    if flaw is not None:
        return build_problem(flaw)
    return next(filter(None, (rule(inquiry) for rule in _RULES)), None)


def _find_sampling_problem(inquiry: Inquiry) -> Problem | None:
    if not is_reasoning(inquiry.model):
        effort = (inquiry.body.get("reasoning") or {}).get("effort")
        return None if effort in {None, "none"} else _say_unsupported("reasoning.effort")
    names = [name for name in ("top_logprobs",) if inquiry.body.get(name)]
    return _say_unsupported(names[0]) if names else find_sampling_problem(inquiry.body)


def _say_unsupported(name: str) -> Problem:
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    return build_invalid(message, "unsupported_parameter", name)


def _find_choice_problem(inquiry: Inquiry) -> Problem | None:
    choice, tools = inquiry.body.get("tool_choice"), inquiry.body.get("tools") or []
    if choice == "required" and not tools:
        message = "Tool choice 'required' must be specified with 'tools' parameter."
        return build_invalid(message, None, "tool_choice")
    if not isinstance(choice, dict) or choice.get("type") not in {"function", "custom"}:
        return None
    if any(tool.get("name") == choice["name"] for tool in tools):
        return None
    message = f"Tool choice '{choice['type']}' not found in 'tools' parameter."
    return build_invalid(message, None, "tool_choice")


def _find_format_problem(inquiry: Inquiry) -> Problem | None:
    shape = (inquiry.body.get("text") or {}).get("format") or {}
    if shape.get("type") == "json_object" and "json" not in str(inquiry.body["input"]).lower():
        message = (
            "Response input messages must contain the word 'json' in some form to use "
            "'text.format' of type 'json_object'."
        )
        return build_invalid(message, None, "input")
    return find_schema_problem(inquiry.body)


def _list_items(body: Json) -> list[Any]:
    items = body.get("input")
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []


def _find_call_problem(inquiry: Inquiry) -> Problem | None:
    """Find a call without its output or an output without its call."""
    if inquiry.body.get("previous_response_id"):
        return None
    items = _list_items(inquiry.body)
    called = {one.get("call_id"): one["type"] for one in items if one.get("type") in CALLS}
    answered = {one.get("call_id"): one["type"] for one in items if one.get("type") in OUTPUTS}
    for call_id, kind in answered.items():
        if call_id not in called:
            what = "custom tool call" if kind.startswith("custom") else "function call"
            message = f"No tool call found for {what} output with call_id {call_id}."
            return build_invalid(message, None, "input")
    for call_id, kind in called.items():
        if call_id not in answered:
            what = "custom tool call" if kind.startswith("custom") else "function call"
            return build_invalid(f"No tool output found for {what} {call_id}.", None, "input")
    return None


def _find_reasoning_problem(inquiry: Inquiry) -> Problem | None:
    """Find reasoning that the simulator did not write, or that nothing follows."""
    items = _list_items(inquiry.body)
    for index, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        secret = item.get("encrypted_content")
        if secret is not None and not is_sealed("openai", secret):
            message = (
                f"The encrypted content {secret[:8]}... could not be verified. Reason: Encrypted "
                "content could not be decrypted or parsed."
            )
            return build_invalid(message, "invalid_encrypted_content")
        after = items[index + 1] if index + 1 < len(items) else {}
        if after.get("role", "assistant") != "assistant" or not after:
            message = (
                f"Item '{item.get('id')}' of type 'reasoning' was provided without its required "
                "following item."
            )
            return build_invalid(message, None, "input")
    return None


_RULES = (
    _find_sampling_problem,
    _find_choice_problem,
    _find_format_problem,
    find_media_problem,
    _find_call_problem,
    _find_reasoning_problem,
)
