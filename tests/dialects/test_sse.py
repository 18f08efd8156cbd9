from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.dialects.sse import BlockSplitter, SseEvent, parse_block

# Few characters, so that line ends of all kinds meet in every order.
STREAMS = st.lists(
    st.sampled_from([b"data: a", b"data:b", b"event: e", b": c", b"\n", b"\r", b"\r\n", b"x"]),
    max_size=14,
).map(b"".join)


def read_reference(stream: bytes) -> list[SseEvent]:
    """The specification's own algorithm, line by line over the whole stream."""
    events, kind, data = [], None, []
    lines = re.split(rb"\r\n|\r|\n", stream.removeprefix(b"\xef\xbb\xbf"))
    for line in lines[:-1]:  # an unfinished line is never looked at
        if not line:
            if data:
                events.append(SseEvent(kind, b"\n".join(data)))
            kind, data = None, []
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            kind = value.decode()
    return events


def split(chunks: list[bytes]) -> list[SseEvent]:
    splitter = BlockSplitter()
    parsed = [parse_block(block) for chunk in chunks for block in splitter.feed(chunk)]
    return [event for event in parsed if event is not None]


@given(STREAMS, st.lists(st.integers(0, 60), max_size=6))
@example(b"data: a\r\n\r\n\ndata:b\r\r", [9, 10, 11])
@example(b"\xef\xbb\xbfdata: a\n\n", [1, 2])
def test_any_cut_gives_the_events_of_the_specification(stream: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(places)]
    expected = read_reference(stream)
    assert split(chunks) == expected
    assert split([stream]) == expected
    assert split([stream[index : index + 1] for index in range(len(stream))]) == expected


def test_data_lines_are_joined_and_one_blank_is_taken_off() -> None:
    assert split([b"event: e\ndata:  a\ndata:b\ndata\nid: 7\nretry: 9\n\n"]) == [
        SseEvent("e", b" a\nb\n")
    ]


def test_comments_alone_are_no_event() -> None:
    assert split([b": OPENROUTER PROCESSING\n\n: again\n\ndata: x\n\n"]) == [SseEvent(None, b"x")]


def test_an_unfinished_event_is_pending_and_a_blank_line_ends_it() -> None:
    splitter = BlockSplitter()
    splitter.feed(b"data: a\n\n\n")
    assert not splitter.is_pending
    splitter.feed(b"data: b")
    assert splitter.is_pending
    assert splitter.feed(b"\n\n") == [b"\ndata: b"]
    assert not splitter.is_pending


def test_an_event_over_the_limit_keeps_its_ends_and_a_bounded_memory() -> None:
    splitter = BlockSplitter(limit_bytes=200_000)
    blocks: list[bytes] = []
    for chunk in [b"data: begin", *[b"x" * 50_000] * 40, b"finish\n\ndata: next\n\n"]:
        blocks += splitter.feed(chunk)
        assert len(splitter.pending) <= 200_000
    first, second = blocks
    assert splitter.cut
    assert first.startswith(b"data: begin")
    assert first.endswith(b"finish")
    assert len(first) <= 200_000
    assert second == b"data: next"
    splitter.feed(b"data: short\n\n")
    assert not splitter.cut
