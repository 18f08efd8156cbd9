"""What a running gateway does about its vault's keys: status, advice, rotation in the background.

Rule: one rotation at a time; a stop of the gateway leaves it where it is, to be gone on with.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

from gateway.entities import Rotation
from gateway.errors import LockgateError
from gateway.installation.crypto import crypto_status, describe_rotation, plan_rotation
from gateway.installation.opening import Installation
from gateway.installation.rotation.lease import Lease, take_lease
from gateway.installation.rotation.runner import Actor, RotationParts, check_kind, rotate

logger = logging.getLogger("lockgate.vault")

_ADVISE_EVERY_S: Final = 86_400.0  # a log that is read daily shows it


class VaultService:
    """The vault of a running gateway, as its control plane may use it.

    Args:
        installation: opened for writing.
        follow: serves what was committed here, in all workers.
    """

    def __init__(self, installation: Installation, follow: Callable[[], Awaitable[None]]) -> None:
        self._installation = installation
        self._follow = follow
        self._fault: str | None = None
        self._rotating: asyncio.Task[None] | None = None
        self._advising: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to advise, now and daily."""
        self._advising = asyncio.create_task(self._advise(), name="vault advice")

    async def stop(self) -> None:
        """End what runs; a rotation stands where it is."""
        tasks = [task for task in (self._rotating, self._advising) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def reload(self) -> None:
        """Load the keys that the database has by now."""
        await self._installation.keys.load()

    async def describe(self) -> dict[str, Any]:
        """Return terms, records, processes, rotation and advice, as JSON has them."""
        status = await crypto_status(self._installation)
        return asdict(status) | {"rotation": self._with_fault(status.rotation)}

    async def progress(self) -> dict[str, Any]:
        """Return how far the newest rotation is."""
        async with self._installation.store.read() as tx:
            row = await tx.rotation.get()
        return self._with_fault(describe_rotation(row, self._installation.clock.now_ms()))

    async def plan(self) -> dict[str, Any]:
        """Open every record, change nothing, and return what a rotation would do."""
        return asdict(await plan_rotation(self._installation))

    async def rotate(
        self, *, actor: str, request_id: str, source_address: str, reencrypt: bool
    ) -> dict[str, Any]:
        """Begin to rotate, or to finish what has begun; return the progress so far.

        Raises:
            RotationError: a rotation runs, or one of the other kind is unfinished.
        """
        installation = self._installation
        lease = await take_lease(installation.store, installation.clock, wait=False)
        try:
            async with installation.store.read() as tx:
                check_kind(await tx.rotation.get(), reencrypt=reencrypt)
        except BaseException:
            await lease.end()
            raise
        self._fault, begun = None, asyncio.Event()
        parts = RotationParts(
            store=installation.store,
            keys=installation.keys,
            clock=installation.clock,
            actor=Actor(name=actor, request_id=request_id, source_address=source_address),
            follow=self._follow,
            tell=lambda _: begun.set(),
        )
        self._rotating = asyncio.create_task(self._run(parts, lease, reencrypt=reencrypt))
        waiting = asyncio.create_task(begun.wait())
        await asyncio.wait({self._rotating, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return await self.progress()

    async def _run(self, parts: RotationParts, lease: Lease, *, reencrypt: bool) -> None:
        try:
            row = await rotate(parts, reencrypt=reencrypt, lease=lease)
        except LockgateError as error:
            self._fault = error.detail
            logger.error("the rotation stands still: %s", error.detail)  # noqa: TRY400  no fault of ours
        except Exception:
            self._fault = "unexpected failure: see the log of the gateway"
            logger.exception("the rotation stands still")
        else:
            _log_end(row)

    def _with_fault(self, shown: dict[str, Any]) -> dict[str, Any]:
        return shown | {"fault": None if shown["running"] else self._fault}

    async def _advise(self) -> None:
        while True:
            try:
                for sentence in (await crypto_status(self._installation)).advice:
                    logger.warning("vault: %s", sentence)
            except LockgateError as error:
                logger.debug("no advice: %s", error.detail)
            await asyncio.sleep(_ADVISE_EVERY_S)


def _log_end(row: Rotation) -> None:
    logger.info(
        "key term %s is active: %d records moved, %d do not open",
        row.to_term,
        row.moved,
        row.failed,
    )
