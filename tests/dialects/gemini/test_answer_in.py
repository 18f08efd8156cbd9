from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.dialects.gemini.answer_in import parse_answer, parse_count, parse_error
from gateway.dialects.hub import Choice, Finish, Text
from gateway.errors import UpstreamMalformedError

ANSWER: dict[str, Any] = {
    "candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]
}


def test_an_answer_without_names() -> None:
    answer = parse_answer(orjson.dumps(ANSWER))
    assert (answer.id, answer.model, answer.usage) == ("", "", None)
    assert answer.choices == (Choice((Text("a"),), Finish.STOP),)


def test_an_array_is_an_answer_too() -> None:
    parts = [ANSWER | {"candidates": [{"content": {"parts": [{"text": "b"}]}}]}, ANSWER]
    assert parse_answer(b"\n" + orjson.dumps(parts)).choices[0].parts == (Text("ba"),)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'"x"', b"[]", b'{"error":{"code":1}}'])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        parse_answer(body)


def test_a_count() -> None:
    assert parse_count(b'{"totalTokens":31,"promptTokensDetails":[]}') == 31
    for body in (b"[]", b'{"totalTokens":"31"}', b'{"totalTokens":-1}'):
        with pytest.raises(UpstreamMalformedError):
            parse_count(body)


ERROR = {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}
INFO = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error": ERROR}, "INVALID_ARGUMENT", "API key not valid."),
        ([{"error": ERROR}], "INVALID_ARGUMENT", "API key not valid."),
        ({"error": ERROR | {"details": [1, {}, INFO]}}, "API_KEY_INVALID", "API key not valid."),
        ({"error": "x"}, "error", ""),
        ({}, "error", ""),
    ],
)
def test_an_error(body: Any, code: str, message: str) -> None:
    failure = parse_error(400, {}, orjson.dumps(body))
    assert (failure.status, failure.code, failure.message) == (400, code, message)


def test_an_error_of_something_in_between() -> None:
    failure = parse_error(502, {}, b"<html>Bad Gateway</html>")
    assert (failure.status, failure.message) == (502, "<html>Bad Gateway</html>")
