"""A connection begun here and answered by another server: the client sees one connection."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
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
        pass_on = PassOn(self.channels[0], self.ends[0])
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: Refuse(pass_on, self.greeting), "127.0.0.1", 0
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


async def test_a_descriptor_without_its_bytes_is_closed_in_the_end() -> None:
    joined = Joined(lambda *_: None)
    reader, writer = os.pipe()
    joined.add_descriptor(1, writer)
    joined.close()
    assert await asyncio.to_thread(os.read, reader, 1) == b""
    os.close(reader)
