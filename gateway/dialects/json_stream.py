"""A JSON array that arrives in pieces: its elements, one by one.

Format: Gemini's streamGenerateContent without ``alt=sse``: one array whose elements
are whole answers; an error may stand there as a bare object.

Rule: cutting the input elsewhere never changes the elements.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.dialects.sse import MAX_EVENT_BYTES

_KEPT_BYTES: Final = 64 << 10
# Up to the next bracket outside of strings, or to a string that has not ended.
_BETWEEN = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)  # up to the closing quote
_QUOTE: Final = ord('"')
_OPENING: Final = frozenset(b"{[")
_OPENING_ARRAY: Final = ord("[")


class ElementSplitter:
    """Cuts an array into its objects. `cut` as in `BlockSplitter`."""

    __slots__ = (
        "_array",
        "_buffer",
        "_depth",
        "_in_string",
        "_limit",
        "_overflown",
        "_position",
        "_start",
        "closed",
        "cut",
    )

    def __init__(self, limit_bytes: int = MAX_EVENT_BYTES) -> None:
        self._buffer = bytearray()
        self._limit = limit_bytes
        self._position = 0  # before this everything has been read
        self._start = -1  # of the element that has begun
        self._depth = 0  # of brackets within the element; the array's own is not counted
        self._array = False
        self._in_string = False
        self._overflown = False
        self.closed = False  # the array, or the bare object, has ended
        self.cut = False

    @property
    def pending(self) -> bytes:
        """The bytes of an element that has begun and not ended."""
        return bytes(self._buffer[self._start :]) if self._start >= 0 else b""

    @property
    def pending_bytes(self) -> int:
        """How long `pending` is."""
        return len(self._buffer) - self._start if self._start >= 0 else 0

    @property
    def is_pending(self) -> bool:
        """Whether an element has begun and not ended."""
        return self._start >= 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the elements that `chunk` completes."""
        self._buffer += chunk
        elements: list[bytes] = []
        while (token := self._next_token()) is not None:
            element = self._take(*token)
            if element is not None:
                elements.append(element)
        self.cut = self._overflown and bool(elements)
        if elements:
            self._overflown = False
        self._forget()
        return elements

    def _next_token(self) -> tuple[int, int] | None:
        """Return the next bracket outside of strings and where it stands."""
        if self._in_string and not self._skip_string():
            return None
        match = _BETWEEN.match(self._buffer, self._position)
        at = self._position if match is None else match.end()
        if at == len(self._buffer):
            self._position = at
            return None
        self._position = at + 1
        if self._buffer[at] != _QUOTE:
            return self._buffer[at], at
        self._in_string = True
        self._skip_string()
        return None

    def _skip_string(self) -> bool:
        """Go behind the closing quote; False where it has not come yet."""
        match = _STRING_REST.match(self._buffer, self._position)
        self._position = self._position if match is None else match.end()
        if self._buffer[self._position : self._position + 1] != b'"':
            return False  # the end of what has come, perhaps in the middle of an escape
        self._position += 1
        self._in_string = False
        return True

    def _take(self, byte: int, at: int) -> bytes | None:
        """Count one bracket; return the element that it ends."""
        if byte in _OPENING:
            if self._depth == 0 and byte == _OPENING_ARRAY and not self._array:
                self._array = True
                return None
            self._start = at if self._depth == 0 else self._start
            self._depth += 1
            return None
        if self._depth == 0:
            self.closed = True
            return None
        self._depth -= 1
        if self._depth > 0:
            return None
        element = bytes(self._buffer[self._start : at + 1])
        self._start = -1
        self.closed = self.closed or not self._array
        return element

    def _forget(self) -> None:
        """Drop what has been read and is of no element; bound what is."""
        done = self._start if self._start >= 0 else self._position
        del self._buffer[:done]
        self._position -= done
        self._start = 0 if self._start >= 0 else -1
        if len(self._buffer) > self._limit:
            before = len(self._buffer)
            del self._buffer[_KEPT_BYTES:-_KEPT_BYTES]
            self._position -= before - len(self._buffer)
            self._overflown = True
