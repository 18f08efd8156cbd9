"""The ledger's writer: takes rows from the hot path, stores them in batches.

Rule: `record` is one append and wakes nobody. While the database does not take rows they go to a
file, in their order, and from there into the database, each once, whatever ends in between: every
row has a number, and how far they have come is stored in the transaction that stores them.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Final

from gateway.entities import UsageRow
from gateway.errors import (
    DatabaseDamagedError,
    GatewayError,
    InternalError,
    LockgateError,
)
from gateway.ports import Clock, Store
from gateway.store.spool import Spool

logger = logging.getLogger("lockgate.usage")

# One transaction of 12 to 17 ms: admin writes wait no longer behind it. Half of it would cost a row
# 0.8 µs more, double of it saves nothing.
_BATCH_ROWS: Final = 2000
# A crash loses at most this and what is being written: within the second promised. Company makes
# rows cheap: at 1,000 a second, half of it would cost each a quarter more.
_INTERVAL_S: Final = 0.5
_RETRY_S: Final = 1.0  # soon enough for who waits, rare enough for whoever holds the lock
# How old a write may be before its rows go to the file as well: with the interval and the time that
# rows spend in a worker, this is what a crash may cost.
_PATIENCE_S: Final = 0.25
# About 700 bytes a row: 700 MB at the very most, and 16 minutes of a 1,000 requests a second.
_MAX_BACKLOG: Final = 1_000_000
_ADOPT_S: Final = 30.0  # what a process beside us leaves when it ends is nobody's meanwhile
_STOP_LIMIT_S: Final = 1.0  # for the database; then the rows go to the file
_SPOOL_LIMIT_S: Final = 1.0  # for the file, should its disk hang too
_UNSPOOLED_STOP_LIMIT_S: Final = 20.0  # orchestrators kill 30 s after SIGTERM


class UsageWriter:
    """Collects usage rows and writes them to the store in batches.

    Args:
        store: where the ledger is.
        clock: kept for the age of the oldest row.
        spool: where rows wait while the store is away; else in memory only.
        interval_s: how long a row waits for others, in seconds.
        retry_s: pause after the store has refused, in seconds.
        patience_s: how long a write may take before its rows are spooled, in seconds.
        max_backlog: rows kept in memory; beyond it new ones are dropped.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        spool: Spool | None = None,
        *,
        interval_s: float = _INTERVAL_S,
        retry_s: float = _RETRY_S,
        patience_s: float = _PATIENCE_S,
        max_backlog: int = _MAX_BACKLOG,
    ) -> None:
        self._store = store
        self._clock = clock
        self._spool = spool
        self._writer = os.urandom(16).hex() if spool is None else spool.writer
        self._interval_s = interval_s
        self._retry_s = retry_s
        self._patience_s = patience_s
        self._max_backlog = max_backlog
        self._rows: list[UsageRow] = []
        self._first = 0  # the number of the first of them
        self._tasks: list[asyncio.Task[None]] = []
        self._spooling: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._writing_since_s: float | None = None
        self._fault_since_s = 0.0
        self.fault: str | None = None
        self.dropped = 0

    @property
    def backlog(self) -> int:
        """Rows in memory: neither stored nor spooled."""
        return len(self._rows)

    @property
    def spooled(self) -> int:
        """Rows that wait in files."""
        return 0 if self._spool is None else self._spool.rows

    @property
    def spool_bytes(self) -> int:
        """How much of the disk those files take."""
        return 0 if self._spool is None else self._spool.size_bytes

    def record(self, row: UsageRow) -> None:
        """Accept one row; never blocks, never raises."""
        self._rows.append(row)

    def note_dropped(self, count: int) -> None:
        """Count rows that were lost on their way here."""
        self.dropped += count

    def start(self) -> None:
        """Begin to write in the background."""
        if self._tasks:
            return
        create = asyncio.create_task
        self._tasks.append(create(self._run(), name="usage writer"))
        self._tasks.append(create(self._watch(), name="usage spooler"))
        if self._spool is not None:
            self._tasks.append(create(self._adopt(self._spool), name="usage adopter"))

    async def flush(self) -> None:
        """Write all rows recorded so far.

        Raises:
            StoreUnavailableError, StorageFullError: the store does not take them; they stay.
        """
        goal = self._first + len(self._rows)  # later ones wait for company: a batch costs the same
        while self.spooled or (self._rows and self._first < goal):
            # Shielded: its end must be heard of, whoever waits for it.
            await asyncio.shield(self._write_batch())

    async def stop(self) -> None:
        """Write everything and end: into the database, else into the file.

        What neither takes is lost, and logged.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._spool is None:
            await self._flush_within(_UNSPOOLED_STOP_LIMIT_S)
        else:
            await self._end_spooled(self._spool)
        if self._rows:
            logger.error("%d usage rows are lost: the database does not answer", len(self._rows))

    async def _end_spooled(self, spool: Spool) -> None:
        if self.fault is None:
            await self._flush_within(_STOP_LIMIT_S)
        try:
            async with asyncio.timeout(_SPOOL_LIMIT_S):
                if self._spooling is not None:
                    await asyncio.wait({self._spooling})
                if self._rows:
                    await self._spool_rows(spool)
                left = spool.rows
                await spool.close()
        except TimeoutError:
            spool.abandon()
        else:
            if left:
                logger.warning("%d usage rows wait on the disk for the next start", left)

    async def _flush_within(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                while self._rows or self.spooled:
                    await self._flush_or_wait()
        except TimeoutError:
            pass

    async def _flush_or_wait(self) -> None:
        try:
            await self.flush()
        except Exception as error:
            if not isinstance(error, LockgateError):  # a fault of ours; it must not end the ledger
                logger.exception("usage rows wait")
                error = InternalError("Usage rows cannot be stored; see the log.")
            self._report(error)
            await asyncio.sleep(self._retry_s)

    # --- into the database ------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            if self._rows or self.spooled:
                await self._flush_or_wait()

    async def _write_batch(self) -> None:
        """Store up to a batch of rows: those in files are older."""
        async with self._writing:
            self._writing_since_s = self._clock.monotonic_s()
            try:
                if not await self._write_portion():
                    await self._write_own()
            finally:
                self._writing_since_s = None
            self._report(None)

    async def _write_portion(self) -> bool:
        if self._spool is None:
            return False
        portion = await self._spool.read(_BATCH_ROWS)
        if portion is None:
            return False
        await self._store_rows(portion.writer, portion.first, portion.rows)
        await self._spool.forget(portion)
        return True

    async def _write_own(self) -> None:
        self._limit_backlog()  # now: from here on, what is being written keeps its number
        batch, first = self._rows[:_BATCH_ROWS], self._first
        if batch:
            await self._store_rows(self._writer, first, batch)
            self._forget(first + len(batch))

    async def _store_rows(self, writer: str, first: int, rows: list[UsageRow]) -> None:
        """Store rows of which the first has number `first`.

        Where a row is at fault the halves are stored by themselves, and so on down to that row: it
        alone is given up, so that it neither blocks nor takes with it any other.
        """
        try:
            async with self._store.write() as tx:
                await tx.usage.insert_numbered(writer, first, rows)
        except (GatewayError, DatabaseDamagedError):
            raise  # the store's trouble: the rows wait for it
        except Exception:
            if len(rows) > 1:
                middle = len(rows) // 2
                await self._store_rows(writer, first, rows[:middle])
                await self._store_rows(writer, first + middle, rows[middle:])
                return
            async with self._store.write() as tx:
                await tx.usage.pass_over(writer, first + 1, rows[0].started_at)
            logger.exception("the usage row of request %s cannot be stored", rows[0].request_id)
            self.dropped += 1

    def _forget(self, before: int) -> None:
        """Forget the rows with a smaller number: they are stored, or in the file."""
        if before > self._first:
            del self._rows[: before - self._first]
            self._first = before

    # --- into the file ----------------------------------------------------------------------

    async def _watch(self) -> None:
        """Spool what the store does not take; never wait for either of them."""
        while True:
            await asyncio.sleep(min(self._patience_s, self._interval_s))
            self._limit_backlog()
            is_busy = self._spooling is not None and not self._spooling.done()
            if self._spool is not None and self._rows and not is_busy and self._is_stuck():
                self._spooling = asyncio.create_task(self._spool_rows(self._spool))

    def _is_stuck(self) -> bool:
        """Tell whether rows would wait in memory: behind others, or before a store that is away."""
        if self.fault is not None or self.spooled:
            return True
        since_s = self._writing_since_s
        return since_s is not None and self._clock.monotonic_s() - since_s >= self._patience_s

    async def _spool_rows(self, spool: Spool) -> None:
        goal = self._first + len(self._rows)
        while self._rows and self._first < goal:
            batch, first = self._rows[:_BATCH_ROWS], self._first
            if not await spool.append(first, batch):
                return  # they stay in memory
            self._forget(first + len(batch))

    async def _adopt(self, spool: Spool) -> None:
        while True:
            await spool.adopt()
            await asyncio.sleep(_ADOPT_S)

    def _limit_backlog(self) -> None:
        """Give up the newest rows beyond the limit."""
        surplus = len(self._rows) - self._max_backlog
        if surplus <= 0:
            return
        if self.dropped == 0:
            logger.error("the usage backlog is full: rows are dropped from here on")
        self.dropped += surplus
        del self._rows[self._max_backlog :]

    def _report(self, error: LockgateError | None) -> None:
        fault = None if error is None else error.detail
        if fault is not None and self.fault is None:
            self._fault_since_s = self._clock.monotonic_s()
            logger.warning("usage rows wait: %s", fault)
        if fault is None and self.fault is not None:
            waited_s = self._clock.monotonic_s() - self._fault_since_s
            logger.info("usage rows are stored again after %.0f s", waited_s)
        self.fault = fault
