"""Which connection the next request gets, on real sockets."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from gateway.errors import UpstreamResetError
from gateway.proxy.deadline import now_s
from gateway.proxy.upstream.addresses import Addresses
from gateway.proxy.upstream.answer import UpstreamAnswer
from gateway.proxy.upstream.call import Origin, parse_place
from gateway.proxy.upstream.connect import Connector
from gateway.proxy.upstream.connection import Connection
from gateway.proxy.upstream.pool import Pool
from gateway.proxy.upstream.waits import Waits
from gateway.settings import parse_origin_pattern
from tests.proxy.upstream.rig import LIMIT, Repeated, call, limits, plain, raw_server


class Open:
    """A pool with the way to fill it."""

    def __init__(self, url: str, idle_s: float = 30.0) -> None:
        self.url = url
        self.origin: Origin = parse_place(url)[0]
        self.lane = str(self.origin)
        self.pool = Pool(idle_s)
        pattern = parse_origin_pattern(url.rstrip("/"))
        self._connector = Connector(Addresses((pattern,)), None, None)
        self._waits = Waits()

    async def connect(self) -> Connection:
        build = partial(self.pool.build, self.lane)
        in_force = limits()
        connection = await self._connector.open(
            self.origin, build, in_force, 0.0 + in_force.deadline_at_s - 10
        )
        self.pool.adopt(connection)
        return connection

    async def use(self, connection: Connection) -> bytes:
        answer = UpstreamAnswer(connection, self._waits, limits(), now_s())
        connection.ask(call(self.url), answer)
        await answer.arrive()
        return await answer.read(LIMIT)

    async def close(self) -> None:
        self._waits.close()
        await self.pool.close()


async def test_the_last_one_used_is_the_first_one_taken() -> None:
    async with raw_server(Repeated(plain())) as url:
        at = Open(url)
        first, second = await at.connect(), await at.connect()
        await at.use(first)
        await at.use(second)
        assert at.pool.count_idle() == 2
        assert at.pool.take(at.lane) is second
        assert at.pool.take(at.lane) is first
        assert at.pool.take(at.lane) is None
        assert at.pool.take("another lane") is None
        await at.close()


async def test_a_connection_in_use_is_not_offered() -> None:
    async with raw_server(Repeated(plain())) as url:
        at = Open(url)
        connection = await at.connect()
        assert at.pool.count_idle() == 0
        await at.use(connection)
        assert at.pool.take(at.lane) is connection
        assert at.pool.count_idle() == 0
        await at.close()


async def test_what_was_free_for_too_long_is_closed_and_not_taken() -> None:
    async with raw_server(Repeated(plain())) as url:
        at = Open(url, idle_s=0.0)
        connection = await at.connect()
        await at.use(connection)
        assert at.pool.take(at.lane) is None
        assert connection.transport.is_closing()
        await at.close()


async def test_free_connections_are_closed_without_anybody_asking() -> None:
    async with raw_server(Repeated(plain())) as url:
        at = Open(url, idle_s=0.05)
        for connection in [await at.connect(), await at.connect()]:
            await at.use(connection)
        async with asyncio.timeout(5):
            while at.pool.count_idle():
                await asyncio.sleep(0.02)
        await at.close()


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
async def test_a_connection_that_the_provider_closes_leaves_the_pool(last_words: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(plain())
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(last_words)

    async with raw_server(serve) as url:
        at = Open(url)
        await at.use(await at.connect())
        assert at.pool.count_idle() == 1
        async with asyncio.timeout(5):
            while at.pool.count_idle():
                await asyncio.sleep(0.01)
        await at.close()


@pytest.mark.parametrize(
    "answer", [plain(b"ok", b"Connection: close"), plain() + b"surplus", plain() + b"\r\n"]
)
async def test_a_connection_that_may_not_be_used_again_never_comes_back(answer: bytes) -> None:
    async with raw_server(Repeated(answer)) as url:
        at = Open(url)
        connection = await at.connect()
        assert await at.use(connection) == b"ok"
        assert at.pool.count_idle() == 0
        assert connection.transport.is_closing()
        await at.close()


async def test_the_end_closes_what_is_free_and_what_is_in_use() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        if served:
            await reader.read()
        served.append(True)
        writer.write(plain())
        await reader.read()

    served: list[bool] = []
    async with raw_server(serve) as url:
        at = Open(url)
        free, busy = await at.connect(), await at.connect()
        await at.use(free)
        waiting = asyncio.create_task(at.use(busy))
        await asyncio.sleep(0.05)
        await at.close()
        with pytest.raises(UpstreamResetError):
            await waiting
        assert free.transport.is_closing()
        late = await at.connect()  # was on its way when the end came
        assert late.transport.is_closing()
