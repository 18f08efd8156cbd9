from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.gemini.schema_out import dump_schema


def dump(schema: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    lost: list[str] = []
    return dump_schema(schema, lost.append), lost


@pytest.mark.parametrize(
    ("schema", "subset", "lost"),
    [
        ({"type": "string"}, {"type": "STRING"}, []),
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}, []),
        (
            {"type": ["string", "integer"]},
            {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]},
            [],
        ),
        ({"const": "a"}, {"type": "STRING", "enum": ["a"]}, []),
        ({"type": "integer", "enum": [1, 2]}, {"type": "INTEGER"}, ["enum"]),
        (
            {"oneOf": [{"type": "string"}, {"type": "null"}]},
            {"type": "STRING", "nullable": True},
            [],
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
            {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}], "nullable": True},
            [],
        ),
        (
            {
                "allOf": [
                    {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                    {"properties": {"b": {"type": "string"}}, "required": ["b"]},
                ]
            },
            {
                "type": "OBJECT",
                "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
                "required": ["a", "b"],
            },
            [],
        ),
        (
            {"type": "object", "properties": {}, "additionalProperties": False, "$schema": "x"},
            {"type": "OBJECT", "properties": {}},
            ["additionalProperties"],
        ),
        (
            {"properties": {"a": {}}, "required": ["a", "b"]},
            {"type": "OBJECT", "properties": {"a": {}}, "required": ["a"]},
            [],
        ),
        ({"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}, []),
        ({"type": "string", "format": "uuid"}, {"type": "STRING"}, ["format"]),
        ({"type": "array", "items": False}, {"type": "ARRAY", "items": {}}, ["false"]),
        (
            {"$ref": "#/definitions/a~1b", "definitions": {"a/b": {"type": "string"}}},
            {"type": "STRING"},
            [],
        ),
        ({"$ref": "https://example.com/x"}, {"type": "OBJECT"}, ["$ref"]),
        ({"$ref": "#/$defs/none"}, {"type": "OBJECT"}, ["$ref"]),
    ],
)
def test_a_json_schema_in_the_subset(
    schema: dict[str, Any], subset: dict[str, Any], lost: list[str]
) -> None:
    assert dump(schema) == (subset, lost)


def test_a_reference_to_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}, "v": {"type": "string"}}}
    dumped, lost = dump(node)
    inner = dumped["properties"]["next"]
    assert inner["properties"]["v"] == {"type": "STRING"}
    assert inner["properties"]["next"] == {"type": "OBJECT"}
    assert lost == ["$ref"]


def test_references_that_multiply_are_bounded() -> None:
    defs: dict[str, Any] = {"n0": {"type": "string"}}
    for level in range(1, 24):
        reference = {"$ref": f"#/$defs/n{level - 1}"}
        defs[f"n{level}"] = {"type": "object", "properties": {"a": reference, "b": reference}}
    _, lost = dump({"$ref": "#/$defs/n23", "$defs": defs})
    assert "$ref" in lost
