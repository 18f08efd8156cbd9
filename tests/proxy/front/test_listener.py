"""All connections together: limits of time, the drain, what is left behind."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from contextlib import AsyncExitStack, suppress

import orjson
import pytest

from gateway.errors import LockgateError, ShuttingDownError
from gateway.proxy.deadline import now_s
from gateway.proxy.front import ClientConnection
from gateway.simulator import RunningSimulator
from tests.proxy.front.rig import LIST, Peer, chunked, listening, peer, request, rig_with, settle
from tests.proxy.rig import chat_body


async def answer_at_once(connection: ClientConnection) -> None:
    connection.answer(200, b"", b"ok")


# --- one client among others ----------------------------------------------------------------


async def test_many_requests_ahead_do_not_hold_up_others() -> None:
    answered, most, done = 0, 0, asyncio.Event()
    count = 5_000

    async def answer(connection: ClientConnection) -> None:
        nonlocal answered
        answered += 1
        connection.answer(200, b"", b"ok")

    async def watch() -> None:
        nonlocal most
        before = 0
        while not done.is_set():
            most, before = max(most, answered - before), answered
            await asyncio.sleep(0)

    async with listening(answer) as (_, port), peer(f"http://127.0.0.1:{port}") as on:
        watching = asyncio.create_task(watch())
        on.send(LIST * count)
        for _ in range(count):
            assert (await on.read()).body == b"ok"
        done.set()
        await watching
    assert answered == count
    assert most <= 32  # in one turn of the event loop; 5,000 would take half a second


async def test_what_a_client_sends_ahead_is_bounded_while_it_reads_slowly() -> None:
    answer = b"x" * 16_384
    answered = 0

    async def answer_much(connection: ClientConnection) -> None:
        nonlocal answered
        answered += 1
        connection.answer(200, b"", answer)

    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        async with listening(answer_much) as (_, port):
            client.connect(("127.0.0.1", port))
            client.setblocking(False)
            sent = 0
            for _ in range(4_000):
                with suppress(BlockingIOError):
                    sent += client.send(LIST * 5_000)
                with suppress(BlockingIOError):
                    client.recv(65_536)
                await asyncio.sleep(0)
            client.close()
    assert sent - answered * len(LIST) < 16 << 20  # most of it is the kernel's


# --- limits of time -------------------------------------------------------------------------


@pytest.mark.parametrize("before", [b"", LIST])
async def test_a_head_that_does_not_come(sim: RunningSimulator, before: bytes) -> None:
    async with rig_with(sim, head_limit_s=0.3) as rig, peer(rig.url) as on:
        if before:
            assert (await on.ask(before)).status == 200
        reply = await on.ask(b"POST /v1/chat/completions HTTP/1.1\r\nHost")
        assert (reply.status, reply.code, reply.closes) == (408, "request_timeout", True)
        assert await on.read_end() == b""


async def test_a_head_that_drips_has_no_more_time(sim: RunningSimulator) -> None:
    async with rig_with(sim, head_limit_s=0.5) as rig, peer(rig.url) as on:

        async def drip() -> None:
            for at in range(1000):
                on.send(request(None, b"X: " + b"x" * 2000)[at : at + 1])
                await asyncio.sleep(0.02)

        dripping = asyncio.ensure_future(drip())
        assert (await on.read()).status == 408
        dripping.cancel()


async def test_a_connection_that_is_not_used_is_closed(sim: RunningSimulator) -> None:
    async with rig_with(sim, keepalive_s=0.3) as rig, peer(rig.url) as new, peer(rig.url) as used:
        assert (await used.ask(request())).status == 200
        assert await new.read_end() == b""
        assert await used.read_end() == b""
        await settle(lambda: rig.plane.front.connections == 0)


async def test_a_connection_that_is_used_is_not_closed(sim: RunningSimulator) -> None:
    limits = {"keepalive_s": 0.3, "head_limit_s": 0.3, "body_idle_s": 0.3}
    async with rig_with(sim, "chunks=8,slow-chunk-ms=150", **limits) as rig, peer(rig.url) as on:
        reply = await on.ask(request(chat_body(stream=True)))  # longer than all of them
        assert reply.body.endswith(b"data: [DONE]\n\n")
        assert (await on.ask(LIST)).status == 200


@pytest.mark.parametrize("wire", [request(b"x" * 100)[:-50], chunked(b"x" * 100)[:-50]])
async def test_a_body_that_does_not_come(sim: RunningSimulator, wire: bytes) -> None:
    async with rig_with(sim, body_idle_s=0.3) as rig, peer(rig.url) as on:
        reply = await on.ask(wire)
        assert (reply.status, reply.code, reply.closes) == (408, "request_timeout", True)
        await settle(lambda: rig.plane.front.busy == 0)
    assert sim.calls == []


async def test_while_the_process_stands_still_no_client_is_silent(sim: RunningSimulator) -> None:
    async with rig_with(sim, body_idle_s=1.5, keepalive_s=1.5) as rig, peer(rig.url) as idle:
        assert (await idle.ask(LIST)).status == 200
        async with peer(rig.url) as on:
            wire = request()
            on.send(wire[:-20])
            await settle(lambda: rig.plane.front.busy == 1)
            on.send(wire[-20:-10])
            time.sleep(2)  # stopped and continued, or everything else of the machine went first
            late_s = now_s() + 0.6
            while now_s() < late_s:  # two looks at the connections
                await asyncio.sleep(0.05)
            on.send(wire[-10:])
            assert (await on.read()).status == 200
        assert (await idle.ask(LIST)).status == 200


async def test_a_body_that_drips_beyond_the_whole_of_its_time() -> None:
    seen: list[type[LockgateError]] = []

    async def handle(connection: ClientConnection) -> None:
        try:
            await connection.read_body(1000, now_s() + 0.5)
        except LockgateError as error:
            seen.append(type(error))
            connection.answer(error.status, b"", b"")

    async with listening(handle) as (_, port), peer(f"http://x:{port}") as on:
        on.send(request(b"x" * 900)[:-900])
        dripping = asyncio.ensure_future(drip(on))
        assert (await on.read()).status == 408
        dripping.cancel()
    assert [error.code for error in seen] == ["request_timeout"]


async def drip(on: Peer) -> None:
    for _ in range(900):
        on.send(b"x")
        await asyncio.sleep(0.02)


# --- limits of number -----------------------------------------------------------------------

LIVEZ = request(path=b"/nowhere", method=b"GET")  # not the data plane's


async def test_one_connection_too_many_is_told_so_unless_it_wants_something_else(
    sim: RunningSimulator,
) -> None:
    async with rig_with(sim, max_connections=1) as rig, peer(rig.url) as first:
        assert (await first.ask(request())).status == 200
        async with peer(rig.url) as more:
            reply = await more.ask(request())
            assert (reply.status, reply.code, reply.closes) == (503, "overloaded", True)
            assert reply.headers["retry-after"] == "1"
            assert await more.read_end() == b""
        async with peer(rig.url) as more:
            assert (await more.ask(LIVEZ)).status == 404
        async with peer(rig.url) as silent:
            assert await silent.read_end() == b""
        assert (await first.ask(request())).status == 200
        async with peer(rig.url) as waiting:
            first.reset()
            await settle(lambda: rig.plane.front.connections == 1)
            assert (await waiting.ask(request())).status == 200
    assert 'lockgate_refused_total{reason="connections"} 1.0' in rig.metrics.render().decode()
    assert len(sim.calls) == 3


async def test_far_too_many_connections_are_closed_at_once(sim: RunningSimulator) -> None:
    async with rig_with(sim, max_connections=1) as rig, AsyncExitStack() as stack:
        for _ in range(1 + 64):
            await stack.enter_async_context(peer(rig.url))
        await settle(lambda: rig.plane.front.connections == 65)
        more = await stack.enter_async_context(peer(rig.url))
        with suppress(ConnectionError):
            assert await more.read_end() == b""
    assert 'lockgate_refused_total{reason="connections"} 1.0' in rig.metrics.render().decode()


async def test_one_beyond_both_limits_is_one_refusal(sim: RunningSimulator) -> None:
    limits = {"max_connections": 1, "max_connections_per_source": 65}
    async with rig_with(sim, **limits) as rig, AsyncExitStack() as stack:
        for _ in range(1 + 64):
            await stack.enter_async_context(peer(rig.url))
        await settle(lambda: rig.plane.front.connections == 65)
        more = await stack.enter_async_context(peer(rig.url))
        with suppress(ConnectionError):
            assert await more.read_end() == b""
    lines = rig.metrics.render().decode().splitlines()
    assert [line for line in lines if line.startswith("lockgate_refused_total")] == [
        'lockgate_refused_total{reason="connections"} 1.0'
    ]


async def test_connections_are_counted_by_their_address(sim: RunningSimulator) -> None:
    async with rig_with(sim, max_connections_per_source=2) as rig, AsyncExitStack() as stack:
        kept = [await stack.enter_async_context(peer(rig.url)) for _ in range(2)]
        await settle(lambda: rig.plane.front.connections == 2)
        more = await stack.enter_async_context(peer(rig.url))
        reply = await more.read()
        assert (reply.status, reply.code, reply.closes) == (503, "overloaded", True)
        kept[0].reset()
        more.reset()
        await settle(lambda: rig.plane.front.connections == 1)
        again = await stack.enter_async_context(peer(rig.url))
        assert (await again.ask(request())).status == 200
    assert 'lockgate_refused_total{reason="source"} 1.0' in rig.metrics.render().decode()


# --- answers --------------------------------------------------------------------------------


async def test_an_answer_has_a_status_line_and_a_date() -> None:
    async def handle(connection: ClientConnection) -> None:
        connection.answer(int(connection.head.find("x-status") or 200), b"", b"ok")

    async with listening(handle) as (_, port), peer(f"http://x:{port}") as on:
        for status, line in ((200, b"200 OK"), (529, b"529 Status"), (404, b"404 Not Found")):
            on.send(request(None, b"X-Status: %d" % status))
            assert await on.reader.readline() == b"HTTP/1.1 " + line + b"\r\n"
            date = await on.reader.readline()
            assert re.fullmatch(rb"Date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n", date)
            assert await on.reader.readuntil(b"ok") == b"Content-Length: 2\r\n\r\nok"


@pytest.mark.parametrize("streamed", [False, True])
async def test_half_an_answer_never_looks_whole(
    streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(connection: ClientConnection) -> None:
        if streamed:
            connection.begin(200, b"")
            connection.write(b"half")
        raise ValueError("of the handler")

    async with listening(handle) as (front, port), peer(f"http://x:{port}") as on:
        on.send(request())
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await on.read()
        await settle(lambda: front.connections == 0)
        assert front.busy == 0
    assert "of the handler" in caplog.text


async def test_a_body_that_the_handler_did_not_want_is_not_the_next_request() -> None:
    async with listening(answer_at_once) as (_, port), peer(f"http://x:{port}") as on:
        on.send(request(LIST) + LIST)
        assert [(await on.read()).body for _ in range(2)] == [b"ok", b"ok"]
        head, _, body = request(LIST * 3).partition(b"\r\n\r\n")
        on.send(head + b"\r\n\r\n")
        assert (
            await on.read()
        ).closes  # the body has not come: where the next one begins, who knows
        on.send(body)
        assert await on.read_end() == b""


# --- the drain ------------------------------------------------------------------------------


async def test_a_drain_lets_requests_finish_and_says_so(sim: RunningSimulator) -> None:
    async with rig_with(sim, "chunks=20,slow-chunk-ms=20") as rig:
        async with peer(rig.url) as busy, peer(rig.url) as idle, peer(rig.url) as plain:
            busy.send(request(chat_body(stream=True)))
            await busy.read_head()
            plain.send(request())
            await settle(lambda: len(sim.calls) == 2)
            draining = asyncio.ensure_future(rig.plane.drain(30))
            assert await idle.read_end() == b""
            reply = await plain.read()
            assert (reply.status, reply.closes) == (200, True)
            assert await plain.read_end() == b""
            text = await busy.read_end()
            assert b"data: [DONE]" in text
            assert text.endswith(b"0\r\n\r\n")
            assert await draining == 0
        assert rig.plane.front.connections == 0


async def test_a_request_that_comes_during_a_drain_is_served_and_the_last(
    sim: RunningSimulator,
) -> None:
    async with rig_with(sim, "chunks=20,slow-chunk-ms=20") as rig, peer(rig.url) as on:
        on.send(request(chat_body(stream=True)))
        await on.read_head()
        draining = asyncio.ensure_future(rig.plane.drain(30))
        async with peer(rig.url) as late:
            reply = await late.ask(LIST)
            assert (reply.status, reply.closes) == (200, True)
        await on.read_end()
        assert await draining == 0


@pytest.mark.parametrize(
    ("fault", "stream"),
    [("hang", False), ("hang", True), ("chunks=1000,slow-chunk-ms=50", False)],
)
async def test_what_has_no_answer_when_the_drain_is_over_is_told(
    sim: RunningSimulator, fault: str, stream: bool
) -> None:
    async with rig_with(sim, fault) as rig, peer(rig.url) as on:
        on.send(request(chat_body(stream=stream)))
        await settle(lambda: bool(sim.calls))
        draining = asyncio.ensure_future(rig.plane.drain(0.2))
        reply = await on.read()
        assert (reply.status, reply.code, reply.closes) == (503, "shutting_down", True)
        assert await draining == 1
        assert [row.error_code for row in rig.ledger.rows] == ["shutting_down"]
        assert rig.plane.front.connections == 0
        await settle(sim.calls[0].done.is_set)


async def test_a_stream_that_is_cut_when_the_drain_is_over_ends_with_an_error(
    sim: RunningSimulator,
) -> None:
    async with rig_with(sim, "chunks=1000,slow-chunk-ms=20") as rig, peer(rig.url) as on:
        on.send(request(chat_body(stream=True)))
        await on.read_head()
        body = await on.read_chunk()
        draining = asyncio.ensure_future(rig.plane.drain(0.2))
        while piece := await on.read_chunk():
            body += piece
        assert await on.read_end() == b"\r\n" * 0
        assert await draining == 1
        last = body.strip().split(b"\n\n")[-1]
        assert orjson.loads(last.removeprefix(b"data: "))["error"]["code"] == "shutting_down"
        assert b"[DONE]" not in body
        assert [row.error_code for row in rig.ledger.rows] == ["shutting_down"]
        assert rig.plane.front.connections == 0


async def test_a_body_that_is_still_coming_when_the_drain_is_over(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        on.send(request(b"x" * 1000)[:-500])
        await settle(lambda: rig.plane.front.busy == 1)
        draining = asyncio.ensure_future(rig.plane.drain(0.2))
        assert (await on.read()).code == "shutting_down"
        on.close()
        assert await draining == 1
        assert rig.plane.front.busy == 0


async def test_an_error_that_the_handler_swallows_does_not_keep_the_drain(
    sim: RunningSimulator,
) -> None:
    del sim
    never = asyncio.Event()

    async def handle(connection: ClientConnection) -> None:
        try:
            await never.wait()
        except ShuttingDownError:
            connection.answer(503, b"", b"cut")

    async with listening(handle) as (front, port), peer(f"http://x:{port}") as on:
        on.send(request())
        await settle(lambda: front.busy == 1)
        draining = asyncio.ensure_future(front.drain(0.1, lambda: ShuttingDownError("stop")))
        assert (await on.read()).body == b"cut"
        assert await draining == 1


async def test_closing_leaves_nothing_behind(sim: RunningSimulator) -> None:
    async with rig_with(sim, "chunks=1000,slow-chunk-ms=20") as rig:
        async with peer(rig.url) as streamed, peer(rig.url) as half, peer(rig.url) as waiting:
            streamed.send(request(chat_body(stream=True)) * 2)
            await streamed.read_head()
            half.send(request(b"x" * 100)[:-50])
            waiting.send(request())
            await settle(lambda: rig.plane.front.busy == 3 and len(sim.calls) == 2)
            rig.plane.front.close()
            await settle(lambda: rig.plane.front.connections == 0)
        assert rig.plane.front.busy == rig.metrics.in_flight == 0
        assert {row.error_code for row in rig.ledger.rows} == {"client_gone"}
