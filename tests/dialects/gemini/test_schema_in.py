from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.gemini.schema_in import parse_schema


@pytest.mark.parametrize(
    ("subset", "schema"),
    [
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "TYPE_UNSPECIFIED", "title": "t"}, {"title": "t"}),
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "STRING", "enum": ["a"], "nullable": True},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (
            {"any_of": [{"type": "STRING"}], "nullable": True},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        (
            {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1", "max_items": 3},
            {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
        ),
        (
            {
                "type": "OBJECT",
                "properties": {"a_b": {"type": "NUMBER"}},
                "propertyOrdering": ["a"],
            },
            {"type": "object", "properties": {"a_b": {"type": "number"}}},
        ),
        ({"type": "STRING", "example": "x"}, {"type": "string", "examples": ["x"]}),
        (
            {"type": ["string", "null"], "$ref": "#/$defs/a", "$defs": {"a": {"type": "OBJECT"}}},
            {"type": ["string", "null"], "$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
        ),
        (
            {"properties": 1, "items": "x", "anyOf": {}},
            {"properties": 1, "items": "x", "anyOf": {}},
        ),
    ],
)
def test_the_subset_as_a_json_schema(subset: dict[str, Any], schema: dict[str, Any]) -> None:
    assert parse_schema(subset) == schema
