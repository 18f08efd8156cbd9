"""The ledger's spool: usage rows on the disk while the database does not take them.

A file of its own per process, in the data directory wherever the database is, and those that
processes which ended have left there. Older files come first, a file's rows in order.

Rule: all file work is done by one thread; the event loop never waits for a disk. Who is done with
rows says so; until then they are read again.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gateway.entities import UsageRow
from gateway.errors import StoreUnavailableError
from gateway.store.spool_file import Portion, SpoolFile, list_spools

logger = logging.getLogger("lockgate.usage")

ResultT = TypeVar("ResultT")


class Spool:
    """Usage rows in files of a data directory.

    Args:
        folder: the data directory.
        limit_bytes: how long the files may become together; more is refused.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.writer = os.urandom(16).hex()  # of the rows, in the database too
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger spool")
        self._adopted: list[SpoolFile] = []
        self._own: SpoolFile | None = None
        self._closed = False
        self.fault: str | None = None

    @property
    def rows(self) -> int:
        """Rows that wait here."""
        return sum(file.rows for file in self._list())

    @property
    def size_bytes(self) -> int:
        """How much of the disk the files take."""
        return sum(file.size_bytes for file in self._list())

    async def adopt(self) -> None:
        """Take over what processes that have ended have left."""
        await self._run(self._adopt)

    async def append(self, first: int, rows: Sequence[UsageRow]) -> bool:
        """Write rows, the first of which is our row number `first`; False where it cannot be."""
        return await self._run(lambda: self._append(first, rows))

    async def read(self, most_rows: int) -> Portion | None:
        """Read the rows that are next; None where none are left.

        Raises:
            StoreUnavailableError: our own file cannot be read; what follows its rows has to wait.
        """
        if not self.rows:
            return None
        return await self._run(lambda: self._read(most_rows))

    async def forget(self, portion: Portion) -> None:
        """Be done with rows that `read` has given.

        After `close` they stay: who brings them again is told by the database that it has them.
        """
        if not self._closed:
            await self._run(lambda: self._forget(portion))

    async def close(self) -> None:
        """Close the files; those with rows stay for the next start."""
        self._closed = True
        try:
            await self._run(self._close)
        finally:
            self._thread.shutdown(wait=False)  # a disk that hangs is not waited for

    def abandon(self) -> None:
        """Close without waiting: the disk hangs."""
        self._closed = True
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # --- in the thread ----------------------------------------------------------------------

    def _list(self) -> list[SpoolFile]:
        return [*self._adopted, *([] if self._own is None else [self._own])]

    def _adopt(self) -> None:
        held = {file.path for file in self._list()}
        for path in list_spools(self._folder):
            if path in held:
                continue
            try:
                found = SpoolFile.adopt(path)
                if found is not None and found.rows:
                    logger.info("%d usage rows of an earlier run wait in %s", found.rows, path)
                    self._adopted.append(found)
                elif found is not None:
                    found.close()
            except OSError as error:
                logger.warning("%s cannot be read: %s", path, error.strerror)

    def _append(self, first: int, rows: Sequence[UsageRow]) -> bool:
        try:
            if self._own is None:
                self._own = SpoolFile.create(self._folder, self.writer)
            taken = sum(file.size_bytes for file in self._adopted)
            if self._own.append(first, rows, self._limit_bytes - taken):
                self._report(None)
                return True
        except OSError as error:
            self._report(f"the spool cannot be written: {error.strerror}")
            return False
        self._report(f"the spool is full: {self._limit_bytes} bytes")
        return False

    def _report(self, fault: str | None) -> None:
        if fault != self.fault:
            if fault is not None:
                logger.error("usage rows stay in memory: %s", fault)
            self.fault = fault

    def _read(self, most_rows: int) -> Portion | None:
        for file in self._list():
            try:
                portion = file.read(most_rows)
            except OSError as error:
                if file is self._own:
                    raise StoreUnavailableError(
                        f"the spool cannot be read: {error.strerror}"
                    ) from error
                logger.error("%s cannot be read: %s", file.path, error.strerror)  # noqa: TRY400  the system's word is all there is to know
                portion = None
            if portion is not None:
                return portion
            if file is not self._own:
                self._drop(file)
        return None

    def _forget(self, portion: Portion) -> None:
        for file in self._list():
            if file.writer != portion.writer:
                continue
            try:
                file.forget(portion)
            except OSError as error:
                logger.warning("%s cannot be cut: %s", file.path, error.strerror)
            if file is not self._own and not file.rows:
                self._drop(file)

    def _drop(self, file: SpoolFile) -> None:
        self._adopted.remove(file)
        try:
            file.close()
        except OSError as error:
            logger.warning("%s cannot be removed: %s", file.path, error.strerror)

    def _close(self) -> None:
        for file in self._list():
            try:
                file.close()
            except OSError as error:
                logger.warning("%s cannot be closed: %s", file.path, error.strerror)
        self._adopted.clear()
        self._own = None
