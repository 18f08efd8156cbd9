"""Keeps back what of a stream is no whole event yet: server-sent events, elements of an array.

Rule: what goes out ends between two events, unless one is too long to be kept.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.json_stream import ElementSplitter
from gateway.dialects.sse import BLANK_ENDS, find_boundary

# Of a stream before its first content, and of one event. A preamble has some KiB, more where it
# repeats instructions and tools; the events that are longer are images.
HELD_BYTES: Final = 256 << 10
_LINE_BYTES: Final = b"\r\n"


class EventHold:
    """Lets whole events through and keeps the beginning of one that is not complete.

    An event longer than the limit goes out in pieces; `is_open` tells that one is half out.
    """

    __slots__ = ("_held", "_limit", "is_open")

    def __init__(self, limit_bytes: int = HELD_BYTES) -> None:
        self._held = bytearray()
        self._limit = limit_bytes
        self.is_open = False

    def feed(self, chunk: bytes) -> bytes:
        """Return the bytes up to the last blank line."""
        held = self._held
        if not held and chunk.endswith(BLANK_ENDS):
            self.is_open = False
            return chunk
        # A blank line that ends in this chunk began at most three bytes before it.
        start = max(0, len(held) - 3)
        held += chunk
        end = find_boundary(held, start)
        self.is_open = self.is_open and end == 0
        while not self.is_open and end < len(held) and held[end] in _LINE_BYTES:
            end += 1  # line ends between two events are of neither
        if len(held) - end > self._limit:
            end = len(held)
            self.is_open = True
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

    __slots__ = ("_held", "_limit", "_splitter", "is_open")

    def __init__(self, limit_bytes: int = HELD_BYTES) -> None:
        self._held = bytearray()
        self._limit = limit_bytes
        self._splitter = ElementSplitter()
        self.is_open = False

    def feed(self, chunk: bytes) -> bytes:
        """Return the bytes up to the end of the last whole element."""
        self._splitter.feed(chunk)
        held = self._held
        held += chunk
        end = len(held)
        if not self._splitter.closed:
            end = max(0, end - self._splitter.pending_bytes)
            end = len(held[:end].rstrip(b", \t\r\n"))
        self.is_open = self.is_open and end == 0
        if len(held) - end > self._limit:
            end = len(held)
            self.is_open = True
        data = bytes(held[:end])
        del held[:end]
        return data

    def flush(self) -> bytes:
        """Return what is held: the stream has ended in order."""
        data = bytes(self._held)
        self._held.clear()
        return data


class NoHold:
    """Lets everything through at once: what has no events is never between two."""

    __slots__ = ()

    is_open = True

    def feed(self, chunk: bytes) -> bytes:
        """Return the chunk."""
        return chunk

    def flush(self) -> bytes:
        """Return nothing: nothing is kept."""
        return b""
