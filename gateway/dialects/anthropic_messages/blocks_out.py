"""Parts, as content blocks of a request.

Source: Anthropic's API reference, "Create a Message", "Vision", "PDF support".

A document or an image is given by its bytes, by an https URL that Anthropic fetches, or by the id
of a file that one of its own clients has put there. Thoughts go to Anthropic only if it has signed
them. Blank text is refused by the API and left out: nothing is lost.

Rule: a part becomes a block, or its loss is noted at the client's place.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from gateway.dialects.anthropic_messages.answer_out import (
    TOOL_ID,
    TOOL_ID_LENGTH,
    TOOL_ID_PREFIX,
)
from gateway.dialects.hub import (
    Audio,
    CacheMark,
    ChatRequest,
    Document,
    Family,
    Feature,
    Image,
    Losses,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from gateway.dialects.hub.arguments import parse_arguments
from gateway.dialects.hub.carry import fit_id
from gateway.dialects.spec import dump_json
from gateway.entities import Dialect, Quirks

Json = dict[str, Any]
IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF: Final = "application/pdf"
# How base64 of each kind begins, for clients that do not say what they send.
_BEGINNINGS: Final = {
    "/9j/": "image/jpeg",
    "iVBORw": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": _PDF,
}


class BlockWriter:
    """Writes the parts of one request."""

    __slots__ = ("_is_own", "_losses", "_unsupported")

    def __init__(self, request: ChatRequest, quirks: Quirks, losses: Losses) -> None:
        self._is_own = request.dialect is Dialect.ANTHROPIC_MESSAGES
        self._unsupported = quirks.unsupported
        self._losses = losses

    def dump(self, parts: Iterable[Part]) -> list[Json]:
        """Return the blocks of parts.

        Raises:
            NotExpressibleError: one of them cannot be expressed.
        """
        return [block for part in parts for block in self._dump(part)]

    def _dump(self, part: Part) -> Iterator[Json]:
        block = _WRITERS[type(part)](self, part)
        if block is not None:
            cache = getattr(part, "cache", None)
            yield self.mark(block, cache, part.at)

    def mark(self, block: Json, cache: CacheMark | None, at: str) -> Json:
        """Return a block with its cache mark."""
        if cache is None:
            return block
        if self._lacks(Feature.CACHE_CONTROL, at):
            return block
        mark = (
            {"type": "ephemeral"} if cache.ttl is None else {"type": "ephemeral", "ttl": cache.ttl}
        )
        return block | {"cache_control": mark}

    def _lacks(self, feature: Feature, at: str) -> bool:
        """Whether the server does not know a feature; the loss is noted."""
        if feature.value in self._unsupported:
            self._losses.lose(feature, at)
            return True
        return False

    def _text(self, part: Text) -> Json | None:
        if not part.text.strip():
            return None
        block: Json = {"type": "text", "text": part.text}
        own = [
            dict(one.raw) for one in part.citations if one.origin is Family.ANTHROPIC and one.raw
        ]
        if len(own) < len(part.citations):
            self._losses.lose(Feature.CITATIONS, part.at)
        return block | {"citations": own} if own else block

    def _refusal(self, part: Refusal) -> Json | None:
        return self._text(Text(part.text, at=part.at))

    def _image(self, part: Image) -> Json | None:
        if self._lacks(Feature.IMAGE, part.at):
            return None
        if part.detail not in (None, "auto"):
            self._losses.lose(Feature.IMAGE_DETAIL, f"{part.at}.detail")
        media = part.media
        if media.data is not None:
            kind = media.media_type if media.media_type != "image/jpg" else "image/jpeg"
            kind = kind if kind in IMAGE_TYPES else _guess(media.data)
            if kind not in IMAGE_TYPES:
                self._losses.lose(Feature.IMAGE, part.at)
                return None
            return _build_media("image", _build_data(kind, media.data))
        return self._elsewhere("image", media, Feature.IMAGE_URL, part.at)

    def _elsewhere(self, kind: str, media: Media, feature: Feature, at: str) -> Json | None:
        """Return media that Anthropic has or fetches."""
        if media.file_id is not None:
            if not self._is_own:
                self._losses.lose(Feature.FILE_ID, at)
                return None
            return _build_media(kind, {"type": "file", "file_id": media.file_id})
        url = media.url or ""
        if not url.startswith(("https://", "http://")) or feature.value in self._unsupported:
            self._losses.lose(feature, at)
            return None
        return _build_media(kind, {"type": "url", "url": url})

    def _document(self, part: Document) -> Json | None:
        if self._lacks(Feature.DOCUMENT, part.at):
            return None
        if part.raw and self._is_own:
            return dict(part.raw)
        block = self._find_document(part)
        if block is None:
            return None
        if part.name is not None:
            block["title"] = part.name
        if part.context is not None:
            block["context"] = part.context
        if part.citations is not None:
            block["citations"] = {"enabled": part.citations}
        return block

    def _find_document(self, part: Document) -> Json | None:
        media = part.media
        text = media.text
        if media.data is not None:
            kind = media.media_type or _guess(media.data) or ""
            if kind == _PDF or _guess(media.data) == _PDF:
                return _build_media("document", _build_data(_PDF, media.data))
            text = _decode(media.data) if _is_text(kind) else None
        elif text is None:
            return self._elsewhere("document", media, Feature.DOCUMENT_URL, part.at)
        if text is None:
            self._losses.lose(Feature.DOCUMENT, part.at)
            return None
        return _build_media("document", {"type": "text", "media_type": "text/plain", "data": text})

    def _call(self, part: ToolCall) -> Json:
        given = part.arguments
        return {
            "type": "tool_use",
            "id": fit(part.id),
            "name": part.name,
            "input": {"input": given} if part.custom else parse_arguments(given),
            **(part.extra if self._is_own else {}),
        }

    def _result(self, part: ToolResult) -> Json:
        content: list[Json] | str = self.dump(part.parts)
        if part.structured is not None and not part.parts:
            content = dump_json(part.structured).decode()
        block: Json = {"type": "tool_result", "tool_use_id": fit(part.call_id)}
        if content:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return block

    def _reasoning(self, part: Reasoning) -> Json | None:
        if part.origin is Family.ANTHROPIC and part.redacted and part.encrypted is not None:
            return {"type": "redacted_thinking", "data": part.encrypted}
        if part.origin is Family.ANTHROPIC and part.signature is not None:
            return {"type": "thinking", "thinking": part.text, "signature": part.signature}
        self._losses.lose(Feature.REASONING_HISTORY, part.at)
        return None

    def _audio(self, part: Audio) -> Json | None:
        if part.transcript is not None:  # of what the model itself has said
            return self._text(Text(part.transcript, at=part.at))
        self._losses.lose(Feature.AUDIO, part.at)
        return None

    def _video(self, part: Video) -> None:
        self._losses.lose(Feature.VIDEO, part.at)

    def _opaque(self, part: Opaque) -> Json | None:
        if part.family is Family.ANTHROPIC:
            return dict(part.value)
        self._losses.lose(Feature.OPAQUE_PART, part.at)
        return None


_WRITERS: Final[Mapping[type, Callable[[BlockWriter, Any], Json | None]]] = {
    Text: BlockWriter._text,  # noqa: SLF001  the class's own table
    Refusal: BlockWriter._refusal,  # noqa: SLF001
    Image: BlockWriter._image,  # noqa: SLF001
    Document: BlockWriter._document,  # noqa: SLF001
    ToolCall: BlockWriter._call,  # noqa: SLF001
    ToolResult: BlockWriter._result,  # noqa: SLF001
    Reasoning: BlockWriter._reasoning,  # noqa: SLF001
    Audio: BlockWriter._audio,  # noqa: SLF001
    Video: BlockWriter._video,  # noqa: SLF001
    Opaque: BlockWriter._opaque,  # noqa: SLF001
}


def fit(call_id: str) -> str:
    """Return the id of a tool's call as the API takes it."""
    return fit_id(call_id, TOOL_ID, TOOL_ID_LENGTH, TOOL_ID_PREFIX)


def _build_media(kind: str, source: Json) -> Json:
    return {"type": kind, "source": source}


def _build_data(media_type: str, data: str) -> Json:
    return {"type": "base64", "media_type": media_type, "data": data}


def _guess(data: str) -> str | None:
    return next((kind for start, kind in _BEGINNINGS.items() if data.startswith(start)), None)


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type in ("application/json", "application/xml")


def _decode(data: str) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
