"""One connection of SQLite's, whose thread may hang in a disk that does not answer.

Rule: who waits for a statement gives up after a limit without progress; the connection is handed
on only once its thread has come back and is outside of any transaction.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

import aiosqlite

from gateway.errors import StoreUnavailableError
from gateway.store.sqlite_errors import RETRY_AFTER_S

ResultT = TypeVar("ResultT")

# About every 20 ms of a statement that works: a long one is told from one that hangs.
_STEPS_PER_BEAT: Final = 1_000_000


class Line:
    """A connection, and whether it answers.

    Args:
        connection: nobody else uses it.

    Attributes:
        limit_s: how long a statement may take without progress; None is for ever.
    """

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self.connection = connection
        self.limit_s: float | None = None
        self._beat_at_s = 0.0
        self._recovery: asyncio.Task[None] | None = None

    @property
    def is_hanging(self) -> bool:
        """Whether somebody has given up waiting for it, and it has not come back since."""
        return self._recovery is not None

    async def watch(self) -> None:
        """Notice from now on when a long statement makes progress."""
        await self.connection.set_progress_handler(self._beat, _STEPS_PER_BEAT)

    def check(self) -> None:
        """Raise StoreUnavailableError if it hangs."""
        if self.is_hanging:
            raise build_hang_error()

    async def run(self, work: Coroutine[Any, Any, ResultT], *, more_s: float = 0.0) -> ResultT:
        """Wait for a statement.

        Args:
            work: the call of the connection.
            more_s: what it may wait for other processes, beyond the limit.

        Raises:
            StoreUnavailableError: it does not come back; what becomes of it is not known.
        """
        if self.limit_s is None:
            return await work
        limit_s = self.limit_s + more_s
        task = asyncio.ensure_future(work)
        began_at_s = time.monotonic()
        try:
            while not task.done():
                waited_s = time.monotonic() - max(began_at_s, self._beat_at_s)
                if waited_s >= limit_s:
                    self._recovery = asyncio.create_task(self._recover(task))
                    raise build_hang_error()
                await asyncio.wait({task}, timeout=limit_s - waited_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        return task.result()

    def when_free(self, then: Callable[[], None]) -> None:
        """Call `then` once the connection can be used again: now, or when its thread is back."""
        if self._recovery is None:
            then()
        else:
            self._recovery.add_done_callback(lambda _: then())

    def _beat(self) -> int:
        self._beat_at_s = time.monotonic()
        return 0

    async def _recover(self, task: asyncio.Task[Any]) -> None:
        """Wait for what hangs, however long; whoever asked for it is gone."""
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # seen
        with suppress(sqlite3.Error, ValueError):
            await self.connection.rollback()
        self._recovery = None


def build_hang_error() -> StoreUnavailableError:
    """Build the error of a database that does not come back."""
    return StoreUnavailableError(
        "The database does not answer; a write that was under way may still be stored.",
        retry_after_s=RETRY_AFTER_S,
    )
