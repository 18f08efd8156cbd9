"""Fields of JSON objects that a provider sent, read without trust.

Rule: what is missing or of another type is empty; nothing here raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def read_text(value: Mapping[str, Any], name: str) -> str:
    """Return a field that is text; "" where it is missing or something else."""
    found = value.get(name)
    return found if isinstance(found, str) else ""


def list_objects(value: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a list; none where it is missing or something else."""
    found = value.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def read_index(value: Mapping[str, Any], name: str) -> int:
    """Return a number that counts from 0; 0 where it is missing or something else."""
    found = value.get(name)
    return found if type(found) is int else 0
