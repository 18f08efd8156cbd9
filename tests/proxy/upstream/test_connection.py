"""The parser's side of a connection: every framing, whole and byte by byte, without a socket."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import (
    LockgateError,
    UpstreamMalformedError,
    UpstreamResetError,
    UpstreamTruncatedError,
)
from gateway.proxy.upstream.answer import UpstreamAnswer
from gateway.proxy.upstream.call import Origin, Request
from gateway.proxy.upstream.connection import Connection
from gateway.proxy.upstream.waits import Waits
from tests.proxy.upstream.rig import LIMIT, limits

ORIGIN = Origin("http", "127.0.0.1", 1)


class Wire(asyncio.Transport):
    """Keeps what is written; says what was done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False
        self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


@dataclass
class Bench:
    """A connection with a request on it."""

    wire: Wire
    connection: Connection
    freed: list[Connection]
    lost: list[Connection]

    def ask(self, method: str = "POST", rest: bytes = b"") -> UpstreamAnswer:
        answer = UpstreamAnswer(self.connection, Waits(), limits(), 0.0)
        self.connection.ask(Request(ORIGIN, "lane", method, b"request", rest), answer)
        return answer

    def feed(self, data: bytes, step: int = 0) -> None:
        for start in range(0, len(data), step or len(data) or 1):
            if not self.wire.closed:
                self.connection.data_received(data[start : start + (step or len(data))])


def bench() -> Bench:
    freed: list[Connection] = []
    lost: list[Connection] = []
    connection = Connection(freed.append, lost.append)
    wire = Wire()
    connection.connection_made(wire)
    return Bench(wire, connection, freed, lost)


async def outcome(answer: UpstreamAnswer) -> tuple[int, bytes] | type[LockgateError]:
    """Read an answer about which nothing more will happen."""
    try:
        async with asyncio.timeout(5):
            await answer.arrive()
            return answer.status, await answer.read(LIMIT)
    except LockgateError as error:
        return type(error)


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GOOD = [
    # bytes, status, body, whether the connection may be used again
    (OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", True),
    (OK + b"Content-Length: 0\r\n\r\n", 200, b"", True),
    (OK + b"Content-Length: 3\r\n\r\na\r\n", 200, b"a\r\n", True),
    (CHUNKED + b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\n\r\n", 200, b"hello", True),
    (CHUNKED + b"0\r\n\r\n", 200, b"", True),
    (CHUNKED + b"2\r\nhe\r\n0\r\nTrailer: x\r\n\r\n", 200, b"he", True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", True),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok", 200, b"ok", True),
    (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 9\r\n\r\n" * 2
        + b"HTTP/1.1 429 Slow\r\nContent-Length: 2\r\n\r\nno",
        429,
        b"no",
        True,
    ),
    (OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nok", 200, b"ok", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        True,
    ),
    (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
]


@pytest.mark.parametrize(("data", "status", "body", "again"), GOOD, ids=range(len(GOOD)))
@pytest.mark.parametrize("step", [0, 1, 7])
async def test_a_good_answer(data: bytes, status: int, body: bytes, again: bool, step: int) -> None:
    at = bench()
    answer = at.ask()
    at.feed(data, step)
    assert await outcome(answer) == (status, body)
    assert "Link" not in answer.headers
    assert "Trailer" not in answer.headers
    if step == 0:
        assert bool(at.freed) is again
    assert at.wire.closed is not bool(at.freed)


MALFORMED = [
    b"SSH-2.0-OpenSSH_9\r\n",
    b"<html></html>",
    b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\n\r\n",
    OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    OK + b"Content-Length: 2, 2\r\n\r\nok",
    OK + b"Content-Length: -2\r\n\r\nok",
    OK + b"Content-Length: 0x2\r\n\r\nok",
    OK + b"Content-Length: 99999999999999999999\r\n\r\nok",
    OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: identity\r\n\r\nok",
    OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    CHUNKED + b"xyz\r\nab\r\n0\r\n\r\n",
    CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
    CHUNKED + b"fffffffffffffffff\r\nab\r\n0\r\n\r\n",
    CHUNKED + b"-1\r\nab\r\n0\r\n\r\n",
    OK + b"X: a\0b\r\n\r\n",
    OK + b"X : a\r\n\r\n",
    OK + b"X: a\r\n folded\r\n\r\n",
    OK + b"no colon\r\n\r\n",
    OK + b"X: " + b"x" * 40_000 + b"\r\n\r\n",
    OK + b"X: 1\r\n" * 129 + b"Content-Length: 0\r\n\r\n",
    OK + b"".join(b"X-%d: %b\r\n" % (at, b"x" * 400) for at in range(90)) + b"\r\n",
    b"HTTP/1.1 200 " + b"x" * 40_000,
    b"HTTP/1.1 103 Hints\r\n\r\n" * 1_600,
    CHUNKED + b"1;" + b"x" * 40_000,
    CHUNKED + b"0\r\n" + b"T: " + b"x" * 40_000,
]


@pytest.mark.parametrize("data", MALFORMED, ids=range(len(MALFORMED)))
@pytest.mark.parametrize("step", [0, 1, 1000])
async def test_a_malformed_answer(data: bytes, step: int) -> None:
    at = bench()
    answer = at.ask()
    at.feed(data, step)
    assert await outcome(answer) is UpstreamMalformedError
    assert at.wire.closed
    assert not at.freed


CUT = [
    (b"", UpstreamResetError),
    (b"HTTP/1.1 200 OK\r\nContent-Le", UpstreamResetError),
    (b"HTTP/1.1 100 Continue\r\n\r\n", UpstreamResetError),
    (OK + b"Content-Length: 5\r\n\r\n", UpstreamTruncatedError),
    (OK + b"Content-Length: 5\r\n\r\nhell", UpstreamTruncatedError),
    (CHUNKED, UpstreamTruncatedError),
    (CHUNKED + b"2\r\nab", UpstreamTruncatedError),
    (CHUNKED + b"2\r\nab\r\n", UpstreamTruncatedError),
    (CHUNKED + b"2\r\nab\r\n0\r\n", UpstreamTruncatedError),
]


@pytest.mark.parametrize(("data", "error"), CUT)
@pytest.mark.parametrize("cause", [None, ConnectionResetError()])
async def test_an_answer_that_is_cut(
    data: bytes, error: type[LockgateError], cause: Exception | None
) -> None:
    at = bench()
    answer = at.ask()
    at.feed(data)
    if cause is None:
        at.connection.eof_received()
    at.connection.connection_lost(cause)
    assert await outcome(answer) is error
    assert at.lost == [at.connection]
    assert not at.freed


async def test_a_body_without_length_ends_with_the_connection() -> None:
    at = bench()
    answer = at.ask()
    at.feed(OK + b"\r\nwhole")
    at.connection.eof_received()
    at.connection.connection_lost(None)
    assert await outcome(answer) == (200, b"whole")
    assert not at.freed


async def test_a_body_without_length_is_cut_if_the_end_was_not_said() -> None:
    at = bench()
    answer = at.ask()
    at.feed(OK + b"\r\nwho")
    at.connection.connection_lost(None)  # TLS that ends without its own end looks like this
    assert await outcome(answer) is UpstreamTruncatedError


@pytest.mark.parametrize(
    "surplus",
    [b"\r\n", b"\n", b"x", b"HTTP/1.1 2", OK + b"Content-Length: 1\r\n\r\nx", b"\0" * 70_000],
    ids=range(6),
)
@pytest.mark.parametrize(("data", "status", "body", "again"), GOOD, ids=range(len(GOOD)))
async def test_what_follows_an_answer_costs_the_connection_not_the_answer(
    data: bytes, status: int, body: bytes, again: bool, surplus: bytes
) -> None:
    del again
    at = bench()
    answer = at.ask()
    at.feed(data + surplus)
    assert await outcome(answer) == (status, body)
    assert not at.freed
    assert at.wire.closed


async def test_bytes_that_nobody_asked_for_close_the_connection() -> None:
    at = bench()
    at.feed(b"HTTP/1.1 408 Request Timeout\r\n")
    assert at.wire.closed


async def test_an_answer_to_head_has_no_body() -> None:
    at = bench()
    answer = at.ask("HEAD")
    at.feed(OK + b"Content-Length: 5\r\n\r\n")
    assert await outcome(answer) == (200, b"")
    assert not at.freed


async def test_two_answers_one_after_the_other_share_nothing() -> None:
    at = bench()
    first = at.ask()
    at.feed(OK + b"X: 1\r\nContent-Length: 5\r\n\r\nfirst")
    second = at.ask()
    at.feed(b"HTTP/1.1 201 OK\r\nY: 2\r\nContent-Length: 6\r\n\r\nsecond")
    first.close()  # late: the connection is the second one's
    assert await outcome(second) == (201, b"second")
    assert await outcome(first) == (200, b"first")
    assert "X" not in second.headers
    assert at.freed == [at.connection, at.connection]
    assert not at.wire.closed


async def test_a_connection_that_died_before_it_was_used() -> None:
    at = bench()
    at.wire.closed = True
    assert not at.connection.is_usable
    assert await outcome(at.ask()) is UpstreamResetError
    assert at.wire.written == []


async def test_closing_early_closes_the_connection() -> None:
    at = bench()
    answer = at.ask()
    at.feed(OK + b"Content-Length: 5\r\n\r\nhe")
    answer.close()
    assert at.wire.closed
    at.connection.connection_lost(None)
    assert at.lost == [at.connection]


async def test_a_large_body_waits_for_the_provider() -> None:
    at = bench()
    body = bytes(range(256)) * 4096  # 1 MiB
    answer = at.ask(rest=body)
    at.connection.pause_writing()
    sending = asyncio.create_task(at.connection.upload((body,), answer))
    await asyncio.sleep(0)
    assert at.wire.written == [b"request"]
    at.connection.resume_writing()
    await sending
    assert b"".join(at.wire.written[1:]) == body
    at.feed(OK + b"Content-Length: 2\r\n\r\nok")
    assert at.freed


@pytest.mark.parametrize("tail", [b"", b"Content-Length: 2\r\n"])
async def test_a_refusal_ends_the_sending_and_the_connection(tail: bytes) -> None:
    at = bench()
    body = bytes(1 << 20)
    answer = at.ask(rest=body)
    at.connection.pause_writing()
    sending = asyncio.create_task(at.connection.upload((body,), answer))
    await asyncio.sleep(0)
    at.feed(b"HTTP/1.1 413 Too large\r\n" + tail + b"\r\nno")
    await sending
    assert len(at.wire.written) == 1
    if not tail:
        at.connection.eof_received()
    assert await outcome(answer) == (413, b"no")
    assert not at.freed


async def test_a_connection_lost_while_sending_ends_the_sending() -> None:
    at = bench()
    body = bytes(1 << 20)
    answer = at.ask(rest=body)
    at.connection.pause_writing()
    sending = asyncio.create_task(at.connection.upload((body,), answer))
    await asyncio.sleep(0)
    at.connection.connection_lost(BrokenPipeError())
    await sending
    assert await outcome(answer) is UpstreamResetError


chunks = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
NAMES = st.from_regex(r"X-[A-Za-z0-9]{1,8}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


@settings(max_examples=200, deadline=None)
@given(chunks, st.dictionaries(NAMES, VALUES, max_size=5), st.booleans(), st.data())
def test_where_the_bytes_are_split_makes_no_difference(
    pieces: list[bytes], headers: dict[str, str], chunked: bool, data: st.DataObject
) -> None:
    async def check() -> None:
        body = b"".join(pieces)
        head = OK + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
        if chunked:
            head += b"Transfer-Encoding: chunked\r\n\r\n"
            framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            wire = head + framed + b"0\r\n\r\n"
        else:
            wire = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        at = bench()
        answer = at.ask()
        cuts = data.draw(st.sets(st.integers(1, len(wire) - 1), max_size=12))
        edges = [0, *sorted(cuts), len(wire)]
        for start, end in itertools.pairwise(edges):
            assert not at.freed
            at.feed(wire[start:end])
        assert await outcome(answer) == (200, body)
        for name, value in headers.items():
            assert value in answer.headers.getall(name)

    asyncio.run(check())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 ", OK, CHUNKED]))
def test_nonsense_ends_in_one_of_our_errors_or_an_answer(noise: bytes, start: bytes) -> None:
    async def check() -> None:
        at = bench()
        answer = at.ask()
        for byte in start + noise:
            at.feed(bytes([byte]))
        at.connection.eof_received()
        at.connection.connection_lost(None)
        result = await outcome(answer)
        if not isinstance(result, tuple):
            assert issubclass(
                result, UpstreamMalformedError | UpstreamResetError | UpstreamTruncatedError
            )

    asyncio.run(check())
