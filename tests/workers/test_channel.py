from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.workers.channel import Channel, Kind, open_channel


class End:
    """One end of a channel, and what it has got."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []
        self.arrived = asyncio.Condition()
        self.ended = asyncio.Event()
        self.channel: Channel

    async def open(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.channel = await open_channel(end, self._take, self.ended.set)

    def _take(self, kind: int, payload: bytes) -> None:
        self.frames.append((kind, payload))

    async def wait_for(self, count: int) -> None:
        while len(self.frames) < count:
            await asyncio.sleep(0.001)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[End, End]]:
    ends = End(), End()
    for end, opened in zip(ends, socket.socketpair(), strict=True):
        await end.open(opened)
    yield ends
    for end in ends:
        end.channel.close()
    for end in ends:
        await end.ended.wait()


async def test_frames_arrive_whole_and_in_order(pair: tuple[End, End]) -> None:
    left, right = pair
    sent = [(Kind.SLICE, bytes([number % 256]) * size) for number, size in enumerate(range(300))]
    sent.append((Kind.PASSED, b"x" * 300_000))
    sent.append((Kind.PING, b""))
    for kind, payload in sent:
        left.channel.send(kind, payload)
    await right.wait_for(len(sent))
    assert right.frames == sent


async def test_bytes_that_are_no_frame_end_the_channel() -> None:
    plain, opened = socket.socketpair()
    end = End()
    await end.open(opened)
    plain.sendall(b"\xff" * 100)
    await end.ended.wait()
    assert end.frames == []
    plain.close()


async def test_a_frame_cut_anywhere_is_the_same_frame() -> None:
    plain, opened = socket.socketpair()
    end = End()
    await end.open(opened)
    for byte in b"\x00\x00\x00\x03\x65abc" + b"\x00\x00\x00\x00\x07":
        plain.sendall(bytes([byte]))
        await asyncio.sleep(0)
    await end.wait_for(2)
    assert end.frames == [(Kind.PONG, b"abc"), (Kind.PING, b"")]
    plain.close()
    await end.ended.wait()


async def test_the_end_of_one_side_is_told_to_the_other(pair: tuple[End, End]) -> None:
    left, right = pair
    left.channel.send(Kind.DONE)
    left.channel.close()
    await right.ended.wait()
    assert right.frames == [(Kind.DONE, b"")]
    assert not right.channel.is_open
    right.channel.send(Kind.PING)  # to nobody: no error
