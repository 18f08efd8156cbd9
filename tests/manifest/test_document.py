"""A configuration file: what is refused with which line, and the document that it becomes."""

from __future__ import annotations

import pytest

from gateway.errors import ManifestError
from gateway.manifest import (
    build_document,
    build_plain,
    check_unset,
    iter_references,
    parse_manifest,
)
from gateway.secret import Secret

FILE = """\
lockgate: 1
settings: {log_level: INFO}
secrets:
- secret_name: prod
  provider: openai
  secret_value:
    api_key: {env: PROD_KEY}
- secret_name: other
  secret_value: {api_key: stored}
model_definitions:
- {name: mini, provider: openai, model_name: gpt-4o-mini, secret_name: prod}
endpoints:
- name: chat
  model_mappings:
  - model_definition: mini
    weight: 80
  tags: {team: search}
api_keys:
- name: app
  value: {file: keys/app}
"""


def refuse(text: str) -> tuple[str, ...]:
    with pytest.raises(ManifestError) as refused:
        parse_manifest(text.encode(), "prod.yaml")
    return refused.value.faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "weight: 80",
            "weight: .nan",
            "16: endpoints[0].model_mappings[0].weight: must be a finite",
        ),
        (
            "weight: 80",
            "weight: '80'",
            "16: endpoints[0].model_mappings[0].weight: must be a finite",
        ),
        (
            "weight: 80",
            "weight: -1",
            "16: endpoints[0].model_mappings[0].weight: must be 0 or more",
        ),
        (
            "weight",
            "wieght",
            "16: endpoints[0].model_mappings[0].wieght: is no field here; did you",
        ),
        ("lockgate: 1", "lockgate: 2", "1: lockgate: must be 1"),
        ("lockgate: 1\n", "", "1: lockgate: is required"),
        ("name: chat", "name: a chat", "13: endpoints[0].name: may hold letters"),
        ("name: chat", "name: 7", "13: endpoints[0].name: must be text: put it in quotes"),
        ("provider: openai\n", "provider: openia\n", "5: secrets[0].provider: must be one of"),
        ("name: other", "name: prod", "8: secrets[1].secret_name: is the same as at line 4"),
        ("{team: search}", "{team: 3}", "17: endpoints[0].tags.team: must be text"),
        ("{env: PROD_KEY}", "sk-1", "7: secrets[0].secret_value.api_key: a credential does not"),
        ("{env: PROD_KEY}", "{value: sk-1}", "7: secrets[0].secret_value.api_key: a credential"),
        ("{env: PROD_KEY}", "{env: $KEY}", "7: secrets[0].secret_value.api_key.env: must be the"),
        ("{env: PROD_KEY}", "{env: LOCKGATE_X}", "7: secrets[0].secret_value.api_key.env: may not"),
        (
            "{env: PROD_KEY}",
            "{env: A, file: b}",
            "7: secrets[0].secret_value.api_key: must be {env",
        ),
        (
            "api_key: stored",
            "apikey: stored",
            "9: secrets[1].secret_value: has a field that is none; known",
        ),
        ("{file: keys/app}", "lg-in-clear", "20: api_keys[0].value: a credential does not"),
        (
            "{file: keys/app}",
            "{sha256: aa, masked: '***'}",
            "20: api_keys[0].value.sha256: must have 64",
        ),
        ("endpoints:", "endpoints: &e", "nothing"),
        ("settings: {log_level: INFO}", "settings: 3", "2: settings: must be a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, fault: str) -> None:
    text = FILE.replace(old, new, 1)
    if fault == "nothing":
        parse_manifest(text.encode(), "prod.yaml")
        return
    assert refuse(text)[0].startswith(f"prod.yaml:{fault}")


def test_all_faults_are_told_at_once_and_a_slip_is_one() -> None:
    text = FILE.replace("weight: 80", "weight: x").replace("name: mini,", "nmae: mini,")
    assert [fault.split(": ")[1] for fault in refuse(text)] == [
        "model_definitions[0].nmae",
        "endpoints[0].model_mappings[0].weight",
    ]


@pytest.mark.parametrize("text", ["", "# only a remark\n", "- a\n", "text\n"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    assert len(refuse(text)) == 1


def test_a_credential_in_clear_is_not_repeated() -> None:
    canary = "canary-0123456789"
    for place in ("{env: PROD_KEY}", "{file: keys/app}"):
        assert canary not in " ".join(refuse(FILE.replace(place, canary)))
        assert canary not in " ".join(refuse(FILE.replace(place, f"{{value: {canary}}}")))
    assert canary not in " ".join(refuse(FILE.replace("api_key: {", f"{canary}: {{")))


def test_the_document_has_its_credentials_and_no_settings() -> None:
    manifest = parse_manifest(FILE.encode(), "prod.yaml")
    key, app = Secret("made-up"), Secret("lg-made-up")
    document = build_document(
        manifest, {"secrets[0].secret_value.api_key": key, "api_keys[0].value": app}
    )
    assert "settings" not in document
    assert document["secrets"][0]["secret_value"] == {"api_key": {"value": key}}
    assert document["secrets"][1]["secret_value"] == {"api_key": "stored"}
    assert document["api_keys"] == [{"name": "app", "value": {"value": app}}]


def test_what_has_no_value_stays_as_it_is() -> None:
    document = build_document(parse_manifest(FILE.encode(), "prod.yaml"), {})
    assert document["secrets"][0]["secret_value"] == {"api_key": "stored"}
    assert document["api_keys"] == [{"name": "app"}]


def test_an_unset_variable_is_a_fault_only_where_nothing_is_stored() -> None:
    manifest = parse_manifest(FILE.encode(), "prod.yaml")
    unset = [owned for owned in iter_references(manifest) if owned.reference.place == "env"]
    stored = {"secrets": [{"secret_name": "prod", "secret_value": {"api_key": "stored"}}]}
    assert check_unset(manifest, unset, stored) == [
        "prod.yaml:7: PROD_KEY is not set: secrets[0].secret_value.api_key stays as it is stored"
    ]
    with pytest.raises(ManifestError) as refused:
        check_unset(manifest, unset, {})
    (fault,) = refused.value.faults
    assert fault.startswith("prod.yaml:7: secrets[0].secret_value.api_key: PROD_KEY is not set")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("endpoints[0].model_mappings[0].weight", 16),
        ("endpoints[0].model_mappings[0].linkage_type", 15),
        ("endpoints[0].limits.total_timeout_ms", 13),
        ("endpoints[9].name", 12),
        ("secrets[1].secret_value", 9),
        ("bindings", 1),
        ("", 1),
    ],
)
def test_a_path_leads_to_its_line_or_to_what_is_around_it(path: str, line: int) -> None:
    assert parse_manifest(FILE.encode(), "prod.yaml").find_line(path) == line


def test_a_hundred_thousand_lines_are_read() -> None:
    entries = "".join(
        f"- name: e{n}\n  model_mappings:\n  - model_definition: mini\n" for n in range(33_000)
    )
    manifest = parse_manifest(f"lockgate: 1\nendpoints:\n{entries}".encode(), "prod.yaml")
    assert len(build_plain(manifest.root)["endpoints"]) == 33_000
