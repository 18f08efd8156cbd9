"""Streams of Converse: whole, byte by byte, they give one answer; broken ones say so."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.bedrock.answer import parse_answer
from gateway.dialects.bedrock.reader import ConverseReader
from gateway.dialects.eventstream import dump_message
from gateway.dialects.hub import (
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Family,
    Finish,
    Opaque,
    PartDelta,
    Reasoning,
    Text,
    ToolCall,
    collect,
)
from gateway.dialects.spec import Usage
from gateway.errors import UpstreamMalformedError
from tests.recorded import RECORDED

RECORDINGS = sorted((RECORDED / "bedrock").glob("*converse*.response.*"))


def frame(kind: str, **value: Any) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return dump_message(headers, orjson.dumps({"p": "abc", **value}))


def delta(index: int, **more: Any) -> bytes:
    return frame("contentBlockDelta", contentBlockIndex=index, delta=more)


def read(data: bytes, size: int | None = None) -> list[Event]:
    reader = ConverseReader()
    step = size or len(data) or 1
    events = [one for at in range(0, len(data), step) for one in reader.feed(data[at : at + step])]
    return events + reader.conclude()


STREAM = b"".join(
    (
        frame("messageStart", role="assistant"),
        delta(0, reasoningContent={"text": "hm"}),
        delta(0, reasoningContent={"signature": "sig"}),
        frame("contentBlockStop", contentBlockIndex=0),
        delta(1, reasoningContent={"redactedContent": "abc"}),
        frame("contentBlockStop", contentBlockIndex=1),
        delta(2, text="Hel"),
        delta(2, text="lo"),
        delta(2, citation={"title": "T", "sourceContent": [{"text": "q"}]}),
        frame("contentBlockStop", contentBlockIndex=2),
        frame("unheardOf", anything=1),
        frame(
            "contentBlockStart",
            contentBlockIndex=3,
            start={"toolUse": {"toolUseId": "t1", "name": "a"}},
        ),
        delta(3, toolUse={"input": '{"x":'}),
        delta(3, toolUse={"input": "1}"}),
        frame("contentBlockStop", contentBlockIndex=3),
        frame(
            "contentBlockStart",
            contentBlockIndex=4,
            start={"toolUse": {"toolUseId": "t2", "name": "nova", "type": "server_tool_use"}},
        ),
        delta(4, toolUse={"input": '{"y":2}'}),
        frame("contentBlockStop", contentBlockIndex=4),
        frame("messageStop", stopReason="tool_use"),
        frame("metadata", usage={"inputTokens": 5, "outputTokens": 7, "cacheReadInputTokens": 2}),
    )
)
WHOLE = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
                {"reasoningContent": {"redactedContent": "abc"}},
                {
                    "citationsContent": {
                        "content": [{"text": "Hello"}],
                        "citations": [{"title": "T", "sourceContent": [{"text": "q"}]}],
                    }
                },
                {"toolUse": {"toolUseId": "t1", "name": "a", "input": {"x": 1}}},
                {
                    "toolUse": {
                        "toolUseId": "t2",
                        "name": "nova",
                        "type": "server_tool_use",
                        "input": {"y": 2},
                    }
                },
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": {"inputTokens": 5, "outputTokens": 7, "cacheReadInputTokens": 2},
}


def test_a_stream_amounts_to_the_whole_answer() -> None:
    answer = parse_answer(orjson.dumps(WHOLE))
    assert collect(read(STREAM)) == answer
    parts = answer.choices[0].parts
    assert parts[0] == Reasoning("hm", signature="sig", origin=Family.ANTHROPIC)
    assert parts[3] == ToolCall("t1", "a", '{"x":1}')
    assert isinstance(parts[4], Opaque)
    assert answer.usage == Usage(7, 7, 2)


@pytest.mark.parametrize("size", [1, 7, 64, 300])
def test_cuts_change_nothing(size: int) -> None:
    assert read(STREAM, size) == read(STREAM)


def test_the_end_comes_with_the_counts_behind_it() -> None:
    events = read(STREAM)
    assert [type(one) for one in events[-3:]] == [ChoiceEnded, Counted, Ended]
    without = STREAM[: STREAM.rindex(b"metadata") - 24]
    assert events[-3] in read(without + b"", 1000)


def test_a_cut_stream_never_ends() -> None:
    for at in range(0, len(STREAM) - 260, 97):
        assert Ended() not in read(STREAM[:at])


def test_counts_may_be_missing() -> None:
    data = delta(0, text="a") + frame("messageStop", stopReason="max_tokens")
    answer = collect(read(data))
    assert answer.choices[0].parts == (Text("a"),)
    assert answer.choices[0].finish is Finish.LENGTH
    assert read(data)[-1] == Ended()


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("throttlingException", 429),
        ("modelStreamErrorException", 424),
        ("internalServerException", 500),
        ("serviceUnavailableException", 503),
        ("validationException", 400),
        ("unheardOfException", None),
    ],
)
def test_exceptions_within_a_stream(kind: str, status: int | None) -> None:
    headers = {":message-type": "exception", ":exception-type": kind}
    error = dump_message(headers, b'{"message":"Too many"}')
    events = read(delta(0, text="a") + error + delta(0, text="b"))
    last = events[-1]
    assert isinstance(last, Failed)
    assert (last.failure.status, last.failure.code) == (status, kind)
    assert last.failure.message == "Too many"
    assert [one.text for one in events if isinstance(one, PartDelta)] == ["a"]


def test_an_error_without_a_payload() -> None:
    headers = {":message-type": "error", ":error-code": "Odd", ":error-message": "Why"}
    [event] = read(dump_message(headers, b""))
    assert isinstance(event, Failed)
    assert (event.failure.code, event.failure.message) == ("Odd", "Why")


def test_an_event_that_is_no_object() -> None:
    with pytest.raises(UpstreamMalformedError):
        read(dump_message({":message-type": "event", ":event-type": "metadata"}, b"[1"))


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["text", "toolUse", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "text",
                    "toolUse",
                    "reasoningContent",
                    "toolResult",
                    "image",
                    "source",
                    "input",
                    "citation",
                    "type",
                    "content",
                    "redactedContent",
                    "signature",
                    "location",
                    "web",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
KINDS = ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop")


@given(
    st.lists(
        st.tuples(
            st.sampled_from((*KINDS, "messageStop", "metadata", "odd")),
            st.dictionaries(
                st.sampled_from(
                    ["contentBlockIndex", "delta", "start", "stopReason", "usage", "serviceTier"]
                ),
                JSON,
            ),
        ),
        max_size=6,
    )
)
def test_odd_events_do_no_harm(events: list[tuple[str, dict[str, Any]]]) -> None:
    data = b"".join(frame(kind, **value) for kind, value in events)
    collect(read(data))


@given(JSON)
def test_odd_answers_are_read_or_malformed(content: Any) -> None:
    body = {"output": {"message": {"content": content}}, "usage": content, "stopReason": content}
    try:
        parse_answer(orjson.dumps(body))
    except UpstreamMalformedError:
        assert not isinstance(content, list)


@pytest.mark.skipif(not RECORDINGS, reason="the recorded exchanges are not beside the checkout")
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_recordings(path: Any) -> None:
    data = path.read_bytes()
    if path.suffix == ".bin":
        assert read(data, 1) == read(data)
        assert read(data)[-1] == Ended()
        answer = collect(read(data))
    elif "-400" in path.name:
        with pytest.raises(UpstreamMalformedError):
            parse_answer(data)
        return
    else:
        answer = parse_answer(data)
    assert answer.choices[0].parts
    assert answer.usage is not None
    assert answer.usage.output_tokens
