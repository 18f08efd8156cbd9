"""What providers that speak Messages answer in a stream, in the hub's words."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.dialects import CODECS, Usage
from gateway.dialects.hub import (
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Family,
    Finish,
    Opaque,
    PartBegun,
    PartDelta,
    PartEnded,
    Refusal,
    Text,
    ToolCall,
    UpstreamCodec,
    collect,
)
from gateway.entities import Dialect
from gateway.errors import UpstreamMalformedError


def find_upstream() -> UpstreamCodec:
    upstream = CODECS[Dialect.ANTHROPIC_MESSAGES].upstream
    assert upstream is not None
    return upstream


def event(kind: str, **more: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **more}))


def begin(message_id: str = "msg_1", **more: Any) -> bytes:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1}
    message = {"id": message_id, "model": "claude", "content": [], "usage": usage} | more
    return event("message_start", message=message)


def open_block(index: int, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def grow(index: int, **delta: Any) -> bytes:
    return event("content_block_delta", index=index, delta=delta)


def close(index: int) -> bytes:
    return event("content_block_stop", index=index)


STOP = event("message_stop")
TEXT = open_block(0, type="text", text="") + grow(0, type="text_delta", text="Hi") + close(0)
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7})


def read(stream: bytes) -> list[Event]:
    """Read a stream whole, byte by byte and line by line; all three must be the same."""
    read_so: list[list[Event]] = []
    for pieces in (
        [stream],
        [stream[at : at + 1] for at in range(len(stream))],
        re.split(rb"(?<=\n)", stream),
    ):
        reader = find_upstream().reader()
        events = [one for piece in pieces for one in reader.feed(piece)]
        read_so.append(events + reader.conclude())
    assert read_so[0] == read_so[1] == read_so[2]
    return read_so[0]


def test_a_text() -> None:
    assert read(begin() + event("ping") + TEXT + END + STOP) == [
        Begun("msg_1", "claude"),
        Counted(Usage(15, 1, 5)),
        PartBegun(0, 0, Text("")),
        PartDelta(0, 0, "Hi"),
        PartEnded(0, 0),
        ChoiceEnded(0, Finish.STOP),
        Counted(Usage(15, 7, 5)),
        Ended(),
    ]


def test_a_stream_without_its_end_marker_has_no_end() -> None:
    events = read(begin() + TEXT + END)
    assert Ended() not in events
    assert ChoiceEnded(0, Finish.STOP) in events


def test_an_end_marker_without_its_blank_line_is_one() -> None:
    assert read(begin() + TEXT + END + STOP.rstrip())[-1] == Ended()


def test_numbers_have_no_gaps_whatever_the_index() -> None:
    stream = begin() + open_block(3, type="text", text="A") + close(3)
    stream += open_block(7, type="tool_use", id="t", name="f", input={"a": 1}) + close(7)
    events = read(stream + END + STOP)
    assert [one.number for one in events if isinstance(one, PartBegun)] == [0, 1]
    (choice,) = collect(events).choices
    assert choice.parts == (Text("A"), ToolCall("t", "f", '{"a":1}'))


def test_a_block_of_anthropics_own_comes_whole() -> None:
    stream = begin() + open_block(0, type="compaction", content=None)
    stream += grow(0, type="compaction_delta", content="c", encrypted_content="E") + close(0)
    stream += open_block(1, type="server_tool_use", id="s", name="w", input={})
    stream += grow(1, type="input_json_delta", partial_json='{"q":')
    stream += grow(1, type="input_json_delta", partial_json='"x"}') + close(1)
    (choice,) = collect(read(stream + END + STOP)).choices
    assert choice.parts == (
        Opaque(
            Family.ANTHROPIC,
            "compaction",
            {"type": "compaction", "content": "c", "encrypted_content": "E"},
        ),
        Opaque(
            Family.ANTHROPIC,
            "server_tool_use",
            {"type": "server_tool_use", "id": "s", "name": "w", "input": {"q": "x"}},
        ),
    )


def test_a_short_answer_that_comes_with_its_beginning() -> None:
    stream = begin(content=[{"type": "text", "text": "Hi"}]) + END + STOP
    assert collect(read(stream)).choices[0].parts == (Text("Hi"),)


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    end = event(
        "message_delta",
        delta={"stop_reason": "refusal", "stop_details": details},
        usage={"output_tokens": 3},
    )
    (choice,) = collect(read(begin() + end + STOP)).choices
    assert (choice.parts, choice.finish, choice.detail) == (
        (Refusal("No."),),
        Finish.REFUSED,
        "cyber",
    )


def test_a_part_that_never_ended_ends_with_the_answer() -> None:
    stream = begin() + open_block(0, type="text", text="") + grow(0, type="text_delta", text="Hi")
    events = read(stream + END + STOP)
    assert events.index(PartEnded(0, 0)) < events.index(ChoiceEnded(0, Finish.STOP))


def test_a_second_beginning_of_the_same_message_is_passed_over() -> None:
    assert read(begin() + begin() + TEXT + END + STOP) == read(begin() + TEXT + END + STOP)


def test_another_message_within_the_stream_is_none() -> None:
    reader = find_upstream().reader()
    reader.feed(begin() + open_block(0, type="text", text=""))
    with pytest.raises(UpstreamMalformedError):
        reader.feed(begin("msg_2"))


def test_an_error_ends_the_stream() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    *_, last = read(begin() + error + TEXT + STOP)
    assert isinstance(last, Failed)
    assert (last.failure.status, last.failure.code) == (529, "overloaded_error")


def test_what_is_no_json_is_told() -> None:
    with pytest.raises(UpstreamMalformedError):
        find_upstream().reader().feed(b'data: {"type": "mess\n\n')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**60) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
KINDS = ("message_start", "content_block_start", "content_block_delta", "content_block_stop")
BLOCK = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            (
                "text",
                "tool_use",
                "thinking",
                "redacted_thinking",
                "other",
                "text_delta",
                "input_json_delta",
                "signature_delta",
                "citations_delta",
            )
        )
        | JSON,
        **dict.fromkeys(("text", "input", "id", "name", "citation", "citations"), JSON),
        **dict.fromkeys(("signature", "partial_json", "stop_reason", "stop_details"), JSON),
    },
)
EVENTS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from([*KINDS, "message_delta", "error"]) | JSON},
        optional={
            "index": st.integers(0, 2) | JSON,
            "content_block": BLOCK | JSON,
            "delta": BLOCK | JSON,
            "message": st.fixed_dictionaries({"id": JSON, "content": st.lists(BLOCK)}) | JSON,
            "usage": JSON,
            "error": JSON,
        },
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS)
def test_any_events_are_read_or_told_to_be_none(events: list[dict[str, Any]]) -> None:
    stream = b"".join(b"data: %b\n\n" % orjson.dumps(one) for one in events)
    reader = find_upstream().reader()
    try:
        found = reader.feed(stream) + reader.conclude()
    except UpstreamMalformedError:
        return
    collect(found)
