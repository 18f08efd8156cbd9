"""The hub's answer for a client: one `chat.completion`.

Rule: thoughts stand twice, as text (`reasoning_content`) for whoever shows them and as
`reasoning_details` for whoever gives the message back; nothing else that a client does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.dialects.hub import (
    Asked,
    Audio,
    ChatAnswer,
    Choice,
    Citation,
    Finish,
    Image,
    Opaque,
    Part,
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


def dump_finish(finish: Finish | None, *, refused: bool = False) -> str:
    """Return why an answer ends, in OpenAI's words; `refused`: it holds words of refusal."""
    if refused and finish is Finish.REFUSED:
        return "stop"
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


def dump_citation(citation: Citation, base: int, length: int) -> Json:
    """Return an annotation: this format's own as it was, another one as one of a URL.

    Args:
        citation: what a part of the answer's text rests on.
        base: characters of the text before the part.
        length: characters of the part.
    """
    if "url_citation" in citation.raw:
        return dict(citation.raw)
    return {
        "type": "url_citation",
        "url_citation": {
            "url": citation.url or "",
            "title": citation.title or citation.quote or "",
            "start_index": base + (citation.start or 0),
            "end_index": base + (length if citation.end is None else citation.end),
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


def asks_with_functions(asked: Asked) -> bool:
    """Tell whether a client has asked in the way before tools, and reads answers in it alone."""
    return any(tool.at.startswith("functions[") for tool in asked.request.tools)


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
    message = _dump_message(choice, asked)
    reason = dump_finish(choice.finish, refused=bool(message["refusal"]))
    if asks_with_functions(asked) and "tool_calls" in message:
        message["function_call"] = message.pop("tool_calls")[0]["function"]
        reason = "function_call" if reason == "tool_calls" else reason
    return {
        "index": choice.index,
        "message": message,
        "logprobs": choice.logprobs,
        "finish_reason": reason,
    }


def _dump_message(choice: Choice, asked: Asked) -> Json:
    message = _Message(asked)
    for number, part in enumerate(choice.parts):
        message.add(part, f"{choice.index}.{number}")
    return message.dump()


class _Message:
    """A message of the answer while its parts are put into their fields."""

    __slots__ = ("_asked", "_fields", "_length", "_texts", "_thoughts")

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._fields: Json = {}
        self._texts: list[str] = []
        self._length = 0  # characters of the texts
        self._thoughts: list[Reasoning] = []

    def add(self, part: Part, number: str) -> None:
        add = _ADD.get(type(part))
        if add is not None:
            add(self, part, number)

    def dump(self) -> Json:
        text = "".join(self._texts) if self._texts else None
        message: Json = {"role": "assistant", "content": text, "refusal": None} | self._fields
        if self._thoughts:
            message["reasoning_content"] = join_thoughts(self._thoughts)
            message["reasoning_details"] = dump_details(self._thoughts)
        return message

    def _list(self, name: str) -> list[Json]:
        found: list[Json] = self._fields.setdefault(name, [])
        return found

    def add_text(self, part: Text, _number: str) -> None:
        length = len(part.text)
        for citation in part.citations:
            self._list("annotations").append(dump_citation(citation, self._length, length))
        self._say(part.text)

    def _say(self, text: str) -> None:
        self._texts.append(text)
        self._length += len(text)

    def add_thought(self, part: Reasoning, _number: str) -> None:
        self._thoughts.append(part)

    def add_call(self, part: ToolCall, number: str) -> None:
        self._list("tool_calls").append(dump_call(part, self._asked, number))

    def add_refusal(self, part: Refusal, _number: str) -> None:
        self._fields["refusal"] = (self._fields.get("refusal") or "") + part.text

    def add_audio(self, part: Audio, _number: str) -> None:
        self._fields["audio"] = {
            "id": part.id or build_id("audio_", self._asked.request_id),
            "data": part.media.data or "",
            "transcript": part.transcript or "",
            "expires_at": self._asked.now_s,
        }

    def add_image(self, part: Image, _number: str) -> None:
        self._list("images").append(dump_image(part))

    def add_opaque(self, part: Opaque, _number: str) -> None:
        text = show_opaque(part)
        if text:
            self._say(text)


_ADD: Final[Mapping[type, Callable[[_Message, Any, str], None]]] = {
    Text: _Message.add_text,
    Reasoning: _Message.add_thought,
    ToolCall: _Message.add_call,
    Refusal: _Message.add_refusal,
    Audio: _Message.add_audio,
    Image: _Message.add_image,
    Opaque: _Message.add_opaque,
}


def dump_image(part: Image) -> Json:
    """Return an image that the model has made, as OpenRouter gives it."""
    return {"type": "image_url", "image_url": {"url": dump_url(part.media, "image/png")}}


def join_thoughts(thoughts: list[Reasoning]) -> str:
    """Return thoughts as one text; the paragraphs of a summary stand apart."""
    return "".join(PARAGRAPH.join(one.texts) if one.texts else one.text for one in thoughts)


PARAGRAPH: Final = "\n\n"


def dump_line(value: object) -> bytes:
    """Return one event of a stream."""
    return b"data: " + dump_json(value) + b"\n\n"
