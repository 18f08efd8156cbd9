"""The providers as a table: one row says all that is peculiar to a vendor.

Rule: a provider that speaks a known dialect is one more row, no code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from gateway.errors import InvalidValueError
from gateway.providers.provider import API_KEY_MODE, Field, Provider
from gateway.providers.rows.anthropic import ANTHROPIC_ROW
from gateway.providers.rows.aws import BEDROCK_ROW
from gateway.providers.rows.azure import AZURE_ROW
from gateway.providers.rows.cohere import COHERE_ROW
from gateway.providers.rows.google import GEMINI_ROW, VERTEX_ROW
from gateway.providers.rows.hosted import HOSTED_ROWS
from gateway.providers.rows.ollama import OLLAMA_ROW
from gateway.providers.rows.openai_family import COMPATIBLE_ROW, OPENAI_ROW
from gateway.providers.rows.self_hosted import SELF_HOSTED_ROWS

__all__ = ["API_KEY_MODE", "PROVIDERS", "Field", "Provider", "get_provider", "hint", "merge_fields"]

_ROWS: Final = (
    OPENAI_ROW,
    ANTHROPIC_ROW,
    GEMINI_ROW,
    AZURE_ROW,
    BEDROCK_ROW,
    VERTEX_ROW,
    COHERE_ROW,
    *HOSTED_ROWS,
    OLLAMA_ROW,
    *SELF_HOSTED_ROWS,
    COMPATIBLE_ROW,
)

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType({row.name: row for row in _ROWS})


def get_provider(name: str) -> Provider:
    """Return the row of a provider.

    Raises:
        InvalidValueError: unknown; the message names the known ones and the nearest.
    """
    found = PROVIDERS.get(name)
    if found is None:
        raise InvalidValueError(f"unknown provider{hint(name, PROVIDERS)}", field="provider")
    return found


def merge_fields(part: str, rows: Iterable[Provider] | None = None) -> dict[str, Field]:
    """Return the fields of providers, of all by default; where they share a name, the first one's.

    `part` is ``secret_fields`` or ``config_fields``.
    """
    merged: dict[str, Field] = {}
    for row in PROVIDERS.values() if rows is None else rows:
        for field in getattr(row, part):
            merged.setdefault(field.name, field)
    return merged


def hint(name: str, known: Mapping[str, object]) -> str:
    """Return the end of a sentence that helps: the nearest known name and all of them."""
    nearest = get_close_matches(name, known, n=1)
    guess = f"; did you mean {nearest[0]!r}?" if nearest else ";"
    return f"{guess} Known: {', '.join(known)}"
