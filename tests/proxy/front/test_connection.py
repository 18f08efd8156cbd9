"""Requests in, answers out, on real sockets: order, framing, what stays open."""

from __future__ import annotations

import asyncio
import itertools
import random
import tracemalloc
from typing import Any

import orjson
import pytest

from gateway.proxy.deadline import now_s
from gateway.proxy.front import ClientConnection
from gateway.simulator import RunningSimulator
from tests.proxy.front.rig import (
    LIST,
    PATH,
    Peer,
    chunked,
    listening,
    marked,
    peer,
    request,
    rig_with,
    settle,
)
from tests.proxy.rig import chat_body


async def serves_on(on: Peer) -> bool:
    reply = await on.ask(marked("serves-on"))
    return reply.status == 200 and b"marker-serves-on" in reply.body


# --- requests -------------------------------------------------------------------------------


async def test_pipelined_requests_are_answered_in_order(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        wires = [marked("a"), LIST, chunked(orjson.dumps(chat_body())), marked("b", stream=True)]
        on.send(b"".join(wires) + request(b"{") + marked("c") + LIST)
        replies = [await on.read() for _ in range(7)]
        assert [reply.status for reply in replies] == [200, 200, 200, 200, 400, 200, 200]
        assert b"marker-a" in replies[0].body
        assert replies[1].json()["object"] == "list"
        assert replies[3].headers["content-type"].startswith("text/event-stream")
        assert replies[3].body.endswith(b"data: [DONE]\n\n")
        assert b"marker-c" in replies[5].body
        assert not any(reply.closes for reply in replies)
        assert rig.plane.front.busy == 0
    assert len({reply.headers["x-lockgate-request-id"] for reply in replies}) == 7


async def test_many_pipelined_requests(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        count = 3000  # more bytes than are taken ahead of their turn
        on.send((LIST + marked("x" * 100, stream=None) * 2) * (count // 3))
        for number in range(count):
            reply = await on.read()
            assert reply.status == 200
            assert (b"marker-" in reply.body) is bool(number % 3)


async def test_requests_byte_by_byte(sim: RunningSimulator) -> None:
    body = orjson.dumps({"messages": chat_body()["messages"]})
    async with rig_with(sim) as rig, peer(rig.url) as on:
        for wire in (marked("bytes"), chunked(b'{"model":"chat",', body[1:]), LIST):
            for at in range(len(wire)):
                on.send(wire[at : at + 1])
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            assert (await on.read()).status == 200


async def test_requests_cut_anywhere_are_the_same(sim: RunningSimulator) -> None:
    draw = random.Random(3)
    wires = [marked(f"<{number}>") for number in range(40)]
    stream = b"".join(wires)
    cuts = sorted(draw.sample(range(1, len(stream)), 150))
    async with rig_with(sim) as rig, peer(rig.url) as on:
        for start, end in itertools.pairwise([0, *cuts, len(stream)]):
            on.send(stream[start:end])
            await asyncio.sleep(0.001)
        for number in range(40):
            assert b"marker-<%d>" % number in (await on.read()).body


async def test_a_body_in_a_later_packet_and_the_next_head_behind_it(sim: RunningSimulator) -> None:
    first, second = marked("one"), marked("two")
    cut = first.index(b"\r\n\r\n") + 10
    async with rig_with(sim) as rig, peer(rig.url) as on:
        on.send(first[:cut])
        await settle(lambda: rig.plane.front.busy == 1)
        on.send(first[cut:] + second[:30])
        assert b"marker-one" in (await on.read()).body
        on.send(second[30:])
        assert b"marker-two" in (await on.read()).body


async def test_the_same_head_with_another_credential_is_another_head(
    sim: RunningSimulator,
) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        for key, status in (("", 401), (None, 200), ("wrong", 401), (None, 200)):
            wire = marked("x") if key is None else request(key=key)
            assert (await on.ask(wire)).status == status


async def test_empty_lines_before_a_request_are_skipped(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        for _ in range(3):  # as sent by clients that end their bodies with a line end
            assert (await on.ask(marked("x") + b"\r\n")).status == 200


async def test_a_client_is_told_to_continue_once(sim: RunningSimulator) -> None:
    wire = request(None, b"Expect: 100-continue")
    head, _, body = wire.partition(b"\r\n\r\n")
    async with rig_with(sim) as rig, peer(rig.url) as on:
        for _ in range(2):
            assert (await on.ask(head + b"\r\n\r\n")).status == 100
            assert (await on.ask(body)).status == 200
        assert (await on.ask(wire)).status == 200  # it did not wait to be told


async def test_a_client_of_http_1_0_is_not_told_to_continue(sim: RunningSimulator) -> None:
    wire = request(None, b"Expect: 100-continue", version=b"1.0")
    head, _, body = wire.partition(b"\r\n\r\n")
    async with rig_with(sim) as rig, peer(rig.url) as on:
        on.send(head + b"\r\n\r\n")
        await settle(lambda: rig.plane.front.busy == 1)
        assert (await on.ask(body)).status == 200


async def test_tiny_chunks_take_no_more_memory_than_what_they_hold() -> None:
    asked: list[ClientConnection] = []

    async def handle(connection: ClientConnection) -> None:
        asked.append(connection)
        body = await connection.read_body(1 << 20, now_s() + 10)
        connection.answer(200, b"", b"%d" % len(body))

    count = 30_000
    async with listening(handle) as (front, port), peer(f"http://x:{port}") as on:
        on.send(chunked(b"")[:-10])
        await settle(lambda: front.busy == 1)
        tracemalloc.start()
        try:
            on.send(b"2\r\nab\r\n" * count)
            await settle(lambda: asked[0]._intake.size == 2 * count)
            assert tracemalloc.get_traced_memory()[0] < 20 * count
        finally:
            tracemalloc.stop()
        assert (await on.ask(b"0\r\n\r\n")).body == b"%d" % (2 * count)


async def test_a_client_without_a_key_is_not_told_to_continue(sim: RunningSimulator) -> None:
    head = request(b"x" * 1000, b"Expect: 100-continue", key="wrong").partition(b"\r\n\r\n")[0]
    async with rig_with(sim) as rig, peer(rig.url) as on:
        reply = await on.ask(head + b"\r\n\r\n")
        assert (reply.status, reply.closes) == (401, True)


# --- whether the connection stays -----------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"stream": True}])
@pytest.mark.parametrize("path", [PATH, b"/v1/models"])
async def test_a_client_that_wants_the_connection_closed(
    sim: RunningSimulator, path: bytes, fields: dict[str, Any]
) -> None:
    method = b"POST" if path == PATH else b"GET"
    wire = request(chat_body(**fields), b"Connection: close", path=path, method=method)
    async with rig_with(sim) as rig, peer(rig.url) as on:
        reply = await on.ask(wire)
        assert (reply.status, reply.closes) == (200, True)
        assert await on.read_end() == b""


async def test_nothing_is_answered_after_a_close_was_asked(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        on.send(request(None, b"Connection: close") + marked("late"))
        assert (await on.read()).closes
        assert await on.read_end() == b""
    assert len(sim.calls) == 1


@pytest.mark.parametrize("path", [PATH, b"/v1/models"])
@pytest.mark.parametrize("keep", [False, True])
async def test_an_old_client(sim: RunningSimulator, path: bytes, keep: bool) -> None:
    lines = (b"Connection: keep-alive",) if keep else ()
    method = b"POST" if path == PATH else b"GET"
    wire = request(None, *lines, path=path, method=method, version=b"1.0")
    async with rig_with(sim) as rig, peer(rig.url) as on:
        reply = await on.ask(wire)
        assert reply.status == 200
        assert reply.headers["connection"] == ("keep-alive" if keep else "close")
        if keep:
            assert (await on.ask(wire)).status == 200
        else:
            assert await on.read_end() == b""


async def test_an_old_client_gets_a_stream_without_chunks(sim: RunningSimulator) -> None:
    body = chat_body(stream=True)
    wire = request(body, b"Connection: keep-alive", version=b"1.0")
    async with rig_with(sim) as rig, peer(rig.url) as on:
        reply = await on.ask(wire)
        assert "transfer-encoding" not in reply.headers
        assert reply.closes
        assert reply.body.startswith(b"data: {")
        assert reply.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("path", [b"/", b"/anthropic", b"/v1/models", PATH])
async def test_an_answer_to_head_has_no_body(sim: RunningSimulator, path: bytes) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        on.send(request(path=path, method=b"HEAD"))
        reply = await on.read(to_head=True)
        assert reply.status in (200, 405)
        assert await serves_on(on)
