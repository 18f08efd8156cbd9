"""The hub's answer for a client: one `chat.completion`.

Rule: thoughts stand twice, as text (`reasoning_content`) for whoever shows them and as
`reasoning_details` for whoever gives the message back; nothing else that a client does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    Asked,
    Audio,
    ChatAnswer,
    Choice,
    Citation,
    Family,
    Finish,
    Image,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolKind,
)
from gateway.dialects.hub.carry import build_id, put_in_id
from gateway.dialects.openai_chat.details import dump_details
from gateway.dialects.openai_chat.messages_out import dump_url
from gateway.dialects.spec import Usage, dump_json, load_object

Json = dict[str, Any]

_FINISHES: Final = {
    Finish.LENGTH: "length",
    Finish.CONTEXT: "length",
    Finish.TOOL_CALLS: "tool_calls",
    Finish.FILTERED: "content_filter",
    Finish.REFUSED: "content_filter",
}


def dump_answer(answer: ChatAnswer, asked: Asked) -> Json:
    """Return the body of a whole answer."""
    body: Json = {
        "id": answer.id or build_id("chatcmpl-", asked.request_id),
        "object": "chat.completion",
        "created": answer.created_s or asked.now_s,
        "model": answer.model or asked.request.model,
        "choices": [_dump_choice(choice, asked) for choice in answer.choices],
        "usage": None if answer.usage is None else dump_usage(answer.usage),
    }
    if answer.usage is None:
        del body["usage"]
    if answer.service_tier in _TIERS:
        body["service_tier"] = answer.service_tier
    return body


_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority"})


def dump_finish(finish: Finish | None) -> str:
    """Return why an answer ends, in OpenAI's words."""
    return "stop" if finish is None else _FINISHES.get(finish, "stop")


def dump_usage(usage: Usage) -> Json:
    """Return the counts in OpenAI's way: input with the cache, output with the thoughts."""
    given, made = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens or 0,
            "audio_tokens": usage.audio_input_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens or 0,
            "audio_tokens": usage.audio_output_tokens or 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def dump_citation(citation: Citation, length: int) -> Json:
    """Return an annotation: OpenAI's own as it was, another vendor's as one of a URL."""
    if citation.origin is Family.OPENAI and citation.raw.get("type") == "url_citation":
        return dict(citation.raw)
    return {
        "type": "url_citation",
        "url_citation": {
            "url": citation.url or "",
            "title": citation.title or citation.quote or "",
            "start_index": citation.start or 0,
            "end_index": length if citation.end is None else citation.end,
        },
    }


def is_custom(asked: Asked, call: ToolCall) -> bool:
    """Tell whether a call is of a tool that the client has declared as custom."""
    return call.custom or any(
        tool.kind is ToolKind.CUSTOM and tool.name == call.name for tool in asked.request.tools
    )


def read_input(call: ToolCall) -> str:
    """Return the text of a custom tool's call; another vendor has put it into an object."""
    if call.custom:
        return call.arguments
    value = (load_object(call.arguments.encode()) or {}).get("input")
    return value if isinstance(value, str) else call.arguments


def dump_call(call: ToolCall, asked: Asked, number: object) -> Json:
    """Return a call, its id made where its vendor gave none."""
    call_id = put_in_id(call.id or build_id("call_", asked.request_id, number), call.signature)
    if is_custom(asked, call):
        custom = {"name": call.name, "input": read_input(call)}
        return {"id": call_id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call_id, "type": "function", "function": function}


def show_opaque(part: Opaque) -> str:
    """Return the words of a part that only its vendor knows: a block of code and its output."""
    value: Mapping[str, Any] = part.value
    inner = value.get(part.kind)
    found = inner if isinstance(inner, dict) else value
    for name in ("text", "code", "output"):
        if isinstance(found.get(name), str):
            return str(found[name])
    return ""


def _dump_choice(choice: Choice, asked: Asked) -> Json:
    return {
        "index": choice.index,
        "message": _dump_message(choice, asked),
        "logprobs": choice.logprobs,
        "finish_reason": dump_finish(choice.finish),
    }


def _dump_message(choice: Choice, asked: Asked) -> Json:
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    texts: list[str] = []
    thoughts: list[Reasoning] = []
    for number, part in enumerate(choice.parts):
        if isinstance(part, Text):
            texts.append(part.text)
            if part.citations:
                notes = [dump_citation(one, len(part.text)) for one in part.citations]
                message.setdefault("annotations", []).extend(notes)
        elif isinstance(part, Reasoning):
            thoughts.append(part)
        elif isinstance(part, ToolCall):
            calls = message.setdefault("tool_calls", [])
            calls.append(dump_call(part, asked, f"{choice.index}.{number}"))
        elif isinstance(part, Refusal):
            message["refusal"] = (message["refusal"] or "") + part.text
        elif isinstance(part, Audio):
            message["audio"] = {
                "id": part.id or build_id("audio_", asked.request_id),
                "data": part.media.data or "",
                "transcript": part.transcript or "",
                "expires_at": asked.now_s,
            }
        elif isinstance(part, Image):
            url = {"url": dump_url(part.media, "image/png")}
            image = {"type": "image_url", "image_url": url}
            message.setdefault("images", []).append(image)
        elif isinstance(part, Opaque):
            texts.append(show_opaque(part))
    message["content"] = "".join(texts) if texts else None
    return message | _dump_thoughts(thoughts)


def _dump_thoughts(thoughts: list[Reasoning]) -> Json:
    if not thoughts:
        return {}
    text = "".join(one.text for one in thoughts)
    return {"reasoning_content": text, "reasoning_details": dump_details(thoughts)}


def dump_line(value: object) -> bytes:
    """Return one event of a stream."""
    return b"data: " + dump_json(value) + b"\n\n"
