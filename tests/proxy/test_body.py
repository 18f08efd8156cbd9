from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest

from gateway.entities import EndpointLimits
from gateway.errors import LockgateError
from gateway.proxy.deadline import now_s
from gateway.proxy.front import ClientConnection
from gateway.simulator import RunningSimulator
from tests.proxy.front.rig import listening
from tests.proxy.rig import Endpoint, Model, Rig, chat_body, gemini_body

PATH = "/v1/chat/completions"
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


def rig_with(sim: RunningSimulator, own: int | None = None, default: int = 2000) -> Rig:
    limits = EndpointLimits(max_body_bytes=own)
    return Rig(
        {
            "chat": Endpoint([Model(sim.url)]),
            "own": Endpoint([Model(sim.url)], limits=limits),
            "gem": Endpoint([Model(sim.url, provider="gemini", model="gemini-2.0")], limits=limits),
        },
        settings={"max_body_bytes": default},
    )


def padded(endpoint: str, size: int) -> bytes:
    raw = orjson.dumps(chat_body(endpoint))
    return raw + b" " * (size - len(raw))


async def test_the_limit_is_exact(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig:
        fits = await rig.post(PATH, padded("chat", 2000))
        over = await rig.post(PATH, padded("chat", 2001))
    assert fits.status == 200
    assert (over.status, over.code) == (413, "payload_too_large")
    assert over.own("attempts") == "0"
    assert len(sim.calls) == 1


async def test_a_chunked_body_has_the_same_limit(sim: RunningSimulator) -> None:
    answered = asyncio.Event()

    async def pieces() -> object:
        for _ in range(30):
            yield b" " * 100
        await answered.wait()  # the refusal has to come before the end does

    async with (
        rig_with(sim) as rig,
        asyncio.timeout(5),
        rig.client.post(PATH, data=pieces()) as response,
    ):
        assert response.status == 413
        answered.set()


async def test_an_endpoints_own_limit_is_smaller_or_larger(sim: RunningSimulator) -> None:
    async with rig_with(sim, own=500) as rig:
        assert (await rig.post(PATH, padded("own", 500))).status == 200
        assert (await rig.post(PATH, padded("own", 501))).status == 413
        assert (await rig.post(PATH, padded("chat", 2000))).status == 200
    async with rig_with(sim, own=4000) as rig:
        assert (await rig.post(PATH, padded("own", 4000))).status == 200
        assert (await rig.post(PATH, padded("chat", 2001))).status == 413


async def test_with_the_name_in_the_path_the_limit_is_known_at_once(sim: RunningSimulator) -> None:
    raw = orjson.dumps(gemini_body())
    async with rig_with(sim, own=len(raw)) as rig:
        path = "/v1beta/models/gem:generateContent"
        assert (await rig.post(path, raw)).status == 200
        assert (await rig.post(path, raw + b" ")).status == 413


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "identity, br", "*"])
async def test_a_coding_that_we_do_not_undo_is_refused(
    sim: RunningSimulator, encoding: str
) -> None:
    async with Rig({"chat": Endpoint([Model(sim.url)])}) as rig:
        answer = await rig.post(PATH, chat_body(), Content_Encoding=encoding)
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert answer.headers["Accept-Encoding"] == "gzip, deflate"
    assert sim.calls == []


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("Deflate", zlib.compress)],
)
async def test_a_packed_body_is_sent_on_as_what_was_in_it(
    sim: RunningSimulator, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    async with Rig({"chat": Endpoint([Model(sim.url)])}) as rig:
        packed = pack(orjson.dumps(chat_body(user="someone")))
        answer = await rig.post(PATH, packed, Content_Encoding=encoding)
        assert answer.status == 200, answer.body
        assert (await rig.post(PATH, packed[:-9], Content_Encoding=encoding)).code == "malformed"
        assert (await rig.chat()).status == 200
    assert sim.calls[0].json()["user"] == "someone"
    assert "content-encoding" not in sim.calls[0].headers
    assert len(sim.calls) == 2


async def test_a_bomb_is_refused_at_the_limit(sim: RunningSimulator) -> None:
    bomb = zlib.compress(b" " * 300_000_000, 9)
    settings = {"max_body_bytes": 1_000_000}
    async with Rig({"chat": Endpoint([Model(sim.url)])}, settings=settings) as rig:
        answer = await rig.post(PATH, bomb, Content_Encoding="deflate")
    assert (answer.status, answer.code) == (413, "payload_too_large")
    assert sim.calls == []


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json; charset=utf-8"])
async def test_any_content_type_will_do(sim: RunningSimulator, content_type: str) -> None:
    async with rig_with(sim) as rig:
        answer = await rig.post(PATH, chat_body(), Content_Type=content_type)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'{"messages": []}', "model"),
        (b'{"model": 1}', "model"),
        (b'{"model": "chat", "stream": "yes"}', "stream"),
        (b"[" * 100_000, None),
        (b"\xff\xfe", None),
    ],
)
async def test_a_body_that_is_not_right(
    sim: RunningSimulator, raw: bytes, field: str | None
) -> None:
    async with rig_with(sim, default=200_000) as rig:
        answer = await rig.post(PATH, raw)
        assert rig.ledger.rows == []
    assert (answer.status, answer.code) == (400, "malformed")
    assert answer.json()["error"]["param"] == field
    assert sim.calls == []


@pytest.mark.parametrize(("total_s", "idle_s"), [(60.0, 0.1), (0.1, 60.0)])
async def test_a_client_that_stops_sending_is_let_go(total_s: float, idle_s: float) -> None:
    async with reading(total_s, idle_s) as (results, writer):
        writer.write(HEAD % 100 + b"abc")
        assert await asyncio.wait_for(results.get(), 5) == 408


async def test_a_client_that_goes_on_sending_is_waited_for() -> None:
    async with reading(60.0, 1.0) as (results, writer):
        writer.write(HEAD % 14)
        for _ in range(14):
            await asyncio.sleep(0.1)
            writer.write(b"a")
        assert await asyncio.wait_for(results.get(), 5) == 200


@asynccontextmanager
async def reading(
    total_s: float, idle_s: float
) -> AsyncIterator[tuple[asyncio.Queue[int], asyncio.StreamWriter]]:
    """A server that reads one body with these limits and tells the status; a connection to it."""
    results: asyncio.Queue[int] = asyncio.Queue()

    async def handle(connection: ClientConnection) -> None:
        try:
            await connection.read_body(1000, now_s() + total_s)
        except LockgateError as error:
            results.put_nowait(error.status)
        else:
            results.put_nowait(200)
        connection.answer(200, b"", b"")

    async with listening(handle, body_idle_s=idle_s) as (_, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield results, writer
        finally:
            writer.close()


async def test_a_body_in_many_pieces(sim: RunningSimulator) -> None:
    raw = orjson.dumps(chat_body())

    async def pieces() -> object:
        for index in range(0, len(raw), 7):
            yield raw[index : index + 7]
            await asyncio.sleep(0)

    async with rig_with(sim) as rig, rig.client.post(PATH, data=pieces()) as response:
        assert response.status == 200
    assert sim.calls[0].json()["messages"] == chat_body()["messages"]
