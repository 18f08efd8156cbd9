"""HTTPS_PROXY and NO_PROXY, with proxies that speak raw bytes."""

from __future__ import annotations

import asyncio
import base64

import pytest

from gateway.errors import (
    UpstreamConnectError,
    UpstreamConnectTimeoutError,
    UpstreamOriginError,
    UpstreamTlsError,
)
from gateway.proxy.upstream.call import Origin
from gateway.proxy.upstream.tunnel import Proxy, find_proxy
from tests.proxy.upstream.rig import (
    KEY,
    Names,
    Repeated,
    Serve,
    fetch,
    limits,
    plain,
    raw_server,
    upstreams,
)
from tests.proxy.upstream.test_connect import Authority, port_of

API = Origin("https", "api.example.com", 443)


class Forwarding:
    """A proxy that grants every CONNECT and leads it to one port."""

    def __init__(self, port: str) -> None:
        self._port = int(port)
        self.asked: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        onwards, back = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_pump(reader, back), _pump(onwards, writer))
        finally:
            back.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


def refuse(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    return serve


@pytest.mark.parametrize("secured", [False, True])
async def test_https_goes_through_the_proxy_and_stays_secret(secured: bool) -> None:
    authority = Authority("api.example.com", "127.0.0.1")
    server = Repeated(plain())
    async with raw_server(server, authority.server) as url:
        forwarding = Forwarding(port_of(url))
        async with raw_server(forwarding, authority.server if secured else None) as proxy:
            names = Names("8.8.8.8")
            environ = {"HTTPS_PROXY": proxy.replace("://", "://us%40er:canary-%3Apass@")}
            async with upstreams(
                environ=environ, ssl_context=authority.client, resolve=names
            ) as opened:
                for _ in range(2):
                    assert await fetch(opened, "https://api.example.com/v1") == (200, b"ok")
    assert server.connections == 1
    assert server.requests[0].startswith(b"POST /v1 HTTP/1.1\r\nHost: api.example.com\r\n")
    user = base64.b64encode(b"us@er:canary-:pass")
    assert forwarding.asked == [
        b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n"
        b"Proxy-Authorization: Basic " + user + b"\r\n\r\n"
    ]
    assert names.asked == []  # the proxy resolves


async def test_plain_http_does_not_go_through_it() -> None:
    async with (
        raw_server(Repeated(plain())) as url,
        upstreams(url, environ={"HTTPS_PROXY": "http://127.0.0.1:1"}) as opened,
    ):
        assert await fetch(opened, url) == (200, b"ok")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 407 who\r\nProxy-Authenticate: Basic\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",  # speaks for the provider
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000,
        b"HTTP/1.1 200 O",
        b"",
    ],
    ids=range(8),
)
async def test_a_proxy_that_does_not_connect(answer: bytes) -> None:
    async with (
        raw_server(refuse(answer)) as proxy,
        upstreams(environ={"https_proxy": proxy}) as opened,
    ):
        with pytest.raises(UpstreamConnectError) as caught:
            await fetch(opened, "https://api.example.com/v1")
    assert "127.0.0.1" not in caught.value.detail
    assert "example" not in caught.value.detail


async def test_the_proxy_sees_no_credential() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        seen.append(await reader.read(100_000))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")  # no TLS

    async with raw_server(serve) as proxy, upstreams(environ={"HTTPS_PROXY": proxy}) as opened:
        with pytest.raises(UpstreamTlsError):
            await fetch(opened, "https://api.example.com/v1")
    assert seen[1][0] == 22  # a TLS handshake
    assert KEY.encode() not in b"".join(seen)


async def test_a_proxy_that_says_nothing() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(serve) as proxy, upstreams(environ={"HTTPS_PROXY": proxy}) as opened:
        with pytest.raises(UpstreamConnectTimeoutError):
            await fetch(opened, "https://api.example.com/v1", limits(connect_s=0.2))


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1", "http://", "http://[::1", "http://a:x"])
async def test_a_proxy_that_cannot_be_used_is_never_left_out(value: str) -> None:
    names = Names("8.8.8.8")
    async with upstreams(environ={"HTTPS_PROXY": value}, resolve=names) as opened:
        with pytest.raises(UpstreamConnectError, match="HTTPS_PROXY"):
            await fetch(opened, "https://api.example.com/v1")
    assert names.asked == []


async def test_a_proxy_that_is_not_there() -> None:
    for environ, names in (
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, Names()),
        ({"HTTPS_PROXY": "http://proxy.example:1"}, Names()),
    ):
        async with upstreams(environ=environ, resolve=names) as opened:
            with pytest.raises(UpstreamConnectError, match="proxy"):
                await fetch(opened, "https://api.example.com/v1")


async def test_a_private_literal_does_not_go_through_the_proxy_either() -> None:
    async with (
        raw_server(refuse(b"")) as proxy,
        upstreams(environ={"HTTPS_PROXY": proxy}) as opened,
    ):
        with pytest.raises(UpstreamOriginError):
            await fetch(opened, "https://169.254.169.254/v1")


@pytest.mark.parametrize(
    ("no_proxy", "served"),
    [
        ("", True),
        ("example.com", False),
        (".example.com", False),
        ("*.example.com", False),
        ("other.example, API.example.com ", False),
        ("api.example.com:443", False),
        ("api.example.com:8443", True),
        ("pi.example.com", True),
        ("com", False),
        ("*", False),
        (" , ", True),
    ],
)
def test_no_proxy(no_proxy: str, served: bool) -> None:
    proxy = find_proxy({"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": no_proxy})
    assert proxy is not None
    assert proxy.serves(API) is served


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("http://proxy.example:3128/", ("http", "proxy.example", 3128)),
        ("https://proxy.example", ("https", "proxy.example", 443)),
        ("proxy.example:3128", ("http", "proxy.example", 3128)),
        ("http://[::1]:3128", ("http", "::1", 3128)),
    ],
)
def test_where_the_proxy_is(value: str, place: tuple[str, str, int]) -> None:
    proxy = find_proxy({"HTTPS_PROXY": value})
    assert proxy == Proxy(*place)


def test_no_proxy_at_all_and_no_password_shown() -> None:
    assert find_proxy({"HTTPS_PROXY": ""}) is None
    proxy = find_proxy({"HTTPS_PROXY": "http://user:canary-password@proxy.example"})
    assert proxy is not None
    assert "canary" not in repr(proxy)
    assert base64.b64encode(b"user:canary-password").decode() not in repr(proxy)
