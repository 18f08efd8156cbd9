"""Answers of ``/v2/chat``: whole and streamed they are one; broken ones say so."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.cohere.answer import parse_answer, parse_error
from gateway.dialects.cohere.reader import ChatReader
from gateway.dialects.hub import (
    ChoiceEnded,
    Ended,
    Event,
    Failed,
    Finish,
    PartAdded,
    PartEnded,
    Reasoning,
    Text,
    ToolCall,
    collect,
    replay,
)
from gateway.dialects.spec import Usage
from gateway.errors import UpstreamMalformedError
from tests.recorded import RECORDED

RECORDINGS = sorted((RECORDED / "cohere").glob("*-chat-200.response.*"))


def event(kind: str, message: Any = None, **more: Any) -> bytes:
    value: dict[str, Any] = {"type": kind, **more}
    if message is not None:
        value["delta"] = {"message": message}
    return f"event: {kind}\ndata: {orjson.dumps(value).decode()}\n\n".encode()


def read(data: bytes, size: int | None = None) -> list[Event]:
    reader = ChatReader()
    step = size or len(data) or 1
    events = [one for at in range(0, len(data), step) for one in reader.feed(data[at : at + step])]
    return events + reader.conclude()


CITATION = {
    "start": 0,
    "end": 5,
    "text": "Hello",
    "type": "TEXT_CONTENT",
    "content_index": 1,
    "sources": [{"type": "tool", "id": "t", "tool_output": {"title": "T", "url": "https://e.org"}}],
}
USAGE = {
    "billed_units": {"input_tokens": 3, "output_tokens": 2},
    "tokens": {"input_tokens": 100.0, "output_tokens": 20, "reasoning_tokens": 5},
    "cached_tokens": 64,
}
CALL = {"id": "c1", "type": "function", "function": {"name": "w", "arguments": ""}}
STREAM = b"".join(
    (
        event("message-start", {"role": "assistant"}, id="m1"),
        event("tool-plan-delta", {"tool_plan": "I "}),
        event("tool-plan-delta", {"tool_plan": "plan"}),
        event("content-start", {"content": {"type": "thinking", "thinking": ""}}, index=0),
        event("content-delta", {"content": {"thinking": "hm"}}, index=0),
        event("content-end", index=0),
        event("content-start", {"content": {"type": "text", "text": ""}}, index=1),
        event("content-delta", {"content": {"text": "Hel"}}, index=1),
        event("content-delta", {"content": {"text": "lo"}}, index=1),
        event("content-end", index=1),
        event("citation-start", {"citations": CITATION}, index=0),
        event("citation-end", index=0),
        event("tool-call-start", {"tool_calls": CALL}, index=0),
        event("tool-call-delta", {"tool_calls": {"function": {"arguments": '{"a"'}}}, index=0),
        event("tool-call-delta", {"tool_calls": {"function": {"arguments": ":1}"}}}, index=0),
        event("tool-call-end", index=0),
        event("tool-call-start", {"tool_calls": {**CALL, "id": "c2"}}, index=1),
        event("tool-call-end", index=1),
        event("unheard-of", index=1, delta={}),
        event("message-end", delta={"finish_reason": "TOOL_CALL", "usage": USAGE}),
        b"data: [DONE]\n\n",
    )
)
WHOLE = {
    "id": "m1",
    "message": {
        "role": "assistant",
        "tool_plan": "I plan",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello"}],
        "citations": [CITATION],
        "tool_calls": [
            {**CALL, "function": {"name": "w", "arguments": '{"a":1}'}},
            {**CALL, "id": "c2"},
        ],
    },
    "finish_reason": "TOOL_CALL",
    "usage": USAGE,
}


def test_a_stream_amounts_to_the_whole_answer() -> None:
    answer = parse_answer(orjson.dumps(WHOLE))
    assert collect(read(STREAM)) == answer
    plan, thought, text, first, second = answer.choices[0].parts
    assert (plan, thought) == (Reasoning("I plan"), Reasoning("hm"))
    assert isinstance(text, Text)
    assert (text.citations[0].url, text.citations[0].title) == ("https://e.org", "T")
    assert (first, second) == (ToolCall("c1", "w", '{"a":1}'), ToolCall("c2", "w", "{}"))
    assert answer.usage == Usage(100, 20, 64, None, 5)
    assert collect(replay(answer)) == answer


@pytest.mark.parametrize("size", [1, 9, 100])
def test_cuts_change_nothing(size: int) -> None:
    assert read(STREAM, size) == read(STREAM)


def test_citations_come_before_the_end_of_their_text() -> None:
    events = read(STREAM)
    [citation] = [at for at, one in enumerate(events) if isinstance(one, PartAdded)]
    assert citation < events.index(PartEnded(0, 2))


def test_the_end_needs_no_done() -> None:
    without = STREAM.removesuffix(b"data: [DONE]\n\n")
    assert read(without) == read(STREAM)
    assert read(without.rstrip(b"\n")) == read(STREAM)


def test_a_cut_stream_never_ends() -> None:
    for at in range(0, len(STREAM) - 60, 53):
        assert Ended() not in read(STREAM[:at])


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("COMPLETE", Finish.STOP, None),
        ("STOP_SEQUENCE", Finish.STOP_SEQUENCE, None),
        ("MAX_TOKENS", Finish.LENGTH, None),
        ("ERROR_TOXIC", Finish.FILTERED, "ERROR_TOXIC"),
        ("TIMEOUT", Finish.FAILED, "TIMEOUT"),
    ],
)
def test_ends(reason: str, finish: Finish, detail: str | None) -> None:
    events = read(event("message-end", delta={"finish_reason": reason}))
    assert ChoiceEnded(0, finish, None, detail) in events
    [choice] = parse_answer(orjson.dumps({"message": {}, "finish_reason": reason})).choices
    assert (choice.finish, choice.detail) == (finish, detail)


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (event("message-end", delta={"finish_reason": "ERROR", "error": "Oh"}), 500, "Oh"),
        (event("message-end", delta={"finish_reason": "TIMEOUT", "error": "Late"}), 504, "Late"),
        (b'data: {"id":"1","message":"rate limited"}\n\n', None, "rate limited"),
    ],
)
def test_errors_within_a_stream(data: bytes, status: int | None, message: str) -> None:
    last = read(event("message-start", id="m") + data)[-1]
    assert isinstance(last, Failed)
    assert (last.failure.status, last.failure.message) == (status, message)


@pytest.mark.parametrize("data", [b"data: <html>\n\n", b"data: [1]\n\n"])
def test_an_event_that_is_no_object(data: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        read(data)


@pytest.mark.parametrize("status", [401, 429, 498, 499, 503])
def test_errors(status: int) -> None:
    failure = parse_error(status, {}, b'{"id":"1","message":"invalid"}')
    assert (failure.status, failure.message) == (status, "invalid")
    assert parse_error(status, {}, b"<html>").message == ""


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["text", "thinking", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["function", "arguments", "name", "type", "text", "thinking", "id"]),
            inner,
        )
    ),
    max_leaves=6,
)
MESSAGE: Any = st.dictionaries(
    st.sampled_from(["content", "tool_plan", "tool_calls", "citations"]), JSON
)
KINDS = ["message-start", "tool-plan-delta", "content-start", "content-delta", "content-end"]
KINDS += ["tool-call-start", "tool-call-delta", "tool-call-end", "citation-start", "message-end"]


@given(st.lists(st.tuples(st.sampled_from(KINDS), MESSAGE, JSON), max_size=6))
def test_odd_events_do_no_harm(events: list[tuple[str, Any, Any]]) -> None:
    collect(read(b"".join(event(kind, message, index=index) for kind, message, index in events)))


@given(MESSAGE, JSON, JSON)
def test_odd_answers_do_no_harm(message: Any, usage: Any, finish: Any) -> None:
    parse_answer(orjson.dumps({"message": message, "usage": usage, "finish_reason": finish}))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff"])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        parse_answer(body)


@pytest.mark.skipif(not RECORDINGS, reason="the recorded exchanges are not beside the checkout")
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_recordings(path: Any) -> None:
    data = path.read_bytes()
    if path.suffix == ".sse":
        assert read(data, 1) == read(data)
        assert read(data)[-1] == Ended()
        answer = collect(read(data))
    else:
        answer = parse_answer(data)
        assert collect(replay(answer)) == answer
    assert answer.choices[0].parts
    assert answer.choices[0].finish is not None
    assert answer.usage is not None
    assert answer.usage.output_tokens
