"""A provider's answer: filled by its connection, read by the exchange.

Rule: an answer that is complete has let go of its connection; what is left in it is its own, so
that no byte of the next answer can ever come out of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol

from multidict import CIMultiDict

from gateway.errors import LockgateError
from gateway.proxy.deadline import Limits, Moment, now_s
from gateway.proxy.flow import Gate
from gateway.proxy.upstream import faults
from gateway.proxy.upstream.coding import Decoder, find_decoder
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
    """A provider's answer. `send` returns it when its headers are there.

    Attributes:
        gate: opened when something happens; maybe nothing that whoever waits there waits for.
        arrived: the headers are there.
        heard: any byte came since this was last looked at, or at all until then.
        size: bytes that are here and not yet taken.
        head: status line and headers as they came, without the empty line.
        is_coded: it names a Content-Encoding.
        reads_whole: nobody wants to hear of single chunks.
    """

    # Defaults of the class, not of each object: one is made per call, and most stay as they are.
    _is_flowing = False  # silence counts from the last byte, not from the beginning
    _is_late = False
    _paused = False
    _ended = False
    _most_bytes = BUFFERED_BYTES
    _latest_s = math.inf  # whether or not bytes come
    _error: LockgateError | None = None
    _headers: CIMultiDict[str] | None = None
    _decoder: Decoder | None = None
    arrived = False
    heard = False
    is_coded = False
    reads_whole = False
    size = 0
    status = 0
    head = b""

    def __init__(self, line: Line, waits: Waits, limits: Limits, began_s: float) -> None:
        self._line: Line | None = line
        self._waits = waits
        self._limits = limits
        self._began_s = began_s
        self._expires_at_s = min(began_s + limits.first_byte_s, limits.deadline_at_s)
        self._chunks: list[bytes] = []
        self.gate = Gate()
        waits.add(self)

    # --- for whoever reads it ---------------------------------------------------------------

    @property
    def headers(self) -> CIMultiDict[str]:
        """The headers, made when first asked for: most answers pass without."""
        if self._headers is None:
            self._headers = parse_headers(self.head)
        return self._headers

    @property
    def content_type(self) -> str:
        """Media type without parameters, in lower case; "" if the answer names none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is to come."""
        return self._ended

    async def read(self, limit_bytes: int, within_s: float | None = None) -> bytes:
        """Return the whole body, within so many seconds if that is said.

        Raises:
            UpstreamTruncatedError: it is not whole.
            UpstreamStalledError, DeadlineExceededError: it did not come in time.
            UpstreamMalformedError: longer than `limit_bytes`, not framed or coded as it says.
        """
        if not self._ended:
            self.reads_whole = True
            self._most_bytes = limit_bytes
            self.flow()
            if within_s is not None:
                self._latest_s = now_s() + within_s
            self._resume()
            while not self._ended:
                if self._error is not None:
                    raise self._error from None
                await self.gate
        if self.size > limit_bytes:
            raise faults.too_large()
        body = self._take()
        coding = self._find_coding()
        return body if coding is None else _decode(body, coding, limit_bytes)

    def open_chunks(self) -> None:
        """Begin to read it chunk by chunk.

        Raises:
            UpstreamMalformedError: its coding is none that is understood.
        """
        coding = self._find_coding()
        self._decoder = None if coding is None else find_decoder(coding)

    async def next_chunk(self) -> bytes:
        """Return what has come since the last call, waiting for it; empty at the end.

        Raises:
            UpstreamTruncatedError: it ended before its length, or the connection broke.
            UpstreamStalledError, UpstreamFirstByteTimeoutError, DeadlineExceededError: it did
                not come in time.
            UpstreamMalformedError: not framed or coded as it says.
        """
        while True:
            if self._decoder is not None and (piece := next(self._decoder.pieces, b"")):
                return piece
            if self._chunks:
                chunk = self._take()
                if self._decoder is None:
                    return chunk
                self._decoder.pieces = self._decoder.feed(chunk)
            elif self._error is not None:
                raise self._error from None
            elif self._ended:
                if self._decoder is not None:
                    self._decoder.finish()
                return b""
            else:
                await self.gate

    def flow(self) -> None:
        """Count silence from now, and from each byte that comes."""
        self._is_flowing = True
        self.heard = False
        self._expires_at_s = min(now_s() + self._limits.idle_s, self._limits.deadline_at_s)

    async def rest(self, is_over: Callable[[], bool]) -> None:
        """Wait for the client in place of the provider, until `is_over`, asked at each news.

        No silence counts meanwhile, and nothing is read: what is written and not yet taken is
        kept already, and a provider's answer would be kept once more.

        Raises:
            DeadlineExceededError: the request's deadline came first.
        """
        self._is_flowing = False
        self._expires_at_s = self._limits.deadline_at_s
        self._hold_back()
        while not is_over():
            self._waits.add(self)  # also after the provider's end: the client has yet to read
            await self.gate
            if self._is_late:
                raise self._limits.end.fail()
        if self._ended or self._error is not None:
            self._waits.discard(self)
        if not self._chunks:  # else when they are taken
            self._resume()
        self.flow()

    def close(self) -> None:
        """Close the connection unless the answer is complete: then it is back long since."""
        self._waits.discard(self)
        line, self._line = self._line, None
        if line is not None:
            line.abort()

    # --- for `send` -------------------------------------------------------------------------

    async def arrive(self) -> None:
        """Wait for the headers.

        Raises:
            LockgateError: they did not come.
        """
        self.check()
        while not self.arrived:
            await self.gate
            self.check()

    def check(self) -> None:
        """Raise what has gone wrong before the headers were there, if anything has."""
        if self._error is not None and not self.arrived:
            raise self._error from None

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
            if self.reads_whole:
                self.fail(faults.too_large())
                return
            self._hold_back()
        if not self.reads_whole:
            self.gate.open()

    def end(self) -> None:
        """Note that it is complete."""
        self._ended = True
        self._line = None
        self._waits.discard(self)
        self.gate.open()

    def fail(self, error: LockgateError) -> None:
        """Note that it will never be complete, and close the connection."""
        if self._error is None and not self._ended:
            self._error = error
            self.close()
            self.gate.open()

    # --- for the clock ----------------------------------------------------------------------

    def look(self, at_s: float) -> None:
        """Fail if the wait is over its limit; bytes that came put the limit off."""
        if self._is_flowing and self.heard:
            self.heard = False
            self._expires_at_s = min(at_s + self._limits.idle_s, self._limits.deadline_at_s)
        if at_s >= self._expires_at_s or at_s >= self._latest_s:
            self._is_late = True
            self._waits.discard(self)
            self.fail(self._name_limit().fail())
            self.gate.open()

    def _name_limit(self) -> Moment:
        limits = self._limits
        if self._expires_at_s >= limits.deadline_at_s:
            return limits.end
        return (limits.idle if self._is_flowing else limits.first_byte)(self._began_s)

    # --- within -----------------------------------------------------------------------------

    def _find_coding(self) -> str | None:
        # Most providers do as they are asked, and say nothing.
        return self.headers.get("Content-Encoding") if self.is_coded else None

    def _take(self) -> bytes:
        chunks = self._chunks
        self._chunks = []
        self.size = 0
        self._resume()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _hold_back(self) -> None:
        if not self._paused and self._line is not None:
            self._paused = True
            self._line.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._line is not None:
            self._paused = False
            self._line.resume_reading()


def parse_headers(head: bytes) -> CIMultiDict[str]:
    """Return the headers of a head that the parser has found valid."""
    headers: CIMultiDict[str] = CIMultiDict()
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        headers.add(
            name.decode("ascii", "surrogateescape"),
            value.decode("utf-8", "surrogateescape").strip(" \t"),
        )
    return headers


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
