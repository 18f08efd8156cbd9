"""Images, documents, sound and films as blocks of Converse, which wants bytes.

Rule: nothing is fetched: what is named by http(s) is refused; ``s3://`` Bedrock reads itself.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from gateway.dialects.bedrock.features import (
    AUDIO_FORMATS,
    DOCUMENT_FORMATS,
    IMAGE_FORMATS,
    VIDEO_FORMATS,
)
from gateway.dialects.hub import Audio, Document, Feature, Image, Losses, Media, Video

# What a base64 text begins with tells the kind of bytes where the client did not say it.
_BEGINNINGS: Final = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi", "application/pdf"),
)
# "Letters, digits, single blanks, hyphens, parentheses and square brackets" (API reference).
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_NAME_LENGTH: Final = 190  # of 200; the rest tells two of the same name apart

Block = dict[str, Any]


class _Kind(NamedTuple):
    """A kind of medium: its formats, and what is lost of one that has to be refused."""

    formats: Mapping[str, str]
    feature: Feature
    by_url: Feature


_IMAGE: Final = _Kind(IMAGE_FORMATS, Feature.IMAGE, Feature.IMAGE_URL)
_DOCUMENT: Final = _Kind(DOCUMENT_FORMATS, Feature.DOCUMENT, Feature.DOCUMENT_URL)
_VIDEO: Final = _Kind(VIDEO_FORMATS, Feature.VIDEO, Feature.VIDEO)
_AUDIO: Final = _Kind(AUDIO_FORMATS, Feature.AUDIO, Feature.AUDIO)


def dump_image(part: Image, losses: Losses) -> Block:
    """Return an image block."""
    if part.detail not in {None, "auto"}:
        losses.lose(Feature.IMAGE_DETAIL, f"{part.at}.detail")
    return {"image": _dump(part, _IMAGE, losses)}


def dump_video(part: Video, losses: Losses) -> Block:
    """Return a film's block."""
    return {"video": _dump(part, _VIDEO, losses)}


def dump_audio(part: Audio, losses: Losses) -> Block:
    """Return a block of sound."""
    return {"audio": _dump(part, _AUDIO, losses)}


def dump_document(part: Document, taken: dict[str, int], losses: Losses) -> Block:
    """Return a document's block.

    `taken` holds the names that the request has used so far, each with how often it was wanted.
    """
    block = _dump(part, _DOCUMENT, losses)
    block["name"] = _find_name(part.name or "document", taken)
    if part.context:
        block["context"] = part.context
    if part.citations:
        block["citations"] = {"enabled": True}
    return {"document": block}


def _dump(part: Image | Document | Video | Audio, kind: _Kind, losses: Losses) -> Block:
    media = part.media
    name = kind.formats.get(find_type(media))
    if media.text is not None:
        source: Block = {"bytes": base64.b64encode(media.text.encode()).decode()}
        name = name or "txt"
    elif media.data is not None:
        source = {"bytes": media.data}
    elif media.url is not None and media.url.startswith("s3://"):
        source = {"s3Location": {"uri": media.url}}
        name = name or _guess_format(media.url, kind.formats)
    else:
        losses.lose(Feature.FILE_ID if media.file_id else kind.by_url, part.at)
    if name is None:
        losses.lose(kind.feature, part.at)
    return {"format": name, "source": source}


def find_type(media: Media) -> str:
    """Return a medium's type without its parameters, guessed by its bytes; "" if unknown."""
    if media.media_type:
        return media.media_type.partition(";")[0].strip().lower()
    data = media.data or ""
    return next((kind for start, kind in _BEGINNINGS if data.startswith(start)), "")


def _guess_format(url: str, formats: Mapping[str, str]) -> str | None:
    ending = url.rpartition(".")[2].lower()
    ending = {"jpg": "jpeg", "3gp": "three_gp"}.get(ending, ending)
    return ending if ending in formats.values() else None


def _find_name(name: str, taken: dict[str, int]) -> str:
    """Return a name that Bedrock takes and that no other document of the request has."""
    stem = _NOT_IN_NAME.sub(" ", name).strip()[:_NAME_LENGTH].rstrip() or "document"
    number = taken.get(stem, 0) + 1
    found = stem if number == 1 else f"{stem} ({number})"
    while found in taken:
        number += 1
        found = f"{stem} ({number})"
    taken[stem] = number  # the next one of this name need not count from the start
    taken.setdefault(found, 1)
    return found
