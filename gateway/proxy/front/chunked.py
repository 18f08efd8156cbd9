"""Undoes the chunked transfer coding of a request's body (RFC 9112 section 7.1).

Rule: strict: CRLF ends each line, a size is 1 to 8 hexadecimal digits; what is not that is
refused, never guessed. Cutting the input elsewhere never changes the outcome.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.errors import MalformedRequestError

_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_SIZE_DIGITS: Final = 8
_MAX_LINE_BYTES: Final = 4096  # of a size line with extensions, or of all trailers
# Of one body. Nobody sends any; without a limit each byte of a body could cost 4 KiB of lines.
_MAX_EXTENSION_BYTES: Final = 16 << 10
_TRAILER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t\x20-\x7e\x80-\xff]*")
# Trailers are dropped, but whoever sends these after the body means to be read twice (RFC 9110
# section 6.5.1: framing, routing, authentication, how to process the body).
_FORBIDDEN: Final = frozenset(
    [
        b"authorization",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"cookie",
        b"expect",
        b"host",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"x-api-key",
    ]
)


class ChunkedBody:
    """Takes the coded bytes, gives the pieces of the body.

    Attributes:
        is_complete: the last chunk and the trailers have come; `rest` is what came after them.
    """

    __slots__ = (
        "_buffer",
        "_extension_bytes",
        "_left",
        "_trailer_bytes",
        "_trailing",
        "is_complete",
        "rest",
    )

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0  # of the current chunk, with the line end after it
        self._trailing = False
        self._trailer_bytes = 0
        self._extension_bytes = 0
        self.is_complete = False
        self.rest = b""

    @property
    def announced(self) -> int:
        """How many bytes of the current chunk are still to come."""
        return max(0, self._left - 2)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of the body that are in `data`.

        Raises:
            MalformedRequestError: it is not of this coding.
        """
        pieces: list[bytes] = []
        buffer = self._buffer + data if self._buffer else data
        at = 0
        while not self.is_complete:
            step = self._take(buffer, at, pieces) if self._left else self._read_line(buffer, at)
            if step == 0:
                break
            at += step
        if self.is_complete:
            self.rest, self._buffer = buffer[at:], b""
        else:
            self._buffer = buffer[at:]
        return pieces

    def _take(self, buffer: bytes, at: int, pieces: list[bytes]) -> int:
        """Take a part of the current chunk; the two bytes of its line end count in `_left`."""
        size = min(self._left - 2, len(buffer) - at)
        if size > 0:
            pieces.append(buffer[at : at + size])
            self._left -= size
            return size
        end = buffer[at : at + 2]
        if len(end) < 2 and b"\r\n".startswith(end):  # noqa: PLR2004  CR and LF
            return 0
        if end != b"\r\n":
            raise _malformed()
        self._left = 0
        return 2

    def _read_line(self, buffer: bytes, at: int) -> int:
        end = buffer.find(b"\n", at)
        if (len(buffer) if end < 0 else end) - at > _MAX_LINE_BYTES:
            raise _malformed()
        if end < 0:
            return 0
        if buffer[end - 1 : end] != b"\r" or end == at:
            raise _malformed()
        line = buffer[at : end - 1]
        if self._trailing:
            self._read_trailer(line)
        else:
            self._read_size(line)
        return end + 1 - at

    def _read_size(self, line: bytes) -> None:
        match = _SIZE.fullmatch(line)
        if match is None:
            raise _malformed()
        self._extension_bytes += max(0, len(line) - _SIZE_DIGITS)
        if self._extension_bytes > _MAX_EXTENSION_BYTES:
            raise _malformed()
        size = int(match[1], 16)
        self._trailing = size == 0
        self._left = size + 2 if size else 0

    def _read_trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line) + 2
        if not line:
            self.is_complete = True
            return
        match = _TRAILER.fullmatch(line)
        if match is None or match[1].lower() in _FORBIDDEN:
            raise _malformed()
        if self._trailer_bytes > _MAX_LINE_BYTES:
            raise _malformed()


def _malformed() -> MalformedRequestError:
    return MalformedRequestError("the body's framing is broken")
