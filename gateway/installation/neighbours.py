"""Who else serves from a data directory: to be said at the start, never refused.

Every gateway locks a place of its own in a small file and writes its process id there. A lock goes
with its process, however that ends.

Rule: an aid for the operator; where it does not work, the gateway starts all the same.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl

FILE_NAME: Final = "gateways.lock"
_PLACES: Final = 16  # a rolling restart has two
_PLACE_BYTES: Final = 16  # a process id with a newline


@dataclass(slots=True)
class Seat:
    """Our place among the gateways of a directory; `others` are the process ids found there."""

    others: tuple[int, ...] = ()
    _descriptor: int | None = None

    def leave(self) -> None:
        """Give the place back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def take_seat(data_dir: Path) -> Seat:
    """Take a place in a data directory, and tell who has one already."""
    if sys.platform == "win32":
        return Seat()
    try:
        descriptor = os.open(data_dir / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return Seat()
    try:
        return _take(descriptor)
    except OSError:  # a file system without locks
        os.close(descriptor)
        return Seat()


def _take(descriptor: int) -> Seat:
    others: list[int] = []
    seated = False
    for place in range(_PLACES):
        start = place * _PLACE_BYTES
        if not _lock(descriptor, start):
            with suppress(ValueError, IndexError):  # it is just writing
                others.append(int(os.pread(descriptor, _PLACE_BYTES, start).split()[0]))
        elif seated:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, _PLACE_BYTES, start)
        else:
            seated = True
            os.pwrite(descriptor, f"{os.getpid()}\n".ljust(_PLACE_BYTES).encode(), start)
    return Seat(tuple(others), descriptor)


def _lock(descriptor: int, start: int) -> bool:
    # Locks of a range belong to the process: a child that is forked has none of them.
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _PLACE_BYTES, start)
    except (BlockingIOError, PermissionError):
        return False
    return True
