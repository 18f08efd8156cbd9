from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib

import pytest

from gateway.errors import MalformedRequestError, PayloadTooLargeError, UnsupportedMediaError
from gateway.proxy.packed import CODINGS, Unpacker, check_coding, unpack

BODY = b'{"model":"chat"}' * 1_000


def test_what_is_undone() -> None:
    assert unpack(gzip.compress(BODY, mtime=0), "gzip", len(BODY)) == BODY
    assert unpack(gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), "gzip", len(BODY)) == BODY
    assert unpack(zlib.compress(BODY), "deflate", len(BODY)) == BODY


@pytest.mark.parametrize(
    "packed",
    [b"no gzip", gzip.compress(BODY)[:-4], gzip.compress(BODY) + b"x"],
    ids=["other", "cut", "more"],  # gzip's bytes hold the time: the workers of a run disagreed
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


async def test_many_bombs_take_no_more_memory_than_two() -> None:
    bomb, limit = gzip.compress(b"\0" * 64_000_000), 8 << 20
    unpacker = Unpacker()
    tracemalloc.start()
    tasks = [unpacker.start(bomb, "gzip", limit) for _ in range(12)]
    found = await asyncio.gather(*tasks, return_exceptions=True)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    unpacker.close()
    assert {type(error) for error in found} == {PayloadTooLargeError}
    assert most < 3 * limit


async def test_who_has_gone_away_is_not_unpacked_for() -> None:
    big = gzip.compress(b"\0" * 30_000_000)
    unpacker = Unpacker()
    first = [unpacker.start(big, "gzip", 1 << 25) for _ in range(2)]
    gone = [unpacker.start(big, "gzip", 1 << 25) for _ in range(500)]
    for task in gone:
        task.cancel()
    last = unpacker.start(gzip.compress(BODY), "gzip", 1 << 20)
    async with asyncio.timeout(20):  # all of them would take a minute
        assert await last == BODY
        await asyncio.gather(*first)
    unpacker.close()


def test_codings() -> None:
    for coding in CODINGS:
        check_coding(coding)
    with pytest.raises(UnsupportedMediaError):
        check_coding("gzip, gzip")
