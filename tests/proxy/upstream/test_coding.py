from __future__ import annotations

import contextlib
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamMalformedError
from gateway.proxy.upstream.coding import PIECE_BYTES, find_decoder

TEXT = b'{"answer": "' + b"long " * 2000 + b'"}'
RAW = zlib.compressobj(wbits=-15)
CODED = [
    ("gzip", gzip.compress(TEXT, mtime=0)),
    ("X-GZIP", gzip.compress(TEXT, mtime=0)),
    (
        "gzip",
        gzip.compress(TEXT[:100], mtime=0) + gzip.compress(TEXT[100:], mtime=0),
    ),  # members add up
    ("deflate", zlib.compress(TEXT)),
    (" deflate", RAW.compress(TEXT) + RAW.flush()),
]


def decode(coding: str, chunks: list[bytes]) -> bytes:
    decoder = find_decoder(coding)
    assert decoder is not None
    whole = b"".join(piece for chunk in chunks for piece in decoder.feed(chunk))
    decoder.finish()
    return whole


@pytest.mark.parametrize(("coding", "body"), CODED, ids=range(5))
def test_whole_and_byte_by_byte(coding: str, body: bytes) -> None:
    assert decode(coding, [body]) == TEXT
    assert decode(coding, [body[at : at + 1] for at in range(len(body))]) == TEXT


@pytest.mark.parametrize(("coding", "body"), CODED[:1] + CODED[3:], ids=range(3))
def test_a_cut_body_is_no_body(coding: str, body: bytes) -> None:
    for length in range(1, len(body) - 1):
        with pytest.raises(UpstreamMalformedError):
            decode(coding, [body[:length]])


def test_a_bomb_comes_out_in_small_pieces() -> None:
    decoder = find_decoder("gzip")
    assert decoder is not None
    pieces = [len(piece) for piece in decoder.feed(gzip.compress(bytes(20 * PIECE_BYTES)))]
    assert max(pieces) <= PIECE_BYTES
    assert sum(pieces) == 20 * PIECE_BYTES


def test_nothing_may_follow_deflate() -> None:
    with pytest.raises(UpstreamMalformedError):
        decode("deflate", [zlib.compress(TEXT) + b"more"])


def test_an_empty_body_is_not_coded_at_all() -> None:
    assert decode("gzip", []) == b""


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
def test_nothing_to_undo(coding: str) -> None:
    assert find_decoder(coding) is None


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_a_coding_that_was_not_asked_for(coding: str) -> None:
    with pytest.raises(UpstreamMalformedError):
        find_decoder(coding)


@given(st.binary(min_size=1, max_size=64), st.sampled_from(["gzip", "deflate"]))
def test_nonsense_never_raises_anything_else(body: bytes, coding: str) -> None:
    with contextlib.suppress(UpstreamMalformedError):
        decode(coding, [body])
