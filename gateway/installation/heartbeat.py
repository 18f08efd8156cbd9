"""Tells the database that this gateway is alive, and which keys and configuration it has.

Rule: what is told was true of this process and all its live workers before it is told; nobody
waits for a heartbeat, and one that cannot be written is written later.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gateway.entities import ServingProcess
from gateway.errors import LockgateError
from gateway.ports import Clock, Store
from gateway.vault import aead

logger = logging.getLogger("lockgate.vault")

BEAT_S: Final = 4.0  # a commit of the database each
LEASE_MS: Final = 15_000  # three beats, and the 2 s that a database may take
_STOP_S: Final = 1.0  # a stop does not wait for a database that hangs
_LOOK_S: Final = 0.1  # how soon a new key is told of: a rotation waits for it


@dataclass(frozen=True, slots=True)
class Held:
    """What this process and all its live workers have, at least."""

    term: int  # keys of all terms up to it
    epoch: int
    workers: int


class Heartbeat:
    """Writes the row of this process while it serves."""

    def __init__(self, store: Store, clock: Clock, look: Callable[[], Held]) -> None:
        self.process_id = aead.random_bytes(16).hex()
        self._store = store
        self._clock = clock
        self._look = look
        self._started_at = clock.now_ms()
        self._told_term = -1
        self._beat_at_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="heartbeat")

    async def stop(self) -> None:
        """End, and tell so: nobody need wait for this process any more."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        with suppress(LockgateError, TimeoutError):  # then its lease ends by itself
            async with asyncio.timeout(_STOP_S), self._store.write() as tx:
                await tx.rotation.delete_process(self.process_id)

    async def beat(self) -> None:
        """Write the row.

        Raises:
            StoreUnavailableError, StorageFullError: it could not be written.
        """
        held, now = self._look(), self._clock.now_ms()
        row = ServingProcess(
            process_id=self.process_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            workers=held.workers,
            started_at=self._started_at,
            seen_at=now,
            lease_until=now + LEASE_MS,
            loaded_term=held.term,
            served_epoch=held.epoch,
        )
        async with self._store.write() as tx:
            await tx.rotation.put_process(row)
        self._told_term = held.term

    async def _run(self) -> None:
        while True:
            if self._is_due():
                self._beat_at_s = self._clock.monotonic_s()
                try:
                    await self.beat()
                except LockgateError as error:  # the database is away; others say so
                    logger.debug("no heartbeat: %s", error.detail)
                    await asyncio.sleep(1.0)
            await asyncio.sleep(_LOOK_S)

    def _is_due(self) -> bool:
        since_s = self._clock.monotonic_s() - self._beat_at_s
        return since_s >= BEAT_S or self._look().term != self._told_term
