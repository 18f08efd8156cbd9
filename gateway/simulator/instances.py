"""Example values for JSON Schemas: the arguments of simulated tool calls and structured answers.

Rule: deterministic, and valid for the schemas that tools are commonly described with (JSON
Schema 2020-12 types, enum, const, anyOf, local $ref; Gemini's upper-case type names too).
"""

from __future__ import annotations

from typing import Any

_DEEPEST = 8
"""A schema may refer to itself; no example needs to be deeper."""

_SCALARS: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "null": None}


def build_instance(schema: Any, *, hint: str = "value") -> Any:
    """Build a value that a schema describes; strings say ``hint`` or their property's name."""
    return _build(schema, schema, hint, 0)


def _build(schema: Any, root: Any, hint: str, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return hint
    fixed = _find_fixed(schema)
    if fixed is not None:
        return fixed
    followed = _find_followed(schema, root)
    if followed is not None:
        return _build(followed, root, hint, depth + 1)
    return _build_typed(schema, root, hint, depth)


def _find_fixed(schema: dict[str, Any]) -> Any:
    if "const" in schema:
        return schema["const"]
    return schema["enum"][0] if schema.get("enum") else None


def _find_followed(schema: dict[str, Any], root: Any) -> Any:
    """Find the schema that stands for this one: a local reference or the first alternative."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        found = root
        for step in reference[2:].split("/"):
            found = found.get(step) if isinstance(found, dict) else None
        return found
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return schema[word][0]
    return None


def _build_typed(schema: dict[str, Any], root: Any, hint: str, depth: int) -> Any:
    kind = _find_type(schema)
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: _build(part, root, name, depth + 1) for name, part in properties.items()}
    if kind == "array":
        return [_build(schema.get("items"), root, hint, depth + 1)]
    if kind in {"integer", "number"}:
        return max(_SCALARS[kind], schema.get("minimum", _SCALARS[kind]))
    return _SCALARS.get(kind, hint)


def _find_type(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if isinstance(kind, str):
        return kind.lower()
    return "object" if "properties" in schema else "string"
