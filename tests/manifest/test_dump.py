"""Documents as YAML: read back they are the same, and the bytes hang on nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.manifest import build_plain, parse_yaml
from gateway.manifest.dump import dump_yaml, name_credentials
from gateway.manifest.references import name_variable


def build(tags: dict[str, str], weight: float = 1.5) -> dict[str, Any]:
    mapping = {"weight": weight, "model_definition": "mini"}
    return {
        "endpoints": [{"tags": tags, "model_mappings": [mapping], "name": "chat"}],
        "lockgate": 1,
    }


def read(text: str) -> Any:
    return build_plain(parse_yaml(text.encode(), "f.yaml"))


@given(
    st.dictionaries(
        st.just("<<") | st.text(min_size=1, max_size=20),
        st.text(max_size=40),
        min_size=1,
        max_size=3,
    ),
    st.floats(min_value=0, allow_nan=False, allow_infinity=False),
)
def test_what_is_written_is_read_back(tags: dict[str, str], weight: float) -> None:
    document = build(tags, weight)
    assert read(dump_yaml(document)) == document


@pytest.mark.parametrize(
    "text", ["no", "80", "1e3", "0o17", "2027-01-01", "~", "", "true", " a ", "a: b", "# x", "*a"]
)
def test_text_stays_text_for_every_reader(text: str) -> None:
    written = dump_yaml(build({"a": text}))
    assert yaml.safe_load(written)["endpoints"][0]["tags"] == {"a": text}
    assert read(written)["endpoints"][0]["tags"] == {"a": text}


def test_fields_stand_in_the_order_of_the_format() -> None:
    assert dump_yaml(build({"b": "1", "a": "x"}, 80.0)) == (
        "lockgate: 1\n"
        "endpoints:\n"
        "- name: chat\n"
        "  model_mappings:\n"
        "  - model_definition: mini\n"
        "    weight: 80\n"
        "  tags:\n"
        "    a: x\n"
        "    b: '1'\n"
    )


def test_a_stored_credential_is_a_variable_of_its_own() -> None:
    secrets = [
        {"secret_name": name, "secret_value": {"api_key": "stored"}}
        for name in ("open-ai", "open ai", "1st", "lockgate")
    ]
    named = name_credentials({"lockgate": 1, "secrets": secrets})
    found = [row["secret_value"]["api_key"]["env"] for row in named["secrets"]]
    assert found == ["OPEN_AI_API_KEY", "OPEN_AI_API_KEY_2", "_1ST_API_KEY", "_LOCKGATE_API_KEY"]
    assert "api_key: {env: OPEN_AI_API_KEY}\n" in dump_yaml(named)


@given(st.text(min_size=1, max_size=255))
def test_a_variable_can_be_set_in_a_shell(name: str) -> None:
    variable = name_variable(name, "api_key")
    assert variable.isascii()
    assert variable.isidentifier()
    assert not variable.startswith("LOCKGATE_")
