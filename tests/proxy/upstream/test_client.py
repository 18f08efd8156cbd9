from __future__ import annotations

import asyncio
import logging
import random
import re
import socket
import ssl

import pytest
import trustme

from gateway.errors import (
    LockgateError,
    UpstreamConnectTimeoutError,
    UpstreamDnsError,
    UpstreamError,
    UpstreamMalformedError,
    UpstreamOriginError,
    UpstreamResetError,
    UpstreamTlsError,
    UpstreamTruncatedError,
)
from gateway.proxy.upstream import Upstreams
from gateway.settings import parse_origin_pattern
from gateway.simulator import start_simulator
from tests.proxy.upstream.rig import (
    LIMIT,
    Names,
    fetch,
    limits,
    plain,
    raw_server,
    say,
    upstreams,
)

# --- what came back -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ((), UpstreamResetError),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",), UpstreamTruncatedError),
        (
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",),
            UpstreamTruncatedError,
        ),
        ((b"SSH-2.0-OpenSSH_9\r\n",), UpstreamMalformedError),
        (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\nabcde",),
            UpstreamMalformedError,
        ),
        ((b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 40_000 + b"\r\n\r\n",), UpstreamMalformedError),
        ((b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LIMIT + 1),), UpstreamMalformedError),
    ],
    ids=range(7),
)
async def test_a_broken_answer_has_its_own_error(
    parts: tuple[bytes, ...], error: type[UpstreamError]
) -> None:
    async with raw_server(say(*parts)) as url, upstreams(url) as opened:
        with pytest.raises(error):
            await fetch(opened, url)


async def test_a_body_without_length_ends_with_the_connection() -> None:
    async with (
        raw_server(say(b"HTTP/1.1 200 OK\r\n\r\n", b"whole")) as url,
        upstreams(url) as opened,
    ):
        assert await fetch(opened, url) == (200, b"whole")


async def test_no_error_shows_url_headers_or_a_cause(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with raw_server(say(b"nonsense\r\n\r\n")) as url, upstreams(url) as opened:
        with pytest.raises(UpstreamMalformedError) as caught:
            await fetch(opened, url)
    assert "127.0.0.1" not in caught.value.detail
    assert caught.value.__suppress_context__
    assert "canary" not in caught.value.detail + caplog.text


async def test_a_redirect_is_not_followed() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 307 X\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(serve) as url, upstreams(url) as opened:
        assert (await fetch(opened, url))[0] == 307
    assert len(seen) == 1


async def test_a_cookie_is_not_kept() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 X\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n")

    async with raw_server(serve) as url, upstreams(url) as opened:
        await fetch(opened, url)
        await fetch(opened, url)
    assert b"ookie" not in seen[1]


async def test_only_the_headers_given_are_sent() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")

    async with raw_server(serve) as url, upstreams(url) as opened:
        await fetch(opened, url)
    names = [line.split(b":")[0].lower() for line in seen[0].strip().split(b"\r\n")[1:]]
    assert sorted(names) == [b"authorization", b"content-length", b"host"]


# --- connections ----------------------------------------------------------------------------


async def test_a_dead_pooled_connection_is_replaced_once() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        # Take the second request and hang up on it: what an idle timeout looks like to a client.
        await reader.readuntil(b"\r\n\r\n{}")

    async with raw_server(serve) as url, upstreams(url) as opened:
        assert await fetch(opened, url) == (200, b"ok")
        assert await fetch(opened, url) == (200, b"ok")
    assert connections == 2


async def test_a_pooled_connection_that_breaks_during_a_large_body_is_replaced() -> None:
    connections = 0
    body = b"x" * (16 << 20)  # more than the kernel takes off the sender's hands

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(plain())
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()
        else:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(len(body))
            writer.write(plain(b"all"))

    async with raw_server(serve) as url, upstreams(url) as opened:
        assert await fetch(opened, url) == (200, b"ok")
        async with asyncio.timeout(5):
            assert await fetch(opened, url, body=body) == (200, b"all")
    assert connections == 2


async def test_a_fresh_connection_that_resets_is_not_tried_again() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n{}")

    async with raw_server(serve) as url, upstreams(url) as opened:
        with pytest.raises(UpstreamResetError):
            await fetch(opened, url)
    assert connections == 1


async def test_a_pooled_connection_that_broke_in_the_middle_is_not_tried_again() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(plain())
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 ")

    async with raw_server(serve) as url, upstreams(url) as opened:
        assert await fetch(opened, url) == (200, b"ok")
        with pytest.raises(UpstreamResetError):
            await fetch(opened, url)
    assert connections == 1


class Echoing:
    """Answers with the request's body many times over, in several packets."""

    def __init__(self, draw: random.Random) -> None:
        self.open = 0
        self._draw = draw

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while True:
                await self._answer(reader, writer)
        finally:
            self.open -= 1

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.findall(rb"Content-Length: ([0-9]+)", head)[0])
        body = await reader.readexactly(length) * self._draw.randint(1, 4000)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 8_000):
            writer.write(body[start : start + 8_000])
            await asyncio.sleep(0)


async def ask_marked(opened: Upstreams, url: str, number: int) -> None:
    marker = b"<%06d>" % number
    status, body = await fetch(opened, url, body=marker)
    assert status == 200
    assert body == marker * (len(body) // len(marker))


async def ask_some(opened: Upstreams, url: str, numbers: range, draw: random.Random) -> int:
    """Ask for all of them, abort some at any point; return how many were aborted."""
    aborted = 0
    for number in numbers:
        asking = asyncio.create_task(ask_marked(opened, url, number))
        if draw.random() < 0.3:
            for _ in range(draw.randint(0, 12)):
                await asyncio.sleep(0)
            asking.cancel()
        try:
            await asking
        except asyncio.CancelledError:
            aborted += 1
    return aborted


async def test_aborted_and_finished_requests_never_get_each_others_bytes() -> None:
    draw = random.Random(7)
    server = Echoing(draw)
    async with raw_server(server) as url:
        tasks_before = len(asyncio.all_tasks())
        async with upstreams(url) as opened:
            parts = (range(start, start + 100) for start in range(0, 1000, 100))
            aborted = await asyncio.gather(*(ask_some(opened, url, part, draw) for part in parts))
            assert sum(aborted) > 50
        while server.open:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) <= tasks_before


async def test_a_whole_answer_gives_its_connection_back() -> None:
    async with (
        await start_simulator() as sim,
        upstreams(parse_origin_pattern(sim.url)) as opened,
    ):
        for _ in range(3):
            await fetch(opened, f"{sim.url}/v1/chat/completions")
        assert len({received.peer_port for received in sim.calls}) == 1


async def test_a_connect_that_is_swallowed() -> None:
    with socket.socket() as full:  # a full backlog swallows further connects
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}/"
        async with upstreams(url) as opened:
            with pytest.raises(UpstreamConnectTimeoutError):
                await fetch(opened, url, limits(connect_s=0.2))
        for filler in fillers:
            filler.close()


# --- where connections may go ---------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"],
)
async def test_a_public_name_with_a_private_address_is_refused(address: str) -> None:
    async with upstreams(resolve=Names(address)) as opened:
        with pytest.raises(UpstreamOriginError):
            await fetch(opened, "https://api.example.com/")


async def test_a_name_that_does_not_resolve() -> None:
    async with upstreams(resolve=Names()) as opened:
        with pytest.raises(UpstreamDnsError):
            await fetch(opened, "https://api.example.com/")


# --- TLS ------------------------------------------------------------------------------------


async def test_tls_is_checked_and_never_downgraded() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with await start_simulator(tls=server) as sim:
        allowed = parse_origin_pattern(sim.url)
        async with upstreams(allowed, ssl_context=trusting) as opened:
            assert (await fetch(opened, f"{sim.url}/v1/chat/completions"))[0] == 400
        async with upstreams(allowed) as opened:
            with pytest.raises(UpstreamTlsError):
                await fetch(opened, f"{sim.url}/v1/chat/completions")
        assert len(sim.calls) == 1


async def test_plain_http_where_tls_was_expected() -> None:
    async with raw_server(say(b"HTTP/1.1 200 OK\r\n\r\n")) as plain_url:
        url = plain_url.replace("http:", "https:")
        async with upstreams(url) as opened:
            with pytest.raises(LockgateError) as caught:
                await fetch(opened, url, limits(connect_s=1.0))
    assert caught.value.code in ("upstream_tls", "upstream_connect_timeout")
