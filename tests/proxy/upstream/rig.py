"""Raw servers, resolvers and calls for the tests of the upstream connections."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohappyeyeballs import AddrInfoType

from gateway.errors import UpstreamStaleError
from gateway.proxy.deadline import Limits, now_s
from gateway.proxy.upstream import Request, Upstreams, dump_headers, dump_request, dump_start
from gateway.settings import OriginPattern, parse_origin_pattern

LIMIT = 1 << 20
KEY = "canary-key-of-the-provider"


class Names:
    """Resolves every name to the addresses given, and counts."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[tuple[str, int]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, host: str, port: int) -> Sequence[AddrInfoType]:
        self.asked.append((host, port))
        await self.open.wait()
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [address_of(address, port) for address in self.addresses]


def address_of(address: str, port: int) -> AddrInfoType:
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


def limits(total_s: float = 10.0, **changes: float) -> Limits:
    values = {"connect_s": 2.0, "first_byte_s": 2.0, "idle_s": 2.0, **changes}
    return Limits(deadline_at_s=now_s() + total_s, **values)


def call(url: str, body: bytes = b"{}", method: str = "POST", lane: str = "") -> Request:
    origin, start = dump_start(method, url)
    headers = dump_headers([("Authorization", f"Bearer {KEY}")])
    return dump_request(origin, lane or str(origin), method, (start, headers), (body,))


@asynccontextmanager
async def upstreams(*allowed: OriginPattern | str, **more: Any) -> AsyncIterator[Upstreams]:
    """Open upstreams; an origin may be given as the URL of a server."""
    patterns = [
        parse_origin_pattern(entry.rstrip("/")) if isinstance(entry, str) else entry
        for entry in allowed
    ]
    opened = Upstreams(patterns, **{"environ": {}, **more})
    try:
        yield opened
    finally:
        await opened.close()


async def fetch(
    opened: Upstreams, url: str, in_force: Limits | None = None, **more: Any
) -> tuple[int, bytes]:
    """Send and read; a stale connection is replaced once, as the data plane does it."""
    try:
        answer = await opened.send(call(url, **more), in_force or limits())
    except UpstreamStaleError:
        answer = await opened.send(call(url, **more), in_force or limits(), fresh=True)
    try:
        return answer.status, await answer.read(LIMIT)
    finally:
        answer.close()


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Speak raw bytes on a socket: `serve` is called once per connection, which then closes."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls, limit=8 << 20)
    scheme = "http" if tls is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def say(*parts: bytes) -> Serve:
    """Take one request, answer with these bytes, close."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        for part in parts:
            writer.write(part)
            await writer.drain()

    return serve


class Repeated:
    """Answers every request of a connection with the same bytes; counts connections, keeps all."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.connections = 0
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            self.requests.append(await reader.readuntil(b"\r\n\r\n{}"))
            writer.write(self.answer)
            await writer.drain()


def plain(body: bytes = b"ok", *more: bytes) -> bytes:
    """Return a whole answer with a length."""
    lines = b"".join(line + b"\r\n" for line in more)
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (lines, len(body), body)
