"""Streams and whole answers are the same thing; parts come one behind the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.hub import (
    Begun,
    ChatAnswer,
    Choice,
    ChoiceEnded,
    Citation,
    Ended,
    Finish,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    Refusal,
    Sequencer,
    Text,
    ToolCall,
    collect,
    replay,
)
from gateway.dialects.spec import Usage

texts = st.text(max_size=8)
parts = st.one_of(
    st.builds(Text, texts, st.lists(st.builds(Citation, url=texts), max_size=2).map(tuple)),
    st.builds(Refusal, texts),
    st.builds(Reasoning, text=texts, signature=st.none() | texts, encrypted=st.none() | texts),
    st.lists(texts, min_size=1, max_size=3).map(
        lambda some: Reasoning(text="".join(some), texts=tuple(some), summary=True)
    ),
    st.builds(ToolCall, texts, texts, texts, custom=st.booleans()),
)
answers = st.builds(
    ChatAnswer,
    id=texts,
    model=texts,
    choices=st.lists(st.lists(parts, min_size=1, max_size=4), min_size=1, max_size=2).map(
        lambda many: tuple(
            Choice(tuple(some), Finish.STOP, index) for index, some in enumerate(many)
        )
    ),
    usage=st.none() | st.just(Usage(3, 4)),
)


@given(answers)
def test_a_replayed_answer_is_the_answer(answer: ChatAnswer) -> None:
    assert collect(replay(answer)) == answer


def test_parts_that_are_open_side_by_side_are_put_in_order() -> None:
    events = [
        Begun("a", "m"),
        PartBegun(0, 0, ToolCall("x", "f", "")),
        PartBegun(0, 1, ToolCall("y", "g", "")),
        PartDelta(0, 1, "{}"),
        PartDelta(0, 0, "{"),
        PartDelta(0, 0, "}"),
        PartEnded(0, 0),
        PartEnded(0, 1),
        ChoiceEnded(0, Finish.TOOL_CALLS),
        Ended(),
    ]
    ordered = list(Sequencer().order(events))
    numbers = [event.number for event in ordered if isinstance(event, PartDelta | PartEnded)]
    assert numbers == [0, 0, 0, 1, 1]
    assert sorted(map(repr, ordered)) == sorted(map(repr, events))
    assert collect(ordered) == collect(events)


def test_a_part_that_never_ends_does_not_keep_the_next() -> None:
    events = [
        PartBegun(0, 0, Text("")),
        PartBegun(0, 1, ToolCall("y", "g", "")),
        PartDelta(0, 1, "{}"),
        PartEnded(0, 1),
        ChoiceEnded(0, Finish.STOP),
    ]
    assert list(Sequencer().order(events)) == events
