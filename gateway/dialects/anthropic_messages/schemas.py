"""JSON schemas as Anthropic's structured outputs take them.

Source: Anthropic's "Structured outputs", section on limits; anthropic-sdk-python 2.12's
`transform_schema` does the same: what the grammar cannot hold is told the model in words.

Rule: every object of a schema is closed, and nothing of the schema is left out unsaid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.spec import dump_json

_Object = Mapping[str, Any]
_KEPT: Final = frozenset(
    {
        "type",
        "title",
        "description",
        "enum",
        "const",
        "default",
        "$ref",
        "required",
        "properties",
        "additionalProperties",
        "items",
        "anyOf",
        "allOf",
        "oneOf",
        "$defs",
        "definitions",
        "format",
        "minItems",
        "$schema",
        "$id",
    }
)
_FORMATS: Final = frozenset(
    {
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "uri",
        "ipv4",
        "ipv6",
        "uuid",
    }
)
_LISTS: Final = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_MAPS: Final = ("properties", "$defs", "definitions")
_LEFT_OUT: Final = frozenset({"$schema", "$id"})


def fit_schema(schema: _Object) -> tuple[dict[str, Any], bool]:
    """Return a schema that is taken, and whether a constraint of it is only told in words."""
    fitted: dict[str, Any] = {}
    told: dict[str, Any] = {}
    is_told = False
    for name, value in schema.items():
        if name in _LEFT_OUT:
            continue
        if not _is_kept(name, value):
            told[name] = value
        elif name in _LISTS and isinstance(value, list):
            fitted[_LISTS[name]], more = _fit_all(dict(enumerate(value)))
            fitted[_LISTS[name]] = list(fitted[_LISTS[name]].values())
            is_told = is_told or more
        elif name in _MAPS and isinstance(value, dict):
            fitted[name], more = _fit_all(value)
            is_told = is_told or more
        elif name == "items" and isinstance(value, dict):
            fitted[name], more = fit_schema(value)
            is_told = is_told or more
        else:
            fitted[name] = value
    if _is_object(schema):
        fitted["additionalProperties"] = False
        if schema.get("additionalProperties") is True or "properties" not in schema:
            told["additionalProperties"] = True
    if told:
        fitted["description"] = _tell(fitted.get("description"), told)
    return fitted, is_told or bool(told)


def _fit_all(schemas: Mapping[Any, Any]) -> tuple[dict[Any, Any], bool]:
    fitted, is_told = {}, False
    for name, value in schemas.items():
        if isinstance(value, dict):
            fitted[name], more = fit_schema(value)
            is_told = is_told or more
        else:
            fitted[name] = value
    return fitted, is_told


def _is_kept(name: str, value: Any) -> bool:
    if name == "format":
        return value in _FORMATS if isinstance(value, str) else False
    if name == "minItems":
        return value in (0, 1)
    if name == "additionalProperties":
        return not isinstance(value, dict)  # closing it is what everybody asks for
    return name in _KEPT


def _is_object(schema: _Object) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _tell(description: Any, told: _Object) -> str:
    words = ", ".join(f"{name}: {dump_json(value).decode()}" for name, value in told.items())
    return f"{description}\n\n{{{words}}}" if isinstance(description, str) else f"{{{words}}}"


def build_input_schema(schema: _Object | None) -> dict[str, Any]:
    """Return what a tool takes: an object at least."""
    if schema is None:
        return {"type": "object", "properties": {}}
    return dict(schema) if "type" in schema else {"type": "object", **schema}
