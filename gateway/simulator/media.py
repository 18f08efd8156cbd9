"""Images and documents as the model notices them: their media type and size.

Rule: what it says is computed from the bytes that arrived, so that a lost or damaged medium shows.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

_DATA_URL = re.compile(r"data:([^;,]+)(?:;[^,]*)?,(.*)", re.DOTALL)

SIGNATURES: dict[str, tuple[bytes, ...]] = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
    "application/pdf": (b"%PDF",),
}
"""How the bytes of each media type begin."""


def decode(text: Any) -> bytes | None:
    """Decode standard base64 strictly; None where it is none."""
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def describe(media_type: Any, data: Any) -> str:
    """Say the type and size of a medium given as base64."""
    size = len(decode(data) or b"")
    return f"{media_type} of {size} bytes"


def describe_url(url: Any) -> str:
    """Say what a URL points to; a data URL is described by its content."""
    media_type, data = split_data_url(url)
    return f"media at {url}" if data is None else describe(media_type, data)


def split_data_url(url: Any) -> tuple[str, str | None]:
    """Split a data URL into its media type and base64 text; None where it is no data URL."""
    found = _DATA_URL.fullmatch(url) if isinstance(url, str) else None
    return (found[1], found[2]) if found else ("", None)


def find_type(data: bytes) -> str | None:
    """Find out a media type from the first bytes; None where they tell nothing."""
    for media_type, beginnings in SIGNATURES.items():
        if data.startswith(beginnings):
            return media_type
    return None
