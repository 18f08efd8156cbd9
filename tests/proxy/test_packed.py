from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from gateway.errors import MalformedRequestError, PayloadTooLargeError, UnsupportedMediaError
from gateway.proxy.packed import CODINGS, check_coding, unpack

BODY = b'{"model":"chat"}' * 1_000


def test_what_is_undone() -> None:
    assert unpack(gzip.compress(BODY, mtime=0), "gzip", len(BODY)) == BODY
    assert unpack(gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), "gzip", len(BODY)) == BODY
    assert unpack(zlib.compress(BODY), "deflate", len(BODY)) == BODY


@pytest.mark.parametrize(
    "packed", [b"no gzip", gzip.compress(BODY, mtime=0)[:-4], gzip.compress(BODY, mtime=0) + b"x"]
)
def test_what_is_broken(packed: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        unpack(packed, "gzip", 1 << 20)


def test_a_byte_too_many() -> None:
    with pytest.raises(PayloadTooLargeError):
        unpack(gzip.compress(BODY, mtime=0), "gzip", len(BODY) - 1)


def test_a_bomb_takes_no_more_memory_than_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 200_000_000)
    tracemalloc.start()
    with pytest.raises(PayloadTooLargeError):
        unpack(bomb, "gzip", 1 << 20)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 3 << 20


def test_codings() -> None:
    for coding in CODINGS:
        check_coding(coding)
    with pytest.raises(UnsupportedMediaError):
        check_coding("gzip, gzip")
