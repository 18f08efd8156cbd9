from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.naming import name_refusal

CODE = "context_window_exceeded"
INFO = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "OTHER"}


def test_anthropics_errors_have_no_code_of_their_own() -> None:
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "too long"}}
    named = orjson.loads(name_refusal("anthropic", orjson.dumps(body), CODE))
    assert named == {**body, "error": {**body["error"], "code": CODE}}  # type: ignore[dict-item]


def test_an_empty_code_of_openai_is_filled() -> None:
    body = b'{"error":{"message":"m","type":"invalid_request_error","param":null,"code":null}}'
    assert orjson.loads(name_refusal("openai", body, CODE))["error"]["code"] == CODE


def test_geminis_code_is_a_status_and_stays_one() -> None:
    body = b'{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}'
    error = orjson.loads(name_refusal("gemini", body, CODE))["error"]
    assert error["code"] == 400
    assert [row["reason"] for row in error["details"]] == [CODE]


@pytest.mark.parametrize(
    ("vendor", "body"),
    [
        ("openai", b'{"error": {"code": "context_length_exceeded"}}'),
        ("openai", b'{"error": "text"}'),
        ("openai", b"<html>"),
        ("anthropic", b"[]"),
        ("gemini", orjson.dumps({"error": {"details": [INFO]}})),
    ],
)
def test_what_has_a_code_or_no_place_for_one_stays(vendor: str, body: bytes) -> None:
    assert name_refusal(vendor, body, CODE) == body


@given(st.binary(), st.sampled_from(("openai", "anthropic", "gemini")))
def test_no_body_makes_it_fail(body: bytes, vendor: str) -> None:
    name_refusal(vendor, body, CODE)
