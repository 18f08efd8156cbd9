"""Clients that hang up, that do not read, that read slowly."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from gateway.proxy.deadline import now_s
from gateway.simulator import RunningSimulator
from tests.proxy.front.rig import LIST, peer, request, rig_with, settle
from tests.proxy.rig import Endpoint, Model, Rig, chat_body
from tests.proxy.upstream.rig import raw_server

# --- clients that hang up -------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("fault", ["hang", "chunks=1000,slow-chunk-ms=50", "stall-after=3"])
async def test_a_client_that_hangs_up_ends_the_call_of_the_provider(
    sim: RunningSimulator, fault: str, how: str, stream: bool
) -> None:
    async with rig_with(sim, fault) as rig:
        async with peer(rig.url) as on:
            on.send(request(chat_body(stream=stream)))
            await settle(lambda: bool(sim.calls))
            if stream and fault != "hang":
                await on.read_head()
            getattr(on, how)()
            await settle(sim.calls[0].done.is_set)
        await settle(lambda: rig.plane.front.busy == 0)
        assert sim.calls[0].client_gone
        assert [row.error_code for row in rig.ledger.rows] == ["client_gone"]
        assert rig.ledger.rows[0].client_gone
        assert rig.metrics.in_flight == 0


async def test_a_client_that_closes_its_side_gets_what_is_answered_at_once(
    sim: RunningSimulator,
) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        on.send(LIST)
        on.writer.write_eof()
        assert (await on.read()).status == 200
        assert await on.read_end() == b""


async def test_a_client_that_closes_its_side_in_a_call_is_gone(sim: RunningSimulator) -> None:
    async with rig_with(sim, "hang") as rig, peer(rig.url) as on:
        on.send(request())
        await settle(lambda: bool(sim.calls))
        on.writer.write_eof()
        await settle(sim.calls[0].done.is_set)
        assert await on.read_end() == b""
        assert [row.error_code for row in rig.ledger.rows] == ["client_gone"]


async def test_a_client_that_hangs_up_in_its_body(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig:
        async with peer(rig.url) as on:
            on.send(request(b"x" * 1000)[:-500])
            await settle(lambda: rig.plane.front.busy == 1)
            on.reset()
        await settle(lambda: rig.plane.front.connections == 0)
        assert rig.plane.front.busy == rig.metrics.in_flight == 0
    assert sim.calls == []


async def test_what_waited_behind_a_request_goes_with_the_client(sim: RunningSimulator) -> None:
    async with rig_with(sim, "hang") as rig:
        async with peer(rig.url) as on:
            on.send(request() * 5)
            await settle(lambda: bool(sim.calls))
            on.reset()
        await settle(lambda: rig.plane.front.connections == 0)
        assert rig.plane.front.busy == 0
    assert len(sim.calls) == 1


# --- clients that do not read ---------------------------------------------------------------


@asynccontextmanager
async def deaf(rig: Rig, wire: bytes) -> AsyncIterator[socket.socket]:
    """Send bytes on a connection with small buffers, and read nothing."""
    loop = asyncio.get_running_loop()
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await loop.sock_connect(raw, ("127.0.0.1", urlsplit(rig.url).port))
        await loop.sock_sendall(raw, wire)
        yield raw


class Flood:
    """A provider that streams without end or until told, as fast as it is read; counts bytes."""

    def __init__(self, chunks: int = 1_000_000) -> None:
        self.sent_bytes = 0
        self.gone = asyncio.Event()
        self._chunks = chunks

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        event = b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % (b"x" * 60_000)
        try:
            for _ in range(self._chunks):
                writer.write(event)
                await writer.drain()
                self.sent_bytes += len(event)
            writer.write(b"data: [DONE]\n\n")
            await writer.drain()
        except ConnectionError:
            self.gone.set()

    async def settle(self) -> int:
        """Wait until nothing moves any more; return what was sent."""
        before = -1
        while before != self.sent_bytes or not before:
            before = self.sent_bytes
            await asyncio.sleep(0.3)
        return before


STREAM = request(chat_body(stream=True))


async def test_a_client_that_does_not_read_holds_its_provider_back() -> None:
    flood = Flood(chunks=600)
    async with raw_server(flood) as url, Rig({"chat": Endpoint([Model(url[:-1])])}) as rig:
        async with deaf(rig, STREAM) as raw:
            assert await flood.settle() < 30_000_000  # kernel's buffers and our 256 KiB
            assert not rig.ledger.rows
            size, tail = 0, b""
            while not tail.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"):
                part = await receive(raw)
                size += len(part)
                tail = (tail + part)[-32:]
        assert size > 36_000_000
        assert [row.error_code for row in rig.ledger.rows] == [None]


async def test_the_deadline_ends_what_nobody_reads() -> None:
    flood = Flood()
    settings = {"total_timeout_ms": 1_500}
    async with (
        raw_server(flood) as url,
        Rig({"chat": Endpoint([Model(url[:-1])])}, settings=settings) as rig,
        deaf(rig, STREAM) as raw,
    ):
        await settle(lambda: bool(rig.ledger.rows))
        await settle(flood.gone.is_set)
        assert rig.ledger.rows[0].error_code == "deadline_exceeded"
        assert rig.plane.front.busy == 0
        await settle(lambda: rig.plane.front.connections == 0)
        assert not (await read_all(raw)).endswith(b"0\r\n\r\n")


async def test_a_client_that_leaves_while_its_provider_is_held_back() -> None:
    flood = Flood()
    async with raw_server(flood) as url, Rig({"chat": Endpoint([Model(url[:-1])])}) as rig:
        async with deaf(rig, STREAM):
            await flood.settle()
        await settle(flood.gone.is_set)
        await settle(lambda: rig.plane.front.connections == 0)
        assert rig.plane.front.busy == 0
        assert [row.error_code for row in rig.ledger.rows] == ["client_gone"]


async def test_a_slow_reader_gets_the_end_of_a_stream_that_ended(sim: RunningSimulator) -> None:
    wire = request(chat_body(stream=True))
    async with rig_with(sim, "huge=3000000,chunks=30") as rig, deaf(rig, wire) as raw:
        await settle(lambda: bool(sim.calls) and sim.calls[0].done.is_set())
        text = b""
        began_s = now_s()
        while not text.endswith(b"0\r\n\r\n"):
            text += await receive(raw, 64 << 10)
            if now_s() - began_s < 4:  # slower than any buffer of ours empties by itself
                await asyncio.sleep(0.2)
        assert b"data: [DONE]" in text


async def receive(raw: socket.socket, size: int = 1 << 20) -> bytes:
    async with asyncio.timeout(10):
        part = await asyncio.get_running_loop().sock_recv(raw, size)
    assert part, "closed"
    return part


async def read_all(raw: socket.socket) -> bytes:
    text = b""
    try:
        while part := await asyncio.get_running_loop().sock_recv(raw, 1 << 20):
            text += part
    except ConnectionError:
        pass
    return text


async def test_who_does_not_read_answers_is_not_served_on(sim: RunningSimulator) -> None:
    count = 40
    model = Model(sim.url, model="gpt-4o-mini+huge=2000000")
    async with Rig({"chat": Endpoint([model])}) as rig, deaf(rig, request() * count) as raw:
        before = -1
        while before != (before := len(sim.calls)):
            await asyncio.sleep(0.3)
        assert 1 <= len(sim.calls) < count // 2
        seen = 0
        tail = b""
        while seen < count:
            part = await receive(raw)
            seen += (tail + part).count(b"HTTP/1.1 200 OK\r\n")
            tail = part[-16:]
        assert len(sim.calls) == count
