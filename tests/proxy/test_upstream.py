from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

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
from gateway.proxy.deadline import Limits, now_s
from gateway.proxy.upstream import Call, GuardedResolver, Upstreams
from gateway.settings import OriginPattern, parse_origin_pattern
from gateway.simulator import start_simulator

LOOPBACK = parse_origin_pattern("http://127.0.0.1:1")
LIMIT = 1 << 20


class Names(AbstractResolver):
    """Resolves every name to the addresses given."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if not self._addresses:
            raise OSError(None, "no such name")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


def limits(**changes: float) -> Limits:
    values = {"connect_s": 2.0, "first_byte_s": 2.0, "idle_s": 2.0, **changes}
    return Limits(deadline_at_s=now_s() + 10, **values)


def call(url: str, body: bytes = b"{}") -> Call:
    return Call("POST", URL(url, encoded=True), [("Authorization", "Bearer canary-key")], body)


@asynccontextmanager
async def upstreams(*allowed: OriginPattern, **more: Any) -> AsyncIterator[Upstreams]:
    opened = Upstreams(allowed, environ={}, **more)
    yield opened
    await opened.close()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(serve: Serve) -> AsyncIterator[str]:
    """Speak raw bytes on a socket: `serve` is called once per connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def say(*parts: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        for part in parts:
            writer.write(part)
            await writer.drain()

    return serve


async def fetch(opened: Upstreams, url: str, in_force: Limits | None = None) -> tuple[int, bytes]:
    answer = await opened.send(call(url), in_force or limits())
    try:
        return answer.status, await answer.read(LIMIT)
    finally:
        answer.close()


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
)
async def test_a_broken_answer_has_its_own_error(
    parts: tuple[bytes, ...], error: type[UpstreamError]
) -> None:
    async with raw_server(say(*parts)) as url, upstreams(LOOPBACK) as opened:
        with pytest.raises(error):
            await fetch(opened, url)


async def test_a_body_without_length_ends_with_the_connection() -> None:
    async with (
        raw_server(say(b"HTTP/1.1 200 OK\r\n\r\n", b"whole")) as url,
        upstreams(LOOPBACK) as opened,
    ):
        assert await fetch(opened, url) == (200, b"whole")


async def test_no_error_shows_url_headers_or_a_cause(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with raw_server(say(b"nonsense\r\n\r\n")) as url, upstreams(LOOPBACK) as opened:
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

    async with raw_server(serve) as url, upstreams(LOOPBACK) as opened:
        assert (await fetch(opened, url))[0] == 307
    assert len(seen) == 1


async def test_a_cookie_is_not_kept() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 X\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n")

    async with raw_server(serve) as url, upstreams(LOOPBACK) as opened:
        await fetch(opened, url)
        await fetch(opened, url)
    assert b"ookie" not in seen[1]


async def test_only_the_headers_given_are_sent() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")

    async with raw_server(serve) as url, upstreams(LOOPBACK) as opened:
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

    async with raw_server(serve) as url, upstreams(LOOPBACK) as opened:
        assert await fetch(opened, url) == (200, b"ok")
        assert await fetch(opened, url) == (200, b"ok")
    assert connections == 2


async def test_a_fresh_connection_that_resets_is_not_tried_again() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n{}")

    async with raw_server(serve) as url, upstreams(LOOPBACK) as opened:
        with pytest.raises(UpstreamResetError):
            await fetch(opened, url)
    assert connections == 1


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
        async with upstreams(LOOPBACK) as opened:
            with pytest.raises(UpstreamConnectTimeoutError):
                await fetch(opened, f"http://127.0.0.1:{address[1]}/", limits(connect_s=0.2))
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


async def test_private_addresses_beside_a_public_one_are_left_out() -> None:
    resolver = GuardedResolver(Names("10.0.0.1", "8.8.8.8"), (), None)
    found = await resolver.resolve("api.example.com", 443)
    assert [entry["host"] for entry in found] == ["8.8.8.8"]


async def test_the_operators_list_opens_exactly_its_port() -> None:
    pattern = parse_origin_pattern("http://*.svc.internal:8000")
    resolver = GuardedResolver(Names("10.0.0.1"), (pattern,), None)
    assert await resolver.resolve("llm.svc.internal", 8000)
    with pytest.raises(UpstreamOriginError):
        await resolver.resolve("llm.svc.internal", 8001)


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
    async with raw_server(say(b"HTTP/1.1 200 OK\r\n\r\n")) as url, upstreams(LOOPBACK) as opened:
        with pytest.raises(LockgateError) as caught:
            await fetch(opened, url.replace("http:", "https:"), limits(connect_s=1.0))
    assert caught.value.code in ("upstream_tls", "upstream_connect_timeout")


# --- proxy ----------------------------------------------------------------------------------


async def test_https_proxy_is_used_for_https_only() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(serve) as proxy:
        opened = Upstreams((), environ={"HTTPS_PROXY": proxy})
        with pytest.raises(UpstreamError) as caught:
            await fetch(opened, "https://api.example.com/v1")
        await opened.close()
    assert caught.value.code == "upstream_connect"
    assert seen[0].startswith(b"CONNECT api.example.com:443 ")
    assert b"canary" not in seen[0]
