"""What is refused and how, and the paths that are nobody's, on real sockets."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

import pytest

from gateway.proxy.front.head import MAX_HEAD_BYTES
from gateway.simulator import RunningSimulator
from tests.proxy.front.rig import (
    LIST,
    Peer,
    Reply,
    chunked,
    marked,
    peer,
    request,
    rig_with,
    settle,
)

OWN = ["request-id", "endpoint", "model", "provider", "attempts", "overhead-ms"]

GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"SSH-2.0-OpenSSH_9\r\n\r\n",
    b"GET /v1/models\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\nHost: x\n\n",
    b"POST /v1/chat/completions HTTP/1.1\r\n\r\n",
    request(b"x" * 10, b"Content-Length: 4"),
    request(b"x" * 10, b"Transfer-Encoding: chunked"),
    chunked(b"{}").replace(b"\r\n{}\r\n", b"\n{}\n"),
]


@pytest.mark.parametrize("wire", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("before", [b"", LIST])
async def test_what_is_no_request_is_refused_in_our_words(
    sim: RunningSimulator, wire: bytes, before: bytes
) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        on.send(before + wire)
        if before:
            assert (await on.read()).status == 200
        reply = await on.read()
        check_refusal(reply, 400, "malformed")
        assert await on.read_end() == b""
        await settle(lambda: rig.plane.front.busy == 0)
    assert sim.calls == []


def check_refusal(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.code, reply.closes) == (status, code, True)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["server"] == "lockgate"
    for name in OWN:
        assert f"x-lockgate-{name}" in reply.headers


async def test_a_broken_chunk_in_a_later_packet(sim: RunningSimulator) -> None:
    wire = chunked(b"x" * 10)
    async with rig_with(sim) as rig, peer(rig.url) as on:
        on.send(wire[:-12])
        await settle(lambda: rig.plane.front.busy == 1)
        check_refusal(await on.ask(b"no chunk\r\n"), 400, "malformed")


@pytest.mark.parametrize("step", [0, 5_000])
async def test_a_head_that_is_too_large(sim: RunningSimulator, step: int) -> None:
    wire = request(None, b"X-Long: " + b"x" * MAX_HEAD_BYTES)
    async with rig_with(sim) as rig, peer(rig.url) as on:
        for start in range(0, len(wire), step or len(wire)):
            on.send(wire[start : start + (step or len(wire))])
            await asyncio.sleep(0.001)
        check_refusal(await on.read(), 400, "malformed")
    assert sim.calls == []


@pytest.mark.parametrize("framed", [False, True])
async def test_a_client_that_sends_far_too_much_reads_the_refusal(
    sim: RunningSimulator, framed: bool
) -> None:
    size = 30_000_000
    wire = request(b"x" * size)
    if framed:
        wire = chunked(*[b"x" * 100_000] * (size // 100_000))
    async with rig_with(sim, settings={"max_body_bytes": 200_000}) as rig, peer(rig.url) as on:
        sending = asyncio.ensure_future(send_slowly(on, wire))
        check_refusal(await on.read(), 413, "payload_too_large")
        assert not sending.done()  # nobody waited for all of it
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    assert sim.calls == []


async def test_a_client_that_first_sends_all_of_it_reads_the_refusal_after(
    sim: RunningSimulator,
) -> None:
    loop = asyncio.get_running_loop()
    async with rig_with(sim, settings={"max_body_bytes": 200_000}) as rig:
        with socket.socket() as raw:
            raw.setblocking(False)
            await loop.sock_connect(raw, ("127.0.0.1", urlsplit(rig.url).port))
            async with asyncio.timeout(10):
                await loop.sock_sendall(raw, request(b"x" * 9_000_000))
                answer = b""
                while part := await loop.sock_recv(raw, 65_536):
                    answer += part
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"payload_too_large"' in answer


async def send_slowly(on: Peer, wire: bytes) -> None:
    for start in range(0, len(wire), 200_000):
        on.send(wire[start : start + 200_000])
        await on.writer.drain()
        await asyncio.sleep(0.01)


async def test_a_stranger_with_a_large_body_reads_the_refusal(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        sending = asyncio.ensure_future(send_slowly(on, request(b"x" * 9_000_000, key="wrong")))
        check_refusal(await on.read(), 401, "unauthenticated")
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


# --- paths that are nobody's ----------------------------------------------------------------


@pytest.mark.parametrize("path", [b"/v1/nothing?a=b", b"/nothing", b"/v1/models/"])
async def test_an_unknown_path_is_answered_and_costs_the_connection(
    sim: RunningSimulator, path: bytes
) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        assert (await on.ask(marked("x"))).status == 200
        reply = await on.ask(request(path=path))
        assert (reply.status, reply.code) == (404, "not_found")
        for name in OWN:
            assert f"x-lockgate-{name}" in reply.headers
        assert await on.read_end() == b""


async def test_what_is_passed_on_is_whole_however_it_was_cut(sim: RunningSimulator) -> None:
    wire = request(b"x" * 1000, b"anthropic-version: 1", path=b"/v1/nothing")
    for cut in range(1, len(wire), 97):
        async with rig_with(sim) as rig, peer(rig.url) as on:
            on.send(wire[:cut])
            await asyncio.sleep(0.001)
            reply = await on.ask(wire[cut:])
            assert (reply.status, reply.json()["type"]) == (404, "error")


async def test_an_sdk_goes_on_after_an_unknown_path(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig:
        for _ in range(5):
            async with rig.client.post("/v1/nothing", json={}) as response:
                assert response.status == 404
            assert (await rig.chat()).status == 200


async def test_a_request_behind_an_unknown_path_reaches_no_provider(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        on.send(request(path=b"/v1/nothing") + marked("late"))
        assert (await on.read()).status == 404
        assert b"marker-late" not in await on.read_end()
    assert sim.calls == []


@pytest.mark.parametrize("start", [b"POST *", b"CONNECT x:1", b"OPTIONS *", b"GET x"])
async def test_a_target_that_is_no_path_is_refused_in_our_words(
    sim: RunningSimulator, start: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        reply = await on.ask(start + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reply.status in (400, 404)
        assert reply.code in ("malformed", "not_found")
        for name in OWN:
            assert f"x-lockgate-{name}" in reply.headers
        assert await on.read_end() == b""
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(
    "wire",
    [
        request(None, b"User-Agent: a", b"User-Agent: b", path=b"/nothing"),
        request(b"", path=b"/nothing") + b"Authorization: Bearer " + b"x" * 20 + b"\r\n\r\n",
        chunked(b"x").replace(b"/v1/chat/completions", b"/nothing").replace(b"1\r\n", b"z\r\n"),
    ],
)
async def test_what_the_library_cannot_read_is_refused_in_our_words(
    sim: RunningSimulator, wire: bytes
) -> None:
    async with rig_with(sim) as rig, peer(rig.url) as on:
        on.send(wire)
        answer = await on.read_end()
    assert answer[9:12] in (b"400", b"404")
    assert b"aiohttp" not in answer
    assert b"x" * 20 not in answer
    assert b'"code":"' in answer.replace(b": ", b":")
