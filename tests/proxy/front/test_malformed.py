"""Every wrong request of the corpus, on real sockets, before a provider that counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from gateway.simulator import RunningSimulator
from tests.proxy.front.malformed import CASES, Case
from tests.proxy.front.malformed.case import BODY, HOST, KEY, LENGTH
from tests.proxy.front.rig import LIST, Peer, Reply, peer, rig_with, settle

_LARGE = 4_000  # bytes: whatever is larger comes in that many pieces, not byte by byte


def whole(wire: bytes) -> Iterator[bytes]:
    yield wire


def one_by_one(wire: bytes) -> Iterator[bytes]:
    step = max(1, len(wire) // _LARGE)
    for start in range(0, len(wire), step):
        yield wire[start : start + step]


async def send(on: Peer, pieces: Iterator[bytes]) -> None:
    try:
        for piece in pieces:
            on.send(piece)
            await on.writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass  # it was refused before its end


async def check(on: Peer, case: Case) -> Reply:
    reply = await on.read()
    assert reply.status in case.statuses, reply.body
    error = reply.json()["error"]
    assert isinstance(error["code"], str)
    assert error["message"]
    assert reply.headers["content-type"].startswith("application/json")
    assert len(reply.headers["x-lockgate-request-id"]) == 32
    return reply


def test_the_corpus_is_large_and_its_names_are_its_own() -> None:
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.rule for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_what_is_wrong_is_refused_and_no_provider_sees_it(
    case: Case, sim: RunningSimulator
) -> None:
    async with rig_with(sim) as rig:
        for cut in (whole, one_by_one):
            for before in (b"", LIST):
                async with peer(rig.url) as on:
                    sending = asyncio.ensure_future(send(on, cut(before + case.wire)))
                    if before:
                        assert (await on.read()).status == 200
                    reply = await check(on, case)
                    if not case.keeps:
                        assert reply.closes
                        assert await on.read_end() == b""
                    await sending
        await settle(lambda: rig.plane.front.busy == 0)
    assert sim.calls == []


# --- the words of the refusal ----------------------------------------------------------------

BROKEN = [b"X A: b\r\n", b"Host: y\r\n", b"Transfer-Encoding: chunked\r\n"]


@pytest.mark.parametrize("line", [*BROKEN, b""])
@pytest.mark.parametrize(
    ("path", "more", "key"),
    [
        (b"/v1/messages", b"", "type"),
        (b"/anthropic/v1/messages", b"", "type"),
        (b"/nothing", b"anthropic-version: 2023-06-01\r\n", "type"),
        (b"/v1beta/models/chat:generateContent", b"", "status"),
        (b"/nothing", b"x-goog-api-key: k\r\n", "status"),
        (b"/v1/responses", b"", "param"),
    ],
)
async def test_a_refusal_is_in_the_dialect_of_the_client(
    sim: RunningSimulator, path: bytes, more: bytes, key: str, line: bytes
) -> None:
    wire = b"POST %b HTTP/1.1\r\n" % path + HOST + KEY + LENGTH + more + line
    if not line:  # the head is whole, its body's framing is not
        wire = wire.replace(LENGTH, b"Transfer-Encoding: chunked\r\n")
        if path == b"/nothing":
            return
    async with rig_with(sim) as rig, peer(rig.url) as on:
        reply = await on.ask(wire + b"\r\nno chunk\r\n" + BODY)
    assert (reply.status, reply.closes) == (400, True)
    body = reply.json()
    assert key in (body if key == "type" else body["error"])


# --- what looks odd and is right -------------------------------------------------------------

ODD = [
    b"\r\n" + LIST,
    LIST.replace(b" /v1", b" http://elsewhere.example/v1"),
    LIST.replace(b" /v1", b" HTTPS://[::1]:1/v1"),
    LIST.replace(b"Host: x", b"hOsT:\t[::1]:8700 \t"),
    LIST.replace(b"Host: x\r\n", b"").replace(b"HTTP/1.1", b"HTTP/1.0"),
    LIST.replace(b"Host: x", b"Host: x\r\nX-A: \xe9\r\nX-B:"),
    LIST.replace(b"Host: x", b"Host: x\r\nUpgrade: h2c\r\nConnection: upgrade, http2-settings"),
    LIST.replace(b"Host: x", b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade"),
    LIST.replace(b"Host: x", b"Host: x\r\nConnection: authorization, host, content-length"),
    LIST.replace(b"Host: x", b"Host: x\r\nExpect: 100-Continue\r\nContent-Length: 000"),
]


@pytest.mark.parametrize("wire", ODD, ids=range(len(ODD)))
async def test_what_looks_odd_and_is_right(sim: RunningSimulator, wire: bytes) -> None:
    async with rig_with(sim) as rig:
        for cut in (whole, one_by_one):
            async with peer(rig.url) as on:
                await send(on, cut(wire))
                assert (await on.read()).status == 200


async def test_an_empty_line_between_requests_is_no_beginning(sim: RunningSimulator) -> None:
    async with rig_with(sim, head_limit_s=0.1) as rig, peer(rig.url) as on:
        assert (await on.ask(LIST + b"\r\n")).status == 200
        await asyncio.sleep(0.5)  # of idleness, which is no slow head
        assert (await on.ask(LIST)).status == 200
