"""What the simulated model says, whatever it is asked."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.answers import (
    Answer,
    Finish,
    Question,
    build_answer,
    count_tokens,
    find_markers,
)
from gateway.simulator.exchange import Inquiry
from gateway.simulator.faults import HEALTHY, Fault

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_COUNT = st.none() | st.integers(min_value=1, max_value=300)


def _ask(question: Question, fault: Fault = HEALTHY, **changes: Any) -> Answer:
    known: dict[str, Any] = {"simulator": "sim", "model": "m", "body": {}}
    return build_answer(Inquiry(**(known | changes), fault=fault), question)


@given(said=_TEXT, chunks=_COUNT, huge=_COUNT, limit=_COUNT)
def test_the_pieces_join_to_the_text(
    said: str, chunks: int | None, huge: int | None, limit: int | None
) -> None:
    fault = Fault(chunks=chunks, huge_bytes=huge)
    answer = _ask(Question([said], said, max_tokens=limit), fault)
    assert "".join(answer.pieces) == answer.text
    assert all(answer.pieces)
    if limit is None:
        assert answer.finish is Finish.STOP
        assert len(answer.text.encode()) >= (huge or 0)
        assert chunks is None or len(answer.pieces) == chunks
    else:
        assert answer.output_tokens <= limit


@given(node=_JSON)
def test_no_count_is_zero(node: Any) -> None:
    assert count_tokens(node) >= 1


@given(limit=st.integers(min_value=1, max_value=40))
def test_a_limit_cuts_the_same_words_short(limit: int) -> None:
    said = "one two three four five six seven"
    whole = _ask(Question([said], said))
    short = _ask(Question([said], said, max_tokens=limit))
    assert whole.text.startswith(short.text)
    assert short.output_tokens == min(limit, whole.output_tokens)
    assert (short.finish is Finish.STOP) == (short.text == whole.text)


def test_every_marker_is_repeated_once_and_in_order() -> None:
    node = [{"content": "marker-b and marker-a_1."}, {"parts": [{"text": "marker-b marker-c"}]}]
    assert find_markers(node) == ["marker-b", "marker-a_1", "marker-c"]
    text = _ask(Question(node, "what?")).text
    assert text.startswith("Hello from sim: model m marker-b marker-a_1 marker-c heard ")


def test_json_answers_stay_json_when_split() -> None:
    for chunks in (1, 2, 500):
        question = Question(["marker-1"], 'say "x"', wants_json=True)
        answer = _ask(question, Fault(chunks=chunks))
        assert json.loads(answer.text)["said"] == 'say "x"'


def test_answers_differ_by_simulator_model_and_body_but_not_by_streaming() -> None:
    question = Question(["hi"], "hi")
    keys = {
        _ask(question, **changes).key
        for changes in ({}, {"simulator": "b"}, {"model": "n"}, {"body": {"seed": 1}})
    }
    assert len(keys) == 4
    assert _ask(question, body={"stream": True}).key == _ask(question).key
