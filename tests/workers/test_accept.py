"""How many connections a worker takes in at once."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest

from gateway.workers.accept import Acceptor
from gateway.workers.spread import Seat, create_board

COUNT = 300


@asynccontextmanager
async def accepting() -> AsyncIterator[tuple[Acceptor, list[asyncio.Protocol], socket.socket]]:
    board = create_board()
    board.clear(1)
    opened: list[asyncio.Protocol] = []

    def build() -> asyncio.Protocol:
        opened.append(asyncio.Protocol())
        return opened[-1]

    def refuse(seat: int, connected: socket.socket) -> None:
        raise AssertionError(f"passed to {seat}: {connected}")

    listener = socket.create_server(("127.0.0.1", 0), backlog=COUNT)
    listener.setblocking(False)
    acceptor = Acceptor(listener, Seat(board, 1), build, lambda: len(opened), refuse)
    acceptor.start()
    try:
        yield acceptor, opened, listener
    finally:
        acceptor.stop()
        await acceptor.settle()
        await take_turns(2)
        board.close()


@asynccontextmanager
async def held() -> AsyncIterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def connect(stack: ExitStack, listener: socket.socket) -> None:
    for _ in range(COUNT):
        stack.enter_context(socket.create_connection(listener.getsockname()))


async def take_turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_burst_is_taken_in_by_and_by() -> None:
    async with accepting() as (acceptor, _, listener), held() as stack:
        await take_turns(2)
        connect(stack, listener)
        await asyncio.sleep(0)
        assert acceptor.connections <= 64 * 2


async def test_when_turns_are_long_nobody_is_left_waiting() -> None:
    async with accepting() as (acceptor, opened, listener), held() as stack:
        connect(stack, listener)
        time.sleep(0.5)  # a turn that is far too long
        await take_turns(3)  # with 64 in each they would be five
        with pytest.raises(BlockingIOError):  # nobody waits
            listener.accept()
        await acceptor.settle()
        assert len(opened) == COUNT
