"""What Mistral's chat completions refuse.

Source: Mistral's published API specification and its answers to wrong requests, 2026-11.

Rule: a flaw of shape is a 422 with a list of details, a wrong conversation a 400 with a code.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.exchange import Inquiry, Json, Problem
from gateway.simulator.strict.pydantic_words import say_flaw
from gateway.simulator.strict.shapes import (
    ANY,
    FLAG,
    OBJECT,
    TEXT,
    WHOLE,
    Fault,
    Flaw,
    Many,
    Number,
    Tagged,
    Text,
    either,
    fields,
)

_CALL_ID = "[a-zA-Z0-9]{9}"
_TEXT_PART = fields("text", type=TEXT, text=TEXT)
_THINKING = fields("thinking", type=TEXT, thinking=Many(OBJECT), closed=FLAG, signature=TEXT)
_PARTS = Many(
    Tagged(
        {
            "text": _TEXT_PART,
            "image_url": fields("image_url", type=TEXT, image_url=either(TEXT, OBJECT)),
            "document_url": fields("document_url", free=True, type=TEXT, document_url=TEXT),
            "reference": fields("reference_ids", free=True, type=TEXT, reference_ids=Many(ANY)),
            "file": fields(free=True, type=TEXT),
            "input_audio": fields("input_audio", type=TEXT, input_audio=ANY),
            "thinking": _THINKING,
        },
        default="text",
    )
)
_CONTENT = either(TEXT, _PARTS)
_FUNCTION = fields("name", "arguments", name=TEXT, arguments=either(TEXT, OBJECT))
_CALL = fields("function", id=TEXT, type=TEXT, function=_FUNCTION, index=WHOLE)
_MESSAGES = Many(
    Tagged(
        {
            "system": fields("content", role=TEXT, content=_CONTENT),
            "user": fields("content", role=TEXT, content=_CONTENT),
            "assistant": fields(role=TEXT, content=_CONTENT, tool_calls=Many(_CALL), prefix=FLAG),
            "tool": fields("content", role=TEXT, content=_CONTENT, tool_call_id=TEXT, name=TEXT),
        },
        tag="role",
        default="user",
    )
)
_TOOLS = Many(
    fields(
        "function",
        type=TEXT,
        function=fields(
            "name", "parameters", name=TEXT, description=TEXT, parameters=OBJECT, strict=FLAG
        ),
    )
)
_CHOICE = either(
    Text(one_of=("auto", "none", "any", "required")),
    fields("function", type=TEXT, function=fields("name", name=TEXT)),
)
BODY = fields(
    "model",
    "messages",
    model=TEXT,
    messages=_MESSAGES,
    temperature=Number(0, 1.5),
    top_p=Number(0, 1),
    max_tokens=Number(0, whole=True),
    stream=FLAG,
    stop=either(TEXT, Many(TEXT)),
    random_seed=Number(0, whole=True),
    metadata=OBJECT,
    response_format=OBJECT,
    tools=_TOOLS,
    tool_choice=_CHOICE,
    presence_penalty=Number(-2, 2),
    frequency_penalty=Number(-2, 2),
    n=Number(1, whole=True),
    prediction=OBJECT,
    parallel_tool_calls=FLAG,
    prompt_mode=Text(one_of=("reasoning",)),
    reasoning_effort=TEXT,
    prompt_cache_key=TEXT,
    guardrails=ANY,
    safe_prompt=FLAG,
    service_tier=TEXT,
)
_FOLLOWS = {
    None: {"system", "user", "assistant"},
    "system": {"system", "user", "assistant"},
    "user": {"user", "assistant", "system"},
    "assistant": {"user", "tool", "assistant", "system"},
    "tool": {"tool", "assistant"},
}
"""Which roles may follow a role (None: begin)."""

DETAILS = "mistral_details"
"""The kind of a problem that is written as a list of details."""


def find_mistral_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that Mistral refuses."""
    flaw = BODY.find(inquiry.body, ())
    if flaw is not None:
        return _say_details(flaw)
    return _find_conversation_problem(inquiry.body["messages"])


def _say_details(flaw: Flaw) -> Problem:
    kind, message = say_flaw(flaw)
    where = ["body", *(step for step in flaw.path if not str(step).startswith("<"))]
    if flaw.fault is Fault.MISSING:
        kind = "missing"
    detail = {"type": kind, "loc": where, "msg": message, "input": flaw.given}
    return Problem(422, DETAILS, message, param=str(where), details=(detail,))


def _say(message: str, code: str) -> Problem:
    return Problem(400, "invalid_request_message_order", message, code)


def _find_conversation_problem(messages: list[Any]) -> Problem | None:
    """Find a wrong order of roles, a bad id or results that do not fit the calls."""
    before, waiting = None, 0
    for message in messages:
        role = message.get("role", "user")
        if role not in _FOLLOWS[before]:
            return _say(f"Unexpected role '{role}' after role '{before}'", "3230")
        if before in {"assistant", "tool"} and waiting > 0 and role != "tool":
            return _say("Not the same number of function calls and responses", "3230")
        problem = _find_id_problem(message) or _find_empty_problem(message)
        if problem is not None:
            return problem
        waiting = waiting - 1 if role == "tool" else len(message.get("tool_calls") or [])
        before = role
    return _find_end_problem(messages[-1], waiting)


def _find_empty_problem(message: Json) -> Problem | None:
    if message.get("role") != "assistant" or message.get("tool_calls") or message.get("content"):
        return None
    text = "Assistant message must have either content or tool_calls, but not none."
    return _say(text, "3240")


def _find_end_problem(last: Json, waiting: int) -> Problem | None:
    if waiting > 0:
        return _say("Not the same number of function calls and responses", "3230")
    if last.get("role") == "assistant" and not last.get("prefix"):
        text = "Expected last role User or Tool (or Assistant with prefix True) for serving"
        return _say(f"{text} but got assistant", "3230")
    return None


def _find_id_problem(message: Json) -> Problem | None:
    ids = [call.get("id") for call in message.get("tool_calls") or []]
    ids += [message.get("tool_call_id")]
    shape = Text(pattern=_CALL_ID)
    for one in ids:
        if one is not None and shape.find(one, ()) is not None:
            text = f"Tool call id was {one} but must be a-z, A-Z, 0-9, with a length of 9."
            return Problem(400, "invalid_function_call", text, "3280")
    return None
