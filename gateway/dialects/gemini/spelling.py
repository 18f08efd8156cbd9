"""Names of fields: Gemini's are camelCase, and every server of Google's takes snake_case too.

Source: protobuf's "ProtoJSON Format": parsers accept both names of a field.

Rule: only the names of known messages are spelled anew, never those of a schema, of a call's
arguments or of a result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

_WORD: Final = re.compile(r"(?<=[^_])_+([a-z0-9])")
_KEPT_NAMES: Final = 512  # the messages have some two hundred fields


def spell_fields(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object with its own fields' names in camelCase."""
    if not any("_" in name for name in values):
        return values
    return {_spell(name): value for name, value in values.items()}


@lru_cache(_KEPT_NAMES)
def _spell(name: str) -> str:
    return _WORD.sub(lambda match: match[1].upper(), name)
