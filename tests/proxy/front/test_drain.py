from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import LockgateError, ShuttingDownError
from gateway.proxy.front import ClientConnection, Front
from tests.proxy.front.rig import render

REQUEST = b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n"


async def answer(connection: ClientConnection) -> None:
    connection.answer(200, b"", b"")


def stop() -> LockgateError:
    return ShuttingDownError("the gateway stops")


@asynccontextmanager
async def open_front() -> AsyncIterator[tuple[Front, list[int], int]]:
    counts: list[int] = []
    front = Front(answer, render, lambda transport, _: transport.abort())
    front.on_count = counts.append
    server = await asyncio.get_running_loop().create_server(front, "127.0.0.1", 0)
    yield front, counts, server.sockets[0].getsockname()[1]
    front.close()
    server.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(REQUEST)
    return await reader.readuntil(b"\r\n\r\n")


async def test_who_is_idle_may_ask_once_more_until_the_drain_begins() -> None:
    async with open_front() as (front, _, port):
        first = await asyncio.open_connection("127.0.0.1", port)
        second = await asyncio.open_connection("127.0.0.1", port)
        for reader, writer in (first, second):
            assert b"connection: close" not in (await ask(reader, writer)).lower()
        front.draining = True
        front._look()
        assert b"connection: close" in (await ask(*first)).lower()
        assert await first[0].read() == b""
        assert await front.drain(60.0, stop) == 0
        assert await second[0].read() == b""
        for _, writer in (first, second):
            writer.close()
            await writer.wait_closed()


async def test_each_change_of_the_number_of_connections_is_told() -> None:
    async with open_front() as (front, counts, port):
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await ask(reader, writer)
            assert counts[-1] == 1
            writer.close()
            await writer.wait_closed()
            while front.connections:
                await asyncio.sleep(0.001)
            assert counts[-1] == 0
