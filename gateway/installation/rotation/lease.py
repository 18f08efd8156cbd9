"""The lease of the one runner that a rotation has.

Rule: every write of a runner begins by renewing its lease; with another's token in the database
it writes nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from gateway.entities import Rotation
from gateway.errors import LockgateError, RotationError
from gateway.ports import Clock, Store, Transaction

LEASE_MS: Final = 15_000  # a batch takes milliseconds; a writer waits for its turn 5 s at most
_LOOK_S: Final = 0.1
_LOOK_AGAIN_S: Final = 1.0  # a runner that is alive is found out by then, or soon after


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was taken; `token` tells this runner from every one before and after it."""

    store: Store
    clock: Clock
    token: int
    lasts_ms: int

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Open the write transaction as the runner.

        Raises:
            RotationError: another runner has taken over.
        """
        async with self.store.write() as tx:
            await tx.rotation.renew_lease(self.token, until=self.clock.now_ms() + self.lasts_ms)
            yield tx

    async def end(self) -> None:
        """Give it back; what cannot be given back ends by itself."""
        with suppress(LockgateError):
            async with self.store.write() as tx:
                await tx.rotation.end_lease(self.token)


def name_process() -> str:
    """Return what an operator finds this process by."""
    return f"{socket.gethostname()}, pid {os.getpid()}"


async def take_lease(
    store: Store, clock: Clock, *, lasts_ms: int = LEASE_MS, wait: bool = True
) -> Lease:
    """Take the lease; with `wait`, wait for the end of one whose runner is gone.

    Raises:
        RotationError: a runner has it who is alive: it renewed it while we waited.
    """
    first = await _find_holder(store)
    while True:
        async with store.write() as tx:
            now = clock.now_ms()
            token = await tx.rotation.take_lease(name_process(), now=now, until=now + lasts_ms)
            held = await tx.rotation.get()
        if token is not None:
            return Lease(store, clock, token, lasts_ms)
        if not wait or (held.token, held.lease_until) != (first.token, first.lease_until):
            raise RotationError(f"a rotation runs already, in {held.holder}")
        left_s = (held.lease_until - clock.now_ms()) / 1000
        await asyncio.sleep(max(_LOOK_S, min(left_s, _LOOK_AGAIN_S)))


async def _find_holder(store: Store) -> Rotation:
    async with store.read() as tx:
        return await tx.rotation.get()
