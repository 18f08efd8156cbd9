"""A raw client, and a listener with a handler of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.errors import LockgateError
from gateway.proxy.front import Front
from gateway.proxy.front.listener import Handle
from gateway.simulator import RunningSimulator
from tests.proxy.rig import CLIENT_KEY, Endpoint, Model, Rig, chat_body

PATH = b"/v1/chat/completions"


def request(
    body: Any = None,
    *lines: bytes,
    path: bytes = PATH,
    method: bytes = b"POST",
    version: bytes = b"1.1",
    key: str = CLIENT_KEY,
) -> bytes:
    """Return a whole request; a body is bytes or becomes JSON."""
    data = body if isinstance(body, bytes) else orjson.dumps(chat_body() if body is None else body)
    head = [
        b"%b %b HTTP/%b" % (method, path, version),
        b"Host: x",
        b"Authorization: Bearer " + key.encode(),
        *lines,
    ]
    if method == b"POST":
        head.append(b"Content-Length: %d" % len(data))
    else:
        data = b""
    return b"\r\n".join(head) + b"\r\n\r\n" + data


def marked(marker: str, **fields: Any) -> bytes:
    """Return a whole request whose answer has the marker in it."""
    asked = [{"role": "user", "content": f"marker-{marker}"}]
    return request(chat_body(messages=asked, **fields))


LIST = request(path=b"/v1/models", method=b"GET")


def rig_with(sim: RunningSimulator, fault: str = "", **more: Any) -> Rig:
    """Return a data plane with one endpoint `chat`, whose provider may have a fault."""
    model = f"gpt-4o-mini+{fault}" if fault else "gpt-4o-mini"
    return Rig({"chat": Endpoint([Model(sim.url, model=model)])}, **more)


def chunked(*pieces: bytes, lines: tuple[bytes, ...] = ()) -> bytes:
    """Return a whole request with a chunked body."""
    head = request(b"", *lines).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + framed + b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get("connection") == "close"

    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json()["error"]["code"])


class Peer:
    """One raw connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def ask(self, data: bytes) -> Reply:
        self.send(data)
        return await self.read()

    async def read_head(self) -> tuple[int, dict[str, str]]:
        async with asyncio.timeout(10):
            raw = await self.reader.readuntil(b"\r\n\r\n")
        start, *lines = raw.decode().strip().split("\r\n")
        pairs = (line.split(":", 1) for line in lines)
        return int(start.split()[1]), {name.lower(): value.strip() for name, value in pairs}

    async def read(self, *, to_head: bool = False) -> Reply:
        """Read one answer; one to HEAD has no body, whatever its length says."""
        status, headers = await self.read_head()
        body = b""
        async with asyncio.timeout(10):
            if to_head or status == 100:
                pass
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                while piece := await self.read_chunk():
                    body += piece
            else:
                body = await self.reader.read()
        return Reply(status, headers, body)

    async def read_chunk(self) -> bytes:
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def read_end(self) -> bytes:
        """Read until the connection is closed."""
        async with asyncio.timeout(10):
            return await self.reader.read()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def peer(url: str) -> AsyncIterator[Peer]:
    """Open one connection to a data plane."""
    port = urlsplit(url).port
    opened = Peer(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))
    try:
        yield opened
    finally:
        opened.reset()


def render(error: LockgateError, raw: bytes) -> tuple[int, bytes, bytes]:
    del raw
    return error.status, b"X-Rendered: yes\r\n", error.code.encode()


def refuse_pass_on(transport: asyncio.Transport, data: bytes) -> None:
    raise AssertionError(f"passed on: {data!r}, {transport}")


@asynccontextmanager
async def listening(handle: Handle, **limits: float) -> AsyncIterator[tuple[Front, int]]:
    """Serve with a handler of the test's own; yield the front and its port."""
    front = Front(handle, render, refuse_pass_on, **limits)
    front.start()
    server = await asyncio.get_running_loop().create_server(front, "127.0.0.1", 0)
    try:
        yield front, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        front.close()
        await settle(lambda: front.connections == 0)


async def settle(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
