"""Answers of ``/api/chat``: whole and in lines they are one; broken ones say so."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.hub import (
    Ended,
    Event,
    Failed,
    Finish,
    Reasoning,
    Text,
    ToolCall,
    collect,
    replay,
)
from gateway.dialects.ollama.answer import parse_answer, parse_error
from gateway.dialects.ollama.reader import ChatReader
from gateway.dialects.spec import Usage
from gateway.errors import UpstreamMalformedError
from tests.recorded import RECORDED

RECORDINGS = sorted((RECORDED / "ollama").glob("*-chat-200.response.*"))


def line(message: Any = None, **more: Any) -> bytes:
    value = {"model": "m", "created_at": "2026-08-07T06:08:09.335586Z", "done": False, **more}
    if message is not None:
        value["message"] = {"role": "assistant", **message}
    return orjson.dumps(value) + b"\n"


def read(data: bytes, size: int | None = None) -> list[Event]:
    reader = ChatReader()
    step = size or len(data) or 1
    events = [one for at in range(0, len(data), step) for one in reader.feed(data[at : at + step])]
    return events + reader.conclude()


CALL = {"function": {"name": "w", "arguments": {"b": 1, "a": 2}}}
LAST = line({"content": ""}, done=True, done_reason="stop", prompt_eval_count=5, eval_count=7)
STREAM = (
    line({"content": "", "thinking": "h"})
    + line({"content": "", "thinking": "m"})
    + line({"content": "Hel"}, logprobs=[{"token": "Hel", "logprob": -1}])
    + line({"content": "lo"}, logprobs=[{"token": "lo", "logprob": -2}])
    + line({"content": "", "tool_calls": [{"id": "c1", **CALL}, CALL]})
    + LAST
)


def test_a_stream_amounts_to_the_whole_answer() -> None:
    whole = orjson.loads(LAST)
    whole["message"] |= {
        "content": "Hello",
        "thinking": "hm",
        "tool_calls": [{"id": "c1", **CALL}, CALL],
    }
    whole["logprobs"] = [{"token": "Hel", "logprob": -1}, {"token": "lo", "logprob": -2}]
    answer = parse_answer(orjson.dumps(whole))
    assert collect(read(STREAM)) == answer
    assert answer.choices[0].parts == (
        Reasoning("hm"),
        Text("Hello"),
        ToolCall("c1", "w", '{"b":1,"a":2}'),
        ToolCall("", "w", '{"b":1,"a":2}'),
    )
    assert answer.choices[0].finish is Finish.TOOL_CALLS
    assert (answer.model, answer.created_s, answer.usage) == ("m", 1786082889, Usage(5, 7))
    assert collect(replay(answer)) == answer


@pytest.mark.parametrize("size", [1, 9, 100])
def test_cuts_change_nothing(size: int) -> None:
    assert read(STREAM, size) == read(STREAM)
    assert read(STREAM[:-1], size) == read(STREAM)  # the last line's end may be missing


def test_a_cut_stream_never_ends() -> None:
    for at in range(len(STREAM) - 1):
        assert Ended() not in read(STREAM[:at])


def test_large_integers_are_kept() -> None:
    call = b'{"function":{"name":"n","arguments":{"x":12345678901234567890123}}}'
    call = b'{"message":{"tool_calls":[' + call + b"]}}\n"
    [part] = collect(read(call + LAST)).choices[0].parts
    assert part == ToolCall("", "n", '{"x":12345678901234567890123}')


def test_the_prompts_count_may_be_missing() -> None:
    data = line({"content": "a"}) + line(done=True, done_reason="length", eval_count=1)
    answer = collect(read(data))
    assert answer.usage == Usage(None, 1)
    assert answer.choices[0].finish is Finish.LENGTH


def test_a_model_that_was_only_loaded() -> None:
    choice = collect(read(line({"content": ""}, done=True, done_reason="load"))).choices[0]
    assert (choice.parts, choice.finish, choice.detail) == ((), Finish.STOP, "load")


def test_an_error_as_a_line() -> None:
    events = read(line({"content": "a"}) + b'{"error":"out of memory"}\n' + LAST)
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.message == "out of memory"


@pytest.mark.parametrize("data", [b"<html>\n", b"[]\n", b'{"a":\n'])
def test_a_line_that_is_no_object(data: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        read(data)


def test_errors() -> None:
    failure = parse_error(404, {}, b'{"error":"model \\"x\\" not found"}')
    assert (failure.status, failure.message) == (404, 'model "x" not found')
    assert parse_error(502, {}, b"<html>").message == ""


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "2026-99-99T00:00:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["function", "arguments", "name", "id", "content"]), inner
        )
    ),
    max_leaves=6,
)
FIELDS = ["model", "created_at", "done_reason", "done", "logprobs", "eval_count", "error"]


@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON),
    st.dictionaries(st.sampled_from(["content", "thinking", "tool_calls", "images"]), JSON),
)
def test_odd_answers_do_no_harm(fields: dict[str, Any], message: dict[str, Any]) -> None:
    data = orjson.dumps({**fields, "message": message})
    parse_answer(data)
    collect(read(data + b"\n" + LAST))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff"])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        parse_answer(body)


@pytest.mark.skipif(not RECORDINGS, reason="the recorded exchanges are not beside the checkout")
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_recordings(path: Any) -> None:
    data = path.read_bytes()
    if path.suffix == ".ndjson":
        assert read(data, 1) == read(data)
        assert read(data)[-1] == Ended()
        answer = collect(read(data))
    else:
        answer = parse_answer(data)
        assert collect(replay(answer)) == answer
    assert answer.choices[0].parts
    assert answer.choices[0].finish is not None
    assert answer.usage is not None
