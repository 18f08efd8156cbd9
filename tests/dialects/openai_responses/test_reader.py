"""What is read of servers of Responses: of thrifty, chatty, odd and broken ones."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects import CODECS, Usage
from gateway.dialects.hub import (
    ChatAnswer,
    Ended,
    Event,
    Failed,
    Family,
    Finish,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    UpstreamCodec,
    collect,
)
from gateway.entities import Dialect
from gateway.errors import UpstreamMalformedError


def find_upstream() -> UpstreamCodec:
    upstream = CODECS[Dialect.OPENAI_RESPONSES].upstream
    assert upstream is not None
    return upstream


def event(kind: str, **more: Any) -> bytes:
    data = orjson.dumps({"type": f"response.{kind}", **more})
    return f"event: response.{kind}\n".encode() + b"data: " + data + b"\n\n"


def read(*blocks: bytes) -> list[Event]:
    reader = find_upstream().reader()
    return [one for block in blocks for one in reader.feed(block)] + reader.conclude()


def end(status: str = "completed", output: Any = (), **more: Any) -> bytes:
    usage = {"input_tokens": 3, "output_tokens": 2}
    response = {"id": "resp_1", "model": "m", "status": status, "output": list(output)}
    return event(status, response=response | {"usage": usage} | more)


CREATED = event("created", response={"id": "resp_1", "model": "m", "created_at": 7.0})
MESSAGE = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "Hello"}]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "look", "arguments": "{}"}
TEXT_BEGUN = event("output_item.added", output_index=0, item={"type": "message", "id": "msg_1"})
PART_BEGUN = event(
    "content_part.added", output_index=0, content_index=0, part={"type": "output_text", "text": ""}
)
HEL = event("output_text.delta", output_index=0, content_index=0, delta="Hel")
LO = event("output_text.delta", output_index=0, content_index=0, delta="lo")


@pytest.mark.parametrize(
    "blocks",
    [
        [CREATED, TEXT_BEGUN, PART_BEGUN, HEL, LO, end(output=[MESSAGE])],
        [CREATED, TEXT_BEGUN, PART_BEGUN, HEL, end(output=[MESSAGE])],
        [CREATED, end(output=[MESSAGE])],
        [CREATED, event("output_item.done", output_index=0, item=MESSAGE), end(output=[MESSAGE])],
        [CREATED, event("output_item.done", output_index=4, item=MESSAGE), end(output=[MESSAGE])],
        [CREATED, HEL, LO, end()],
        [CREATED, TEXT_BEGUN, PART_BEGUN, HEL,
         event("output_text.done", output_index=0, content_index=0, text="Hello"), end()],
        [b": ping\n\n", CREATED, event("new.thing", delta="x"), b'data: {"type":3}\n\n',
         TEXT_BEGUN, PART_BEGUN, HEL, LO, end(), b"data: [DONE]\n\n"],
    ],
)  # fmt: skip
def test_a_text_is_the_same_whichever_events_tell_it(blocks: list[bytes]) -> None:
    events = read(*blocks)
    answer = collect(events)
    (choice,) = answer.choices
    assert (choice.parts, choice.finish) == ((Text("Hello"),), Finish.STOP)
    assert (answer.id, answer.created_s, answer.usage) == ("resp_1", 7, Usage(3, 2))
    assert isinstance(events[-1], Ended)


def test_a_stream_may_begin_with_its_first_item() -> None:
    assert collect(read(HEL, LO, end())).choices[0].parts == (Text("Hello"),)


def test_calls_of_both_kinds() -> None:
    custom = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "d", "name": "p", "input": ""}
    answer = collect(
        read(
            CREATED,
            event("output_item.added", output_index=0, item=CALL | {"arguments": ""}),
            event("output_item.added", output_index=1, item=custom),
            event("custom_tool_call_input.delta", output_index=1, delta="free"),
            event("function_call_arguments.delta", output_index=0, delta='{"a":'),
            event("function_call_arguments.done", output_index=0, arguments='{"a":1}'),
            event("output_item.done", output_index=0, item=CALL | {"arguments": '{"a":1}'}),
            event("output_item.done", output_index=1, item=custom | {"input": "free text"}),
            end(),
        )
    )
    assert answer.choices[0].parts == (
        ToolCall("c", "look", '{"a":1}', item_id="fc_1"),
        ToolCall("d", "p", "free text", custom=True, item_id="ctc_1"),
    )
    assert answer.choices[0].finish is Finish.TOOL_CALLS


def test_thoughts_in_paragraphs() -> None:
    item = {"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA",
            "summary": [{"type": "summary_text", "text": "one"},
                        {"type": "summary_text", "text": "two"}]}  # fmt: skip
    where = {"output_index": 0, "item_id": "rs_1"}
    streamed = collect(
        read(
            CREATED,
            event("output_item.added", output_index=0, item=item | {"summary": []}),
            event("reasoning_summary_part.added", summary_index=0, part={"text": ""}, **where),
            event("reasoning_summary_text.delta", summary_index=0, delta="o", **where),
            event("reasoning_summary_text.delta", summary_index=0, delta="ne", **where),
            event("reasoning_summary_part.added", summary_index=1, part={"text": ""}, **where),
            event("output_item.done", output_index=0, item=item),
            end(output=[item]),
        )
    )
    assert streamed == collect(read(CREATED, end(output=[item])))
    assert streamed.choices[0].parts == (
        Reasoning("onetwo", encrypted="gAAA", summary=True, texts=("one", "two"),
                  origin=Family.OPENAI, id="rs_1"),
    )  # fmt: skip


def test_a_mark_of_stored_thoughts_is_nothing() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    assert [
        part
        for choice in collect(read(end(output=[item, MESSAGE]))).choices
        for part in choice.parts
    ] == [Text("Hello")]


def test_items_of_the_vendors_own_tools_are_opaque() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    (choice,) = collect(read(event("output_item.done", item=item), end())).choices
    assert choice.parts == (Opaque(Family.OPENAI, "web_search_call", item),)
    assert choice.finish is Finish.STOP


def test_refusals_and_logprobs() -> None:
    token = {"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []}
    content = [
        {"type": "output_text", "text": "a", "logprobs": [token]},
        {"type": "refusal", "refusal": "No."},
    ]
    (choice,) = collect(read(end(output=[MESSAGE | {"content": content}]))).choices
    assert choice.parts == (Text("a"), Refusal("No."))
    assert choice.logprobs == {"content": [token]}


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("max_output_tokens", Finish.LENGTH, None),
        ("content_filter", Finish.FILTERED, None),
        ("weather", Finish.LENGTH, "weather"),
    ],
)
def test_incomplete_answers(reason: str, finish: Finish, detail: str | None) -> None:
    block = end("incomplete", [MESSAGE], incomplete_details={"reason": reason})
    (choice,) = collect(read(block)).choices
    assert (choice.finish, choice.detail) == (finish, detail)


@pytest.mark.parametrize(
    ("block", "status", "code"),
    [
        (end("failed", error={"code": "rate_limit_exceeded", "message": "m"}), 429,
         "rate_limit_exceeded"),
        (end("failed"), None, "error"),
        (b'data: {"type":"error","code":"server_error","message":"m"}\n\n', 500, "server_error"),
        (b'data: {"type":"error","error":{"type":"overloaded","message":"m"}}\n\n', 503,
         "overloaded"),
        (b'data: {"error":{"code":503,"message":"m"}}\n\n', 503, "503"),
    ],
)  # fmt: skip
def test_failures_end_the_stream(block: bytes, status: int | None, code: str) -> None:
    events = read(CREATED, block, HEL, end())
    assert isinstance(events[-1], Failed)
    assert (events[-1].failure.status, events[-1].failure.code) == (status, code)


def test_a_stream_without_its_last_event_does_not_end() -> None:
    events = read(CREATED, TEXT_BEGUN, PART_BEGUN, HEL)
    assert not any(isinstance(one, Ended | Failed) for one in events)


def test_a_last_event_without_its_blank_line_counts() -> None:
    assert isinstance(read(CREATED, end(output=[MESSAGE]).rstrip(b"\n"))[-1], Ended)


def test_garbage_in_a_stream_is_malformed() -> None:
    with pytest.raises(UpstreamMalformedError):
        read(CREATED, b"data: {half\n\n")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"output":3}', b'{"output":[],"status":"queued"}', b"<html>"]
)
def test_garbage_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        find_upstream().parse_answer(body)


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (404, b'{"error":{"code":"model_not_found","message":"m","type":"t"}}', "model_not_found",
         "m"),
        (429, b'{"error":{"type":"tokens","message":"m"}}', "tokens", "m"),
        (401, b'{"detail":"Unauthorized"}', "error", "Unauthorized"),
        (502, b"<html>Bad gateway</html>", "error", "<html>Bad gateway</html>"),
        (500, b"", "error", ""),
    ],
)  # fmt: skip
def test_errors(status: int, body: bytes, code: str, message: str) -> None:
    failure = find_upstream().parse_error(status, {}, body)
    assert (failure.status, failure.code, failure.message) == (status, code, message)


_KINDS = st.sampled_from(
    ["response.created", "response.output_item.added", "response.output_item.done",
     "response.content_part.added", "response.content_part.done", "response.output_text.delta",
     "response.output_text.done", "response.output_text.annotation.added",
     "response.refusal.delta", "response.function_call_arguments.delta",
     "response.function_call_arguments.done", "response.custom_tool_call_input.delta",
     "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
     "response.reasoning_text.delta", "response.reasoning_text.done", "response.completed",
     "response.incomplete", "response.failed", "error"]
)  # fmt: skip
_NAMES = st.sampled_from(
    ["type", "item", "part", "delta", "output_index", "content_index", "summary_index", "text",
     "content", "summary", "arguments", "response", "output", "error", "id", "name", "call_id",
     "annotations", "logprobs", "usage", "status", "created_at", "encrypted_content"]
)  # fmt: skip
_WORDS = st.sampled_from(
    ["message", "reasoning", "function_call", "custom_tool_call", "output_text", "refusal",
     "reasoning_text", "x_call", "completed", "a"]
)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(st.tuples(_KINDS, st.dictionaries(_NAMES, _JSON, max_size=6)), max_size=12))
def test_anything_is_events_or_malformed(given_events: list[tuple[str, dict[str, Any]]]) -> None:
    blocks = [b"data: " + orjson.dumps(fields | {"type": kind}) for kind, fields in given_events]
    events = read(*(block + b"\n\n" for block in blocks))
    assert isinstance(collect(events), ChatAnswer)
    numbers = [one.number for one in events if type(one).__name__ == "PartBegun"]
    assert numbers == list(range(len(numbers)))
    ended = [one.number for one in events if type(one).__name__ == "PartEnded"]
    assert len(ended) == len(set(ended))


@given(st.dictionaries(_NAMES, _JSON))
def test_any_body_is_an_answer_or_malformed(body: dict[str, Any]) -> None:
    with contextlib.suppress(UpstreamMalformedError):
        assert isinstance(find_upstream().parse_answer(orjson.dumps(body)), ChatAnswer)


@given(st.binary(max_size=60))
def test_any_bytes_are_events_or_malformed(chunk: bytes) -> None:
    with contextlib.suppress(UpstreamMalformedError):
        read(b"data: " + chunk + b"\n\n")
    find_upstream().parse_error(500, {}, chunk)
