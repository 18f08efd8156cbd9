"""The ledger's writer: takes rows from the hot path, stores them in batches.

Rule: `record` is one append and wakes nobody; a store that is away costs memory up
to a limit but no request, and a clean stop loses no row that the store will take.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gateway.entities import UsageRow
from gateway.errors import DatabaseDamagedError, GatewayError, LockgateError
from gateway.ports import Clock, Store

logger = logging.getLogger("lockgate.usage")

# One transaction of 12 to 17 ms: admin writes wait no longer behind it. Half of it would cost a row
# 0.8 µs more, double of it saves nothing.
_BATCH_ROWS: Final = 2000
# A crash loses at most this and what is being written: within the second promised. Company makes
# rows cheap: at 1,000 a second, half of it would cost each a quarter more.
_INTERVAL_S: Final = 0.5
_RETRY_S: Final = 1.0  # the store has already waited 5 s for its lock before it refuses
# About 700 bytes a row: 700 MB at the very most, and 16 minutes of a 1,000 requests a second.
_MAX_BACKLOG: Final = 1_000_000
_STOP_LIMIT_S: Final = 20.0  # orchestrators kill 30 s after SIGTERM; the log must still get out


class UsageWriter:
    """Collects usage rows and writes them to the store in batches.

    Args:
        store: where the ledger is.
        clock: kept for the age of the oldest row.
        interval_s: how long a row waits for others, in seconds.
        retry_s: pause after the store has refused, in seconds.
        max_backlog: rows kept while the store is away; beyond it new ones are dropped.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        interval_s: float = _INTERVAL_S,
        retry_s: float = _RETRY_S,
        max_backlog: int = _MAX_BACKLOG,
    ) -> None:
        self._store = store
        self._clock = clock
        self._interval_s = interval_s
        self._retry_s = retry_s
        self._max_backlog = max_backlog
        self._rows: list[UsageRow] = []
        self._task: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._fault: str | None = None
        self._fault_since_s = 0.0
        self.dropped = 0

    @property
    def backlog(self) -> int:
        """Rows not yet stored."""
        return len(self._rows)

    def record(self, row: UsageRow) -> None:
        """Accept one row; never blocks, never raises."""
        self._rows.append(row)

    def start(self) -> None:
        """Begin to write in the background."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="usage writer")

    async def flush(self) -> None:
        """Write all rows recorded so far.

        Raises:
            StoreUnavailableError, StorageFullError: the store does not take them; they stay.
        """
        left = len(self._rows)  # those that come meanwhile wait for company: a batch costs the same
        while left > 0 and self._rows:
            # Shielded: cancelled between commit and forgetting, a batch would be stored twice.
            left -= await asyncio.shield(self._write_batch())

    async def stop(self) -> None:
        """Write everything and end; rows that the store refuses for 20 s are lost, and logged."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        try:
            async with asyncio.timeout(_STOP_LIMIT_S):
                await self._flush_stubbornly()
        except TimeoutError:
            logger.error("%d usage rows are lost: the database does not answer", len(self._rows))  # noqa: TRY400  the stack of a timeout says nothing

    async def _flush_stubbornly(self) -> None:
        while self._rows:
            try:
                await self.flush()
            except LockgateError as error:
                self._report(error)
                await asyncio.sleep(self._retry_s)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            if not self._rows:
                continue
            writing = asyncio.create_task(self._write_waiting(), name="usage batch")
            try:
                while not writing.done():  # a store that hangs must not make the backlog endless
                    await asyncio.wait((writing,), timeout=self._interval_s)
                    self._limit_backlog()
            finally:
                writing.cancel()
                await asyncio.wait((writing,))

    async def _write_waiting(self) -> None:
        try:
            await self.flush()
            self._report(None)
        except LockgateError as error:
            self._report(error)
            await asyncio.sleep(self._retry_s)

    async def _write_batch(self) -> int:
        """Store up to a batch of rows and return how many."""
        async with self._writing:
            self._limit_backlog()  # now: from here on, what is being written stays in its place
            batch = self._rows[:_BATCH_ROWS]
            if batch:
                await self._store_rows(batch)
            return len(batch)

    async def _store_rows(self, rows: list[UsageRow]) -> None:
        """Store the oldest rows and forget them.

        Where a row is at fault the halves are stored by themselves, and so on down to that row: it
        alone is given up, so that it neither blocks nor takes with it any other.
        """
        try:
            async with self._store.write() as tx:
                await tx.usage.insert_many(rows)
        except (GatewayError, DatabaseDamagedError):
            raise  # the store's trouble: the rows wait for it
        except Exception:
            if len(rows) > 1:
                middle = len(rows) // 2
                await self._store_rows(rows[:middle])
                await self._store_rows(rows[middle:])
                return
            logger.exception("the usage row of request %s cannot be stored", rows[0].request_id)
            self.dropped += 1
        del self._rows[: len(rows)]

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
        if fault is not None and self._fault is None:
            self._fault_since_s = self._clock.monotonic_s()
            logger.warning("usage rows wait: %s", fault)
        if fault is None and self._fault is not None:
            waited_s = self._clock.monotonic_s() - self._fault_since_s
            logger.info("usage rows are stored again after %.0f s", waited_s)
        self._fault = fault
