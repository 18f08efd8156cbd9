"""Arguments of tool calls: text and objects into each other, whatever a model wrote."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.hub.arguments import dump_arguments, load_exact, parse_arguments
from gateway.dialects.spec import dump_json

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=3), JSON))
def test_an_object_comes_back_as_it_was(value: dict[str, Any]) -> None:
    text = dump_arguments(value)
    assert parse_arguments(text) == value
    assert list(parse_arguments(text)) == list(value)
    assert load_exact(text.encode()) == value
    assert load_exact(dump_json(value)) == value


@given(st.text())
def test_any_text_gives_an_object(text: str) -> None:
    assert isinstance(parse_arguments(text), dict)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (" \n", {}),
        ("{}", {}),
        ('{"a', {"_raw": '{"a'}),
        ("null", {"_raw": "null"}),
        ("[" * 5000, {"_raw": "[" * 5000}),
        ('{"n":12345678901234567890123}', {"n": 12345678901234567890123}),
        ('{"n":-9223372036854775809}', {"n": -9223372036854775809}),
    ],
)
def test_what_models_write(text: str, expected: dict[str, Any]) -> None:
    assert parse_arguments(text) == expected


def test_text_stays_and_nothing_is_an_empty_object() -> None:
    assert dump_arguments('{"a": 1}') == '{"a": 1}'
    assert dump_arguments(None) == "{}"


@pytest.mark.parametrize(
    "data", [b"", b"[1]", b"\xff", b"[" * 5000, b'{"a":', b"12345678901234567890123"]
)
def test_what_is_no_object(data: bytes) -> None:
    assert load_exact(data) is None


def test_half_an_emoji() -> None:
    assert load_exact(b'{"a":"\\ud83d"}') == {"a": "\ud83d"}
