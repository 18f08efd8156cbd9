"""Schemas in Gemini's subset of OpenAPI, as JSON Schema.

Source: the Generative Language API's reference, `Schema`; OpenAPI 3.0.3, "Schema Object".

Rule: what is JSON Schema already stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.dialects.gemini.spelling import spell_fields

_UNSPECIFIED: Final = "type_unspecified"
# Counts are 64-bit integers, which protobuf writes as strings.
_COUNTS: Final = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
_RENAMED: Final = {"defs": "$defs", "ref": "$ref"}
_LEFT_OUT: Final = frozenset({"nullable", "propertyOrdering", "example"})


def parse_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema that allows what a schema of the subset does."""
    given = spell_fields(schema)
    parsed: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or name in _LEFT_OUT:
            continue
        parse = _FIELDS.get(name)
        parsed[_RENAMED.get(name, name)] = value if parse is None else parse(value)
    if parsed.get("type") == _UNSPECIFIED:
        del parsed["type"]
    if "example" in given:
        parsed["examples"] = [given["example"]]
    if given.get("nullable") is True:
        _allow_null(parsed)
    return parsed


def _allow_null(parsed: dict[str, Any]) -> None:
    kind = parsed.get("type")
    if isinstance(kind, str):
        parsed["type"] = [kind, "null"]
    elif isinstance(parsed.get("anyOf"), list):
        parsed["anyOf"] = [*parsed["anyOf"], {"type": "null"}]
    if isinstance(parsed.get("enum"), list):
        parsed["enum"] = [*parsed["enum"], None]


def _parse_type(value: Any) -> Any:
    if isinstance(value, list):
        return [_parse_type(one) for one in value]
    return value.lower() if isinstance(value, str) else value


def _parse_one(value: Any) -> Any:
    return parse_schema(value) if isinstance(value, dict) else value


def _parse_several(value: Any) -> Any:
    return [_parse_one(one) for one in value] if isinstance(value, list) else value


def _parse_named(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _parse_one(one) for name, one in value.items()}


def _parse_count(value: Any) -> Any:
    is_number = isinstance(value, str) and value.isascii() and value.isdecimal()
    return int(value) if is_number and len(value) < _LONGEST_COUNT else value


_LONGEST_COUNT: Final = 19
_FIELDS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "type": _parse_type,
    "items": _parse_one,
    "additionalProperties": _parse_one,
    "anyOf": _parse_several,
    "oneOf": _parse_several,
    "allOf": _parse_several,
    "prefixItems": _parse_several,
    "properties": _parse_named,
    "defs": _parse_named,
    "$defs": _parse_named,
    **dict.fromkeys(_COUNTS, _parse_count),
}
