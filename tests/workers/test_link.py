"""What a worker may say, and what becomes of one that says anything else."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator

import orjson
import pytest

from gateway.telemetry.metrics import Metrics
from gateway.workers.channel import Channel, Kind, open_channel
from gateway.workers.descriptors import BEGUN, Descriptors
from gateway.workers.ledger import book_rows
from gateway.workers.link import Ears, Link
from gateway.workers.start import Started
from tests.workers.test_ledger import Sink


class Liar:
    """A process that does nothing, and the worker's ends of its sockets in the hand of a test."""

    async def open(self) -> None:
        near, far = socket.socketpair()
        passing, taking = socket.socketpair(type=socket.SOCK_DGRAM)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import time; time.sleep(600)", stdin=asyncio.subprocess.DEVNULL
        )
        self.sink = Sink()
        ears = Ears(
            on_serving=lambda _: None,
            on_rows=lambda payload, acknowledge: book_rows(payload, self.sink, acknowledge),
            on_fresh=lambda *_: None,
            on_begun=lambda connected, _: connected.close(),
            on_health=lambda *_: None,
        )
        for end in (near, far, passing, taking):
            end.setblocking(False)
        self.link = Link(0, 1, Started(process, near, passing, taking), 0, ears)
        await self.link.open()
        self.channel: Channel = await open_channel(far, lambda *_: None, lambda: None)
        self.passing = Descriptors(taking.dup(), lambda *_: None)

    async def wait_for_end(self) -> int:
        code = await self.link.process.wait()
        self.channel.close()
        assert self.link.ended is not None
        await self.link.ended
        return code

    async def close(self) -> None:
        self.link.kill()
        await self.wait_for_end()
        self.passing.close()
        await asyncio.sleep(0.01)


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    liar = Liar()
    await liar.open()
    yield liar
    await liar.close()


GOOD = Metrics().dump()
NONSENSE = {
    "no JSON": (Kind.COUNTED, b"\xff"),
    "no pair": (Kind.COUNTED, b"[1]"),
    "no counters": (Kind.COUNTED, b"[1, {}]"),
    "no numbers": (
        Kind.COUNTED,
        orjson.dumps([1, {**GOOD, "requests": [["chat", "openai", 200, "many"]]}]),
    ),
    "other buckets": (Kind.COUNTED, orjson.dumps([1, {**GOOD, "overhead": [[1], 0.0]}])),
    "no epoch": (Kind.SERVING, b'"newest"'),
    "no term": (Kind.KEYED, b'"all"'),
    "no rows": (Kind.ROWS, b"7"),
    "half a row": (Kind.ROWS, b'[1, [["r", 1]]]'),
    "no token": (Kind.PASSED, b"abc"),
    "no quarantine": (Kind.QUARANTINED, b"[1]"),
}


@pytest.mark.parametrize("frame", NONSENSE.values(), ids=NONSENSE)
async def test_a_worker_that_says_nonsense_is_killed(liar: Liar, frame: tuple[Kind, bytes]) -> None:
    liar.channel.send(*frame)
    async with asyncio.timeout(30):
        assert await liar.wait_for_end() == -9
    assert liar.link.counters is None
    assert liar.sink.rows == []


async def test_a_descriptor_that_is_no_socket_is_the_end_too(liar: Liar) -> None:
    reader, writer = os.pipe()
    liar.channel.send(Kind.PASSED, struct.pack(">Q", 1) + b"GET / HTTP/1.1\r\n\r\n")
    liar.passing.send(BEGUN, 1, writer)
    async with asyncio.timeout(30):
        assert await liar.wait_for_end() == -9
        assert await asyncio.to_thread(os.read, reader, 1) == b""  # the copy was closed
    os.close(reader)


async def test_which_keys_a_worker_has_is_known_once_it_says_so(liar: Liar) -> None:
    assert liar.link.loaded_term == 0
    liar.channel.send_json(Kind.KEYED, 3)
    async with asyncio.timeout(20):
        while liar.link.loaded_term != 3:
            await asyncio.sleep(0.01)


async def test_labels_are_words_whatever_was_sent(liar: Liar) -> None:
    """A label of another kind would fail each reading of the metrics page from then on."""
    odd = {**GOOD, "requests": [[7, None, 200, 1]], "attempts": [[True, 1.5, 2]]}
    liar.channel.send_json(Kind.COUNTED, [0, odd])
    async with asyncio.timeout(30):
        while liar.link.counters is None:
            await asyncio.sleep(0.01)
    assert b'endpoint="7"' in Metrics().render([liar.link.counters])
