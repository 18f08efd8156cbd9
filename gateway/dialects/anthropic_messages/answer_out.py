"""A whole answer for a client, and the pieces that its stream is written with too.

Source: Anthropic's API reference, "Create a Message"; anthropic-sdk-python 2.12's types.

What no block can say is said as text: a refusal, what was spoken, that there is an image. Parts
that only another vendor knows are text where they hold some, else they are left out: the format
has no place for a remark on it.

Rule: an answer holds every field that the SDK's types require, whatever the provider left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from gateway.dialects.anthropic_messages.thoughts import hide, join_paragraphs, sign
from gateway.dialects.hub import (
    Asked,
    Audio,
    ChatAnswer,
    Choice,
    Citation,
    Document,
    Family,
    Finish,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    Video,
)
from gateway.dialects.hub.arguments import parse_arguments
from gateway.dialects.hub.carry import build_id, fit_id, put_in_id, wrap
from gateway.dialects.spec import Usage

Json = dict[str, Any]
TOOL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
TOOL_ID_LENGTH: Final = 30  # as Anthropic's own, prefix included
TOOL_ID_PREFIX: Final = "toolu_"
_OWN_ID: Final = "msg_"
_STOP_REASONS: Final = {
    Finish.STOP: "end_turn",
    Finish.STOP_SEQUENCE: "stop_sequence",
    Finish.LENGTH: "max_tokens",
    Finish.CONTEXT: "model_context_window_exceeded",
    Finish.TOOL_CALLS: "tool_use",
    Finish.FILTERED: "refusal",
    Finish.REFUSED: "refusal",
    Finish.PAUSED: "pause_turn",
    Finish.FAILED: "end_turn",  # the format has no word for it
}
_TIERS: Final = frozenset({"standard", "priority", "batch"})
_CATEGORIES: Final = frozenset(
    {"cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms"}
)


def dump_answer(answer: ChatAnswer, asked: Asked) -> Json:
    """Return the body of a whole answer: of its first choice, more cannot be asked for."""
    choice = answer.choices[0] if answer.choices else Choice(())
    blocks = (build_block(part, asked, number) for number, part in enumerate(choice.parts))
    message = dump_message(answer.id, answer.model, asked)
    message["content"] = [block for block in blocks if block is not None]
    return message | {
        **dump_end(choice.finish, choice.stop_sequence, choice.detail, choice.parts),
        "usage": dump_usage(answer.usage, answer.service_tier),
    }


def dump_message(answer_id: str, model: str, asked: Asked) -> Json:
    """Return a message without its content and its end; ids of another form are made anew."""
    is_own = answer_id.startswith(_OWN_ID)
    return {
        "id": answer_id if is_own else build_id(_OWN_ID, asked.request_id),
        "type": "message",
        "role": "assistant",
        "model": model or asked.request.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def dump_end(
    finish: Finish | None, stop_sequence: str | None, detail: str | None, parts: Iterable[Part]
) -> Json:
    """Return why an answer ends.

    A stop after a tool's call is a call, and one after a refusal is one: servers differ.
    """
    reason = None if finish is None else _STOP_REASONS[finish]
    refusal = [part.text for part in parts if isinstance(part, Refusal)]
    if reason == "end_turn" and refusal:
        reason = "refusal"
    elif reason == "end_turn" and any(isinstance(part, ToolCall) for part in parts):
        reason = "tool_use"
    end: Json = {"stop_reason": reason, "stop_sequence": stop_sequence}
    if reason == "refusal":
        end["stop_details"] = {
            "type": "refusal",
            "category": detail if detail in _CATEGORIES else None,
            "explanation": "".join(refusal) or None,
        }
    return end


def dump_usage(usage: Usage | None, service_tier: str | None = None) -> Json:
    """Return counts as Anthropic has them: the input without what the cache had or took."""
    given = usage or Usage()
    read, written = given.cache_read_tokens or 0, given.cache_write_tokens or 0
    hour = min(given.cache_write_1h_tokens or 0, written)
    counts: Json = {
        "input_tokens": max(0, (given.input_tokens or 0) - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written - hour,
            "ephemeral_1h_input_tokens": hour,
        },
        "output_tokens": given.output_tokens or 0,
    }
    if given.reasoning_tokens is not None:
        counts["output_tokens_details"] = {"thinking_tokens": given.reasoning_tokens}
    if service_tier in _TIERS:
        counts["service_tier"] = service_tier
    return counts


def build_block(part: Part, asked: Asked, number: int) -> Json | None:
    """Return a part as a block; None where there is nothing to show."""
    shown = show(part)
    if isinstance(shown, Text):
        block: Json = {"type": "text", "text": shown.text}
        citations = list(dump_citations(shown.citations))
        if not shown.text and not citations:  # nobody takes an empty block back
            return None
        return block | {"citations": citations} if citations else block
    if isinstance(shown, ToolCall):
        given = shown.arguments
        called = {"input": given} if shown.custom else parse_arguments(given)
        return begin_call(shown, asked, number) | {"input": called}
    if isinstance(shown, Reasoning):
        return _build_thinking(shown, asked)
    return dict(shown.value) if isinstance(shown, Opaque) else None


def show(part: Part) -> Text | ToolCall | Reasoning | Opaque | None:
    """Return a part as one that the format has blocks for."""
    if isinstance(part, Refusal):
        return Text(part.text)
    if isinstance(part, Audio) and part.transcript is not None:
        return Text(part.transcript)
    if isinstance(part, Image | Audio | Video | Document):
        kind = part.media.media_type or type(part).__name__.lower()
        return Text(f"[{part.media.url or kind}]")
    if isinstance(part, Opaque) and part.family is not Family.ANTHROPIC:
        text = part.value.get("text")
        return Text(text) if isinstance(text, str) else None
    return part if isinstance(part, Text | ToolCall | Reasoning | Opaque) else None


def begin_call(call: ToolCall, asked: Asked, number: int) -> Json:
    """Return the block of a tool's call, its input still empty."""
    own = call.id or build_id(TOOL_ID_PREFIX, asked.request_id, number)
    fitting = fit_id(own, TOOL_ID, TOOL_ID_LENGTH, TOOL_ID_PREFIX)
    return {
        "type": "tool_use",
        "id": put_in_id(fitting, call.signature),
        "name": call.name,
        "input": {},
        **call.extra,
    }


def _build_thinking(part: Reasoning, asked: Asked) -> Json | None:
    text, lengths = join_paragraphs(part)
    if is_hidden(part) and not text:
        return {"type": "redacted_thinking", "data": hide(part)}
    if not text and part.signature is None:
        return None
    return {
        "type": "thinking",
        "thinking": text if shows_thoughts(asked) else "",
        "signature": sign(part, lengths if shows_thoughts(asked) else ()),
    }


def is_hidden(part: Reasoning) -> bool:
    """Whether thoughts are a block of their own kind if they have no text."""
    if part.origin is Family.ANTHROPIC:
        return part.redacted
    return part.encrypted is not None or part.signature is not None


def shows_thoughts(asked: Asked) -> bool:
    """Whether the client wants to read thoughts, not only to send them back."""
    reasoning = asked.request.reasoning
    return reasoning is None or reasoning.show is not False


def dump_citations(citations: Iterable[Citation]) -> Iterator[Json]:
    """Yield citations as Anthropic's: its own as they are, a page as one that was searched for.

    The index is what Anthropic wants back; that of a foreign one says that it is none. A citation
    without a page has no form here.
    """
    for one in citations:
        if one.origin is Family.ANTHROPIC and one.raw:
            yield dict(one.raw)
        elif one.url is not None:
            yield {
                "type": "web_search_result_location",
                "url": one.url,
                "title": one.title,
                "cited_text": one.quote or "",
                "encrypted_index": wrap(one.origin, ""),
            }
