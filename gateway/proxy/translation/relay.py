"""Relays a streamed answer into another dialect: the twin of `gateway.proxy.stream`.

Until the first content nothing, not even the status, has reached the client, and every failure is
still an exception. After it there are two ends: the provider's own, in the client's words, or one
error event.

Rule: what is written are whole events of the client's dialect, so that an error event never lands
in the middle of one; where the bytes of the provider were cut changes nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.dialects.hub import Event
from gateway.dialects.hub.progress import Progress
from gateway.dialects.hub.structured import StructuredFilter
from gateway.dialects.sse import MAX_EVENT_BYTES
from gateway.errors import (
    ClientGoneError,
    LockgateError,
    UpstreamMalformedError,
    UpstreamTruncatedError,
)
from gateway.proxy.credentials import Wiring
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.holds import HELD_BYTES
from gateway.proxy.scrub import StreamScrubber
from gateway.proxy.translation.course import Course
from gateway.proxy.translation.errors import build_reported, find_disguised
from gateway.proxy.translation.lines import build_lines
from gateway.proxy.upstream import UpstreamAnswer
from gateway.routing.retry import classify_answer

_OK: Final = 200
_BAD_GATEWAY: Final = 502
_STREAM_TYPES: Final = frozenset(
    {
        "text/event-stream",
        "application/vnd.amazon.eventstream",
        "application/x-ndjson",
        "application/json",
        "",
    }
)
_BOUNDARY: Final = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)|(?<=\r\r)")
_ONE_EVENT: Final = 2  # line ends of it, at the end of a chunk
_KEPT_BYTES: Final = 64 << 10  # an error in the place of a stream is shorter


class TranslatedRelay:
    """One streamed answer on its way from a provider to a client of another dialect.

    Attributes:
        progress: what the stream amounts to so far.
        error: what ended the stream after the commit point; None where the provider did.
    """

    __slots__ = (
        "_answer",
        "_broken",
        "_course",
        "_ended",
        "_exchange",
        "_filter",
        "_held",
        "_reader",
        "_scrubber",
        "_silent_bytes",
        "_start",
        "_type",
        "_wiring",
        "_writer",
        "error",
        "progress",
    )

    def __init__(
        self, exchange: Exchange, job: Job, wiring: Wiring, course: Course, answer: UpstreamAnswer
    ) -> None:
        half, translation = course.codec.upstream, job.translation
        assert half is not None, "a course has a provider's half"  # noqa: S101
        assert translation is not None, "a course comes from a translation"  # noqa: S101
        asked = translation.build_asked(exchange.request_id, exchange.started_at)
        self._exchange = exchange
        self._wiring = wiring
        self._course = course
        self._answer = answer
        self._reader = half.reader()
        self._filter = StructuredFilter() if course.is_structured else None
        self._writer, self._type = translation.build_writer(asked)
        self._scrubber = StreamScrubber(wiring.needles)
        self._held: list[Event] = []
        self._start = b""  # of the provider's bytes, while nothing of them is an answer
        self._silent_bytes = 0  # since something was read out of them
        self._ended = False
        self._broken: UpstreamMalformedError | None = None
        self.progress = Progress()
        self.error: LockgateError | None = None

    async def hold(self) -> None:
        """Read until the first content; `progress.failure` is set if an error came instead.

        Raises:
            UpstreamTruncatedError: it ended without content and without an end.
            UpstreamMalformedError: nobody can read it, or it was never called a stream.
            LockgateError: no content in time (since the call began), connection broken.
        """
        answer, progress = self._answer, self.progress
        answer.open_chunks()
        size = 0
        while chunk := await answer.next_chunk():
            size += len(chunk)
            if len(self._start) < _KEPT_BYTES:
                self._start += chunk
            self._held += self._read(chunk)
            if progress.committed or progress.failure is not None:
                self._start = b""
                return
            if size > HELD_BYTES:
                self._check_type()
                progress.committed = True  # from here on an error event is a late one
                return
        self._ended = True
        self._held += self._conclude()
        if progress.committed or progress.failure is not None:
            return
        progress.failure = find_disguised(self._course, self._start)
        if progress.failure is None:
            self._check_type()
            raise UpstreamTruncatedError("the provider's stream ended before any content")

    def _check_type(self) -> None:
        """Refuse what was never called a stream and has none of its events."""
        if self._answer.content_type not in _STREAM_TYPES:
            raise UpstreamMalformedError("the provider's answer is no stream")

    async def send(self) -> None:
        """Send what was held and the rest as it comes.

        Raises:
            ClientGoneError: the client went away.
        """
        exchange, connection = self._exchange, self._exchange.connection
        vendor, needles = exchange.spec.vendor, self._wiring.needles
        lines = build_lines(self._answer.head, needles, vendor, self._type)
        exchange.status = _OK
        connection.begin(_OK, lines + exchange.own_lines())
        connection.on_writable = self._answer.gate
        try:
            self._write(self._held)
            self._held = []
            await self._follow()
        except ClientGoneError:
            raise
        except LockgateError as error:
            self.error = error
        self._end()

    async def _follow(self) -> None:
        answer, connection = self._answer, self._exchange.connection
        if not self._ended:
            answer.flow()
        while not (self._ended or self._broken or self.progress.is_over):
            if connection.is_write_paused:
                # A client that reads slowly is no provider that stalls.
                await answer.rest(lambda: not connection.is_write_paused)
            chunk = await answer.next_chunk()
            self._ended = not chunk
            self._write(self._read(chunk) if chunk else self._conclude())
        if self._broken is not None:
            raise self._broken
        if not (self.progress.ended or self.progress.is_over):
            raise UpstreamTruncatedError("the provider's stream ended before its end marker")

    def _read(self, chunk: bytes) -> list[Event]:
        """Return the events that a chunk completes.

        What is whole before an event that nobody can read is kept, wherever the chunk was cut.
        """
        events: list[Event] = []
        for piece in _cut(chunk):
            try:
                found = self._reader.feed(piece)
            except UpstreamMalformedError as error:
                if not self.progress.committed:
                    raise
                self._broken = error
                break
            if found:
                events += self._look(found)
        self._silent_bytes = 0 if events else self._silent_bytes + len(chunk)
        if self._silent_bytes > MAX_EVENT_BYTES:
            raise UpstreamMalformedError("an event of the provider's stream is too long")
        return events

    def _conclude(self) -> Sequence[Event]:
        try:
            return self._look(self._reader.conclude())
        except UpstreamMalformedError as error:
            if not self.progress.committed:
                raise
            self._broken = error
            return ()

    def _look(self, events: list[Event]) -> Sequence[Event]:
        seen = self.progress.take(events)
        return seen if self._filter is None else list(self._filter.order(seen))

    def _write(self, events: Sequence[Event]) -> None:
        if not events:
            return
        data = self._scrubber.feed(self._writer.write(events))
        if data:
            self._exchange.connection.write(data)

    def _end(self) -> None:
        """Bring the stream to its one end: the provider's own, or an error event."""
        progress, connection = self.progress, self._exchange.connection
        if progress.ended:
            self.error = None  # what broke after the end broke nothing
        last = self._scrubber.flush()
        shown = self._find_reported() or self.error
        if shown is not None:
            last += self._writer.fail(shown)
        connection.write(last)
        connection.finish(failed=self.error is not None)

    def _find_reported(self) -> LockgateError | None:
        """Return the provider's own error, as the client is told of it."""
        failure = self.progress.late_failure
        if failure is None:
            return None
        self.error = None  # what broke after an error broke nothing
        status = failure.status or _BAD_GATEWAY
        decision = classify_answer(self._wiring.target.provider, status, failure.body)
        vendor = self._exchange.spec.vendor
        if decision.error is not None:
            return decision.error("the provider's answer ended with an error of our account")
        return build_reported(failure, vendor, decision.kind, self._wiring.needles, None)


def _cut(chunk: bytes) -> Iterator[bytes] | tuple[bytes, ...]:
    """Cut a chunk behind each event of it; most have one."""
    if chunk.count(b"\n\n") + chunk.count(b"\r\n\r\n") < _ONE_EVENT:
        return (chunk,)
    return (piece for piece in _BOUNDARY.split(chunk) if piece)
