"""Relays a streamed answer: holds it until its first content, then passes it on as it comes.

Until the commit point nothing, not even the status, has reached the client, and
every failure is still an exception. After it there are two ends: the provider's
own, or one error event in the client's dialect and no end marker.

Rule: the client gets whole events only, so that an error event never lands in
the middle of one that was cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from gateway.dialects import StreamWatch
from gateway.dialects.json_stream import ElementSplitter
from gateway.errors import (
    ClientGoneError,
    LockgateError,
    UpstreamMalformedError,
    UpstreamTruncatedError,
)
from gateway.proxy.answer import clean_headers
from gateway.proxy.credentials import Wiring
from gateway.proxy.deadline import Limits, now_s
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.scrub import StreamScrubber
from gateway.proxy.upstream import UpstreamAnswer

# A preamble has some KiB; what is longer without content is passed on rather than held.
_MAX_HELD_BYTES: Final = 256 << 10
_LAST_WORD_S: Final = 1.0  # to write the error event to a client that may not be reading
_SSE: Final = "text/event-stream"
_JSON: Final = "application/json"
_BLANK_LINES: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")


def is_stream(job: Job, answer: UpstreamAnswer) -> bool:
    """Tell whether an answer is to be relayed event by event.

    A streamed request that the provider answers with plain JSON is not; Gemini's stream
    without `alt=sse` is a JSON array, and is. Some servers name no type, or a wrong one.
    """
    return job.stream and (answer.content_type != _JSON or job.operation.streams)


class EventHold:
    """Lets whole events through and keeps the beginning of one that is not complete.

    An event longer than the limit goes out in pieces.
    """

    __slots__ = ("_held", "_limit")

    def __init__(self, limit_bytes: int = _MAX_HELD_BYTES) -> None:
        self._held = bytearray()
        self._limit = limit_bytes

    def feed(self, chunk: bytes) -> bytes:
        """Return the bytes up to the last blank line."""
        held = self._held
        if not held and chunk.endswith(_BLANK_LINES):
            return chunk
        # A blank line that ends in this chunk began at most three bytes before it.
        start = max(0, len(held) - 3)
        held += chunk
        end = 0
        for blank in _BLANK_LINES:
            found = held.rfind(blank, start)
            if found >= 0:
                end = max(end, found + len(blank))
        if len(held) - end > self._limit:
            end = len(held)
        if end == 0:
            return b""
        data = bytes(held[:end])
        del held[:end]
        return data

    def flush(self) -> bytes:
        """Return what is held: the stream has ended in order."""
        data = bytes(self._held)
        self._held.clear()
        return data


class ElementHold:
    """Does for a JSON array what `EventHold` does for events.

    The comma after an element stays back with the next one, so that an error can follow.
    """

    __slots__ = ("_held", "_limit", "_splitter")

    def __init__(self, limit_bytes: int = _MAX_HELD_BYTES) -> None:
        self._held = bytearray()
        self._limit = limit_bytes
        self._splitter = ElementSplitter()

    def feed(self, chunk: bytes) -> bytes:
        """Return the bytes up to the end of the last whole element."""
        self._splitter.feed(chunk)
        held = self._held
        held += chunk
        end = len(held)
        if not self._splitter.closed:
            end = max(0, end - len(self._splitter.pending))
            end = len(held[:end].rstrip(b", \t\r\n"))
        if len(held) - end > self._limit:
            end = len(held)
        data = bytes(held[:end])
        del held[:end]
        return data

    def flush(self) -> bytes:
        """Return what is held: the stream has ended in order."""
        data = bytes(self._held)
        self._held.clear()
        return data


class Relay:
    """One streamed answer on its way from a provider to a client."""

    def __init__(
        self,
        exchange: Exchange,
        job: Job,
        wiring: Wiring,
        answer: UpstreamAnswer,
        watch: StreamWatch,
    ) -> None:
        self._exchange = exchange
        self._limits: Limits = job.limits
        self._wiring = wiring
        self._answer = answer
        self._watch = watch
        self._chunks: AsyncIterator[bytes] = answer.iter_chunks()
        self._held: list[bytes] = []
        self._ended = False
        self._events = ElementHold() if answer.content_type == _JSON else EventHold()
        self._scrubber = StreamScrubber(wiring.needles)
        self.error: LockgateError | None = None  # what ended the stream after the commit point

    async def hold(self, began_s: float) -> None:
        """Read until the first content; the watch has `failure` set if an error came instead.

        Args:
            began_s: when the attempt began; the first-byte limit counts from there.

        Raises:
            UpstreamTruncatedError: it ended without content and without an end.
            UpstreamMalformedError: so did what was never called a stream, such as a web page.
            LockgateError: no content in time, connection broken.
        """
        moment = self._limits.first_byte(began_s)
        try:
            async with asyncio.timeout_at(moment.when_s):
                await self._hold()
        except TimeoutError:
            raise moment.fail() from None
        watch = self._watch
        if self._ended and not watch.committed and watch.failure is None:
            if self._answer.content_type not in (_SSE, _JSON, ""):
                raise UpstreamMalformedError("the provider's answer is no stream")
            raise UpstreamTruncatedError("the provider's stream ended before any content")

    async def _hold(self) -> None:
        size = 0
        watch = self._watch
        async for chunk in self._chunks:
            watch.feed(chunk)
            self._held.append(chunk)
            size += len(chunk)
            if watch.committed or watch.failure is not None or size > _MAX_HELD_BYTES:
                return
        self._ended = True

    async def send(self) -> web.StreamResponse:
        """Send what was held and the rest as it comes; return the finished response.

        Raises:
            ClientGoneError: the client went away.
        """
        headers = clean_headers(self._answer, self._wiring)
        response = web.StreamResponse(
            status=self._answer.status, headers=[*headers, *self._exchange.own_headers()]
        )
        try:
            await self._send(response)
        except BaseException as error:
            transport = self._exchange.request.transport
            if response.prepared and transport is not None:
                # Else the error on its way up is written as a second answer into this one.
                transport.abort()
            if isinstance(error, ConnectionError):
                raise ClientGoneError("the client went away") from None
            raise
        return response

    async def _send(self, response: web.StreamResponse) -> None:
        moment = self._limits.end
        try:
            async with asyncio.timeout_at(moment.when_s) as timer:
                await response.prepare(self._exchange.request)
                await self._write(response, b"".join(self._held))
                self._held.clear()
                if not self._ended:
                    moment = self._limits.idle(now_s())
                    timer.reschedule(moment.when_s)
                    async for chunk in self._chunks:
                        self._watch.feed(chunk)
                        # A client that reads slowly is no provider that stalls.
                        moment = self._limits.end
                        timer.reschedule(moment.when_s)
                        await self._write(response, chunk)
                        moment = self._limits.idle(now_s())
                        timer.reschedule(moment.when_s)
        except TimeoutError:
            self.error = moment.fail()
        except LockgateError as error:
            self.error = error
        await self._end(response)

    async def _write(self, response: web.StreamResponse, chunk: bytes) -> None:
        data = self._scrubber.feed(self._events.feed(chunk))
        if data:
            await response.write(data)

    async def _end(self, response: web.StreamResponse) -> None:
        """Bring the stream to its one end: the provider's own, or an error event."""
        watch = self._watch
        if watch.finished or (watch.late_failure and self.error is None):
            self.error = None  # what broke after the end marker broke nothing
        elif self.error is None and self._exchange.spec.end_required and not watch.complete:
            self.error = UpstreamTruncatedError("the provider's stream ended before its end marker")
        if self.error is None:
            tail = self._scrubber.feed(self._events.flush()) + self._scrubber.flush()
            await response.write_eof(tail)
            return
        event = self._scrubber.flush() + watch.dump_failure(self.error, self._exchange.request_id)
        try:
            async with asyncio.timeout(_LAST_WORD_S):
                await response.write_eof(event)
        except TimeoutError:
            raise ClientGoneError("the client did not read its answer") from None
