"""Newline-delimited JSON: bytes, cut anywhere, become lines.

Format: https://github.com/ndjson/ndjson-spec (LF ends a line, a CR before it is blank; empty
lines say nothing).

Rule: cutting the input elsewhere never changes the lines; what is held is bounded.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.sse import MAX_EVENT_BYTES
from gateway.errors import UpstreamMalformedError

_END: Final = b"\n"


class LineSplitter:
    """Cuts a stream into lines."""

    __slots__ = ("_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes, without their ends and blanks around.

        Raises:
            UpstreamMalformedError: a line is longer than an event may be.
        """
        if not self._pieces and chunk.endswith(_END):
            return [line for line in chunk.split(_END) if line and not line.isspace()]
        head, end, rest = chunk.rpartition(_END)
        if not end:
            self._keep(rest)
            return []
        whole = b"".join((*self._pieces, head))
        self._pieces, self._size = [], 0
        self._keep(rest)
        return [line for line in whole.split(_END) if line and not line.isspace()]

    def conclude(self) -> bytes:
        """Return what came behind the last line end."""
        rest = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return rest.strip()

    def _keep(self, rest: bytes) -> None:
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
        if self._size > MAX_EVENT_BYTES:
            raise UpstreamMalformedError("a line of the stream is too long")
