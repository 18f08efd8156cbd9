"""A client that keeps what it is answered: for the tools that check rather than measure."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from bench.wire import AnswerEnd, Target, dump_request

_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `whole` tells whether it came to its end, `began` whether a byte came."""

    status: int
    head: bytes
    body: bytes
    whole: bool
    began: bool

    def find_header(self, name: str) -> str:
        """Return a header's value, empty where it is not there."""
        value = self.head.partition(f"\r\n{name.lower()}:".encode())[2]
        return value.split(b"\r\n", 1)[0].strip().decode()


NOTHING = Answer(0, b"", b"", whole=False, began=False)


class Session:
    """One connection, opened when it is needed and again where it was closed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, body: bytes, *, headers: tuple[str, ...] = (), limit_s: float = 60.0
    ) -> Answer:
        """Send one request and read its whole answer; a broken connection is an answer too."""
        try:
            async with asyncio.timeout(limit_s):
                return await self._ask(dump_request(self._target, body, headers))
        except (OSError, TimeoutError, ValueError):
            self.close()
            return NOTHING

    async def abort(self, body: bytes, *, after_bytes: int) -> None:
        """Send a request and hang up: within it (negative), or after so many bytes of answer."""
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            reader, writer = await self._open()
            raw = dump_request(self._target, body)
            writer.write(raw if after_bytes >= 0 else raw[: len(raw) + after_bytes])
            async with asyncio.timeout(2.0):
                await writer.drain()
                if after_bytes > 0:
                    await reader.readexactly(after_bytes)
        self.close(hard=True)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            host, port = self._target.place
            self._reader, self._writer = await asyncio.open_connection(host, port)
        return self._reader, self._writer

    async def _ask(self, raw: bytes) -> Answer:
        reader, writer = await self._open()
        writer.write(raw)
        answer, began, whole = AnswerEnd(keep=True), False, False
        while not whole and (data := await reader.read(_READ_BYTES)):
            began = True
            whole = answer.feed(data)
        found = Answer(answer.status, answer.head, answer.body(), whole=whole, began=began)
        if answer.closes or not whole:
            self.close()
        return found

    def close(self, *, hard: bool = False) -> None:
        """Close the connection; `hard` with a reset."""
        if self._writer is not None:
            if hard:
                self._writer.transport.abort()
            else:
                self._writer.close()
        self._reader = self._writer = None
