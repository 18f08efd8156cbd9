"""AWS event streams: cut anywhere, they give the same messages; broken ones give none."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.eventstream import Message, MessageSplitter, dump_message
from gateway.errors import UpstreamMalformedError

HEADERS = {":message-type": "event", ":event-type": "contentBlockDelta"}
# The test vector "payload_one_str_header" of the vendor's event stream suite.
KNOWN = bytes.fromhex(
    "0000003d"
    "00000020"
    "07fd8396"
    "0c636f6e74656e742d7479706507001061"
    "70706c69636174696f6e2f6a736f6e"
    "7b27666f6f273a27626172277d"
    "8d9c08b1"
)


def feed_all(data: bytes, size: int) -> list[Message]:
    splitter = MessageSplitter()
    return [one for at in range(0, len(data), size) for one in splitter.feed(data[at : at + size])]


def test_vendors_own_example_is_understood() -> None:
    assert feed_all(KNOWN, 7) == [Message({"content-type": "application/json"}, b"{'foo':'bar'}")]
    assert dump_message({"content-type": "application/json"}, b"{'foo':'bar'}") == KNOWN


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 64))
def test_cuts_change_nothing(payloads: list[bytes], size: int) -> None:
    data = b"".join(dump_message(HEADERS, payload) for payload in payloads)
    assert [one.payload for one in feed_all(data, size)] == payloads
    assert all(one.headers == HEADERS for one in feed_all(data, size))


@given(st.integers(0, 8 * 80), st.integers(1, 80))
def test_a_flipped_bit_is_noticed(bit: int, size: int) -> None:
    whole = bytearray(dump_message(HEADERS, b'{"a":1}'))
    whole[bit // 8 % len(whole)] ^= 1 << bit % 8
    with pytest.raises(UpstreamMalformedError):
        feed_all(bytes(whole), size)


@given(st.binary(min_size=16, max_size=200))
def test_garbage_is_no_stream(data: bytes) -> None:
    with pytest.raises(UpstreamMalformedError):
        feed_all(data, len(data))


@given(st.binary(max_size=60))
def test_broken_headers_with_right_checksums_are_told(packed: bytes) -> None:
    lengths = (16 + len(packed)).to_bytes(4) + len(packed).to_bytes(4)
    body = lengths + zlib.crc32(lengths).to_bytes(4) + packed
    data = body + zlib.crc32(body).to_bytes(4)
    try:
        messages = feed_all(data, 5)
    except UpstreamMalformedError:
        return
    assert len(messages) == 1


def test_headers_of_other_types_are_skipped() -> None:
    packed = b"\x01a\x00\x01b\x04\x00\x00\x00\x07\x01c\x06\x00\x02xy\x01d\x07\x00\x01z"
    lengths = (16 + len(packed)).to_bytes(4) + len(packed).to_bytes(4)
    body = lengths + zlib.crc32(lengths).to_bytes(4) + packed
    [message] = feed_all(body + zlib.crc32(body).to_bytes(4), 1)
    assert message.headers == {"d": "z"}


def test_half_a_message_is_pending() -> None:
    splitter = MessageSplitter()
    assert splitter.feed(KNOWN[:20]) == []
    assert splitter.is_pending
    assert len(splitter.feed(KNOWN[20:])) == 1
    assert not splitter.is_pending
