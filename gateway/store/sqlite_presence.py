"""Whether a database's files are still those that were opened.

Rule: what is written into a file that nobody finds any more is not stored. Looking is one thread's
work, so that a disk that hangs holds up nobody else.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from gateway.errors import StoreUnavailableError
from gateway.store.sqlite_errors import RETRY_AFTER_S

_LOOK_LIMIT_S: Final = 1.0  # a look takes microseconds

_Identity = tuple[int, int]


class Presence:
    """Looks after the files of one database.

    Args:
        path: the database, which is there.
    """

    def __init__(self, path: Path) -> None:
        self._files = {
            file: found
            for file in (path, Path(f"{path}-wal"))
            if (found := _identify(file)) is not None
        }
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database file")
        self._look: asyncio.Future[str | None] | None = None
        self._closed = False

    async def check(self) -> None:
        """Raise StoreUnavailableError unless all files are where they were."""
        if self._closed:
            raise StoreUnavailableError("The database is closed.")
        if self._look is not None and not self._look.done():
            await self._wait_for(self._look)  # it may have looked before we asked
        if self._look is None or self._look.done():
            self._look = asyncio.get_running_loop().run_in_executor(self._thread, self._find_fault)
        fault = await self._wait_for(self._look)
        if fault is not None:
            raise StoreUnavailableError(fault, retry_after_s=RETRY_AFTER_S)

    async def _wait_for(self, look: asyncio.Future[str | None]) -> str | None:
        await asyncio.wait({look}, timeout=_LOOK_LIMIT_S)
        return look.result() if look.done() else "The database's disk does not answer."

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._thread.shutdown(wait=False)

    def _find_fault(self) -> str | None:
        for file, opened in self._files.items():
            found = _identify(file)
            if found is None:
                return f"The file {file.name} is gone: put it back, nothing is written meanwhile."
            if found != opened:
                return f"Another file is in the place of {file.name}: put the old one back."
        return None


def _identify(file: Path) -> _Identity | None:
    try:
        found = os.stat(file)  # noqa: PTH116  called for every write
    except OSError:
        return None
    return found.st_dev, found.st_ino
