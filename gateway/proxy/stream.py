"""Relays a streamed answer: holds it until its first content, then passes it on as it comes.

Until the commit point nothing, not even the status, has reached the client, and
every failure is still an exception. After it there are two ends: the provider's
own, or one error event in the client's dialect and no end marker.

Rule: the client gets whole events only, so that an error event never lands in
the middle of one that was cut; where the provider has said how the answer ends, by its
end marker or by an error of its own, nothing is added to that.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects import StreamWatch
from gateway.dialects.sse import cut_before
from gateway.errors import (
    ClientGoneError,
    LockgateError,
    UpstreamMalformedError,
    UpstreamTruncatedError,
)
from gateway.proxy.credentials import Wiring
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.headers import build_answer_lines
from gateway.proxy.holds import HELD_BYTES, ElementHold, EventHold, NoHold
from gateway.proxy.scrub import StreamScrubber
from gateway.proxy.upstream import UpstreamAnswer

_SSE: Final = "text/event-stream"
_JSON: Final = "application/json"
_STREAM_TYPES: Final = frozenset((_SSE, _JSON, ""))
_LINE_BYTES: Final = b"\r\n"


def is_stream(job: Job, answer: UpstreamAnswer, *, is_translated: bool) -> bool:
    """Tell whether the answer to a streamed request is to be relayed event by event.

    A streamed request that the provider answers with plain JSON is not; Gemini's stream
    without `alt=sse` is a JSON array, and is. Some servers name no type, or a wrong one.
    A translated request never asks for the array.
    """
    return answer.content_type != _JSON or (job.operation.streams and not is_translated)


class Relay:
    """One streamed answer on its way from a provider to a client.

    Attributes:
        error: what ended the stream after the commit point; None where the provider did.
    """

    __slots__ = (
        "_answer",
        "_ended",
        "_events",
        "_exchange",
        "_held",
        "_is_framed",
        "_scrubber",
        "_watch",
        "_wiring",
        "error",
    )

    def __init__(
        self, exchange: Exchange, wiring: Wiring, answer: UpstreamAnswer, watch: StreamWatch
    ) -> None:
        self._exchange = exchange
        self._wiring = wiring
        self._answer = answer
        self._watch = watch
        self._held: list[bytes] = []
        self._ended = False
        self._is_framed = exchange.spec.is_framed or answer.content_type == _SSE
        self._events = _build_hold(answer, is_framed=self._is_framed)
        self._scrubber = StreamScrubber(wiring.needles)
        self.error: LockgateError | None = None

    async def hold(self) -> None:
        """Read until the first content; the watch has `failure` set if an error came instead.

        Raises:
            UpstreamTruncatedError: it ended without content and without an end.
            UpstreamMalformedError: so did what was never called a stream, such as a web page.
            LockgateError: no content in time (since the call began), connection broken.
        """
        answer, watch = self._answer, self._watch
        answer.open_chunks()
        size = 0
        while chunk := await answer.next_chunk():
            watch.feed(chunk)
            self._held.append(chunk)
            size += len(chunk)
            if watch.committed or watch.failure is not None:
                return
            if size > HELD_BYTES:
                self._check_type()
                watch.committed = True  # from here on an error event is a late one
                return
        self._ended = True
        watch.conclude()
        if not watch.committed and watch.failure is None:
            watch.failure = self._exchange.spec.find_error(b"".join(self._held))
        if not watch.committed and watch.failure is None:
            self._check_type()
            raise UpstreamTruncatedError("the provider's stream ended before any content")

    def _check_type(self) -> None:
        """Refuse what was never called a stream and has none of its events."""
        if self._is_framed and self._answer.content_type not in _STREAM_TYPES:
            raise UpstreamMalformedError("the provider's answer is no stream")

    async def send(self) -> None:
        """Send what was held and the rest as it comes.

        Raises:
            ClientGoneError: the client went away.
        """
        exchange, connection = self._exchange, self._exchange.connection
        lines = build_answer_lines(self._answer.head, self._wiring.needles)
        exchange.status = self._answer.status
        connection.begin(self._answer.status, lines + exchange.own_lines())
        connection.on_writable = self._answer.gate
        try:
            self._pass(b"".join(self._held))
            self._held.clear()
            if not self._ended:
                await self._follow()
        except ClientGoneError:
            raise
        except LockgateError as error:
            self.error = error
        self._end()

    async def _follow(self) -> None:
        answer, watch, connection = self._answer, self._watch, self._exchange.connection
        answer.flow()
        while True:
            if connection.is_write_paused:
                # A client that reads slowly is no provider that stalls.
                await answer.rest(lambda: not connection.is_write_paused)
            chunk = await answer.next_chunk()
            if not chunk:
                return
            watch.feed(chunk)
            self._pass(chunk)

    def _pass(self, chunk: bytes) -> None:
        data = self._events.feed(chunk)
        broken = self._watch.malformed
        if broken is not None:
            data = cut_before(data, broken)
        data = self._scrubber.feed(data)
        if data:
            self._exchange.connection.write(data)
        if broken is not None:
            raise UpstreamMalformedError("an event of the provider's stream cannot be read")

    def _end(self) -> None:
        """Bring the stream to its one end: the provider's own, or an error event."""
        watch, connection = self._watch, self._exchange.connection
        broken = self.error is not None
        if not self._is_framed and broken:
            connection.abort()  # a sentence at the end of sound would be noise: the cut tells
            return
        if watch.finished or watch.late_failure:
            self.error = None  # what broke after the end, or after an error, broke nothing
        elif not broken and self._exchange.spec.end_required and not watch.complete:
            self.error = UpstreamTruncatedError("the provider's stream ended before its end marker")
        if self.error is not None:
            event = watch.dump_failure(self.error, self._exchange.request_id)
            if not self._events.is_open:  # half an event is held back, and stays so
                event = event.lstrip(_LINE_BYTES)
            last = self._scrubber.flush() + event
        elif broken and not watch.finished:
            last = self._scrubber.flush()
        else:
            last = self._scrubber.feed(self._events.flush()) + self._scrubber.flush()
        connection.write(last)
        connection.finish(failed=self.error is not None)


def _build_hold(answer: UpstreamAnswer, *, is_framed: bool) -> ElementHold | EventHold | NoHold:
    if not is_framed:
        return NoHold()
    return ElementHold() if answer.content_type == _JSON else EventHold()
