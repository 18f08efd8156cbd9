"""Free text out of a function's arguments, cut anywhere."""

from __future__ import annotations

import json
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.openai_responses.free_text import FreeText


def take(pieces: list[str]) -> str:
    free = FreeText()
    return "".join(map(free.feed, pieces)) + free.finish()


@given(st.text(), st.booleans(), st.lists(st.integers(0, 80)))
def test_the_text_is_what_was_put_in(text: str, ascii_only: bool, cuts: list[int]) -> None:
    whole = json.dumps({"input": text}, ensure_ascii=ascii_only)
    places = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    pieces = [whole[begin:end] for begin, end in pairwise(places)]
    assert take(pieces) == text
    assert take(list(whole)) == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"a","more":1}', "a"),
        ('{"more":1,"input":"a"}', "a"),
        ('{ "input" : "a\nb" }', "a\nb"),
        ('{"input":"half', "half"),
        ('{"input":"half\\u00', "half\\u00"),
        ("plain text", "plain text"),
        ('{"patch":"a"}', '{"patch":"a"}'),
        ('{"input":3}', '{"input":3}'),
        ("", ""),
    ],
)
def test_what_is_not_of_the_form_is_kept(arguments: str, text: str) -> None:
    assert take([arguments]) == text
    assert take(list(arguments)) == text


def test_half_of_a_pair_of_surrogates_passes() -> None:
    whole = orjson.dumps({"input": "x"}).decode().replace("x", "a\\ud83db")
    assert take(list(whole)) == "a\ud83db"
