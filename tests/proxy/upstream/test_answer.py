"""Reading answers from real sockets: as a whole, in chunks, slowly, and in vain."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import tracemalloc

import pytest

from gateway.errors import (
    DeadlineExceededError,
    LockgateError,
    UpstreamFirstByteTimeoutError,
    UpstreamMalformedError,
    UpstreamStalledError,
    UpstreamTruncatedError,
)
from gateway.proxy.deadline import now_s
from gateway.proxy.upstream.answer import BUFFERED_BYTES, UpstreamAnswer
from gateway.proxy.upstream.coding import PIECE_BYTES
from gateway.proxy.upstream.waits import Waits
from tests.proxy.upstream.rig import (
    LIMIT,
    Serve,
    call,
    fetch,
    limits,
    plain,
    raw_server,
    say,
    upstreams,
)

OK = b"HTTP/1.1 200 OK\r\n"


def stall(*parts: bytes, every_s: float = 0.0) -> Serve:
    """Answer with these bytes, then say nothing and stay."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(every_s)
        await reader.read()

    return serve


async def read_chunks(answer: UpstreamAnswer) -> bytes:
    chunks = []
    while chunk := await answer.next_chunk():
        chunks.append(chunk)
    return b"".join(chunks)


async def test_a_body_of_many_packets() -> None:
    body = bytes(range(256)) * 3000
    async with (
        raw_server(say(plain(body)[:500], plain(body)[500:])) as url,
        upstreams(url) as opened,
    ):
        assert await fetch(opened, url) == (200, body)


@pytest.mark.parametrize("framing", [b"Content-Length: 2000000\r\n", b""])
async def test_a_body_over_the_limit(framing: bytes) -> None:
    async with (
        raw_server(say(OK + framing + b"\r\n", b"x" * 2_000_000)) as url,
        upstreams(url) as opened,
    ):
        with pytest.raises(UpstreamMalformedError, match="too large"):
            await fetch(opened, url)


async def test_a_whole_body_over_the_limit() -> None:
    async with raw_server(say(plain(b"12345"))) as url, upstreams(url) as opened:
        answer = await opened.send(call(url), limits(), fresh=True)
        with pytest.raises(UpstreamMalformedError, match="too large"):
            await answer.read(4)
        answer.close()


async def test_a_compressed_body_is_decoded_although_nobody_asked_for_it() -> None:
    text = b'{"a": "' + b"x" * 100_000 + b'"}'
    coded = plain(gzip.compress(text), b"Content-Encoding: gzip")
    async with raw_server(say(coded)) as url, upstreams(url) as opened:
        assert await fetch(opened, url) == (200, text)
        answer = await opened.send(call(url), limits(), fresh=True)
        answer.open_chunks()
        assert await read_chunks(answer) == text
        answer.close()


async def test_a_bomb_is_refused() -> None:
    coded = plain(gzip.compress(bytes(LIMIT + 1)), b"Content-Encoding: gzip")
    async with raw_server(say(coded)) as url, upstreams(url) as opened:
        with pytest.raises(UpstreamMalformedError, match="too large"):
            await fetch(opened, url)


async def test_a_bomb_in_a_stream_is_undone_piece_by_piece() -> None:
    coded = plain(gzip.compress(bytes(64 << 20)), b"Content-Encoding: gzip")
    async with raw_server(say(coded)) as url, upstreams(url) as opened:
        answer = await opened.send(call(url), limits(), fresh=True)
        answer.open_chunks()
        tracemalloc.start()
        try:
            assert len(await answer.next_chunk()) <= PIECE_BYTES
            assert tracemalloc.get_traced_memory()[1] < 8 * PIECE_BYTES
        finally:
            tracemalloc.stop()
        answer.close()


@pytest.mark.parametrize(("coding", "body"), [(b"br", b"abcde"), (b"gzip", b"abcde")])
async def test_a_body_that_cannot_be_decoded(coding: bytes, body: bytes) -> None:
    answer = plain(body, b"Content-Encoding: " + coding)
    async with raw_server(say(answer)) as url, upstreams(url) as opened:
        with pytest.raises(UpstreamMalformedError, match="compressed"):
            await fetch(opened, url)
        answered = await opened.send(call(url), limits(), fresh=True)
        with pytest.raises(UpstreamMalformedError, match="compressed"):
            answered.open_chunks()
            await answered.next_chunk()
        answered.close()


async def test_chunks_come_as_they_are_sent() -> None:
    more = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await more.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async with raw_server(serve) as url, upstreams(url) as opened:
        answer = await opened.send(call(url), limits(), fresh=True)
        answer.open_chunks()
        assert await answer.next_chunk() == b"one"
        more.set()
        assert await answer.next_chunk() == b"two"
        assert await answer.next_chunk() == b""
        answer.close()


async def test_what_came_before_a_cut_is_not_lost() -> None:
    async with (
        raw_server(say(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n")) as url,
        upstreams(url) as opened,
    ):
        answer = await opened.send(call(url), limits(), fresh=True)
        await asyncio.sleep(0.05)
        answer.open_chunks()
        assert await answer.next_chunk() == b"one"
        with pytest.raises(UpstreamTruncatedError):
            await answer.next_chunk()
        answer.close()


async def test_a_slow_reader_stops_the_reading() -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(OK + b"\r\n")
        for _ in range(400):
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000

    async with raw_server(serve) as url, upstreams(url) as opened:
        answer = await opened.send(call(url), limits(), fresh=True)
        before = -1
        while sent != before:  # until nothing moves any more
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 40_000_000
        assert BUFFERED_BYTES < answer.size <= 3 * BUFFERED_BYTES
        answer.open_chunks()
        assert len(await read_chunks(answer)) == 40_000_000
        answer.close()


# --- limits of time -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "in_force", "error"),
    [
        ((), {"first_byte_s": 0.2}, UpstreamFirstByteTimeoutError),
        ((b"HTTP/1.1 200 OK\r\nX: ",), {"first_byte_s": 0.2}, UpstreamFirstByteTimeoutError),
        ((), {"total_s": 0.2}, DeadlineExceededError),
        ((OK + b"Content-Length: 5\r\n\r\nhe",), {"idle_s": 0.2}, UpstreamStalledError),
        ((OK + b"Content-Length: 5\r\n\r\n",), {"idle_s": 0.2}, UpstreamStalledError),
        ((OK + b"Content-Length: 5\r\n\r\nhe",), {"total_s": 0.2}, DeadlineExceededError),
    ],
)
async def test_a_silent_provider(
    parts: tuple[bytes, ...], in_force: dict[str, float], error: type[LockgateError]
) -> None:
    async with raw_server(stall(*parts)) as url, upstreams(url) as opened:
        began_s = now_s()
        with pytest.raises(error):
            await fetch(opened, url, limits(**in_force))
        assert now_s() - began_s >= 0.2


async def test_a_provider_that_drips_within_the_limits_passes() -> None:
    drops = [plain(b"0123456789")[:-10], *(b"%d" % digit for digit in range(10))]
    async with raw_server(stall(*drops, every_s=0.1)) as url, upstreams(url) as opened:
        assert await fetch(opened, url, limits(idle_s=0.6)) == (200, b"0123456789")


async def test_a_provider_that_drips_beyond_the_deadline_does_not() -> None:
    drops = [plain(b"0123456789")[:-10], *(b"%d" % digit for digit in range(10))]
    async with raw_server(stall(*drops, every_s=0.1)) as url, upstreams(url) as opened:
        with pytest.raises(DeadlineExceededError):
            await fetch(opened, url, limits(total_s=0.5, idle_s=0.4))


@pytest.mark.parametrize("has_ended", [True, False])
async def test_a_client_that_does_not_read_has_until_the_deadline(has_ended: bool) -> None:
    wire = plain(b"ok") if has_ended else OK + b"Content-Length: 5\r\n\r\nok"
    async with raw_server(stall(wire)) as url, upstreams(url) as opened:
        answer = await opened.send(call(url), limits(total_s=0.5, idle_s=0.1))
        began_s = now_s()
        answer.flow()
        async with asyncio.timeout(5):
            with pytest.raises(DeadlineExceededError):
                await answer.rest(lambda: False)
        assert now_s() - began_s > 0.3  # and no silence of the provider counted
        answer.close()


class Line:
    """A connection that notes whether it is read."""

    def __init__(self) -> None:
        self.is_read = True

    def abort(self) -> None:
        self.is_read = False

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


async def test_nothing_is_read_while_the_client_does_not_read() -> None:
    line, waits = Line(), Waits()
    answer = UpstreamAnswer(line, waits, limits(), now_s())
    answer.put(b"one")
    seen: list[bool] = []

    def look() -> bool:
        seen.append(line.is_read)
        return len(seen) > 1

    asyncio.get_running_loop().call_soon(answer.gate.open)
    await answer.rest(look)
    assert seen == [False, False]
    assert not line.is_read  # what is here is taken first
    assert await answer.next_chunk() == b"one"
    assert line.is_read
    waits.close()


async def test_silence_counts_again_once_the_client_reads() -> None:
    async with (
        raw_server(stall(OK + b"Content-Length: 5\r\n\r\nok")) as url,
        upstreams(url) as opened,
    ):
        answer = await opened.send(call(url), limits(idle_s=0.3))
        reads = False

        def read() -> None:
            nonlocal reads
            reads = True
            answer.gate.open()

        asyncio.get_running_loop().call_later(0.6, read)
        await answer.rest(lambda: reads)
        assert await answer.next_chunk() == b"ok"
        with pytest.raises(UpstreamStalledError):
            await answer.next_chunk()


async def test_a_provider_that_does_not_take_the_body() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with raw_server(serve) as url, upstreams(url) as opened:
        with pytest.raises(UpstreamFirstByteTimeoutError):
            await fetch(opened, url, limits(first_byte_s=0.3), body=bytes(40 << 20))


async def test_a_wait_that_is_given_up_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        gone.set()

    async with raw_server(serve) as url, upstreams(url) as opened:
        waiting = asyncio.create_task(fetch(opened, url))
        await asyncio.sleep(0.1)
        waiting.cancel()
        async with asyncio.timeout(5):
            await gone.wait()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not opened._waits._waiting  # nor is it looked at until its deadline
