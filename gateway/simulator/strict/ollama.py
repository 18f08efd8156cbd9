"""What Ollama refuses.

Source: Ollama's published API documentation and its answers to wrong requests, 2026-11.

Rule: as in the server, a field that it does not know is passed over; a wrong type is not.
"""

from __future__ import annotations

from gateway.simulator.exchange import Inquiry, Problem
from gateway.simulator.media import decode
from gateway.simulator.ollama import VENDOR
from gateway.simulator.strict.openai_words import dump_path
from gateway.simulator.strict.shapes import (
    ANY,
    FLAG,
    OBJECT,
    TEXT,
    Fault,
    Flaw,
    Many,
    Text,
    either,
    fields,
)

_CALL = fields(
    "function", free=True, function=fields("name", free=True, name=TEXT, arguments=OBJECT)
)
_MESSAGE = fields(
    "role",
    free=True,
    role=TEXT,
    content=TEXT,
    thinking=TEXT,
    images=Many(TEXT),
    tool_calls=Many(_CALL),
    tool_name=TEXT,
    tool_call_id=TEXT,
)
_TOOL = fields(
    free=True, type=TEXT, function=fields("name", free=True, name=TEXT, parameters=OBJECT)
)
_LEVEL = Text(one_of=("high", "medium", "low", "max"))
CHAT = fields(
    free=True,
    model=TEXT,
    messages=Many(_MESSAGE),
    stream=FLAG,
    format=either(OBJECT, Text(one_of=("", "json"))),
    options=OBJECT,
    tools=Many(_TOOL),
    think=either(FLAG, _LEVEL),
    keep_alive=ANY,
)
"""A chat request."""
EMBED = fields(
    "input", free=True, model=TEXT, input=either(TEXT, Many(TEXT)), truncate=FLAG, options=OBJECT
)
"""An embeddings request."""

_KINDS = {
    "string": "string",
    "boolean": "bool",
    "array": "[]api.Message",
    "object": "map[string]interface {}",
}
_ROLES = frozenset({"system", "user", "assistant", "tool"})


def find_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that a chat refuses."""
    flaw = CHAT.find(inquiry.body, ())
    if flaw is not None:
        return _say_flaw(flaw, "ChatRequest")
    for message in inquiry.body.get("messages") or []:
        if message["role"] not in _ROLES:
            detail = f"invalid role: {message['role']}"
            return VENDOR.build_problem("invalid", detail=detail)
        if any(not decode(image) for image in message.get("images") or []):
            detail = "illegal base64 data at input byte 0"
            return VENDOR.build_problem("invalid", detail=detail)
    return None


def find_embed_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that an embeddings request refuses."""
    flaw = EMBED.find(inquiry.body, ())
    return None if flaw is None else _say_flaw(flaw, "EmbedRequest")


def _say_flaw(flaw: Flaw, request: str) -> Problem:
    where = dump_path(flaw.path)
    detail = f"invalid {where}: {flaw.given!r}"
    if flaw.fault is Fault.TYPE:
        given = {dict: "object", list: "array", str: "string", bool: "bool"}.get(
            type(flaw.given), "number"
        )
        detail = (
            f"json: cannot unmarshal {given} into Go struct field {request}.{where} of type "
            f"{_KINDS.get(flaw.noun, flaw.noun)}"
        )
    elif flaw.fault is Fault.MISSING:
        detail = f"{where} is required"
    return VENDOR.build_problem("invalid", detail=detail)
