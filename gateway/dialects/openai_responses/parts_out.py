"""The parts of messages and tools' results on the wire of OpenAI Responses.

Source: OpenAI's API reference, "Create a model response", input items.

Rule: a part is written, or `Losses` is told where the client wrote it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.dialects.hub import (
    Audio,
    Document,
    Family,
    Feature,
    Image,
    Losses,
    Media,
    Opaque,
    Part,
    Refusal,
    Text,
    Video,
)
from gateway.entities import Dialect

Json = dict[str, Any]
# Whose ids of files are OpenAI's.
OPENAI_DIALECTS: Final = frozenset({Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES})
_PLAIN: Final = "text/plain"
_PDF: Final = "application/pdf"


class PartWriter:
    """Writes the parts of one request."""

    __slots__ = ("_dialect", "losses")

    def __init__(self, dialect: Dialect, losses: Losses) -> None:
        self._dialect = dialect
        self.losses = losses

    @property
    def is_same(self) -> bool:
        """Whether the client speaks this format itself, so that its opaque parts are known."""
        return self._dialect is Dialect.OPENAI_RESPONSES

    def dump(self, part: Part, kind: str) -> list[Json]:
        """Return a part of a message's content; `kind` is the type of its texts."""
        write = _WRITERS.get(type(part))
        if write is None:
            self.losses.lose(Feature.OPAQUE_PART, part.at)
            return []
        if getattr(part, "cache", None) is not None:
            self.losses.lose(Feature.CACHE_CONTROL, part.at)
        return write(self, part, kind)

    def dump_text(self, part: Text, kind: str) -> list[Json]:
        """Return a text; a model's own has its annotations with it."""
        if not part.text:
            return []
        dumped: Json = {"type": kind, "text": part.text}
        if kind != "output_text":
            return [dumped]
        notes = [dict(one.raw) for one in part.citations if one.origin is Family.OPENAI]
        if len(notes) < len(part.citations) or not self.is_same:
            notes = []
        if part.citations and not notes:
            self.losses.lose(Feature.CITATIONS, part.at)
        return [dumped | {"annotations": notes} if notes else dumped]

    def dump_refusal(self, part: Refusal, kind: str) -> list[Json]:
        """Return a refusal, which only a model's own turn can hold."""
        if kind != "output_text":
            return [{"type": kind, "text": part.text}]
        return [{"type": "refusal", "refusal": part.text}]

    def dump_image(self, part: Image, _kind: str) -> list[Json]:
        """Return a picture."""
        dumped: Json = {"type": "input_image", "detail": part.detail or "auto"}
        if part.media.file_id is not None:
            return [dumped | {"file_id": self._check_file(part.media.file_id, part.at)}]
        return [dumped | {"image_url": build_url(part.media, "image/png")}]

    def dump_document(self, part: Document, kind: str) -> list[Json]:
        """Return a file, or its text where it is plain text: not every server reads such files."""
        found: list[Json] = []
        if part.citations:
            self.losses.lose(Feature.CITATIONS, part.at)
        if part.context:
            found.append({"type": kind, "text": part.context})
        text = _find_text(part.media)
        if text is not None:
            title = f' title="{part.name}"' if part.name else ""
            found.append({"type": kind, "text": f"<document{title}>\n{text}\n</document>"})
            return found
        return [*found, self._dump_file(part)]

    def _dump_file(self, part: Document) -> Json:
        dumped: Json = {"type": "input_file"}
        if part.media.file_id is not None:
            return dumped | {"file_id": self._check_file(part.media.file_id, part.at)}
        if part.media.url is not None:
            return dumped | {"file_url": part.media.url}
        # The API wants a name with the bytes, and tells the kind of file by it.
        name = part.name or f"document.{(part.media.media_type or _PDF).rpartition('/')[2]}"
        return dumped | {"filename": name, "file_data": build_url(part.media, _PDF)}

    def _check_file(self, file_id: str, at: str) -> str:
        if self._dialect not in OPENAI_DIALECTS:
            self.losses.lose(Feature.FILE_ID, at)
        return file_id

    def refuse_audio(self, part: Audio, kind: str) -> list[Json]:
        """Return what was said, where the model itself has spoken; other sound is refused."""
        if kind == "output_text" and part.transcript is not None:
            return [{"type": kind, "text": part.transcript}]
        self.losses.lose(Feature.AUDIO, part.at)
        return []

    def refuse_video(self, part: Video, _kind: str) -> list[Json]:
        """Return nothing: a film is refused."""
        self.losses.lose(Feature.VIDEO, part.at)
        return []

    def dump_opaque(self, part: Opaque, _kind: str) -> list[Json]:
        """Return a part that only this format knows, of a client that speaks it."""
        if self.is_same and part.family is Family.OPENAI:
            return [dict(part.value)]
        self.losses.lose(Feature.OPAQUE_PART, part.at)
        return []


def build_url(media: Media, guess: str) -> str:
    """Return the URL of an image or a file: its own, or one that holds its bytes.

    Args:
        media: with data or a URL.
        guess: the media type where the client said none.
    """
    if media.url is not None:
        return media.url
    data = media.data
    if data is None:
        data = base64.b64encode((media.text or "").encode("utf-8", "surrogatepass")).decode()
    return f"data:{media.media_type or guess};base64,{data}"


def _find_text(media: Media) -> str | None:
    if media.text is not None:
        return media.text
    if media.data is None or (media.media_type or "").partition(";")[0] != _PLAIN:
        return None
    try:
        return base64.b64decode(media.data).decode()
    except (binascii.Error, ValueError):
        return None


_WRITERS: Final[Mapping[type, Callable[[PartWriter, Any, str], list[Json]]]] = MappingProxyType(
    {
        Text: PartWriter.dump_text,
        Refusal: PartWriter.dump_refusal,
        Image: PartWriter.dump_image,
        Document: PartWriter.dump_document,
        Audio: PartWriter.refuse_audio,
        Video: PartWriter.refuse_video,
        Opaque: PartWriter.dump_opaque,
    }
)
