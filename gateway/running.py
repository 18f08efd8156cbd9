"""One running gateway: what it is made of, what it serves from, how it follows the database.

Rule: a newer snapshot is swapped in whole, and credentials of rows that changed go with it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from aiohttp import web

from gateway.clock import SystemClock
from gateway.configuration_file import ConfigurationFile
from gateway.control import (
    DeclaredConfiguration,
)
from gateway.errors import LockgateError
from gateway.fleet import Fleet
from gateway.installation import Installation, Seat
from gateway.installation.heartbeat import Heartbeat
from gateway.installation.keys import KeyLoader
from gateway.installation.service import VaultService
from gateway.ports import Clock, Store
from gateway.proxy import (
    UsageWriter,
)
from gateway.routing.health_table import (
    HealthTable,
)
from gateway.routing.snapshot import Snapshot, SnapshotHolder
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.snapshots import read_snapshot
from gateway.telemetry.metrics import Metrics
from gateway.vault.configs import ModelConfigCache

logger = logging.getLogger("lockgate.app")

POLL_INTERVAL_S = 0.2  # how soon a change made by another process is served
MAX_STALE_S = 300.0  # how old a snapshot may be before /readyz refuses


@dataclass(slots=True)
class Gateway:
    """One running gateway: its applications and what has to be stopped in the end."""

    settings: Settings
    installation: Installation
    serving: Serving
    usage: UsageWriter
    metrics: Metrics
    healths: HealthTable
    clock: SystemClock
    refresher: Refresher
    heartbeat: Heartbeat
    vault: VaultService
    started_at: int
    fleet: Fleet
    seat: Seat
    file: ConfigurationFile | None = None
    declared: DeclaredConfiguration | None = None
    apps: tuple[web.Application, ...] = ()  # data plane first; then the control plane's own

    @property
    def admin_token(self) -> Secret | None:
        """The token made at the first start, to be printed once."""
        return self.installation.admin_token

    async def close(self) -> None:
        """Stop the background work, flush the ledger, close the database."""
        if self.file is not None:
            await self.file.stop()
        await self.vault.stop()
        await self.refresher.stop()
        await self.heartbeat.stop()
        await self.usage.stop()
        await self.installation.store.close()
        self.seat.leave()


@dataclass(frozen=True, slots=True)
class Serving:
    """What requests are served from: the snapshot and the opened credentials of its epoch."""

    snapshots: SnapshotHolder
    configs: ModelConfigCache
    fleet: Fleet

    def swap(self, snapshot: Snapshot) -> None:
        """Serve a newer snapshot from the next request on; forget credentials of older ones."""
        if self.snapshots.swap(snapshot):
            self.configs.advance(snapshot.epoch, snapshot.sealed)
            self.fleet.offer(snapshot)


class Refresher:
    """Serves changes that other processes commit: looks at the database's version, follows it."""

    def __init__(self, store: Store, keys: KeyLoader, serving: Serving, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._serving = serving
        self._clock = clock
        self._seen_at_s = clock.monotonic_s()
        self._is_behind = False
        self._task: asyncio.Task[None] | None = None
        self.fault: str | None = None

    @property
    def stale_s(self) -> float:
        """Seconds since the database last answered."""
        return self._clock.monotonic_s() - self._seen_at_s

    def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.create_task(self._run(), name="snapshot refresher")

    async def stop(self) -> None:
        """End the polling."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def follow(self) -> None:
        """Look whether anything was committed, and serve it; what cannot be read is read again."""
        self._is_behind = await self._store.changed() or self._is_behind
        if self._is_behind:  # the store tells of a change once, read or not
            await self.refresh()
            self._is_behind = False
        self._seen_at_s = self._clock.monotonic_s()

    async def refresh(self) -> None:
        """Read what has changed and serve it, if the database is ahead; keys come first."""
        current = self._serving.snapshots.current
        async with self._keys.read() as tx:
            if await tx.get_epoch() <= current.epoch:
                return  # our own commit, or a batch of the ledger
            snapshot = await read_snapshot(tx, current)
        self._serving.swap(snapshot)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(POLL_INTERVAL_S)
            try:
                await self.follow()
                self._report(None)
            except LockgateError as error:
                self._report(error.detail)

    def _report(self, fault: str | None) -> None:
        if fault != self.fault:
            logger.warning("database: %s", fault or "answers again")
            self.fault = fault
