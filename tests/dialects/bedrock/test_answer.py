"""Answers and errors of Converse, whole."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.dialects.bedrock.answer import parse_answer, parse_count, parse_error
from gateway.dialects.hub import Finish, Image, Media, Opaque, Text, ToolCall
from gateway.dialects.spec import Usage
from gateway.errors import UpstreamMalformedError


def parse(content: list[Any], **fields: Any) -> Any:
    return parse_answer(orjson.dumps({"output": {"message": {"content": content}}, **fields}))


def test_large_integers_and_the_order_of_keys_are_kept() -> None:
    body = (
        b'{"output":{"message":{"content":[{"toolUse":{"toolUseId":"t","name":"n","input":'
        b'{"z":123456789012345678901234567890,"a":1.50}}}]}}}'
    )
    [call] = parse_answer(body).choices[0].parts
    assert call == ToolCall("t", "n", '{"z":123456789012345678901234567890,"a":1.5}')


def test_other_blocks() -> None:
    odd = {"searchResult": {"title": "x"}}
    image = {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}}
    assert parse([odd, image]).choices[0].parts[1] == Image(Media("image/jpeg", "AAAA"))
    assert isinstance(parse([odd]).choices[0].parts[0], Opaque)


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("end_turn", Finish.STOP, None),
        ("guardrail_intervened", Finish.FILTERED, "guardrail_intervened"),
        ("model_context_window_exceeded", Finish.CONTEXT, "model_context_window_exceeded"),
        ("malformed_tool_use", Finish.FAILED, "malformed_tool_use"),
        ("something_new", Finish.STOP, "something_new"),
    ],
)
def test_ends(reason: str, finish: Finish, detail: str | None) -> None:
    [choice] = parse([{"text": "a"}], stopReason=reason).choices
    assert (choice.parts, choice.finish, choice.detail) == ((Text("a"),), finish, detail)


def test_the_stop_sequence_where_it_was_asked_for() -> None:
    fields = {"stop_sequence": "END"}
    [choice] = parse([], stopReason="stop_sequence", additionalModelResponseFields=fields).choices
    assert (choice.finish, choice.stop_sequence) == (Finish.STOP_SEQUENCE, "END")


def test_counts_include_the_cache_and_tell_its_lifetimes() -> None:
    usage = {
        "inputTokens": 10,
        "outputTokens": 5,
        "cacheReadInputTokens": 100,
        "cacheWriteInputTokens": 30,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 20}, {"ttl": "5m", "inputTokens": 10}],
    }
    expected = Usage(140, 5, 100, 30, cache_write_1h_tokens=20)
    assert parse([], usage=usage).usage == expected


@pytest.mark.parametrize("body", [b"", b"[]", b'{"output":{}}', b"<html>", b"\xff"])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        parse_answer(body)


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (
            400,
            {"x-amzn-errortype": "ValidationException:http://internal.amazon.com/coral/"},
            b'{"message":"bad"}',
            (400, "ValidationException", "bad"),
        ),
        (
            403,
            {},
            b'{"__type":"com.amazon#AccessDeniedException","Message":"no"}',
            (403, "AccessDeniedException", "no"),
        ),
        (
            400,
            {"x-amzn-errortype": "ServiceQuotaExceededException"},
            b"{}",
            (429, "ServiceQuotaExceededException", ""),
        ),
        (503, {}, b"<html>", (503, "error", "")),
    ],
)
def test_errors(
    status: int, headers: dict[str, str], body: bytes, expected: tuple[int, str, str]
) -> None:
    failure = parse_error(status, headers, body)
    assert (failure.status, failure.code, failure.message) == expected


def test_a_count_of_tokens() -> None:
    assert parse_count(b'{"inputTokens":12}') == 12
    for body in (b"{}", b'{"inputTokens":-1}', b"x"):
        with pytest.raises(UpstreamMalformedError):
            parse_count(body)
