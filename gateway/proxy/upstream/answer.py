"""A provider's answer: filled by its connection, read by the exchange.

Rule: an answer that is complete has let go of its connection; what is left in it is its own, so
that no byte of the next answer can ever come out of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Protocol

from multidict import CIMultiDict

from gateway.errors import LockgateError
from gateway.proxy.deadline import Limits, Moment, now_s
from gateway.proxy.upstream import faults
from gateway.proxy.upstream.coding import find_decoder
from gateway.proxy.upstream.waits import Waits

# Read ahead of a client that reads slowly, per stream; then the provider has to wait.
BUFFERED_BYTES: Final = 256 << 10
_FIRST_REFUSAL: Final = 300  # a provider that answers so has decided without the rest of the body


class Line(Protocol):
    """What an answer needs of the connection it comes on."""

    def abort(self) -> None:
        """Close it at once."""

    def pause_reading(self) -> None:
        """Leave what comes to the kernel for now."""

    def resume_reading(self) -> None:
        """Take what comes again."""


class UpstreamAnswer:
    """A provider's answer. `send` returns it when its headers are there."""

    __slots__ = (
        "_began_s",
        "_chunks",
        "_ended",
        "_error",
        "_expires_at_s",
        "_limits",
        "_line",
        "_most_bytes",
        "_paused",
        "_waiter",
        "_waits",
        "_whole",
        "arrived",
        "headers",
        "heard",
        "size",
        "status",
    )

    def __init__(self, line: Line, waits: Waits, limits: Limits, began_s: float) -> None:
        self._line: Line | None = line
        self._waits = waits
        self._limits = limits
        self._began_s = began_s
        self._expires_at_s = min(began_s + limits.first_byte_s, limits.deadline_at_s)
        self._chunks: list[bytes] = []
        self._most_bytes = BUFFERED_BYTES
        self._whole = False  # it is read as a whole: nobody wants to hear of single chunks
        self._paused = False
        self._ended = False
        self._error: LockgateError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.arrived = False  # the headers are there
        self.heard = False  # any byte came since this was last looked at, or at all until then
        self.size = 0  # bytes that are here and not yet taken
        self.status = 0
        self.headers: CIMultiDict[str] = CIMultiDict()

    # --- for whoever reads it ---------------------------------------------------------------

    @property
    def content_type(self) -> str:
        """Media type without parameters, in lower case; "" if the answer names none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def read(self, limit_bytes: int) -> bytes:
        """Return the whole body.

        Raises:
            UpstreamTruncatedError: it is not whole.
            UpstreamStalledError, DeadlineExceededError: it did not come in time.
            UpstreamMalformedError: longer than `limit_bytes`, not framed or coded as it says.
        """
        if not self._ended:
            await self._gather(limit_bytes)
        if self._error is not None:
            raise self._error from None
        if self.size > limit_bytes:
            raise faults.too_large()
        body = self._take()
        coding = self.headers.get("Content-Encoding")
        return body if coding is None else _decode(body, coding, limit_bytes)

    async def iter_chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, without a limit of time.

        Raises:
            UpstreamTruncatedError: it ended before its length, or the connection broke.
            UpstreamMalformedError: not framed or coded as it says.
        """
        decoder = find_decoder(self.headers.get("Content-Encoding", ""))
        while True:
            if self._chunks:
                chunk = self._take()
                if decoder is None:
                    yield chunk
                else:
                    for piece in decoder.feed(chunk):
                        yield piece
            elif self._error is not None:
                raise self._error from None
            elif self._ended:
                break
            else:
                await self.wait()
        if decoder is not None:
            decoder.finish()

    def close(self) -> None:
        """Close the connection unless the answer is complete: then it is back long since."""
        line, self._line = self._line, None
        if line is not None:
            line.abort()

    # --- for `send` -------------------------------------------------------------------------

    async def arrive(self) -> None:
        """Wait for the headers.

        Raises:
            LockgateError: they did not come.
        """
        while not self.arrived:
            if self._error is not None:
                raise self._error from None
            await self.wait()

    def wait(self) -> asyncio.Future[None]:
        """Return what is done when something happens; maybe nothing that the caller waits for."""
        self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter

    @property
    def wants_body(self) -> bool:
        """Whether the provider may still want the rest of the request's body."""
        refused = self.arrived and self.status >= _FIRST_REFUSAL
        return not (refused or self._ended or self._error is not None)

    # --- for its connection -----------------------------------------------------------------

    def put(self, chunk: bytes) -> None:
        """Take in a piece of the body."""
        self._chunks.append(chunk)
        self.size += len(chunk)

    def settle(self) -> None:
        """Do what is due after pieces were put: hold the provider back, wake the reader."""
        if self.size > self._most_bytes:
            if self._whole:
                self.fail(faults.too_large())
                return
            if not self._paused and self._line is not None:
                self._paused = True
                self._line.pause_reading()
        if not self._whole:
            self.wake()

    def end(self) -> None:
        """Note that it is complete."""
        self._ended = True
        self._line = None
        self.wake()

    def fail(self, error: LockgateError) -> None:
        """Note that it will never be complete, and close the connection."""
        if self._error is None and not self._ended:
            self._error = error
            self.close()
            self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():  # it is if whoever waited was cancelled
                waiter.set_result(None)

    # --- for the clock ----------------------------------------------------------------------

    def look(self, at_s: float) -> None:
        """Fail if the wait is over its limit; bytes that came put the limit off."""
        if self._whole and self.heard:
            self.heard = False
            self._expires_at_s = self._limits.idle(at_s).at_s
        if at_s >= self._expires_at_s:
            self.fail(self._name_limit().fail())

    def _name_limit(self) -> Moment:
        limits = self._limits
        if self._expires_at_s >= limits.deadline_at_s:
            return limits.end
        return (limits.idle if self._whole else limits.first_byte)(self._began_s)

    # --- within -----------------------------------------------------------------------------

    async def _gather(self, limit_bytes: int) -> None:
        self._whole = True
        self._most_bytes = limit_bytes
        self._expires_at_s = self._limits.idle(now_s()).at_s
        self._resume()
        self._waits.add(self)
        try:
            while not self._ended and self._error is None:
                await self.wait()
        finally:
            self._waits.discard(self)

    def _take(self) -> bytes:
        chunks = self._chunks
        self._chunks = []
        self.size = 0
        self._resume()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _resume(self) -> None:
        if self._paused and self._line is not None:
            self._paused = False
            self._line.resume_reading()


def _decode(body: bytes, coding: str, limit_bytes: int) -> bytes:
    decoder = find_decoder(coding)
    if decoder is None:
        return body
    pieces: list[bytes] = []
    size = 0
    for piece in decoder.feed(body):
        size += len(piece)
        if size > limit_bytes:
            raise faults.too_large()
        pieces.append(piece)
    decoder.finish()
    return b"".join(pieces)
