"""Media between Gemini's inlineData and fileData and the hub's parts.

Source: the Generative Language API's reference, `Blob` and `FileData`; its guides on images,
audio, video and documents.

Rule: data is base64 of the standard alphabet in the hub, whatever alphabet an SDK wrote.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from gateway.dialects.hub import Audio, Document, Image, Media, Video

MediaPart = Image | Audio | Video | Document

_URL_SAFE: Final = str.maketrans("-_", "+/")
_OWN_FILES: Final = re.compile(
    r"https://generativelanguage\.googleapis\.com/[^/]+/files/.+|files/.+"
)
_YOUTUBE: Final = re.compile(r"https?://(?:www\.|m\.)?(?:youtube\.com/|youtu\.be/).+")
_BUCKET: Final = "gs://"
# How base64 of a file begins, by the file's first bytes.
_BEGINNINGS: Final = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi0", "application/pdf"),
)
_ENDINGS: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "mov": "video/mov",
    "webm": "video/webm",
}


def is_own_file(uri: str) -> bool:
    """Tell whether a URI is of a file that Google keeps: uploaded, or in a bucket."""
    return uri.startswith(_BUCKET) or _OWN_FILES.fullmatch(uri) is not None


def is_youtube(uri: str) -> bool:
    """Tell whether a URI is of a film on YouTube, which Gemini's models watch."""
    return _YOUTUBE.fullmatch(uri) is not None


def find_type(data: str) -> str | None:
    """Return the media type that base64 data begins like."""
    return next((kind for start, kind in _BEGINNINGS if data.startswith(start)), None)


def straighten(data: str) -> str:
    """Return base64 in the standard alphabet, padded."""
    plain = data.translate(_URL_SAFE) if "-" in data or "_" in data else data
    return plain + "=" * (-len(plain) % 4)


def build_inline(media_type: str | None, data: str, name: str | None, at: str) -> MediaPart:
    """Return the part that inline data is."""
    plain = straighten(data)
    kind = media_type or find_type(plain)
    if kind is not None and kind.startswith("text/"):
        text = _decode(plain)
        if text is not None:
            return Document(Media(kind, text=text), name, at=at)
    return _build(Media(kind, data=plain), name, at)


def build_file(media_type: str | None, uri: str, name: str | None, at: str) -> MediaPart:
    """Return the part that a URI stands for."""
    if media_type is None and is_youtube(uri):
        return Video(Media(url=uri), at=at)
    kind = media_type or _ENDINGS.get(uri.rpartition(".")[2].lower())
    if _OWN_FILES.fullmatch(uri):
        return _build(Media(kind, file_id=uri), name, at)
    return _build(Media(kind, url=uri), name, at)


def _build(media: Media, name: str | None, at: str) -> MediaPart:
    family = (media.media_type or "").partition("/")[0]
    if family == "image":
        return Image(media, at=at)
    if family == "audio":
        return Audio(media, at=at)
    if family == "video":
        return Video(media, at=at)
    return Document(media, name, at=at)


def _decode(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, ValueError):
        return None
