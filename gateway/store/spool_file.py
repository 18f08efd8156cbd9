"""One file of usage rows that wait for the database: a line that says what it is, then frames.

The line is JSON: format, writer, the names of a row's fields. A frame is the payload's length,
its CRC-32, the number of its first row, the count of its rows, and the payload: JSON rows.

Rule: blocking, for a thread; what `append` has returned from is on the disk; a frame that is not
whole ends the file. Only who holds the file's lock reads or writes it.
"""

from __future__ import annotations

import logging
import os
import struct
import sys
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from gateway.entities import UsageRow

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger("lockgate.usage")

PREFIX: Final = "ledger-"
SUFFIX: Final = ".spool"
_FORMAT: Final = 1
_MODE: Final = 0o600
_HEAD: Final = struct.Struct(">IIQI")
_MAX_LINE_BYTES: Final = 4096  # ours has 400
_MAX_FRAME_BYTES: Final = 64 << 20  # fifty times what is ever written: beyond it is damage
_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows would change line ends
_sync: Final = getattr(os, "fdatasync", os.fsync)


class Portion(NamedTuple):
    """Rows that stand one after the other, whose they are, and where they end in the file."""

    writer: str
    first: int
    rows: list[UsageRow]
    end: int


class SpoolFile:
    """A spool file that this process holds. Built by `create` and `adopt`."""

    def __init__(self, path: Path, descriptor: int, writer: str, fields: Sequence[str]) -> None:
        self.path = path
        self.writer = writer
        self.rows = 0  # not yet done with
        self._descriptor = descriptor
        self._fields = list(fields)
        self._start = self._at = self._end = os.lseek(descriptor, 0, os.SEEK_CUR)

    @classmethod
    def create(cls, folder: Path, writer: str) -> SpoolFile:
        """Create a writer's file (0600). Raises OSError."""
        path = folder / f"{PREFIX}{writer}{SUFFIX}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(path, flags, _MODE)
        try:
            _take(descriptor)
            line = {"format": _FORMAT, "writer": writer, "fields": UsageRow._fields}
            _write(descriptor, orjson.dumps(line) + b"\n", 0)
            _sync_all(descriptor, folder)
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            raise
        return cls(path, descriptor, writer, UsageRow._fields)

    @classmethod
    def adopt(cls, path: Path) -> SpoolFile | None:
        """Take over the file of a writer that has ended; None where it is not to be had.

        What is no spool of ours stays as it is. Raises OSError.
        """
        descriptor = os.open(path, os.O_RDWR | _BINARY | getattr(os, "O_NOFOLLOW", 0))
        try:
            if _is_taken(descriptor) or os.fstat(descriptor).st_nlink == 0:
                os.close(descriptor)  # its writer lives, or somebody was faster
                return None
            found = _read_line(descriptor)
            if found is None:
                if os.fstat(descriptor).st_size == 0:  # its writer ended as it began
                    path.unlink()
                os.close(descriptor)
                return None
            spool = cls(path, descriptor, *found)
            spool.scan()
        except BaseException:
            with suppress(OSError):
                os.close(descriptor)
            raise
        return spool

    @property
    def size_bytes(self) -> int:
        """How long the file is."""
        return self._end

    def append(self, first: int, rows: Sequence[UsageRow], limit_bytes: int) -> bool:
        """Add rows, of which the first has number `first`; False where that is over the limit.

        Raises:
            OSError: they are not in the file.
        """
        payload = dump_rows(rows)
        checked = _HEAD.pack(len(payload), 0, first, len(rows))[8:] + payload
        frame = _HEAD.pack(len(payload), zlib.crc32(checked), first, len(rows)) + payload
        if self._end + len(frame) > limit_bytes:
            return False
        try:
            _write(self._descriptor, frame, self._end)
            _sync(self._descriptor)
        except OSError:
            with suppress(OSError):  # what stands beyond the end is written over anyway
                os.ftruncate(self._descriptor, self._end)
            raise
        self._end += len(frame)
        self.rows += len(rows)
        return True

    def read(self, most_rows: int) -> Portion | None:
        """Read the next rows, whole frames that follow each other; None at the end.

        Raises OSError.
        """
        at, first, rows = self._at, 0, list[UsageRow]()
        while at < self._end:
            head, payload, after = self._read_frame(at)
            if payload is None:
                logger.error("%s is damaged at byte %d: its rows end there", self.path, at)
                self._end = at
                self.rows = len(rows)
                break
            if rows and (head[2] != first + len(rows) or len(rows) + head[3] > most_rows):
                break
            first = first if rows else head[2]
            rows += self._parse_rows(payload)
            at = after
        return Portion(self.writer, first, rows, at) if rows else None

    def forget(self, portion: Portion) -> None:
        """Be done with rows that were read; an empty file is cut down. Raises OSError."""
        self._at = portion.end
        self.rows -= len(portion.rows)
        if self._at >= self._end:
            os.ftruncate(self._descriptor, self._start)
            self._at = self._end = self._start
            self.rows = 0

    def close(self) -> None:
        """Close the file, remove it if there is nothing in it. Raises OSError."""
        if self._at >= self._end:
            with suppress(FileNotFoundError):
                self.path.unlink()  # before the lock goes: who waits for it sees that it is gone
        os.close(self._descriptor)

    def scan(self) -> None:
        """Find the end of the whole frames, and how many rows they have. Raises OSError."""
        size = os.fstat(self._descriptor).st_size
        self._end = size
        at = self._start
        while at < size:
            head, payload, after = self._read_frame(at)
            if payload is None:
                logger.warning("%s ends in %d bytes that are torn", self.path, size - at)
                break
            self.rows += head[3]
            at = after
        self._end = at

    def _read_frame(self, at: int) -> tuple[tuple[int, int, int, int], bytes | None, int]:
        """Return a frame's head, its payload (None where it is not whole) and its end."""
        raw = _read(self._descriptor, _HEAD.size, at)
        if len(raw) < _HEAD.size:
            return (0, 0, 0, 0), None, at
        size, crc, first, count = _HEAD.unpack(raw)
        end = at + _HEAD.size + size
        if size > _MAX_FRAME_BYTES or end > self._end:
            return (0, 0, 0, 0), None, at
        payload = _read(self._descriptor, size, at + _HEAD.size)
        whole = zlib.crc32(raw[8:] + payload) == crc
        return (size, crc, first, count), payload if whole else None, end

    def _parse_rows(self, payload: bytes) -> list[UsageRow]:
        values = orjson.loads(payload)
        if self._fields == list(UsageRow._fields):
            return [UsageRow(*row) for row in values]
        unsaid = {**dict.fromkeys(UsageRow._fields), **UsageRow._field_defaults}
        said = [dict(zip(self._fields, row, strict=True)) for row in values]
        return [UsageRow(**{name: row.get(name, unsaid[name]) for name in unsaid}) for row in said]


def list_spools(folder: Path) -> list[Path]:
    """List the spool files of a directory, the oldest first; none where it cannot be read."""
    found: list[tuple[float, Path]] = []
    with suppress(OSError):
        for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
            with suppress(OSError):
                found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found)]


def count_rows(path: Path) -> int | None:
    """Count the rows of a spool file without taking it; None where it is none.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | _BINARY | getattr(os, "O_NOFOLLOW", 0))
    try:
        found = _read_line(descriptor)
        if found is None:
            return None
        spool = SpoolFile(path, descriptor, *found)
        spool.scan()
        return spool.rows
    finally:
        os.close(descriptor)


def dump_rows(rows: Sequence[UsageRow]) -> bytes:
    """Dump rows as JSON; a value that JSON cannot say becomes what comes nearest."""
    try:
        return orjson.dumps([tuple(row) for row in rows])
    except TypeError:  # a provider counted beyond 64 bits, or sent half a character
        return orjson.dumps([[_mend(value) for value in row] for row in rows])


def _mend(value: Any) -> Any:
    try:
        orjson.dumps(value)
    except TypeError:
        return value.encode(errors="replace").decode() if isinstance(value, str) else None
    return value


def _take(descriptor: int) -> None:
    """Lock a file for this process. Raises BlockingIOError where another has it."""
    if sys.platform != "win32":  # there one server to a directory is all there is to hope for
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_taken(descriptor: int) -> bool:
    try:
        _take(descriptor)
    except BlockingIOError:
        return True
    return False


def _read_line(descriptor: int) -> tuple[str, list[str]] | None:
    """Read a file's first line; the descriptor stands behind it afterwards."""
    line, found, _ = _read(descriptor, _MAX_LINE_BYTES, 0).partition(b"\n")
    try:
        said = orjson.loads(line) if found else {}
        writer, fields = str(said["writer"]), [str(name) for name in said["fields"]]
        known = said["format"] == _FORMAT
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    os.lseek(descriptor, len(line) + 1, os.SEEK_SET)
    return (writer, fields) if known else None


def _write(descriptor: int, content: bytes, at: int) -> None:
    os.lseek(descriptor, at, os.SEEK_SET)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _read(descriptor: int, size: int, at: int) -> bytes:
    os.lseek(descriptor, at, os.SEEK_SET)
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, size - len(parts))
        if not part:
            break
        parts += part
    return bytes(parts)


def _sync_all(descriptor: int, folder: Path) -> None:
    os.fsync(descriptor)
    if os.name != "posix":
        return  # directories cannot be opened there
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
