"""The conversation as Converse has it: system blocks, then user and assistant in turns.

Source: API reference of Converse; limits by the model files of botocore 1.43.

Rule: turns alternate and begin with the user's; a turn's tool results come first; no text is blank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.dialects.bedrock.media import (
    Block,
    dump_audio,
    dump_document,
    dump_image,
    dump_video,
)
from gateway.dialects.bedrock.models import Traits
from gateway.dialects.bedrock.tools import CACHE_POINT, check_name
from gateway.dialects.hub import (
    Audio,
    CacheMark,
    Document,
    Family,
    Feature,
    Image,
    Losses,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from gateway.dialects.hub.arguments import parse_arguments
from gateway.dialects.hub.carry import fit_id, take_from_id
from gateway.dialects.hub.wording import wrap_system

_ID: Final = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_ID_LENGTH: Final = 32
_SYSTEM: Final = frozenset({Role.SYSTEM, Role.DEVELOPER})
_TTLS: Final = frozenset({"5m", "1h"})
# Where Bedrock insists on words and the client has none.
_BEGINNING: Final = "(The conversation begins.)"
_NO_OUTPUT: Final = "(no output)"
_BESIDE_DOCUMENT: Final = "(see the document)"

Turn = dict[str, Any]


@dataclass(slots=True)
class Conversation:
    """Builds the two halves of one request's conversation."""

    traits: Traits
    losses: Losses
    system: list[Block] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    _documents: dict[str, int] = field(default_factory=dict)

    def add(self, messages: Iterable[Message]) -> None:
        """Add the client's messages in their order, and close the last turn."""
        for message in messages:
            if message.role in _SYSTEM and not self.turns:
                for part in message.parts:
                    self.system += self._dump_system(part)
            else:
                self._add_turn(message)
        if not self.turns or self.turns[0]["role"] != "user":
            self.turns.insert(0, {"role": "user", "content": [{"text": _BEGINNING}]})
        for turn in self.turns:
            _mend_turn(turn)
        last = self.turns[-1]
        if last["role"] == "assistant" and "text" in last["content"][-1]:
            # An answer that the model shall go on with must not end with a blank.
            last["content"][-1] = {"text": last["content"][-1]["text"].rstrip()}

    def _add_turn(self, message: Message) -> None:
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        late = message.role in _SYSTEM
        blocks: list[Block] = []
        for part in message.parts:
            if late and isinstance(part, Text) and part.text.strip():
                blocks.append({"text": wrap_system(part.text)})
                blocks += self._dump_cache(part.cache, part)
            else:
                blocks += self._dump(part)
        if not blocks:
            return
        if self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["content"] += blocks
        else:
            self.turns.append({"role": role, "content": blocks})

    def _dump_system(self, part: Part) -> Iterator[Block]:
        if isinstance(part, Text):
            yield from self._dump_text(part)
        elif isinstance(part, Opaque):
            self.losses.lose(Feature.OPAQUE_PART, part.at)
        else:
            # Converse's system blocks are text; a picture there is refused, not moved.
            self.losses.lose(Feature.IMAGE, part.at)

    def _dump(self, part: Part) -> Iterator[Block]:
        dump: Callable[[Any], Iterator[Block]] = getattr(self, _DUMPS[type(part)])
        yield from dump(part)

    def _dump_text(self, part: Text) -> Iterator[Block]:
        if part.citations:  # of an earlier turn
            self.losses.lose(Feature.CITATIONS, f"{part.at}.citations")
        if part.text.strip():
            yield {"text": part.text}
            yield from self._dump_cache(part.cache, part)

    def _dump_refusal(self, part: Refusal) -> Iterator[Block]:
        if part.text.strip():
            yield {"text": part.text}

    def _dump_image(self, part: Image) -> Iterator[Block]:
        yield dump_image(part, self.losses)
        yield from self._dump_cache(part.cache, part)

    def _dump_document(self, part: Document) -> Iterator[Block]:
        yield dump_document(part, self._documents, self.losses)
        if part.cache is not None and self.traits.can_cache:
            yield {"text": "\n"}  # a cache point right behind a document is refused
        yield from self._dump_cache(part.cache, part)

    def _dump_video(self, part: Video) -> Iterator[Block]:
        yield dump_video(part, self.losses)

    def _dump_audio(self, part: Audio) -> Iterator[Block]:
        if part.media.data is None and part.transcript:
            yield {"text": part.transcript}  # what a model of another vendor has said
        else:
            yield dump_audio(part, self.losses)

    def _dump_call(self, part: ToolCall) -> Iterator[Block]:
        given = {"input": part.arguments} if part.custom else parse_arguments(part.arguments)
        yield {
            "toolUse": {
                "toolUseId": _fit(part.id),
                "name": check_name(part.name, part.at),
                "input": given,
            }
        }
        yield from self._dump_cache(part.cache, part)

    def _dump_result(self, part: ToolResult) -> Iterator[Block]:
        content: list[Block] = []
        if part.structured is not None:
            content.append({"json": part.structured})
        for one in part.parts:
            if isinstance(one, Audio):
                self.losses.lose(Feature.MEDIA_IN_TOOL_RESULT, one.at)
            content += self._dump(one)
        # A result holds no cache points: the last one within it comes behind it.
        points = [block for block in content if "cachePoint" in block]
        content = [block for block in content if "cachePoint" not in block]
        result: Block = {
            "toolUseId": _fit(part.call_id),
            "content": content or [{"text": _NO_OUTPUT}],
        }
        if part.is_error:
            if self.traits.maker in {"anthropic", "amazon", ""}:
                result["status"] = "error"
            else:
                self.losses.lose(Feature.TOOL_RESULT_ERROR, part.at)
        yield {"toolResult": result}
        yield from points[-1:] if part.cache is None else self._dump_cache(part.cache, part)

    def _dump_reasoning(self, part: Reasoning) -> Iterator[Block]:
        own = part.origin is Family.ANTHROPIC and self.traits.maker in {"anthropic", ""}
        if own and part.redacted and part.encrypted:
            yield {"reasoningContent": {"redactedContent": part.encrypted}}
        elif own and part.signature:
            told = {"text": part.text, "signature": part.signature}
            yield {"reasoningContent": {"reasoningText": told}}
        else:  # without its own maker's signature a thought is refused, or believed wrongly
            self.losses.lose(Feature.REASONING_HISTORY, part.at)

    def _dump_opaque(self, part: Opaque) -> Iterator[Block]:
        self.losses.lose(Feature.OPAQUE_PART, part.at)
        yield from ()

    def _dump_cache(self, mark: CacheMark | None, part: Part) -> Iterator[Block]:
        if mark is None:
            return
        if not self.traits.can_cache:
            self.losses.lose(Feature.CACHE_CONTROL, f"{part.at}.cache_control")
            return
        point = dict(CACHE_POINT)
        if mark.ttl in _TTLS and mark.ttl != "5m" and self.traits.is_claude:
            point["ttl"] = mark.ttl
        yield {"cachePoint": point}


_DUMPS: Final[dict[type[Any], str]] = {
    Text: "_dump_text",
    Refusal: "_dump_refusal",
    Image: "_dump_image",
    Document: "_dump_document",
    Video: "_dump_video",
    Audio: "_dump_audio",
    ToolCall: "_dump_call",
    ToolResult: "_dump_result",
    Reasoning: "_dump_reasoning",
    Opaque: "_dump_opaque",
}


def _fit(call_id: str) -> str:
    own, _ = take_from_id(call_id)  # a signature of Gemini's is of no use here
    return fit_id(own, _ID, _ID_LENGTH, "tooluse_")


def _mend_turn(turn: Turn) -> None:
    blocks = turn["content"]
    if turn["role"] == "user":
        if any("toolResult" in block for block in blocks):
            turn["content"] = blocks = _put_results_first(blocks)
        if any("document" in block for block in blocks) and not _has_text(blocks):
            blocks.append({"text": _BESIDE_DOCUMENT})  # a document never stands alone


def _has_text(blocks: Iterable[Block]) -> bool:
    return any(block.get("text", "").strip() for block in blocks)


def _put_results_first(blocks: list[Block]) -> list[Block]:
    """Return the blocks with the tool results first, each with the cache point behind it."""
    results: list[Block] = []
    others: list[Block] = []
    side = others
    for block in blocks:
        if "toolResult" in block:
            side = results
        elif "cachePoint" not in block:
            side = others
        side.append(block)
    return results + others
