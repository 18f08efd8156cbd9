from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.hub import (
    Begun,
    ChoiceEnded,
    Citation,
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
    Reasoning,
    Text,
    ToolCall,
    collect,
)
from gateway.dialects.openai_chat.answer_in import parse_answer
from gateway.dialects.openai_chat.reader import ChatReader
from gateway.errors import UpstreamMalformedError

DONE = b"data: [DONE]\n\n"


def sse(value: Any) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return sse({"id": "c-1", "model": "m", "created": 1, "choices": [choice]})


def read(*pieces: bytes) -> list[Event]:
    reader = ChatReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return [*events, *reader.conclude()]


def read_parts(*deltas: dict[str, Any]) -> tuple[Any, ...]:
    events = read(*map(chunk, deltas), chunk({}, "stop"))
    return collect(events).choices[0].parts


def test_a_stream_without_its_end_marker_is_whole_where_each_choice_has_ended() -> None:
    assert read(chunk({"content": "x"}), chunk({}, "stop"))[-1] == Ended()
    assert not isinstance(read(chunk({"content": "x"}))[-1], Ended)
    both = (chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk({}, "stop"))
    assert not isinstance(read(*both)[-1], Ended)
    assert read(*both, chunk({}, "length", index=1))[-1] == Ended()


def test_an_end_marker_without_a_reason_ends_the_answer() -> None:
    events = read(chunk({"content": "x"}), DONE)
    assert events[-3:] == [PartEnded(0, 0), ChoiceEnded(0, Finish.STOP), Ended()]


def test_an_empty_reason_is_none() -> None:
    events = read(chunk({"content": "x"}, ""), chunk({"content": "y"}, "stop"), DONE)
    assert collect(events).choices[0].parts == (Text("xy"),)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", Finish.STOP),
        ("length", Finish.LENGTH),
        ("model_length", Finish.CONTEXT),
        ("content_filter", Finish.FILTERED),
        ("error", Finish.FAILED),
        ("tool_calls", Finish.STOP),  # no tool was called
    ],
)
def test_why_an_answer_ends(reason: str, finish: Finish) -> None:
    assert ChoiceEnded(0, finish) in read(chunk({"content": "x"}, reason))


def test_a_reason_nobody_knows_is_told_in_detail() -> None:
    assert ChoiceEnded(0, Finish.STOP, detail="bored") in read(chunk({"content": "x"}, "bored"))


@pytest.mark.parametrize(
    ("event", "status", "message"),
    [
        (sse({"error": {"message": "busy", "code": 429}}), 429, "busy"),
        (sse({"error": "out of memory"}), None, "out of memory"),
        (sse({"object": "error", "message": "no", "type": "server_error"}), 500, "no"),
        (b"event: error\n" + sse({"message": "no", "code": "503"}), 503, "no"),
        (sse({"choices": [{"error": {"message": "gone", "code": 502}}]}), 502, "gone"),
        (
            sse({"error": {"message": "x", "code": 502}, "choices": [{"finish_reason": "error"}]}),
            502,
            "x",
        ),
    ],
)
def test_an_error_within_a_stream_is_its_end(
    event: bytes, status: int | None, message: str
) -> None:
    events = read(chunk({"content": "x"}), event, chunk({"content": "y"}), DONE)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.failure.status, failed.failure.message) == (status, message)
    assert PartDelta(0, 0, "y") not in events


def test_what_is_no_json_is_malformed() -> None:
    with pytest.raises(UpstreamMalformedError):
        ChatReader().feed(b"data: {nonsense\n\n")


def test_half_an_event_at_the_end_is_a_cut() -> None:
    events = read(chunk({"content": "x"}), chunk({"content": "y"})[:-9])
    assert events[-1] == PartDelta(0, 0, "x")


def test_a_last_event_without_its_blank_line_counts() -> None:
    events = read(chunk({"content": "x"}), chunk({}, "stop").rstrip())
    assert events[-1] == Ended()


def test_counts_come_anywhere() -> None:
    counts = {"prompt_tokens": 3, "completion_tokens": 2}
    first = {"id": "c", "choices": [{"delta": {"content": "x"}}], "usage": counts}
    answer = collect(read(sse(first), chunk({}, "stop"), sse({"choices": [], "usage": None})))
    assert answer.usage is not None
    assert answer.usage[:2] == (3, 2)


def test_parts_follow_each_other_as_they_come() -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}
    parts = read_parts(
        {"reasoning_content": "Hm", "content": ""},
        {"reasoning_content": ".", "content": None},
        {"content": "A"},
        {"content": "B"},
        {"tool_calls": [call]},
        {"content": "C"},
        {"refusal": "D"},
    )
    assert [type(part).__name__ for part in parts] == [
        "Reasoning",
        "Text",
        "ToolCall",
        "Text",
        "Refusal",
    ]
    assert parts[:2] == (Reasoning("Hm."), Text("AB"))


def test_a_call_waits_for_its_name() -> None:
    call = {"index": 0, "id": "c1", "function": {"arguments": '{"a"'}}
    rest = {"index": 0, "function": {"name": "f", "arguments": ":1}"}}
    assert read_parts({"tool_calls": [call]}, {"tool_calls": [rest]}) == (
        ToolCall("c1", "f", '{"a":1}'),
    )


def test_arguments_as_an_object_are_text() -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}
    assert read_parts({"tool_calls": [call]}) == (ToolCall("c1", "f", '{"a":1}'),)


def test_pieces_that_nobody_knows_are_kept() -> None:
    piece = {"type": "reference", "reference_ids": [1]}
    content = [{"type": "text", "text": "x"}, piece]
    expected = (Text("x"), Opaque(Family.OTHER, "reference", piece))
    assert read_parts({"content": content}) == expected
    message = {"role": "assistant", "content": content}
    whole = parse_answer(orjson.dumps({"choices": [{"message": message}]}))
    assert whole.choices[0].parts == expected


DETAILS = [
    {"type": "reasoning.summary", "summary": "A", "format": "openai-responses-v1", "index": 0},
    {"type": "reasoning.summary", "summary": "B", "format": "openai-responses-v1", "index": 1},
    {"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1", "index": 2},
    {"type": "reasoning.text", "text": "C", "signature": "s", "format": "anthropic-claude-v1"},
    {"type": "reasoning.encrypted", "data": "g", "id": "c1", "format": "google-gemini-v1"},
    {"type": "reasoning.unheard_of", "value": 1},
]
CALLS = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


def test_details_are_the_same_whole_and_streamed() -> None:
    expected = (
        Reasoning("AB", summary=True, texts=("A", "B"), encrypted="x", origin=Family.OPENAI),
        Reasoning("C", signature="s", origin=Family.ANTHROPIC),
        ToolCall("c1", "f", "{}", signature="g"),
    )
    message = {"reasoning": "ABC", "reasoning_details": DETAILS, "tool_calls": CALLS}
    whole = parse_answer(orjson.dumps({"choices": [{"message": message}]}))
    assert whole.choices[0].parts == expected
    deltas = [{"reasoning_details": [detail]} for detail in DETAILS]
    assert read_parts(*deltas, {"tool_calls": CALLS}) == expected


def test_a_signature_behind_its_call_is_not_lost() -> None:
    parts = read_parts({"tool_calls": CALLS}, {"reasoning_details": [DETAILS[4]]})
    assert parts[1] == Reasoning(encrypted="g", redacted=True, origin=Family.GEMINI, id="c1")


def test_thoughts_beside_what_is_encrypted_alone_are_told() -> None:
    delta = {"reasoning": "Hm", "reasoning_details": [DETAILS[2]]}
    message = {"reasoning": "Hm", "reasoning_details": [DETAILS[2]]}
    whole = parse_answer(orjson.dumps({"choices": [{"message": message}]}))
    assert {part.text for part in read_parts(delta)} == {"Hm", ""}
    assert {part.text for part in whole.choices[0].parts} == {"Hm", ""}


def test_a_whole_answer_as_one_event_is_read() -> None:
    value = {"id": "c", "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}
    assert collect(read(sse(value), DONE)).choices[0].parts == (Text("x"),)


def test_a_first_chunk_without_choices_begins_nothing() -> None:
    first = sse({"id": "", "model": "", "choices": [], "prompt_filter_results": []})
    assert read(first, chunk({"content": "x"}))[0] == Begun("c-1", "m", 1)


def test_sources_beside_the_choices_are_the_texts() -> None:
    results = [{"title": "W", "url": "https://example.com/w", "date": "2026-01-01"}]
    beside = {"citations": ["https://example.com/w"], "search_results": results}
    expected = (Text("x", citations=(Citation(url="https://example.com/w", title="W"),)),)
    whole = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]} | beside
    assert parse_answer(orjson.dumps(whole)).choices[0].parts == expected
    piece = {"choices": [{"delta": {"content": "x"}}]} | beside
    last = {"choices": [{"delta": {}, "finish_reason": "stop"}]} | beside
    assert collect(read(sse(piece), sse(last), DONE)).choices[0].parts == expected


NAMES_TEXT = (
    "id choices index delta message content role tool_calls function name arguments custom input"
    " reasoning reasoning_content reasoning_details type text signature data summary format"
    " finish_reason usage x_groq prompt_tokens error annotations url_citation audio images"
    " image_url url refusal logprobs function_call thinking created model extra_content"
    " citations search_results"
)
NAMES = st.sampled_from(NAMES_TEXT.split())
WORDS = st.sampled_from(["reasoning.text", "reasoning.encrypted", "stop", "thinking", "text", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.text(max_size=2) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=15,
)


def build_chunk(delta: Any) -> Any:
    return {"id": "c", "choices": [{"delta": delta, "finish_reason": None}]}


@given(st.lists(VALUES | st.dictionaries(NAMES, VALUES, max_size=6).map(build_chunk), max_size=5))
def test_anything_is_read_or_malformed(values: list[Any]) -> None:
    try:
        events = read(*map(sse, values), DONE)
    except UpstreamMalformedError:
        return
    check_order(events)
    collect(events)


def check_order(events: list[Event]) -> None:
    """Check that parts are numbered without gaps, begin once, and grow only while open."""
    begun: dict[int, int] = {}
    open_parts: set[tuple[int, int]] = set()
    for event in events:
        if isinstance(event, PartBegun):
            assert event.number == begun.get(event.choice, 0)
            begun[event.choice] = event.number + 1
            open_parts.add((event.choice, event.number))
        elif isinstance(event, PartDelta | PartEnded):
            assert (event.choice, event.number) in open_parts
            if isinstance(event, PartEnded):
                open_parts.discard((event.choice, event.number))
    if events and isinstance(events[-1], Ended):
        assert not open_parts


@given(VALUES, st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_answer_is_read_or_malformed(value: Any, message: dict[str, Any]) -> None:
    for one in (value, {"choices": value}, {"choices": [{"message": message}]}):
        try:
            answer = parse_answer(orjson.dumps(one))
        except UpstreamMalformedError:
            continue
        assert isinstance(answer.choices, tuple)


def test_counts_are_events() -> None:
    events = read(sse({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}))
    assert isinstance(events[-1], Counted)
