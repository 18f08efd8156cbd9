"""Examples of schemas are valid for them, by an independent validator."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from gateway.simulator.instances import build_instance

_TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "kind": {"$ref": "#/$defs/kind"}},
            "required": ["name", "kind"],
        },
        "kind": {"enum": ["leaf", "branch"]},
    },
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}},
    "required": ["root"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "integer", "minimum": 7},
        {"type": ["number", "null"]},
        {"type": "boolean"},
        {"type": "null"},
        {"const": {"a": 1}},
        {"enum": ["x", "y"]},
        {"type": "array", "items": {"type": "integer"}},
        {"anyOf": [{"type": "array", "items": {"type": "boolean"}}, {"type": "null"}]},
        {"properties": {"a": {"type": "number"}}, "required": ["a"]},
        {},
        _TREE,
    ],
)
def test_an_example_is_valid(schema: dict[str, Any]) -> None:
    jsonschema.validate(build_instance(schema), schema)


def test_upper_case_types_of_gemini_are_read() -> None:
    schema = {"type": "OBJECT", "properties": {"days": {"type": "INTEGER"}}}
    assert build_instance(schema) == {"days": 1}


def test_a_schema_that_holds_itself_ends() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert isinstance(build_instance(schema), dict)
