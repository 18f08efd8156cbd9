from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.scrub import StreamScrubber, build_needles, scrub

KEY = "canary/key+0123456789"
NEEDLES = build_needles([KEY])


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"Incorrect API key provided: {KEY}.",
        json.dumps({"key": KEY}),
        json.dumps({"key": KEY}).replace("/", "\\/"),
        "https://x/?key=canary%2Fkey%2B0123456789",
    ],
)
def test_every_spelling_is_struck_out(text: str) -> None:
    cleaned = scrub(text.encode(), NEEDLES)
    assert b"0123456789" not in cleaned
    assert b"***" in cleaned


def test_a_body_without_the_credential_is_the_same_object() -> None:
    body = b"x" * 1000
    assert scrub(body, NEEDLES) is body


def test_a_placeholder_is_no_credential() -> None:
    assert build_needles(["none", "EMPTY", ""]) == ()


@given(
    st.lists(st.sampled_from([KEY, KEY[:5], KEY[:-1], "data: ", "\n\n", "x", "c"]), max_size=12),
    st.data(),
)
def test_a_stream_is_scrubbed_as_if_it_were_whole(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    scrubber = StreamScrubber(NEEDLES)
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    sent = b"".join(scrubber.feed(piece) for piece in pieces) + scrubber.flush()
    assert KEY.encode() not in sent
    assert sent == scrub(text, NEEDLES)


def test_only_a_possible_beginning_is_held_back() -> None:
    scrubber = StreamScrubber(NEEDLES)
    assert scrubber.feed(b"data: canary") == b"data: "
    assert scrubber.feed(b" bird\n\n") == b"canary bird\n\n"
    assert scrubber.feed(b"whole event\n\n") == b"whole event\n\n"
