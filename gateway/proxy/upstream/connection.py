"""One connection to a provider: writes requests, parses what comes back, one answer at a time.

The parser is llhttp by way of httptools, in its strict mode: one Content-Length, not beside
Transfer-Encoding, CRLF line ends. What it leaves open is checked here: the size and number of
headers, codings of the transfer other than chunked, upgrades, bytes after the end, and the end
of the connection, which httptools is not told of.

Rule: a connection is offered for the next request only after an answer that was complete and
well-formed, that allowed it, and that was the last thing on the wire.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from typing import Final, cast

from httptools import HttpParserError, HttpResponseParser

from gateway.proxy.upstream import faults
from gateway.proxy.upstream.answer import UpstreamAnswer
from gateway.proxy.upstream.call import Request

# Providers send 2 to 4 KiB of headers. The same holds for all that is not body: interim answers,
# chunk sizes and their extensions, trailers.
_MAX_HEAD_BYTES: Final = 32 << 10
_MAX_HEADERS: Final = 128  # providers send up to 30
_SLICE_BYTES: Final = 256 << 10  # of a large body: what one write may keep the event loop for
_FIRST_FINAL: Final = 200
_SWITCHING: Final = 101
_HEAD_END: Final = b"\r\n\r\n"
_LINE_END: Final = b"\r\n"
_CODINGS: Final = re.compile(rb"\r\ntransfer-encoding[ \t]*:([^\r\n]*)")


class Connection(asyncio.Protocol):
    """One open connection.

    Args:
        on_free: called when the next request may be sent.
        on_lost: called once when it is closed.

    Attributes:
        on_first_answer: called with the TLS object, if any, once an answer is complete.
    """

    __slots__ = (
        "_answer",
        "_bodiless",
        "_chunked",
        "_done",
        "_framing_bytes",
        "_head",
        "_in_head",
        "_keep",
        "_last",
        "_on_free",
        "_on_lost",
        "_parser",
        "_until_close",
        "_uploading",
        "_write_paused",
        "on_first_answer",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(
        self,
        on_free: Callable[[Connection], None],
        on_lost: Callable[[Connection], None],
    ) -> None:
        self._on_free = on_free
        self._on_lost = on_lost
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._answer: UpstreamAnswer | None = None
        self._write_paused = False
        self._uploading = False
        self.on_first_answer: Callable[[ssl.SSLObject | None], None] | None = None
        self._begin("")

    def _begin(self, method: str) -> None:
        """Forget the last answer; expect the next one."""
        self._bodiless = method == "HEAD"
        self._head = b""  # what has come, until the answer's own headers are complete
        self._in_head = True  # until headers come that are not those of an interim answer
        self._chunked = False
        self._until_close = False
        self._keep = False
        self._done = False
        self._framing_bytes = 0  # in a row that were no body
        self._last = b""

    # --- for whoever asks -------------------------------------------------------------------

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent."""
        return self._answer is None and not self.transport.is_closing()

    def ask(self, request: Request, answer: UpstreamAnswer) -> None:
        """Send a request whose answer goes into `answer`; `upload` sends the rest of its body."""
        self._answer = answer
        self._uploading = bool(request.rest)
        self._begin(request.method)
        if self.transport.is_closing():  # lost since it was opened
            answer.fail(faults.reset())
        else:
            self.transport.write(request.first)

    async def upload(self, body: tuple[bytes | memoryview, ...], answer: UpstreamAnswer) -> None:
        """Send a large body, no faster than the provider takes it.

        Ends early if the answer is there and says no: the connection is then of no further use.
        """
        for piece in body:
            view = memoryview(piece)
            for start in range(0, len(view), _SLICE_BYTES):
                while self._write_paused and answer.wants_body:
                    await answer.gate
                if not answer.wants_body:
                    return
                self.transport.write(view[start : start + _SLICE_BYTES])
        self._uploading = False

    def abort(self) -> None:
        """Close the connection at once."""
        self._answer = None
        self.transport.abort()

    def pause_reading(self) -> None:
        """Leave what comes to the kernel for now."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take what comes again."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    # --- for the event loop -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        answer = self._answer
        parser = self._parser
        if answer is None or parser is None:  # nobody asked: do not trust this connection
            self.transport.abort()
            return
        answer.heard = True
        self._framing_bytes += len(data)
        if self._in_head:
            self._head = self._head + data if self._head else data
        try:
            parser.feed_data(data)
        except HttpParserError:
            if not self._done:
                answer.fail(faults.malformed())
                return
            self._keep = False
        if self._done:
            self._finish(answer, data)
        elif self._framing_bytes > _MAX_HEAD_BYTES:
            answer.fail(faults.malformed())
        else:
            answer.settle()

    def eof_received(self) -> None:
        """Note that the provider sends no more: the proper end of a body without length."""
        answer = self._answer
        if answer is not None and self._until_close and self._is_end_said():
            self._answer = None
            answer.end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        del exc  # what it says is the operating system's; what it means depends on what came
        self._parser = None  # it holds this object, and this object held it
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.fail(faults.truncated() if answer.arrived else faults.reset())
        self._on_lost(self)

    def pause_writing(self) -> None:
        """Note that the provider takes the body too slowly."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Let the body go on."""
        self._write_paused = False
        if self._answer is not None:
            self._answer.gate.open()

    # --- for the parser ---------------------------------------------------------------------

    def on_headers_complete(self) -> None:
        """Judge the headers, which the parser has found valid."""
        answer = self._answer
        parser = self._parser
        if answer is None or parser is None or self._done or not self._in_head:
            raise faults.malformed()  # an answer too many
        head, _, rest = self._head.partition(_HEAD_END)
        status = parser.get_status_code()
        if status < _FIRST_FINAL:
            self._head = rest
            if status == _SWITCHING:
                raise faults.malformed()  # nobody asked for it
            return
        self._in_head = False
        self._head = b""
        if len(head) > _MAX_HEAD_BYTES or head.count(_LINE_END) > _MAX_HEADERS:
            raise faults.malformed()
        self._judge_framing(parser, head, answer)
        answer.status = status
        answer.head = head
        answer.arrived = True
        if self._bodiless:
            self._keep = False  # the parser cannot be told that no body follows
            self._done = True

    def on_body(self, piece: bytes) -> None:
        """Hand on a piece of the body."""
        answer = self._answer
        if answer is None or self._done:
            raise faults.malformed()
        self._framing_bytes = 0
        self._last = piece
        answer.put(piece)

    def on_message_complete(self) -> None:
        """Note the end of the body."""
        if not self._in_head:
            self._done = True

    # --- within -----------------------------------------------------------------------------

    def _judge_framing(
        self, parser: HttpResponseParser, head: bytes, answer: UpstreamAnswer
    ) -> None:
        version = parser.get_http_version()
        # Folded lines are read in two ways (RFC 9112 section 5.2).
        if version not in ("1.1", "1.0") or b"\r\n " in head or b"\r\n\t" in head:
            raise faults.malformed()
        lower = head.lower()
        if b"\r\ntransfer-encoding" in lower:
            codings = _CODINGS.findall(lower)
            if version == "1.0" or len(codings) != 1 or codings[0].strip() != b"chunked":
                raise faults.malformed()
            self._chunked = True
        self._keep = parser.should_keep_alive()
        self._until_close = not self._chunked and b"\r\ncontent-length" not in lower
        answer.is_coded = b"\r\ncontent-encoding" in lower

    def _is_end_said(self) -> bool:
        """Tell whether an end is the provider's own word: under TLS anyone on the way can say FIN.

        The event loop does not tell; OpenSSL does: after a proper end it reads nothing, without
        one it wants more.
        """
        secured = self.transport.get_extra_info("ssl_object")
        if secured is None:
            return True
        try:
            return not secured.read(1)
        except ssl.SSLError:
            return False

    def _finish(self, answer: UpstreamAnswer, data: bytes) -> None:
        self._answer = None
        if self.on_first_answer is not None:
            self.on_first_answer(self.transport.get_extra_info("ssl_object"))
            self.on_first_answer = None
        keep = self._keep and not self._uploading and self._ends_here(data)
        if keep and not self.transport.is_closing():
            self._on_free(self)
        else:
            self.transport.abort()
        answer.end()  # last: whoever reads it goes on in this call, perhaps to the next request

    def _ends_here(self, data: bytes) -> bool:
        """Tell whether the answer's last byte is the last one here.

        The parser skips line ends between messages without a word, so look at what is there: a
        body of known length ends with its last piece, everything else with one empty line.
        """
        if self._last and not self._chunked:
            return data.endswith(self._last)
        return data.endswith(_HEAD_END) and not data.endswith(b"\n" + _HEAD_END)
