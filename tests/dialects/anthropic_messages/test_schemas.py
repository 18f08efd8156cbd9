"""Schemas as structured outputs take them."""

from __future__ import annotations

from typing import Any

from anthropic import transform_schema
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.anthropic_messages.schemas import build_input_schema, fit_schema


def test_objects_are_closed_and_bounds_are_told() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "description": "A number."},
            "kind": {"oneOf": [{"const": "a"}, {"type": "string", "format": "color"}]},
            "rows": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/row"}},
        },
        "required": ["n"],
        "$defs": {"row": {"type": "object", "properties": {"at": {"format": "date"}}}},
    }
    fitted, is_told = fit_schema(schema)
    assert is_told
    assert fitted == {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "description": "A number.\n\n{minimum: 1}"},
            "kind": {
                "anyOf": [{"const": "a"}, {"type": "string", "description": '{format: "color"}'}]
            },
            "rows": {
                "type": "array",
                "items": {"$ref": "#/$defs/row"},
                "description": "{minItems: 2}",
            },
        },
        "required": ["n"],
        "$defs": {
            "row": {
                "type": "object",
                "properties": {"at": {"format": "date"}},
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    }


def test_what_fits_stays() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"], "enum": ["x", None]}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert fit_schema(schema) == (schema, False)


def test_an_open_object_is_told() -> None:
    assert fit_schema({"type": "object"})[1]
    assert fit_schema({"type": "object", "properties": {}, "additionalProperties": True})[1]


LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "minimum": 1},
        {"type": "string", "format": "uuid"},
        {"enum": ["a", "b"]},
        {"type": "boolean", "description": "D."},
    ]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(
            lambda properties: {"type": "object", "properties": properties},
            st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
        )
        | st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(lambda some: {"anyOf": some}, st.lists(inner, min_size=1, max_size=2))
    ),
)


@given(SCHEMAS)
def test_the_vendors_own_sdk_does_the_same(schema: dict[str, Any]) -> None:
    assert fit_schema(schema)[0] == transform_schema(schema)


def test_a_tool_takes_an_object_at_least() -> None:
    assert build_input_schema(None) == {"type": "object", "properties": {}}
    assert build_input_schema({"properties": {}}) == {"type": "object", "properties": {}}
    assert build_input_schema({"type": "object", "x": 1}) == {"type": "object", "x": 1}
