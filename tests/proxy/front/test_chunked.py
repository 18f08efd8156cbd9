from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MalformedRequestError
from gateway.proxy.front.chunked import ChunkedBody


def read(wire: bytes, *cuts: int) -> tuple[bytes, bool, bytes] | None:
    """Return body, whether it is complete and what came after it; None if it is refused."""
    chunked = ChunkedBody()
    body = rest = b""
    try:
        for start, end in itertools.pairwise([0, *sorted(cuts), len(wire)]):
            if chunked.is_complete:
                rest += wire[start:end]
            else:
                body += b"".join(chunked.feed(wire[start:end]))
    except MalformedRequestError:
        return None
    return body, chunked.is_complete, chunked.rest + rest


GOOD = [
    (b"0\r\n\r\n", b""),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
    (b"005\r\nhello\r\n000\r\n\r\n", b"hello"),
    (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
    (b'5;a="b;c"\r\nhello\r\n0;last\r\n\r\n', b"hello"),
    (b"5 \t;a\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
    (b"5\r\nhello\r\n0\r\nDigest: x\r\nX-Two:\r\n\r\n", b"hello"),
]


@pytest.mark.parametrize("rest", [b"", b"\r\n", b"POST / HTTP/1.1\r\n"])
@pytest.mark.parametrize(("wire", "body"), GOOD)
def test_a_good_body_wherever_it_is_cut(wire: bytes, body: bytes, rest: bytes) -> None:
    assert read(wire + rest) == (body, True, rest)
    assert read(wire + rest, *range(1, len(wire + rest))) == (body, True, rest)
    for cut in range(1, len(wire)):
        assert read(wire + rest, cut) == (body, True, rest)


@pytest.mark.parametrize(("wire", "body"), GOOD)
def test_a_beginning_is_never_complete(wire: bytes, body: bytes) -> None:
    for end in range(len(wire)):
        result = read(wire[:end])
        assert result is not None
        assert not result[1]
        assert body.startswith(result[0])


BAD = [
    b"\r\n",
    b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhello!\r\n0\r\n\r\n",
    b"5\r\nhello\r\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\n\r\n",
    b"5\r\nhello\r\n0\r\n\n",
    b"5\r\nhello\r\n0\r\nX: a\n\r\n",
    b"g\r\n",
    b"0x5\r\nhello\r\n",
    b"+5\r\nhello\r\n",
    b"-5\r\nhello\r\n",
    b" 5\r\nhello\r\n",
    b"5 5\r\nhello\r\n",
    b"5,5\r\nhello\r\n",
    b"\xb2\r\nhello\r\n",
    b"123456789\r\n",
    b"5;a\0\r\nhello\r\n",
    b"5;a\rb\r\nhello\r\n",
    b"0\r\nno colon\r\n\r\n",
    b"5 \t\r\nhello\r\n",
    b"0\r\nContent-Length: 5\r\n\r\n",
    b"0\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
    b"0\r\n: no name\r\n\r\n",
    b"0\r\nX : a\r\n\r\n",
    b"0\r\n folded\r\n\r\n",
    b"0\r\nX: a\0\r\n\r\n",
    b"5;" + b"x" * 5000,
    b"0\r\nX: " + b"x" * 5000,
    b"0\r\n" + b"X: 1\r\n" * 1000 + b"\r\n",
]


@pytest.mark.parametrize("wire", BAD, ids=range(len(BAD)))
def test_a_broken_body_wherever_it_is_cut(wire: bytes) -> None:
    assert read(wire) is None
    assert read(wire, *range(1, len(wire))) is None


PARTS = st.sampled_from(
    [b"0", b"1", b"3", b"a", b"\r", b"\n", b"\r\n", b";", b"x", b"abc", b"X: y", b"0\r\n\r\n"]
)
WIRES = st.binary(max_size=30) | st.lists(PARTS, max_size=14).map(b"".join)


@given(WIRES, st.data())
def test_cutting_elsewhere_never_changes_the_outcome(wire: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(wire)), max_size=6))
    assert read(wire, *cuts) == read(wire)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.binary(max_size=20), st.data())
def test_what_was_put_in_chunks_comes_out(
    pieces: list[bytes], rest: bytes, data: st.DataObject
) -> None:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    wire = framed + b"0\r\n\r\n" + rest
    cuts = data.draw(st.sets(st.integers(0, len(wire)), max_size=8))
    assert read(wire, *cuts) == (b"".join(pieces), True, rest)


def test_extensions_of_many_chunks_are_limited_together() -> None:
    piece = b"1;" + b"x" * 4000 + b"\r\nh\r\n"
    assert read(piece * 4) is not None
    assert read(piece * 5) is None


def test_what_a_chunk_announces() -> None:
    chunked = ChunkedBody()
    chunked.feed(b"ff\r\nhello")
    assert chunked.announced == 250
