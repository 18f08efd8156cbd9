"""How connections are opened: addresses, TLS, limits."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import trustme

from gateway.errors import (
    UpstreamConnectError,
    UpstreamConnectTimeoutError,
    UpstreamFirstByteTimeoutError,
    UpstreamOriginError,
    UpstreamTlsError,
    UpstreamTruncatedError,
)
from tests.proxy.upstream.rig import (
    Names,
    Repeated,
    fetch,
    limits,
    plain,
    raw_server,
    say,
    upstreams,
)


class Authority:
    """A certificate authority, with a server that it vouches for and a client that trusts it."""

    def __init__(self, *names: str) -> None:
        authority = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


def port_of(url: str) -> str:
    return url.rstrip("/").rpartition(":")[2]


async def test_connections_are_reused_under_tls_too() -> None:
    authority = Authority("127.0.0.1")
    server = Repeated(plain())
    async with (
        raw_server(server, authority.server) as url,
        upstreams(url, ssl_context=authority.client) as opened,
    ):
        for _ in range(3):
            assert await fetch(opened, url) == (200, b"ok")
        large = bytes(3 << 20) + b"\r\n\r\n{}"
        assert await fetch(opened, url, body=large) == (200, b"ok")
    assert server.connections == 1
    assert server.requests[-1].endswith(large)


async def test_only_http_1_is_offered_and_the_name_is_sent() -> None:
    authority = Authority("api.svc.internal")
    authority.server.set_alpn_protocols(["h2", "http/1.1"])
    told: list[tuple[str | None, str | None]] = []
    names: list[str | None] = []

    def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        names.append(name)

    authority.server.sni_callback = note

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secured = writer.get_extra_info("ssl_object")
        told.append((secured.selected_alpn_protocol(), secured.version()))
        await say(plain())(reader, writer)

    async with raw_server(serve, authority.server) as url:
        named = f"https://api.svc.internal:{port_of(url)}/"
        async with upstreams(
            named, ssl_context=authority.client, resolve=Names("127.0.0.1")
        ) as opened:
            assert await fetch(opened, named) == (200, b"ok")
    assert told == [("http/1.1", "TLSv1.3")]
    assert names == ["api.svc.internal"]


async def test_a_certificate_of_another_name() -> None:
    authority = Authority("other.svc.internal")
    async with raw_server(say(plain()), authority.server) as url:
        named = f"https://api.svc.internal:{port_of(url)}/"
        async with upstreams(
            named, ssl_context=authority.client, resolve=Names("127.0.0.1")
        ) as opened:
            with pytest.raises(UpstreamTlsError):
                await fetch(opened, named)


async def test_a_body_without_length_needs_the_end_of_tls() -> None:
    authority = Authority("127.0.0.1")

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await writer.drain()
        writer.transport.abort()

    whole = say(b"HTTP/1.1 200 OK\r\n\r\nwhole")
    for serve in (cut, whole):
        async with (
            raw_server(serve, authority.server) as url,
            upstreams(url, ssl_context=authority.client) as opened,
        ):
            if serve is whole:
                assert await fetch(opened, url) == (200, b"whole")
            else:
                with pytest.raises(UpstreamTruncatedError):
                    await fetch(opened, url)


async def test_the_next_address_is_tried_if_one_refuses() -> None:
    async with raw_server(say(plain())) as url:
        named = f"http://api.svc.internal:{port_of(url)}/"
        for addresses in (("127.0.0.2", "127.0.0.1"), ("::1", "127.0.0.1")):
            async with upstreams(named, resolve=Names(*addresses)) as opened:
                assert await fetch(opened, named) == (200, b"ok")


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    named = f"http://api.svc.internal:{port}/"
    for addresses in (("127.0.0.1",), ("127.0.0.1", "127.0.0.2")):
        async with upstreams(named, resolve=Names(*addresses)) as opened:
            with pytest.raises(UpstreamConnectError) as caught:
                await fetch(opened, named)
    assert "127.0.0" not in caught.value.detail


async def test_a_private_literal_is_refused_although_its_spelling_was_let_through() -> None:
    async with raw_server(say(plain())) as url, upstreams() as opened:
        with pytest.raises(UpstreamOriginError):
            await fetch(opened, url)


async def test_a_handshake_that_never_ends() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(serve) as plain_url:
        url = plain_url.replace("http:", "https:")
        async with upstreams(url) as opened:
            with pytest.raises(UpstreamConnectTimeoutError):
                await fetch(opened, url, limits(connect_s=0.2))
            with pytest.raises(UpstreamFirstByteTimeoutError):
                await fetch(opened, url, limits(first_byte_s=0.2))


async def test_a_lookup_that_never_ends() -> None:
    names = Names("8.8.8.8")
    names.open.clear()
    async with upstreams(resolve=names) as opened:
        with pytest.raises(UpstreamConnectTimeoutError):
            await fetch(opened, "https://api.example.com/", limits(connect_s=0.1))
