"""From the database to the snapshot that is served next.

Rule: a snapshot follows from the one before where the database still knows what
changed since, else from all rows; the two are equal, only their cost is not.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from gateway.ports import Transaction
from gateway.routing import Snapshot, iter_snapshot, iter_update


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
            return await _build(iter_update(previous, changes))
    with _collector_held_off():
        return await _build(iter_snapshot(await tx.read_configuration(), previous))


async def _build(slices: Generator[None, None, Snapshot]) -> Snapshot:
    while True:
        try:
            next(slices)
        except StopIteration as end:
            built: Snapshot = end.value
            return built
        await asyncio.sleep(0)


@contextmanager
def _collector_held_off() -> Iterator[None]:
    """Keep the garbage collector from looking through what is no garbage.

    A snapshot of 10,000 endpoints is 200,000 objects without a cycle. The collector would go
    through all of them several times while they are made, and ever again later, 50-200 ms each
    time, with everybody waiting. What is garbage in this moment is lost to it, some kilobytes;
    a whole build is rare.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
