"""A request's body that is too large to be kept in memory: in a file without a name.

The file is gone with the process, whatever ends it. Reading it needs no copy: it is mapped.

Rule: what was uploaded is on the disk no longer than its request lasts.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable
from typing import IO, Final, TypeAlias

from gateway.errors import StorageFullError

Raw: TypeAlias = bytes | mmap.mmap

KEPT_BYTES: Final = 1 << 20  # what of one body is in memory before it is written out


class Upload:
    """One body on its way to the disk, and from there."""

    __slots__ = ("_file", "_kept_bytes", "_map")

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._map: mmap.mmap | None = None
        self._kept_bytes = 0  # that came since the last were written

    def note(self, size: int) -> bool:
        """Count bytes that came; tell whether those that are in memory are to be written now."""
        self._kept_bytes += size
        return self._kept_bytes > KEPT_BYTES

    def write(self, pieces: Iterable[bytes]) -> None:
        """Append to the file: to the system's cache, so the event loop does not wait for a disk.

        Raises:
            StorageFullError: there is no room for it.
        """
        self._kept_bytes = 0
        try:
            if self._file is None:
                # Unbuffered: pieces are large. The system's own folder for it: TMPDIR chooses.
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            left = memoryview(b"".join(pieces))
            while left:  # a disk with a little room takes a part, without an error
                left = left[self._file.write(left) :]
        except OSError:
            raise StorageFullError("there is no room on the disk for the upload") from None

    def read(self) -> Raw:
        """Return all that was written.

        Raises:
            StorageFullError: there is no room for it among the files or the memory of this process.
        """
        if self._file is None:
            return b""
        try:
            if self._map is None:
                self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError:
            raise StorageFullError("the upload cannot be read back") from None
        return self._map

    def close(self) -> None:
        """Delete what was written; views of it that are still in use keep their bytes."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._map = None
