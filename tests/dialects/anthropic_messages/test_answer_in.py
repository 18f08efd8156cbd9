"""Whole answers, counts and errors of providers that speak Messages."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.dialects import CODECS, DIALECTS, Usage
from gateway.dialects.hub import (
    Citation,
    Family,
    Finish,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    UpstreamCodec,
)
from gateway.entities import Dialect
from gateway.errors import UpstreamMalformedError


def find_upstream() -> UpstreamCodec:
    upstream = CODECS[Dialect.ANTHROPIC_MESSAGES].upstream
    assert upstream is not None
    return upstream


def dump(**fields: Any) -> bytes:
    usage = {
        "input_tokens": 4,
        "cache_creation_input_tokens": 3,
        "cache_read_input_tokens": 2,
        "cache_creation": {"ephemeral_1h_input_tokens": 1},
        "output_tokens": 5,
    }
    body = {"id": "msg_1", "model": "claude", "content": [], "stop_reason": "end_turn"}
    return orjson.dumps(body | {"usage": usage} | fields)


def test_blocks() -> None:
    location = {"type": "char_location", "cited_text": "q", "document_title": "D"}
    search = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwK"},
        {"type": "text", "text": "Hi", "citations": [location]},
        search,
        {
            "type": "tool_use",
            "id": "t",
            "name": "f",
            "input": {"a": 1},
            "caller": {"type": "direct"},
        },
        "not a block",
    ]
    answer = find_upstream().parse_answer(dump(content=content, stop_reason="tool_use"))
    (choice,) = answer.choices
    assert choice.parts == (
        Reasoning("Hm.", signature="EqQB", origin=Family.ANTHROPIC),
        Reasoning(encrypted="EmwK", redacted=True, origin=Family.ANTHROPIC),
        Text("Hi", (Citation(title="D", quote="q", raw=location, origin=Family.ANTHROPIC),)),
        Opaque(Family.ANTHROPIC, "web_search_tool_result", search),
        ToolCall("t", "f", '{"a":1}'),
    )
    assert choice.finish is Finish.TOOL_CALLS
    assert answer.usage == Usage(9, 5, 2, 3, cache_write_1h_tokens=1)
    assert answer.usage == DIALECTS[Dialect.ANTHROPIC_MESSAGES].parse_usage(dump())


def test_large_integers_of_arguments_stay() -> None:
    raw = dump(content=[{"type": "tool_use", "id": "t", "name": "f", "input": {"n": 7}}])
    raw = raw.replace(b'"n":7', b'"n":1180591620717411303424')
    (call,) = find_upstream().parse_answer(raw).choices[0].parts
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"n":1180591620717411303424}'


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("max_tokens", Finish.LENGTH, None),
        ("stop_sequence", Finish.STOP_SEQUENCE, None),
        ("model_context_window_exceeded", Finish.CONTEXT, None),
        ("pause_turn", Finish.PAUSED, None),
        ("compaction", Finish.STOP, "compaction"),
        (None, None, None),
    ],
)
def test_reasons(reason: str | None, finish: Finish | None, detail: str | None) -> None:
    (choice,) = find_upstream().parse_answer(dump(stop_reason=reason)).choices
    assert (choice.finish, choice.detail) == (finish, detail)


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "No."}
    raw = dump(stop_reason="refusal", stop_details=details)
    (choice,) = find_upstream().parse_answer(raw).choices
    assert choice.parts == (Refusal("No."),)
    assert (choice.finish, choice.detail) == (Finish.REFUSED, "bio")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"content": "x"}', b"<html>"])
def test_what_is_no_message_is_told(body: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        find_upstream().parse_answer(body)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            b'{"type":"error","error":{"type":"not_found_error","message":"model: x"}}',
            "not_found_error",
            "model: x",
        ),
        (b'{"error":{"type":"authentication_error","message":"m"}}', "authentication_error", "m"),
        (b'{"detail":"Not Found"}', "", "Not Found"),
        (b'{"error":"busy"}', "error", "busy"),
        (b"<html>", "", ""),
        (b"[1]", "", ""),
    ],
)
def test_errors(body: bytes, code: str, message: str) -> None:
    failure = find_upstream().parse_error(404, {}, body)
    assert (failure.status, failure.code, failure.message) == (404, code, message)


def test_a_count() -> None:
    parse = find_upstream().parse_count
    assert parse is not None
    assert parse(b'{"input_tokens": 12}') == 12
    with pytest.raises(UpstreamMalformedError):
        parse(b'{"input_tokens": "12"}')
