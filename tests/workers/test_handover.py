"""A connection begun here and answered by another server: the client sees one connection."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import cast

import pytest

from gateway.workers.channel import Channel, Kind, open_channel
from gateway.workers.descriptors import BEGUN, Descriptors
from gateway.workers.handover import Joined, PassOn, Reception


class Echo(asyncio.Protocol):
    """Answers what it gets, in capitals."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.upper())


class Refuse(asyncio.Protocol):
    """Passes on whatever comes; greets first if told to."""

    def __init__(self, pass_on: PassOn, greeting: bytes) -> None:
        self.pass_on = pass_on
        self.greeting = greeting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.greeting:
            self.transport.write(self.greeting)
        self.pass_on(self.transport, data)


class Rig:
    """A worker's side and a parent's side within one process."""

    def __init__(self) -> None:
        self.passed: list[bytes] = []
        self.greeting = b""
        self.unread_s = 60.0

    async def open(self) -> None:
        near, far = socket.socketpair()
        passing, taking = socket.socketpair(type=socket.SOCK_DGRAM)
        self.joined = Joined(Reception(Echo).take)
        self.channels: list[Channel] = [
            await open_channel(near, lambda *_: None, lambda: None),
            await open_channel(far, self._take_frame, lambda: None),
        ]
        self.ends = [Descriptors(passing, lambda *_: None), Descriptors(taking, self._take)]
        self.ends[1].start()
        self.pass_on = PassOn(self.channels[0], self.ends[0], unread_s=self.unread_s)
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: Refuse(self.pass_on, self.greeting), "127.0.0.1", 0
        )
        self.port = self.server.sockets[0].getsockname()[1]

    def _take_frame(self, kind: int, payload: bytes) -> None:
        assert kind == Kind.PASSED
        self.passed.append(payload)
        self.joined.add_bytes(payload)

    def _take(self, kind: bytes, number: int, descriptor: int) -> None:
        assert kind == BEGUN
        self.joined.add_descriptor(number, descriptor)

    async def close(self) -> None:
        self.server.close()
        for part in (*self.channels, *self.ends, self.joined):
            part.close()
        await asyncio.sleep(0.01)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    await rig.open()
    yield rig
    await rig.close()


async def ask(rig: Rig, data: bytes, expected: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    for part in (data, b"again"):
        writer.write(part)
    assert await reader.readexactly(len(expected)) == expected
    writer.close()
    await writer.wait_closed()


async def test_the_other_server_answers_what_was_read_and_what_comes(rig: Rig) -> None:
    await asyncio.gather(
        *(ask(rig, b"hello %03d" % number, b"HELLO %03dAGAIN" % number) for number in range(100))
    )
    assert len(rig.passed) == 100


async def test_many_bytes_go_along(rig: Rig) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port, limit=1 << 20)
    writer.write(b"a" * 300_000)
    assert await reader.readexactly(300_000) == b"A" * 300_000
    writer.close()
    await writer.wait_closed()


async def test_an_answer_still_on_its_way_comes_first(rig: Rig) -> None:
    rig.greeting = b"x" * 5_000_000  # more than the kernel takes at once
    await ask(rig, b"hello", rig.greeting + b"HELLOAGAIN")


async def leave_unread(rig: Rig) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask twice, and do not read the first answer."""
    rig.greeting = b"x" * 20_000_000
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port, limit=1 << 10)
    writer.write(b"hello")
    await asyncio.sleep(0.1)  # until the kernel takes no more
    return reader, writer


async def test_a_client_that_does_not_read_holds_up_no_end(rig: Rig) -> None:
    _, writer = await leave_unread(rig)
    async with asyncio.timeout(10):
        await rig.pass_on.flush()
    assert rig.passed == []
    writer.close()


async def test_a_client_that_does_not_read_is_let_go() -> None:
    rig = Rig()
    rig.unread_s = 0.2
    await rig.open()
    reader, writer = await leave_unread(rig)
    await asyncio.sleep(0.5)
    size = 0
    async with asyncio.timeout(10):
        with suppress(ConnectionResetError):
            while part := await reader.read(1 << 20):
                size += len(part)
    assert size < len(rig.greeting)
    assert rig.passed == []
    writer.close()
    await rig.close()


async def test_a_half_that_lost_its_other_one_is_let_go() -> None:
    """As when the process had no descriptor left to take one with."""
    taken: list[bytes] = []
    joined = Joined(lambda connected, data: (connected.close(), taken.append(data))[1])
    frame = struct.Struct(">Q6s")
    for token in range(1, 2000):
        joined.add_bytes(frame.pack(token, b"waited"))
    assert joined.waiting <= 1024
    near, far = socket.socketpair()
    joined.add_descriptor(1999, near.detach())
    assert (taken, joined.waiting) == ([b"waited"], 0)
    joined.add_descriptor(2000, far.detach())
    joined.add_bytes(frame.pack(2001, b"waited"))
    assert joined.waiting == 1
    joined.close()


async def test_a_descriptor_without_its_bytes_is_closed_in_the_end() -> None:
    joined = Joined(lambda *_: None)
    reader, writer = os.pipe()
    joined.add_descriptor(1, writer)
    joined.close()
    assert await asyncio.to_thread(os.read, reader, 1) == b""
    os.close(reader)
