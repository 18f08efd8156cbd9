"""Holding back what is not whole."""

from __future__ import annotations

import json
import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.holds import ElementHold, EventHold

EVENTS = b"event: a\ndata: 1\n\n: note\n\ndata: 2\r\n\r\ndata: 3\n\n"
MIXED = b"data: 1\n\r\ndata: 2\r\n\ndata: 3\r\r\n\ndata: 4\r\rdata: 5\r\n\r\n"
ARRAY = b'[{"a":"}],{"}\n,\r\n{"b":[1,{"c":2}]} , {"error":{}}\n]\n'


@pytest.mark.parametrize(
    ("hold", "text"), [(EventHold, EVENTS), (EventHold, MIXED), (ElementHold, ARRAY)]
)
@given(st.data())
def test_cutting_elsewhere_changes_nothing(hold: Any, text: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    holder = hold()
    sent = [holder.feed(piece) for piece in pieces]
    assert b"".join(sent) + holder.flush() == text


@pytest.mark.parametrize("at", range(1, len(MIXED)))
def test_any_line_ends_make_a_blank_line(at: int) -> None:
    hold = EventHold()
    first = hold.feed(MIXED[:at])
    assert first in (b"", *[MIXED[:end] for end in range(len(MIXED)) if MIXED[end - 1] in b"\r\n"])
    assert first.count(b"data") == len(
        re.findall(rb"data: \d(?:\n\r\n|\r\n\r?\n|\r\r)", MIXED[:at])
    )
    assert first + hold.feed(MIXED[at:]) == MIXED


@pytest.mark.parametrize("at", range(len(EVENTS)))
def test_only_whole_events_go_out(at: int) -> None:
    sent = EventHold().feed(EVENTS[:at])
    assert sent == b"" or sent.endswith((b"\n\n", b"\r\n\r\n"))


@pytest.mark.parametrize("at", range(1, len(ARRAY)))
def test_only_whole_elements_go_out(at: int) -> None:
    sent = ElementHold().feed(ARRAY[:at])
    if b"]" not in sent[-2:]:
        json.loads(sent + b"]")


def test_a_large_element_is_not_copied_at_each_chunk() -> None:
    hold = ElementHold()
    hold.feed(b'[{"data":"' + b"x" * (4 << 20))
    hold.feed(b"x")  # now its buffer has room to grow
    tracemalloc.start()
    try:
        hold.feed(b"x")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_an_event_beyond_the_limit_goes_out_in_pieces() -> None:
    hold = EventHold(limit_bytes=10)
    assert hold.feed(b"data: 0123456789") == b"data: 0123456789"
    assert hold.feed(b"abc") == b""
    assert hold.feed(b"\n\n") == b"abc\n\n"


def test_the_rest_of_an_event_in_pieces_is_known_as_such() -> None:
    hold = EventHold(limit_bytes=10)
    hold.feed(b"data: 0123456789")
    assert hold.is_open
    assert hold.feed(b"\ndata: x") == b""
    assert hold.is_open
    hold.feed(b"\n\ndata: y\n\n")
    assert not hold.is_open
