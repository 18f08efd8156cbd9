from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.workers.descriptors import BEGUN, FRESH, Descriptors, read_left


class Pair:
    def __init__(self) -> None:
        near, self.far_socket = socket.socketpair(type=socket.SOCK_DGRAM)
        self.got: list[tuple[bytes, int, int]] = []
        self.near = Descriptors(near, lambda *_: None)
        self.far = Descriptors(self.far_socket, lambda *found: self.got.append(found))

    async def wait_for(self, count: int) -> None:
        while len(self.got) < count:
            await asyncio.sleep(0.001)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    pair = Pair()
    yield pair
    pair.near.close()
    pair.far.close()
    for _, _, descriptor in pair.got:
        os.close(descriptor)


async def test_more_descriptors_than_the_kernel_holds_at_once_all_arrive(pair: Pair) -> None:
    reader, writer = os.pipe()
    for number in range(600):
        pair.near.send(FRESH, number, os.dup(writer))
    os.close(writer)
    pair.far.start()
    await pair.wait_for(600)
    await pair.near.flush()
    assert [(kind, number) for kind, number, _ in pair.got] == [
        (FRESH, number) for number in range(600)
    ]
    os.write(pair.got[0][2], b"hello")
    assert os.read(reader, 5) == b"hello"
    os.close(reader)


async def test_a_sent_descriptor_is_closed_here(pair: Pair) -> None:
    reader, writer = os.pipe()
    pair.near.send(BEGUN, 7, writer)
    pair.far.start()
    await pair.wait_for(1)
    os.close(pair.got.pop()[2])
    assert await asyncio.to_thread(os.read, reader, 1) == b""  # it was the last one
    os.close(reader)


async def test_what_a_dead_process_left_unread_is_read_for_it() -> None:
    near_socket, far_socket = socket.socketpair(type=socket.SOCK_DGRAM)
    far_socket.setblocking(False)
    near = Descriptors(near_socket, lambda *_: None)
    reader, writer = os.pipe()
    for number in range(3):
        near.send(FRESH, number, os.dup(writer))
    await near.flush()
    left = read_left(far_socket)
    assert [(kind, number) for kind, number, _ in left] == [(FRESH, number) for number in range(3)]
    for descriptor in (*(found for _, _, found in left), reader, writer):
        os.close(descriptor)
    near.close()
    far_socket.close()


async def test_what_the_kernel_did_not_take_can_be_withdrawn() -> None:
    near_socket, far_socket = socket.socketpair(type=socket.SOCK_DGRAM)
    far_socket.setblocking(False)
    near = Descriptors(near_socket, lambda *_: None)
    reader, writer = os.pipe()
    for number in range(600):
        near.send(FRESH, number, os.dup(writer))
    found = [*read_left(far_socket), *near.withdraw()]
    assert [number for _, number, _ in found] == list(range(600))
    assert near.withdraw() == []
    await near.flush()
    for descriptor in (*(one for _, _, one in found), reader, writer):
        os.close(descriptor)
    near.close()
    far_socket.close()


async def test_closing_closes_what_was_not_sent() -> None:
    near_socket, far_socket = socket.socketpair(type=socket.SOCK_DGRAM)
    near = Descriptors(near_socket, lambda *_: None)
    reader, writer = os.pipe()
    for number in range(600):
        near.send(FRESH, number, os.dup(writer))
    os.close(writer)
    near.close()
    far_socket.close()
    assert await asyncio.to_thread(os.read, reader, 1) == b""  # no writer is left anywhere
    os.close(reader)
