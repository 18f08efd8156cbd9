from __future__ import annotations

import orjson
import pytest

from gateway.dialects.spec import load_object, load_part

FILLER = "x" * (300 << 10)
USAGE = {"prompt_tokens": 5, "details": {"cached_tokens": 2}, "note": "a } in a string"}


@pytest.mark.parametrize("option", [0, orjson.OPT_INDENT_2])
def test_a_large_answer_is_read_around_its_key(option: int) -> None:
    body = orjson.dumps({"text": FILLER, "usage": USAGE, "id": "x"}, option=option)
    assert load_part(body, b"usage") == {"usage": USAGE}


def test_the_key_in_a_text_is_not_the_key() -> None:
    text = FILLER + '"usage":{"prompt_tokens":666}'
    body = orjson.dumps({"usage": USAGE, "text": text})
    assert load_part(body, b"usage") == {"usage": USAGE}


def test_an_emoji_cut_in_two_hides_no_counts() -> None:
    body = b'{"text": "\\ud83d", "usage": {"prompt_tokens": 5}, "id": "x"}'
    assert load_part(body, b"usage")["usage"] == {"prompt_tokens": 5}


@pytest.mark.parametrize("body", [b'{"text": "\\ud83d"', b'["\\ud83d"]', b'{"x": "\\ud83d\xff"}'])
def test_what_is_no_object_is_none_whatever_is_cut_in_two(body: bytes) -> None:
    assert load_object(body) is None


def test_a_large_answer_without_the_key_has_no_part() -> None:
    assert load_part(orjson.dumps({"text": FILLER}), b"usage") == {}
    assert load_part(orjson.dumps({"text": FILLER, "usage": None}), b"usage") == {}
