"""What Cohere's chat and embeddings refuse.

Source: Cohere's published API reference (v2) and its answers to wrong requests, 2026-11.

Rule: an unknown field is a 422 that names it, all else a 400.
"""

from __future__ import annotations

from typing import Any

from gateway.simulator.cohere import VENDOR
from gateway.simulator.exchange import Inquiry, Json, Problem
from gateway.simulator.media import decode, split_data_url
from gateway.simulator.strict.openai_words import dump_path
from gateway.simulator.strict.shapes import (
    ANY,
    FLAG,
    OBJECT,
    TEXT,
    WHOLE,
    Fault,
    Fields,
    Flaw,
    Many,
    Number,
    Tagged,
    Text,
    either,
    fields,
)

_TEXT = fields("text", type=TEXT, text=TEXT)
_THINKING = fields("thinking", type=TEXT, thinking=TEXT)
_IMAGE = fields("image_url", type=TEXT, image_url=fields("url", url=TEXT, detail=TEXT))
_DOCUMENT = fields("data", data=ANY, id=TEXT)
_WORDS = either(TEXT, Many(Tagged({"text": _TEXT})))
_SAID = either(TEXT, Many(Tagged({"text": _TEXT, "image_url": _IMAGE})))
_ANSWERED = either(TEXT, Many(Tagged({"text": _TEXT, "thinking": _THINKING})))
_RESULT = either(
    TEXT,
    Many(Tagged({"text": _TEXT, "document": fields("document", type=TEXT, document=_DOCUMENT)})),
)
_CALL = fields(
    "id",
    "function",
    id=TEXT,
    type=Text(one_of=("function",)),
    function=fields("name", "arguments", name=TEXT, arguments=TEXT),
)
_MESSAGES = Many(
    Tagged(
        {
            "system": fields("content", role=TEXT, content=_WORDS),
            "developer": fields("content", role=TEXT, content=_WORDS),
            "user": fields("content", role=TEXT, content=_SAID),
            "assistant": fields(
                role=TEXT,
                content=_ANSWERED,
                tool_calls=Many(_CALL),
                tool_plan=TEXT,
                citations=Many(OBJECT),
            ),
            "tool": fields(
                "tool_call_id", "content", role=TEXT, tool_call_id=TEXT, content=_RESULT
            ),
        },
        tag="role",
    ),
    least=1,
)
_TOOLS = Many(
    fields(
        "type",
        "function",
        type=Text(one_of=("function",)),
        function=fields("name", name=TEXT, description=TEXT, parameters=OBJECT),
    )
)
_FORMAT = Tagged(
    {
        "text": fields(type=TEXT),
        "json_object": fields(type=TEXT, json_schema=OBJECT, schema=OBJECT),
    }
)
BODY = fields(
    "model",
    "messages",
    model=TEXT,
    messages=_MESSAGES,
    stream=FLAG,
    tools=_TOOLS,
    strict_tools=FLAG,
    documents=Many(either(TEXT, _DOCUMENT)),
    citation_options=fields(mode=TEXT),
    response_format=_FORMAT,
    safety_mode=Text(one_of=("CONTEXTUAL", "STRICT", "OFF")),
    max_tokens=Number(0, whole=True),
    stop_sequences=Many(TEXT, most=5),
    temperature=Number(0, 1),
    seed=WHOLE,
    frequency_penalty=Number(0, 1),
    presence_penalty=Number(0, 1),
    k=Number(0, 500),
    p=Number(0.01, 0.99),
    logprobs=FLAG,
    tool_choice=Text(one_of=("REQUIRED", "NONE")),
    thinking=fields(
        "type", type=Text(one_of=("enabled", "disabled")), token_budget=Number(1, whole=True)
    ),
    priority=WHOLE,
    raw_prompting=FLAG,
)
"""A chat request."""
EMBED = fields(
    "model",
    model=TEXT,
    texts=Many(TEXT, most=96),
    images=Many(TEXT),
    inputs=Many(OBJECT),
    input_type=Text(
        one_of=("search_document", "search_query", "classification", "clustering", "image")
    ),
    embedding_types=Many(Text(one_of=("float", "int8", "uint8", "binary", "ubinary", "base64"))),
    output_dimension=Number(1, whole=True),
    max_tokens=Number(1, whole=True),
    truncate=Text(one_of=("NONE", "START", "END", "LEFT", "RIGHT")),
    priority=WHOLE,
)
"""An embeddings request."""


def find_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that Cohere's chat refuses."""
    problem = _find_shape_problem(inquiry.body, BODY)
    if problem is not None:
        return problem
    found = (rule(inquiry.body) for rule in (_find_tool_flaw, _find_turn_flaw, _find_image_flaw))
    message = next(filter(None, found), None)
    return None if message is None else VENDOR.build_problem("invalid", detail=message)


def find_embed_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that Cohere's embeddings refuse."""
    return _find_shape_problem(inquiry.body, EMBED)


def _find_shape_problem(body: Json, shape: Fields) -> Problem | None:
    flaw = shape.find(body, ())
    if flaw is None:
        return None
    where = dump_path(flaw.path)
    if flaw.fault is Fault.UNKNOWN:
        detail = f"unknown field: parameter '{where}' is not a valid field"
        return VENDOR.build_problem("unprocessable", detail=detail)
    return VENDOR.build_problem("invalid", detail=_say_flaw(flaw, where))


def _say_flaw(flaw: Flaw, where: str) -> str:
    if flaw.fault is Fault.MISSING:
        return f"{where} is required"
    if flaw.fault is Fault.TYPE:
        return f"{where} must be of type {flaw.noun}"
    if flaw.fault is Fault.VALUE:
        return f"{where} must be one of {', '.join(flaw.limit)}"
    sides = {Fault.BELOW: "at least", Fault.SHORT: "at least", Fault.PATTERN: "like"}
    return f"{where} must be {sides.get(flaw.fault, 'at most')} {flaw.limit}"


def _find_tool_flaw(body: Json) -> str | None:
    if body.get("tool_choice") == "REQUIRED" and not body.get("tools"):
        return "tool_choice can only be set when tools are provided"
    tools_and_json = body.get("tools") and (body.get("response_format") or {}).get("type") not in {
        None,
        "text",
    }
    if tools_and_json:
        return "cannot specify both response_format json_object and tools"
    return None


def _find_turn_flaw(body: Json) -> str | None:
    """Find results without calls, calls without results and empty messages."""
    waiting: list[str] = []
    for index, message in enumerate(body["messages"]):
        role = message["role"]
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                return f"tool call id not found in previous tool calls: {message['tool_call_id']}"
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            return f"expected tool results for tool calls {', '.join(waiting)}"
        calls = message.get("tool_calls") or []
        if role == "assistant" and not calls and not message.get("content"):
            return f"messages[{index}] must have content or tool_calls"
        if role == "user" and not _has_words(message["content"]):
            return "message must be at least 1 token long or tool results must be specified."
        waiting = [call["id"] for call in calls]
    return f"expected tool results for tool calls {', '.join(waiting)}" if waiting else None


def _has_words(content: Any) -> bool:
    return bool(content)


def _find_image_flaw(body: Json) -> str | None:
    for message in body["messages"]:
        parts = message.get("content")
        for part in parts if isinstance(parts, list) else []:
            url = (part.get("image_url") or {}).get("url")
            data = split_data_url(url)[1]
            if url and not url.startswith("http") and not decode(data):
                return "invalid image: the base64 of the image cannot be decoded"
    return None
