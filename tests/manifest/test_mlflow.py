"""MLflow's gateway files: what each becomes, and that nothing is lost without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ManifestError
from gateway.manifest import parse_manifest, parse_yaml
from gateway.manifest.draft import Draft
from gateway.manifest.dump import dump_yaml
from gateway.manifest.mlflow import import_mlflow

EXAMPLES = Path(__file__).parent / "mlflow"


def load(name: str) -> Draft:
    return import_mlflow(parse_yaml((EXAMPLES / name).read_bytes(), name), name)


def parse(text: str) -> Draft:
    return import_mlflow(parse_yaml(text.encode(), "c.yaml"), "c.yaml")


def test_endpoints_and_a_split() -> None:
    draft = load("chat.yaml")
    document = draft.build()
    parse_manifest(dump_yaml(document).encode(), "chat.yaml")
    mapped = {row["name"]: row["model_mappings"] for row in document["endpoints"]}
    assert mapped["split"] == [
        {"model_definition": "gpt-4o-mini", "weight": 80},
        {"model_definition": "claude-sonnet-4-5", "weight": 20},
    ]
    assert mapped["azure"] == [{"model_definition": "chat-eu"}]
    assert [(row["secret_name"], row["provider"]) for row in document["secrets"]] == [
        ("anthropic", "anthropic"),
        ("azure-openai", "azure"),
        ("gemini", "gemini"),
        ("openai", "openai"),
    ]


def test_what_is_not_mapped_is_told_without_its_value() -> None:
    found = {note.path: note.dump("chat.yaml") for note in load("chat.yaml").notes}
    assert set(found) == {
        "endpoints[0].limit",
        "endpoints[2].model.provider",
        "endpoints[3].model.config.gemini_api_key",
        "endpoints[4]",
    }
    assert "must-not-be-repeated" not in " ".join(found.values())
    assert found["endpoints[4]"].startswith("chat.yaml:36: ")


def test_routes_of_before_are_endpoints() -> None:
    document = load("old_routes.yaml").build()
    assert document["endpoints"] == [
        {"name": "chat", "model_mappings": [{"model_definition": "gpt-4o-mini"}]}
    ]
    assert document["secrets"][0]["auth_config"] == {"organization": "my-org"}


@pytest.mark.parametrize(
    "text",
    [
        "endpoints: 3",
        "endpoints: [3, {}, {name: a}, {name: a, model: 3}]",
        "endpoints: [{name: a, model: {provider: openai, name: x}}]",
        "endpoints: [{name: a, model: {provider: openai, config: {openai_api_key: $K}}}]",
        "endpoints: [{name: a, model: {provider: bedrock, name: x, config: {}}}]",
        "endpoints: [{name: a, model: {provider: azure, name: x, config: {openai_api_key: $K}}}]",
        "routes: [{name: s, destinations: [{name: no, traffic_percentage: 100}, 3]}]",
    ],
)
def test_rubbish_maps_to_nothing_and_is_told(text: str) -> None:
    draft = parse(text)
    assert draft.build()["endpoints"] == []
    assert draft.notes


def test_another_file_is_refused() -> None:
    with pytest.raises(ManifestError):
        parse("model_list: []")
