"""How large requests and answers are, where nobody has counted their tokens.

Rule: what is made of it is an estimate and marked as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.dialects.estimate import estimate_tokens
from gateway.dialects.hub.answer import ChatAnswer
from gateway.dialects.hub.content import (
    Audio,
    Document,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from gateway.dialects.hub.request import ChatRequest
from gateway.dialects.spec import dump_json

# What Anthropic counts for an image of the largest size that it does not scale down (API reference,
# "Vision": width times height over 750, 1.15 megapixels); OpenAI's and Gemini's counts are below.
_IMAGE_TOKENS: Final = 1_600
# A page of PDF is 1,500 to 3,000 tokens (Anthropic's "PDF support"); how many there are is unknown.
_DOCUMENT_TOKENS: Final = 3_000
# Around each message, as OpenAI's cookbook on counting has it for its chat format.
_MESSAGE_TOKENS: Final = 4


def estimate_request(request: ChatRequest) -> int:
    """Return the estimated input tokens of a chat request: text, tools, media at flat rates."""
    chars = sum(
        len(tool.name) + len(tool.description or "") + len(dump_json(tool.parameters or tool.raw))
        for tool in request.tools
    )
    tokens = 0
    for message in request.messages:
        tokens += _MESSAGE_TOKENS
        more, media = _measure(message.parts)
        chars += more
        tokens += media
    if request.output is not None and request.output.schema is not None:
        chars += len(dump_json(request.output.schema))
    return tokens + estimate_tokens(chars)


def count_output(answer: ChatAnswer) -> int:
    """Return the letters of an answer, for an estimate where the provider counted nothing."""
    return sum(_measure(choice.parts)[0] for choice in answer.choices)


def _measure(parts: Iterable[Part]) -> tuple[int, int]:
    """Return the letters of parts, and the tokens of what has none."""
    chars = tokens = 0
    for part in parts:
        if isinstance(part, ToolResult):
            more, media = _measure(part.parts)
            chars += more
            tokens += media
        elif isinstance(part, Image | Audio | Video):
            tokens += _IMAGE_TOKENS
        elif isinstance(part, Document) and part.media.text is None:
            tokens += _DOCUMENT_TOKENS
        else:
            chars += _count_letters(part)
    return chars, tokens


def _count_letters(part: Part) -> int:
    if isinstance(part, Text | Refusal | Reasoning):
        return len(part.text.encode(errors="replace"))
    if isinstance(part, ToolCall):
        return len(part.name) + len(part.arguments)
    if isinstance(part, Document):
        return len(part.media.text or "")
    if isinstance(part, Opaque):
        return len(dump_json(part.value))
    return 0
