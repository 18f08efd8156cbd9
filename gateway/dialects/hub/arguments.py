"""The arguments of tool calls: text for some dialects, an object for others.

Rule: what a model wrote comes out again, however broken or large: order of keys and size of
integers kept, and nothing a caller has to catch.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

_LONG_INTEGER: Final = re.compile(r"\d{19}")  # orjson makes a float of what 64 bits cannot hold
RAW: Final = "_raw"  # holds what a model wrote that is no JSON object


def parse_arguments(text: str) -> dict[str, Any]:
    """Return the object that a call's arguments are; no text is an empty one.

    What is no object (models write broken JSON) comes under one key: a vendor that wants an
    object gets one, and the model sees what it wrote.
    """
    if not text.strip():
        return {}
    try:
        value = json.loads(text) if _LONG_INTEGER.search(text) else orjson.loads(text)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {RAW: text}


def dump_arguments(value: Any) -> str:
    """Return the text of a call's arguments that came as an object; text stays as it is."""
    if value is None:
        return "{}"
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits, half of an emoji
        return json.dumps(value, separators=(",", ":"))


def load_exact(data: bytes) -> dict[str, Any] | None:
    """Parse a JSON object with integers of any size and halves of emojis; None where it is none."""
    try:
        value = None if _LONG_DIGITS.search(data) else orjson.loads(data)
    except orjson.JSONDecodeError:
        value = None
    try:
        value = json.loads(data) if value is None else value
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


_LONG_DIGITS: Final = re.compile(rb"[\s:,\[{-]\d{19}")
