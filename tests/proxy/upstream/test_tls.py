"""TLS sessions: resumed where the provider lets us, never across host names."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme
import uvloop

from gateway.errors import UpstreamTlsError
from gateway.proxy.upstream import Upstreams
from gateway.proxy.upstream.tls import ResumingContext, build_context
from tests.proxy.upstream.rig import Names, fetch, limits, plain, raw_server, upstreams

CLOSING = plain(b"ok", b"Connection: close")


async def ask(opened: Upstreams, url: str) -> tuple[int, bytes]:
    # Handshakes of a machine at its limits take their time.
    return await fetch(opened, url, limits(60, connect_s=30.0, first_byte_s=30.0))


class Provider:
    """Serves one request per connection and notes whether its TLS session was resumed."""

    def __init__(self, highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        self.authority = trustme.CA()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.maximum_version = highest
        self.authority.issue_cert("127.0.0.1", "a.example").configure_cert(self.tls)
        self.resumed: list[bool] = []

    def trust(self) -> ResumingContext:
        context = build_context()
        self.authority.configure_trust(context)
        return context

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secured = writer.get_extra_info("ssl_object")
        await reader.readuntil(b"\r\n\r\n{}")
        self.resumed.append(secured.session_reused)
        writer.write(CLOSING)
        await writer.drain()


async def resume(highest: ssl.TLSVersion) -> list[bool]:
    provider = Provider(highest)
    async with (
        raw_server(provider, provider.tls) as url,
        upstreams(url, ssl_context=provider.trust()) as opened,
    ):
        for _ in range(3):
            assert await ask(opened, url) == (200, b"ok")
    return provider.resumed


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_second_connection_resumes_the_first_ones_session(highest: ssl.TLSVersion) -> None:
    assert await resume(highest) == [False, True, True]


def test_on_uvloop_too() -> None:
    assert uvloop.run(resume(ssl.TLSVersion.TLSv1_3)) == [False, True, True]


async def test_another_host_name_begins_anew_and_is_verified() -> None:
    provider = Provider()
    async with raw_server(provider, provider.tls) as url:
        port = url.rstrip("/").rpartition(":")[2]
        named = f"https://a.example:{port}", f"https://b.example:{port}"
        async with upstreams(
            url, *named, ssl_context=provider.trust(), resolve=Names("127.0.0.1")
        ) as opened:
            assert await ask(opened, url) == (200, b"ok")
            assert await ask(opened, named[0] + "/") == (200, b"ok")
            with pytest.raises(UpstreamTlsError):  # the certificate is not for this name
                await ask(opened, named[1] + "/")
    assert provider.resumed == [False, False]


async def test_a_provider_with_other_keys_is_verified_in_full() -> None:
    first, second = Provider(), Provider()
    context = first.trust()
    async with (
        raw_server(first, first.tls) as one,
        raw_server(second, second.tls) as two,
        upstreams(one, two, ssl_context=context) as opened,
    ):
        assert await ask(opened, one) == (200, b"ok")
        with pytest.raises(UpstreamTlsError):  # the same host name, but nobody vouches for it
            await ask(opened, two)
