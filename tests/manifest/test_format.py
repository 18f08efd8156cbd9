"""The format, its JSON Schema, and the REST bodies say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gateway.control.schema.configuration import ConfigurationDocument
from gateway.errors import ManifestError
from gateway.manifest import SECTIONS, build_schema, parse_manifest
from tests.manifest.test_document import FILE

ROOT = Path(__file__).parents[2]
# What REST says of a credential differs on purpose: a value there, a place here.
CREDENTIALS = {"secret_value", "value", "auth_config"}


def follow(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return follow(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in schema:
        kept = [follow(one, definitions) for one in schema["anyOf"] if one.get("type") != "null"]
        return kept[0] if len(kept) == 1 else schema
    return schema


def compare(ours: dict[str, Any], theirs: dict[str, Any], definitions: Any, path: str) -> None:
    theirs = follow(theirs, definitions)
    for name in ("minimum", "maximum", "minLength", "maxLength", "maxItems", "minItems"):
        assert ours.get(name) == theirs.get(name), f"{path}: {name}"
    assert ours.get("maxProperties") == theirs.get("maxProperties"), path
    if "enum" in ours:
        wanted = theirs.get("enum") or [theirs["const"]]
        assert sorted(value for value in ours["enum"] if value is not None) == sorted(wanted), path
    if "items" in ours:
        compare(ours["items"], theirs["items"], definitions, f"{path}[]")
    if "properties" in ours:
        assert set(ours["properties"]) == set(theirs["properties"]), path
        assert set(ours.get("required", [])) == set(theirs.get("required", [])), path
        for name, inner in ours["properties"].items():
            if name not in CREDENTIALS:
                compare(inner, theirs["properties"][name], definitions, f"{path}.{name}")


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_has_the_fields_and_limits_of_its_rest_body(section: str) -> None:
    theirs = ConfigurationDocument.model_json_schema()
    ours = build_schema()["properties"][section]["items"]
    body = follow(theirs["properties"][section], theirs["$defs"])["items"]
    compare(ours, body, theirs["$defs"], section)


def test_the_published_schema_is_that_of_the_code() -> None:
    published = json.loads((ROOT / "docs" / "configuration.schema.json").read_text("utf-8"))
    assert published == build_schema()
    jsonschema.Draft202012Validator.check_schema(published)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("weight: 80", "weight: 0.5"),
        ("weight: 80", "weight: -1"),
        ("weight: 80", "weight: x"),
        ("weight: 80", "wieght: 80"),
        ("lockgate: 1", "lockgate: 2"),
        ("name: chat", "name: a chat"),
        ("{team: search}", "{team: 3}"),
        ("{env: PROD_KEY}", "sk-1"),
        ("{env: PROD_KEY}", "{env: A, file: b}"),
        ("{file: keys/app}", "{file: 3}"),
        ("api_key: stored", "other: stored"),
        ("model_mappings:\n  - model_definition: mini\n    weight: 80", "model_mappings: []"),
    ],
)
def test_an_editor_underlines_what_the_command_refuses(old: str, new: str) -> None:
    text = FILE.replace(old, new, 1)
    try:
        parse_manifest(text.encode(), "prod.yaml")
    except ManifestError:
        is_right = False
    else:
        is_right = True
    validator = jsonschema.Draft202012Validator(build_schema())
    assert validator.is_valid(yaml.safe_load(text)) == is_right


def test_the_example_of_the_documentation_is_right() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    whole = example.replace("sha256:5a19...", f"sha256:{'0' * 64}")
    assert parse_manifest(whole.encode(), "configuration.md").sections == SECTIONS
