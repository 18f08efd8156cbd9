"""One client's connection: reads requests one after another, writes their answers.

    idle -> head -> (body) -> answered by a flow -> idle ...

Requests that a client sends ahead of their turn wait in the buffer; beyond its limit the client
waits too, and however many they are, other connections have their turn between. A refusal of a
body that is still coming is followed by a lingering close: closing at once would reset the
connection, and the client might never read why.

Rule: one request at a time, in the order in which they came; what is written after the head of
an answer is its body and nothing else, and a body that did not end is never made to look ended.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, cast

from gateway.errors import (
    ClientGoneError,
    LockgateError,
    MalformedRequestError,
    OverloadedError,
    RequestTimeoutError,
)
from gateway.proxy.flow import Flow, Gate
from gateway.proxy.front.head import MAX_HEAD_BYTES, Head, head_too_large, match_head, parse_head
from gateway.proxy.front.intake import UNASKED_BYTES, Intake

if TYPE_CHECKING:
    from gateway.proxy.front.listener import Front
    from gateway.proxy.front.upload import Raw, Upload
    from gateway.routing.limits import Refusal

_AHEAD_BYTES: Final = 256 << 10  # of requests that are not yet at their turn
_PER_TURN: Final = 16  # requests of one connection, answered at once: others have their turn too
_LINGER_S: Final = 2.0  # to read on after a refusal, so that it arrives
_LAST_WORD_S: Final = 1.0  # to write the end of a failed stream to a client that may not be reading
_UNREAD_S: Final = 600.0  # for a client to take a large answer; a stream has limits of its own
_SURPLUS_S: Final = 1.0  # for a connection beyond the limit to say what it wants
_SKIPPED_BYTES: Final = 256 << 10  # of a refused request: a new connection would cost more
_HEAD_END: Final = b"\r\n\r\n"
_BLANK_LINES: Final = re.compile(rb"\A(?:\r\n)+")
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class ClientConnection(asyncio.Protocol):
    """One connection; also what a request's handler reads its body from and answers on.

    Attributes:
        head: of the request that is being answered.
        trace: the value of this request's traceparent, where `head` is of an earlier one.
        is_write_paused: the client does not read as fast as it is written to.
        on_writable: called when it does again.
        is_surplus: one more than there may be; it is told so, if it wants the data plane.
        since_s: when the connection last changed what it waits for, by the listener's clock.
        source: the client's address; "" where connections are not counted by it.
    """

    __slots__ = (
        "_advancing",
        "_answered",
        "_buffer",
        "_closing",
        "_flow",
        "_front",
        "_gate",
        "_intake",
        "_keep",
        "_paused",
        "_seen",
        "_streaming",
        "_yielding",
        "head",
        "is_surplus",
        "is_write_paused",
        "on_writable",
        "since_s",
        "source",
        "trace",
        "transport",
    )

    head: Head
    transport: asyncio.Transport

    def __init__(self, front: Front) -> None:
        self._front = front
        self._buffer = b""
        self._seen: Head | None = None  # the last request's, which the next one's may equal
        self._flow: Flow | None = None
        self._gate = Gate()
        self._intake = Intake()
        self._advancing = False
        self._yielding = False
        self._answered = False
        self._streaming = False
        self._keep = True
        self._closing = False  # nothing that comes is of interest any more
        self._paused = False
        self.is_surplus = False
        self.is_write_paused = False
        self.on_writable: Gate | None = None
        self.since_s = front.at_s
        self.source = ""
        self.trace = b""

    # --- for the event loop -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)
        self._front.add(self)

    def data_received(self, data: bytes) -> None:
        """Take in what the client sent."""
        if self._closing:
            return
        if self._flow is None:
            if self._intake.wanted:
                data = self._intake.skip(data)
                if not data:
                    return
            if self._buffer:
                self._buffer += data
            else:
                self._buffer = data
                self.since_s = self._front.at_s
            if self.is_write_paused or self._yielding:
                self._hold_back()
            elif not self._advancing:
                self._advance()
        elif self._intake.wanted:
            self._take(data)
        else:
            self._buffer += data
            self._hold_back()

    def eof_received(self) -> bool:
        """Treat a client that has closed its side as gone, once what it has coming is written.

        TCP says no more of a client that hung up: to serve on would let a provider be paid for
        callers who gave up. A tool that ends so (`nc -N`) gets what is answered at once.
        """
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the request that was being answered."""
        del exc  # the operating system's word for it
        self._closing = True
        self._front.discard(self)
        if self._flow is not None:
            self._flow.stop(ClientGoneError("the client went away"))

    def pause_writing(self) -> None:
        """Note that the client reads too slowly."""
        self.is_write_paused = True

    def resume_writing(self) -> None:
        """Let what waits for the client go on."""
        self.is_write_paused = False
        if self.on_writable is not None:
            self.on_writable.open()
        elif self._flow is None and not self._closing:
            self._read_ahead()
            if self._buffer and not (self._advancing or self._yielding):
                self._advance()

    # --- from bytes to requests -------------------------------------------------------------

    def _hold_back(self) -> None:
        """Let a client wait that sends more ahead than is kept."""
        if len(self._buffer) > _AHEAD_BYTES and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _read_ahead(self) -> None:
        """Read on if there is room."""
        if len(self._buffer) <= _AHEAD_BYTES:
            self._resume()

    def _advance(self) -> None:
        """Begin the requests that are in the buffer, as long as each is answered at once.

        A client that does not read its answers gets no further ones.
        """
        self._advancing = True
        try:
            for _ in range(_PER_TURN):
                if not self._is_next_due() or not self._begin():
                    break
            else:
                if self._is_next_due():
                    self._yielding = True
                    asyncio.get_running_loop().call_soon(self._go_on)
        except LockgateError as error:
            self.refuse(error)
        finally:
            self._advancing = False

    def _is_next_due(self) -> bool:
        return bool(
            self._flow is None and self._buffer and not (self._closing or self.is_write_paused)
        )

    def _go_on(self) -> None:
        """Go on where `_advance` gave way to others."""
        self._yielding = False
        if self._is_next_due():
            self._advance()

    def _begin(self) -> bool:
        """Begin one request; False: its head is not complete, or it is not ours."""
        data = self._buffer
        head, length = self._seen, 0
        found = None if head is None else match_head(head, data)
        if head is not None and found is not None:
            start, length, self.trace = found
        else:
            if data[:2] == b"\r\n":  # sent after a body by old clients (RFC 9112 section 2.2)
                self._buffer = data = _BLANK_LINES.sub(b"", data, 1)
            end = data.find(_HEAD_END)
            if end < 0:
                self._wait_for_head(data)
                return False
            if end > MAX_HEAD_BYTES:
                raise head_too_large()
            start = end + len(_HEAD_END)
            head = parse_head(data[:start])
            if head.route is None:
                self._pass_on(data)
                return False
            self._seen, length, self.trace = head, head.length, head.trace
        self.head = head
        self._keep = head.keep_alive and not self._front.draining
        self._answered = self._streaming = False
        if self._front.admission.alert or self.is_surplus:
            refusal = self._front.find_refusal(self)
            if refusal is not None:
                return self._turn_away(refusal, data[start:], length)
        if head.is_chunked:
            self._intake.begin_chunked()
            self._take(data[start:])
        else:
            self._intake.begin(data[start : start + length], length)
            self._buffer = data[start + length :]
        flow = self._flow = Flow(self._front.handle(self), self._end)
        flow.step()
        return True

    def _turn_away(self, refusal: Refusal, rest: bytes, length: int) -> bool:
        """Answer for want of room, at the least cost; False: nothing more is read.

        The connection stays: most of what is refused comes from clients that try again.
        """
        missing = length - len(rest)
        if self.head.is_chunked or missing > _SKIPPED_BYTES or self.is_surplus:
            self._keep = False
        elif missing > 0 and self.head.find("expect") is not None:
            self._keep = False  # the body may never come (RFC 9110 section 10.1.1)
        self.answer(OverloadedError.status, *self._front.render_refusal(self.head, refusal))
        self._buffer = rest[length:]
        self._intake.begin(b"", max(0, missing))
        self.since_s = self._front.at_s
        if not self._keep:
            if self.head.is_chunked:
                self._intake.wanted = -1
            self._close()
            return False
        self._read_ahead()
        return True

    def _wait_for_head(self, data: bytes) -> None:
        if len(data) > MAX_HEAD_BYTES:
            raise head_too_large()
        if b"\n\n" in data:  # it would never end for us
            raise MalformedRequestError("the request is no valid HTTP/1.1")

    def _pass_on(self, data: bytes) -> None:
        """Give the connection away: its request is not the data plane's."""
        self._closing = True
        self._front.discard(self)
        self._front.pass_on(self.transport, data)

    # --- the body ---------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        """Take in a part of the body."""
        intake = self._intake
        self.since_s = self._front.at_s
        try:
            self._buffer = intake.feed(data)
        except LockgateError as error:
            self._fail_body(error)
            return
        if intake.wanted == 0:
            self._gate.open()
        elif intake.size > UNASKED_BYTES and not intake.limit_bytes and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _fail_body(self, error: LockgateError) -> None:
        self._keep = False
        if self._flow is not None:
            self._flow.stop(error)
        else:
            raise error

    async def read_body(self, limit_bytes: int, whole_by_s: float) -> bytes:
        """Return the whole body, from memory; the rest as of `read_upload`."""
        await self._wait(limit_bytes, whole_by_s, None)
        return self._intake.take(limit_bytes)

    async def read_upload(self, limit_bytes: int, whole_by_s: float, upload: Upload) -> Raw:
        """Return the whole body.

        Args:
            limit_bytes: the largest size.
            whole_by_s: by when all of it has to be there, on the listener's clock.
            upload: where a large one goes in place of memory.

        Raises:
            PayloadTooLargeError: longer than `limit_bytes`, by its header or in fact.
            RequestTimeoutError: it did not come in time, or the client was silent too long.
            MalformedRequestError: its framing is broken.
            StorageFullError: `upload` has no room on the disk.
            ClientGoneError: the client went away.
        """
        await self._wait(limit_bytes, whole_by_s, upload)
        return self._intake.take_upload(limit_bytes)

    async def _wait(self, limit_bytes: int, whole_by_s: float, upload: Upload | None) -> None:
        intake = self._intake
        if intake.wanted:
            intake.upload = upload
            intake.expect(limit_bytes, whole_by_s, self._front.at_s)
            if self._is_continue_wanted():
                self.transport.write(_CONTINUE)
            self.since_s = self._front.at_s
            self._resume()
            while intake.wanted:
                await self._gate

    def take_body(self, limit_bytes: int) -> bytes:
        """Return the body if all of it is here (`has_body`). Raises PayloadTooLargeError."""
        return self._intake.take(limit_bytes)

    @property
    def has_body(self) -> bool:
        """Whether all of the body is here."""
        return not self._intake.wanted

    def _is_continue_wanted(self) -> bool:
        if self._intake.size or self.head.is_old:  # HTTP/1.0 has no interim answers
            return False
        return (self.head.find("expect") or "").lower() == "100-continue"

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    # --- the answer -------------------------------------------------------------------------

    def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Send a whole answer.

        `lines` are header lines, each with its line end; the framing's are added here.
        """
        self._answered = True
        start = self._front.starts.get(status) or self._front.build_start(status)
        if self._keep and not (self._intake.wanted or self.head.is_old or self._front.draining):
            framing = b"Content-Length: %d\r\n\r\n" % len(body)
        else:
            framing = b"%bContent-Length: %d\r\n\r\n" % (self._build_connection(), len(body))
        if self.head.method == "HEAD":  # its length is told, its content is not (RFC 9110 9.3.2)
            body = b""
        self.transport.write(b"".join((start, lines, framing, body)))

    def begin(self, status: int, lines: bytes) -> None:
        """Send the head of a streamed answer; arguments as of `answer`."""
        self._answered = self._streaming = True
        if self.head.is_old:  # knows no chunks: the end of the connection is the end
            self._keep = False
            coding = b""
        else:
            coding = b"Transfer-Encoding: chunked\r\n"
        self.transport.write(
            b"".join(
                (self._front.build_start(status), lines, coding, self._build_connection(), b"\r\n")
            )
        )

    def write(self, data: bytes) -> None:
        """Send a part of a streamed answer."""
        if data:
            self.transport.write(data if self.head.is_old else b"%x\r\n%b\r\n" % (len(data), data))

    def finish(self, *, failed: bool) -> None:
        """End a streamed answer; one that failed waits a second for its reader, no longer."""
        self._streaming = False
        if not self.head.is_old:
            self.transport.write(b"0\r\n\r\n")
        if failed and self.is_write_paused:
            asyncio.get_running_loop().call_later(_LAST_WORD_S, self._give_up_writing)

    def abort(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    @property
    def is_answered(self) -> bool:
        """Whether the head of an answer has been sent."""
        return self._answered

    def _give_up_writing(self) -> None:
        if self.is_write_paused:
            self.transport.abort()

    def _build_connection(self) -> bytes:
        if self._intake.wanted or self._front.draining:
            self._keep = False
        if not self._keep:
            return b"Connection: close\r\n"
        return b"Connection: keep-alive\r\n" if self.head.is_old else b""

    # --- the end of a request ---------------------------------------------------------------

    def _end(self) -> None:
        """Go on to the next request, or close."""
        self._flow = None
        self._intake.end()
        self.on_writable = None
        if self._closing:
            return
        if not self._answered or self._streaming:
            self.transport.abort()  # half an answer: it must not look whole
        elif not self._keep:
            self._close()
        else:
            self.since_s = self._front.at_s
            self._read_ahead()
            if self._buffer and not (self._advancing or self._yielding):
                self._advance()

    def _close(self) -> None:
        self._closing = True
        if not self._intake.wanted:
            self.transport.close()
            return
        self._resume()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_S, self.transport.abort)

    def refuse(self, error: LockgateError) -> None:
        """Answer what cannot be read as a request, and close."""
        self._keep = False
        self._intake.wanted = -1  # what else comes is not looked at
        status, lines, body = self._front.render(error, self._buffer)
        framing = b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
        self.transport.write(self._front.build_start(status) + lines + framing + body)
        self._close()

    # --- for the listener -------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self._flow is not None

    def forgive(self, late_s: float) -> None:
        """Take time in which nobody listened for no silence of the client's."""
        self.since_s += late_s
        self._intake.asked_s += late_s

    def look(self, at_s: float) -> None:
        """Let go of a client that has been silent for too long."""
        silent_s = at_s - self.since_s
        if self._flow is not None:
            if self._intake.is_late(at_s, silent_s, self._front.body_idle_s):
                self._fail_body(RequestTimeoutError("the body did not come in time"))
        elif self._closing or self.transport.get_write_buffer_size():
            if silent_s > _UNREAD_S:
                self.transport.abort()  # an answer that nobody reads
        elif self._buffer and silent_s > self._front.head_limit_s:
            self.refuse(RequestTimeoutError("the request's head did not come in time"))
        elif self.is_surplus or self._intake.wanted:  # the rest of a refused request
            if silent_s > (_SURPLUS_S if self.is_surplus else self._front.body_idle_s):
                self.transport.abort()
        elif not self._buffer and (silent_s > self._front.keepalive_s or self._front.closes_idle):
            self.transport.close()

    def stop(self, error: LockgateError) -> None:
        """End the request that is being answered with an error; close if there is none."""
        if self._flow is not None:
            self._flow.stop(error)
        else:
            self.transport.close()
