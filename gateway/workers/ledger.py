"""Usage rows on their way from a worker to the parent, who writes them.

Rule: a row is sent once: the channel loses nothing while it lasts, and when it ends the parent is
gone, or the worker. At a worker's death the rows of its last moment die with it, no others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import orjson

from gateway.entities import UsageRow
from gateway.ports import Ledger
from gateway.workers.channel import Channel, Kind

logger = logging.getLogger("lockgate.workers")

_BATCH_ROWS: Final = 500
_INTERVAL_S: Final = 0.2  # with the parent's 0.25 s well within the second that a crash may cost


class RowSender:
    """A worker's `UsageSink`: keeps rows for a moment, sends them in batches.

    Args:
        channel: to the parent.
        interval_s: how long a row waits for others, in seconds.
    """

    def __init__(self, channel: Channel, *, interval_s: float = _INTERVAL_S) -> None:
        self._channel = channel
        self._interval_s = interval_s
        self._rows: list[UsageRow] = []
        self._timer: asyncio.TimerHandle | None = None
        self._sent = 0
        self._booked = 0
        self._all_booked = asyncio.Event()
        self._all_booked.set()

    def record(self, row: UsageRow) -> None:
        """Accept one row; never blocks, never raises."""
        self._rows.append(row)
        if len(self._rows) >= _BATCH_ROWS:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval_s, self.flush)

    def flush(self) -> None:
        """Send all rows now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows, self._rows = self._rows, []
        if rows:
            self._sent += 1
            self._all_booked.clear()
            self._channel.send(Kind.ROWS, self._dump(rows))

    def note_booked(self, number: int) -> None:
        """Note that the parent has the batch of that number, and so all before it."""
        self._booked = max(self._booked, number)
        if self._booked == self._sent:
            self._all_booked.set()

    async def settle(self) -> None:
        """Send all rows and wait until the parent has them."""
        self.flush()
        await self._all_booked.wait()

    def give_up(self) -> None:
        """Let `settle` return: the parent is gone."""
        self._all_booked.set()

    def _dump(self, rows: list[UsageRow]) -> bytes:
        try:
            return orjson.dumps([self._sent, 0, [tuple(row) for row in rows]])
        except TypeError:  # a provider counted beyond 64 bits, or sent half a character
            fit = [tuple(row) for row in rows if self._fits(row)]
            return orjson.dumps([self._sent, len(rows) - len(fit), fit])

    def _fits(self, row: UsageRow) -> bool:
        try:
            orjson.dumps(tuple(row))
        except TypeError:
            logger.error("the usage row of request %s cannot be stored", row.request_id)  # noqa: TRY400  the stack is of no use
            return False
        return True


def book_rows(payload: bytes, sink: Ledger, acknowledge: Callable[[int], None]) -> None:
    """Give the rows of a ROWS frame to the ledger's writer and acknowledge the batch."""
    number, dropped, rows = orjson.loads(payload)
    sink.note_dropped(dropped)
    for values in rows:
        sink.record(UsageRow(*values))
    acknowledge(number)
