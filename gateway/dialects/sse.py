"""Server-sent events: bytes, cut anywhere, become events.

Format: WHATWG HTML, section 9.2 "Server-sent events" (LF, CRLF or CR end a
line; a blank line ends an event; a byte order mark may come first).

Rule: cutting the input elsewhere never changes the events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_BOM: Final = b"\xef\xbb\xbf"
# A blank line: two line ends in a row. A CR that is followed by LF is no line end of its own.
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE_END = re.compile(rb"\r\n|\n|\r")
# The longest events are whole images in base64; twice the largest that a provider sends.
MAX_EVENT_BYTES: Final = 16 << 20
# What whole events end with: a line end behind a line end, of every kind (LF CR apart).
BLANK_ENDS: Final = (b"\n\n", b"\n\r\n", b"\r\r", b"\r\r\n")
_LINE_BYTES: Final = b"\r\n"
_KEPT_BYTES: Final = 64 << 10  # of an event's end, where counts and finish reasons stand


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event: its type where one was given, and its data lines joined by LF."""

    event: str | None
    data: bytes


def parse_block(block: bytes) -> SseEvent | None:
    """Parse the lines of one event; None where it holds no data (comments, retry, id)."""
    event: str | None = None
    data: list[bytes] = []
    for line in _LINE_END.split(block) if b"\r" in block else block.split(b"\n"):
        name, colon, value = line.partition(b":")
        if name == b"data":
            data.append(value[1:] if value[:1] == b" " else value)
        elif name == b"event" and colon:
            event = (value[1:] if value[:1] == b" " else value).decode(errors="replace")
    return SseEvent(event, b"\n".join(data)) if data else None


def find_boundary(data: bytes | bytearray, start: int = 0) -> int:
    """Return where the last blank line in `data` ends, 0 where there is none behind `start`.

    A CR behind an LF at the very end is taken for half of a CRLF that is still coming: clients
    that know no other line end would glue what follows to the event.
    """
    if data.endswith(BLANK_ENDS):
        return len(data)
    if b"\r" not in data:
        return data.rfind(b"\n\n", start) + 2 if data.find(b"\n\n", start) >= 0 else 0
    end = len(data) - data.endswith(b"\n\r")  # from behind: the last one is near
    while True:
        at = max(data.rfind(b"\n", start, end), data.rfind(b"\r", start, end))
        if at <= start:
            return 0
        is_pair = data[at - 1 : at + 1] == b"\r\n"
        first = at - 1 if is_pair else at
        if first > start and data[first - 1] in _LINE_BYTES:
            return at + 1
        end = first


def cut_before(data: bytes, block: bytes) -> bytes:
    """Return what of whole events comes before the one that is `block`; all if none is."""
    start = 0
    for match in _BLANK_LINE.finditer(data):
        if data[start : match.start()].strip(_LINE_BYTES) == block.strip(_LINE_BYTES):
            return data[:start]
        start = match.end()
    return data


def _split_whole(chunk: bytes) -> list[bytes] | None:
    """Split a chunk of whole events with one kind of line end; None where it is not that."""
    if chunk.endswith(b"\n\n") and b"\r" not in chunk:
        blank = b"\n\n"
    elif chunk.endswith(b"\r\n\r\n") and (
        chunk.count(b"\r\n") == chunk.count(b"\n") == chunk.count(b"\r")
    ):
        blank = b"\r\n\r\n"
    else:
        return None
    return [block for block in chunk.removesuffix(blank).split(blank) if block]


class BlockSplitter:
    """Cuts a stream at its blank lines; the blocks come without them and unparsed.

    `cut` tells that the first block of the last `feed` was longer than the limit: its
    beginning and its end are there, its middle is not.
    """

    __slots__ = ("_begun", "_buffer", "_limit", "_overflown", "_scanned", "_skip_lf", "cut")

    def __init__(self, limit_bytes: int = MAX_EVENT_BYTES) -> None:
        self._buffer = bytearray()
        self._limit = limit_bytes
        self._begun = False
        self._overflown = False
        self._scanned = 0  # before this no blank line begins
        self._skip_lf = False  # the last blank line ended with CR: an LF belongs to it
        self.cut = False

    @property
    def pending(self) -> bytes:
        """The bytes of an event that has begun and not ended."""
        return bytes(self._buffer)

    @property
    def is_pending(self) -> bool:
        """Whether an event has begun and not ended; a lone CR or LF is none."""
        return bool(self._buffer.strip(b"\r\n")) if self._buffer else False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the blocks that `chunk` completes."""
        if self._skip_lf and chunk:
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if not self._buffer and self._begun:
            blocks = _split_whole(chunk)
            if blocks is not None:
                self.cut = False
                return blocks
        self._buffer += chunk
        if not self._begun and not self._strip_bom():
            return []
        return self._split()

    def _strip_bom(self) -> bool:
        head = bytes(self._buffer[: len(_BOM)])
        if len(head) < len(_BOM) and _BOM.startswith(head):
            return False  # not enough to tell
        if head == _BOM:
            del self._buffer[: len(_BOM)]
        self._begun = True
        return True

    def _split(self) -> list[bytes]:
        buffer, blocks, start = self._buffer, list[bytes](), 0
        for begin, end in self._list_blank_lines():
            if begin > start:
                blocks.append(bytes(buffer[start:begin]))
            start = end
        self._skip_lf = start == len(buffer) > 0 and buffer[-1:] == b"\r"
        del buffer[:start]
        self._scanned = max(0, len(buffer) - 3)
        self.cut = self._overflown and bool(blocks)
        if blocks:
            self._overflown = False
        if len(buffer) > self._limit:
            self._drop_middle()
        return blocks

    def _list_blank_lines(self) -> list[tuple[int, int]]:
        """Return where each blank line begins and ends; a plain search takes a twentieth."""
        buffer, at = self._buffer, self._scanned
        if b"\r" in buffer:
            return [match.span() for match in _BLANK_LINE.finditer(buffer, at)]
        found = []
        while (at := buffer.find(b"\n\n", at)) >= 0:
            found.append((at, at + 2))
            at += 2
        return found

    def _drop_middle(self) -> None:
        del self._buffer[_KEPT_BYTES:-_KEPT_BYTES]
        self._scanned = max(0, len(self._buffer) - 3)
        self._overflown = True
