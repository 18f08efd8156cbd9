"""Nothing in a request says where the provider's request goes: host, path and key are ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson
import pytest

from tests.proxy.front.rig import peer, request
from tests.proxy.rig import CANARY, CLIENT_KEY, Endpoint, Model, Rig, chat_body, gemini_body
from tests.proxy.upstream.rig import raw_server

ODD_NAMES = ["a/b", "../../x", "x?key=1", "u@elsewhere.example", "a#b", "a b", "é", "a%2fb", ".."]
ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}]}'


@dataclass
class Provider:
    """Keeps the heads of the requests that came."""

    url: str = ""
    heads: list[bytes] = field(default_factory=list)

    @property
    def host(self) -> bytes:
        return urlsplit(self.url).netloc.encode()


@pytest.fixture(name="provider")
async def fixture_provider() -> AsyncIterator[Provider]:
    found = Provider()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            found.heads.append(head)
            size = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            await reader.readexactly(int(size))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER))

    async with raw_server(serve) as url:
        found.url = url.rstrip("/")
        yield found


def check(provider: Provider, target: bytes = b"/v1/chat/completions") -> None:
    assert len(provider.heads) == 1
    start, *lines = provider.heads[0].removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert start == b"POST %b HTTP/1.1" % target
    hosts = [line for line in lines if line.lower().startswith(b"host:")]
    assert hosts == [b"Host: " + provider.host]
    keys = [line for line in lines if CANARY.encode() in line]
    assert len(keys) == 1
    assert CLIENT_KEY.encode() not in provider.heads[0]
    assert b"elsewhere" not in provider.heads[0]


@pytest.mark.parametrize(
    "line",
    [
        b"Host: elsewhere.example",
        b"X-Forwarded-Host: elsewhere.example",
        b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Server: elsewhere.example",
        b"X-Forwarded-Prefix: /elsewhere",
        b"Forwarded: host=elsewhere.example",
        b"X-Real-IP: 1.2.3.4",
        b"Via: 1.1 elsewhere.example",
        b"Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic elsewhere",
        b"Connection: host, authorization, content-length, content-type",
        b"Connection: close, x-a\r\nX-A: elsewhere",
        b"TE: trailers, elsewhere\r\nTrailer: X-Elsewhere",
    ],
)
async def test_no_header_changes_where_it_goes(provider: Provider, line: bytes) -> None:
    wire = request(None, line)
    if line.startswith(b"Host:"):
        wire = wire.replace(b"Host: x\r\n", b"")
    async with Rig({"chat": Endpoint([Model(provider.url)])}) as rig, peer(rig.url) as on:
        assert (await on.ask(wire)).status == 200
    check(provider)


async def test_the_authority_of_a_whole_url_is_not_called(provider: Provider) -> None:
    path = b"http://elsewhere.example:1/v1/chat/completions"
    async with Rig({"chat": Endpoint([Model(provider.url)])}) as rig, peer(rig.url) as on:
        assert (await on.ask(request(path=path))).status == 200
    check(provider)


@pytest.mark.parametrize("query", [b"a=/../../x", b"//x:1@y", b"a=http://y/", b"?/%2e%2e/"])
async def test_a_query_stays_a_query(provider: Provider, query: bytes) -> None:
    path = b"/v1/chat/completions?" + query
    async with Rig({"chat": Endpoint([Model(provider.url)])}) as rig, peer(rig.url) as on:
        assert (await on.ask(request(path=path))).status == 200
    check(provider, path)


async def test_fields_of_the_body_change_nothing(provider: Provider) -> None:
    fields = {"api_base": "http://elsewhere", "base_url": "x", "url": "y", "api_key": "z"}
    async with Rig({"chat": Endpoint([Model(provider.url)])}) as rig, peer(rig.url) as on:
        assert (await on.ask(request(chat_body(**fields)))).status == 200
    check(provider)


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_an_odd_name_of_a_model_is_no_endpoint(provider: Provider, name: str) -> None:
    async with Rig({"chat": Endpoint([Model(provider.url)])}) as rig:
        answer = await rig.chat(name)
    assert (answer.status, answer.code) == (404, "endpoint_not_found")
    assert provider.heads == []


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_an_odd_name_upstream_is_one_segment_of_the_path(
    provider: Provider, name: str
) -> None:
    model = Model(provider.url, provider="gemini", model=name)
    async with Rig({"gem": Endpoint([model])}) as rig, peer(rig.url) as on:
        wire = request(orjson.dumps(gemini_body()), path=b"/v1beta/models/gem:generateContent")
        await on.ask(wire)
    (head,) = provider.heads
    path = head.split(b" ", 2)[1]
    assert path.startswith(b"/v1beta/models/")
    assert path.endswith(b":generateContent")
    assert path.count(b"/") == 3
    assert not set(path) & set(b"?#@ \\")
