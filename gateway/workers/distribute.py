"""Brings every worker to the newest snapshot, and tells when they all serve it.

A link has a pump of its own: whatever it was sent last, the pump sends what is missing to the
newest, so that many changes in a row become few.

Rule: a worker is opened only at a moment when it serves the newest snapshot, and from that moment
on every acknowledgement waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Callable
from typing import Final

from gateway.routing.snapshot import Snapshot
from gateway.vault.keyring import KekSet
from gateway.workers.channel import Kind
from gateway.workers.keys import dump_keys
from gateway.workers.link import Link
from gateway.workers.publish import Frame, iter_frames
from gateway.workers.setup import WorkerSetup

logger = logging.getLogger("lockgate.workers")

_STRAGGLE_S: Final = 5.0  # the contract's: then the write is acknowledged with 202
_KEPT_FRAMES: Final = 4  # pairs of snapshots: all workers of a moment share one


class Distributor:
    """All links, and the snapshot that they should serve."""

    def __init__(self) -> None:
        self._latest: Snapshot | None = None
        self._get_keys: Callable[[], KekSet] = lambda: KekSet({}, {})
        self._pumps: dict[Link, asyncio.Task[None]] = {}
        self._moved = asyncio.Event()
        self._frames: list[tuple[Snapshot | None, Snapshot, asyncio.Task[list[Frame]]]] = []

    def use_keys(self, get_keys: Callable[[], KekSet]) -> None:
        """Take the keys from there, at each change anew."""
        self._get_keys = get_keys

    def offer(self, snapshot: Snapshot) -> None:
        """Make `snapshot` the newest."""
        self._latest = snapshot
        self._move()

    def offer_keys(self) -> None:
        """Bring changed keys to every worker, before any snapshot that is offered later."""
        self._move()

    def add(self, link: Link, setup: WorkerSetup) -> None:
        """Begin to bring a new worker up."""
        link.send(Kind.SETUP, pickle.dumps(setup))
        task = asyncio.create_task(self._pump(link), name=f"pump of {link.name}")
        task.add_done_callback(_log_failure)
        self._pumps[link] = task

    def remove(self, link: Link) -> None:
        """Forget a worker that has ended; nobody waits for it any more."""
        pump = self._pumps.pop(link, None)
        if pump is not None:
            pump.cancel()
        self._move()

    def note_serving(self, link: Link) -> None:
        """Take in that a worker serves another epoch."""
        up_to_date = self._latest is not None and link.served >= self._latest.epoch
        if up_to_date and not link.is_live and not link.is_draining:
            link.is_live = link.was_live = True
            link.send(Kind.OPEN)
        self._move()

    async def wait(self, epoch: int) -> tuple[str, ...]:
        """Wait until all live workers serve `epoch`; return those that do not in time."""
        try:
            async with asyncio.timeout(_STRAGGLE_S):
                while self._list_behind(epoch):
                    await self.wait_for_move()
        except TimeoutError:
            pass
        return tuple(link.name for link in self._list_behind(epoch))

    async def wait_for_move(self) -> None:
        """Wait until a worker came, went or serves something else."""
        await self._moved.wait()

    def _list_behind(self, epoch: int) -> list[Link]:
        return [link for link in self._pumps if link.is_live and link.served < epoch]

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _pump(self, link: Link) -> None:
        while True:
            keys = self._get_keys()
            if link.sent_keys is not keys.keks:
                link.sent_keys = keys.keks
                link.send(Kind.KEYS, dump_keys(keys))
            latest = self._latest
            if latest is None or link.sent is latest:
                await self.wait_for_move()
                continue
            for kind, payload in await self._find_frames(link.sent, latest):
                link.send(kind, payload)
                await link.settle()
            link.sent = latest

    async def _find_frames(self, base: Snapshot | None, new: Snapshot) -> list[Frame]:
        for known_base, known_new, task in self._frames:
            if known_base is base and known_new is new:
                return await asyncio.shield(task)
        # In a thread: with many changes it takes long enough to hold up the control plane.
        task = asyncio.create_task(asyncio.to_thread(_list_frames, base, new))
        self._frames = [*self._frames[1 - _KEPT_FRAMES :], (base, new, task)]
        return await asyncio.shield(task)


def _list_frames(base: Snapshot | None, new: Snapshot) -> list[Frame]:
    return list(iter_frames(base, new))


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.critical("a worker is no longer kept up to date", exc_info=task.exception())
