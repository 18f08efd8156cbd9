"""Whose turn it is to probe a blocked target: one process at a time, of all workers.

Messages between workers take milliseconds, and two workers that are asked in the same one would
both probe. Record locks of the kernel decide at once, and go with a process that dies.

Rule: what cannot be decided here is allowed: a probe too many is better than none.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import Final
from zlib import crc32

_FIRST: Final = 1 << 32  # beyond the shared memory: a lock needs no byte to be there
_TAKEN: Final = frozenset({errno.EACCES, errno.EAGAIN})


class Claims:
    """The claims of one process.

    Args:
        descriptor: of a file that all workers have open, and none closes while it runs: closing
            it would end the locks.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def take(self, key: str) -> bool:
        """Take the right to probe the target with this key; False: another process has it."""
        import fcntl  # workers exist only where it does

        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(key))
        except OSError as error:
            return error.errno not in _TAKEN
        return True

    def give_back(self, key: str) -> None:
        """Let others probe; nothing happens if this process has no claim."""
        import fcntl

        with suppress(OSError):
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _place(key))


def _place(key: str) -> int:
    return _FIRST + crc32(key.encode())
