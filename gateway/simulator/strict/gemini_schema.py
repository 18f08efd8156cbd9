"""What Gemini's subset of schemas does not allow beside unknown fields.

Source: Google's reference of ``Schema`` and its answers to wrong ones, 2026-11.

Rule: the first flaw in the order of the schema; a flaw is the field's path and its sentence.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.simulator.exchange import Json
from gateway.simulator.gemini_question import find


def find_schema_flaw(schema: Json, where: str) -> tuple[str, str] | None:
    """Find the first flaw of a schema and of those inside it."""
    kind = str(schema.get("type", "")).upper()
    if schema.get("enum") and kind not in {"STRING", ""}:
        return f"{where}.enum", "only allowed for STRING type"
    if kind == "ARRAY" and schema.get("items") is None:
        return f"{where}.items", "missing field."
    properties = schema.get("properties") or {}
    for index, name in enumerate(schema.get("required") or []):
        if name not in properties:
            return f"{where}.required[{index}]", "property is not defined"
    flaws = (find_schema_flaw(part, place) for place, part in _iterate_parts(schema, where))
    return next(filter(None, flaws), None)


def _iterate_parts(schema: Json, where: str) -> Iterator[tuple[str, Json]]:
    for name, part in (schema.get("properties") or {}).items():
        yield f"{where}.properties[{name}]", part
    if schema.get("items"):
        yield f"{where}.items", schema["items"]
    for index, part in enumerate(find(schema, "anyOf") or []):
        yield f"{where}.any_of[{index}]", part
