from __future__ import annotations

from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.inputs import choose_fields, parse_pairs, parse_weighted, read_secret_value
from gateway.cli.refusal import Refused
from gateway.secret import Secret


def test_pairs_split_at_the_first_equals_sign() -> None:
    assert parse_pairs(["a=1", "b=x=y", "c="], "--set") == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("texts", [["a"], ["=1"], ["a=1", "a=2"]])
def test_wrong_pairs_are_wrong_usage_that_names_the_option(texts: list[str]) -> None:
    with pytest.raises(click.BadParameter) as caught:
        parse_pairs(texts, "--set")
    assert caught.value.exit_code == 2
    assert "--set" in caught.value.format_message()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mini", ("mini", None)),
        ("mini=80", ("mini", 80.0)),
        ("mini=0.8", ("mini", 0.8)),
        ("mini=0", ("mini", 0.0)),
        ("a=b", ("a=b", None)),
        ("a=b=2", ("a=b", 2.0)),
    ],
)
def test_a_weight_is_a_number_after_the_last_equals_sign(
    text: str, expected: tuple[str, float | None]
) -> None:
    assert parse_weighted(text) == expected


@pytest.mark.parametrize("text", ["mini=-1", "mini=nan", "mini=inf"])
def test_a_number_that_is_no_weight_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter, match="finite number"):
        parse_weighted(text)


@given(st.text(min_size=1).filter(lambda name: "=" not in name), st.floats(0, 1e9))
def test_any_name_comes_back_with_its_weight(name: str, weight: float) -> None:
    assert parse_weighted(f"{name}={weight!r}") == (name, weight)


def test_a_file_gives_one_field_without_its_last_newline(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("canary-key-one\n")
    assert read_secret_value(["api_key"], file, from_stdin=False) == {
        "api_key": Secret("canary-key-one")
    }


def test_a_file_gives_several_fields_as_a_json_object(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text('{"id": "canary-one", "key": "canary-two"}')
    value = read_secret_value(["id", "key"], file, from_stdin=False)
    assert value == {"id": Secret("canary-one"), "key": Secret("canary-two")}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"canary-no-json",
        b"[]",
        b'{"id": "canary"}',
        b'{"id": "canary", "key": 1}',
        b'{"id": "canary", "key": "canary", "more": "canary"}',
    ],
)
def test_a_wrong_file_is_refused_without_a_word_of_its_content(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(Refused) as caught:
        read_secret_value(["id", "key"], file, from_stdin=False)
    assert "canary" not in caught.value.format_message()


def test_file_and_stdin_together_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="not both"):
        read_secret_value(["api_key"], tmp_path / "key", from_stdin=True)


@pytest.mark.parametrize(
    ("provider", "settings", "has_text", "fields"),
    [
        (None, None, True, ("api_key",)),
        ("acme", None, True, ("api_key",)),
        ("openai", None, False, ("api_key",)),
        ("bedrock", {"auth_mode": "access_keys"}, True, ("access_key_id", "secret_access_key")),
        ("bedrock", {"auth_mode": "default_chain"}, False, ()),
        ("vertex", None, True, ("service_account",)),
        ("ollama", None, False, ()),
        ("ollama", None, True, ("api_key",)),
    ],
)
def test_the_fields_to_be_read_are_those_that_the_provider_needs(
    provider: str | None, settings: dict[str, str] | None, has_text: bool, fields: tuple[str, ...]
) -> None:
    assert choose_fields((), provider, settings, has_text=has_text) == fields
    assert choose_fields(("other",), provider, settings, has_text=has_text) == ("other",)
