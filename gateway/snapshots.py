"""From the database to the snapshot that is served next.

Rule: a snapshot follows from the one before where the database still knows what
changed since, else from all rows; the two are equal, only their cost is not.
"""

from __future__ import annotations

import asyncio

from gateway.ports import Transaction
from gateway.routing import Snapshot, iter_snapshot, update_snapshot


async def read_snapshot(tx: Transaction, previous: Snapshot | None = None) -> Snapshot:
    """Read and compile the configuration that a transaction sees.

    Without `previous`, or where too much has changed since, all of it: the event loop gets its
    turn every few milliseconds meanwhile.

    Raises:
        ConflictError, InvalidValueError: it cannot run (see `build_snapshot`).
    """
    if previous is not None:
        changes = await tx.read_changes(previous.epoch)
        if changes is not None:
            return update_snapshot(previous, changes)
    slices = iter_snapshot(await tx.read_configuration())
    while True:
        try:
            next(slices)
        except StopIteration as end:
            built: Snapshot = end.value
            return built
        await asyncio.sleep(0)
