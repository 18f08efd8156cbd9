"""What time does to credentials: former values end, and the provider ends values.

Rule: the end of a grace is a change like an admin's, with an audit row; a request that comes
later than the moment is not sent with the former value, whether or not the database answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway.control.call import Caller
from gateway.control.parts import ControlParts
from gateway.control.schema.base import MAX_TIME_MS
from gateway.control.service.change import new_id, run_change
from gateway.control.service.rotation import end_ended_graces
from gateway.entities import WARN_MS, ExpiringSecret, SealedSecret, SecretId
from gateway.errors import LockgateError

logger = logging.getLogger("lockgate.control")

ACTOR: Final = "lockgate"  # as the audit log names who deletes former values
_TICK_S: Final = 1.0
_READ_EVERY_S: Final = 60.0
_DAY_MS: Final = 86_400_000
_MOST: Final = 1_000  # series of the metric
_TOLD: Final = 20  # lines of a day's warning


class Upkeep:
    """Ends graces in time and warns of values that end.

    Attributes:
        expiring: the credentials with a time of expiry, the soonest first.
    """

    def __init__(self, parts: ControlParts) -> None:
        # Also where a file declares the secrets: a grace is none of its, and nobody else ends it.
        self._parts = replace(parts, source=None)
        self._task: asyncio.Task[None] | None = None
        self._epoch = -1
        self._read_at_s = 0.0
        self._warned: dict[tuple[SecretId, int], int] = {}
        self._sealed: Mapping[SecretId, SealedSecret] = {}
        self._ends_at: int | None = None
        self.expiring: tuple[ExpiringSecret, ...] = ()

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._task = asyncio.create_task(self._run(), name="upkeep of credentials")

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Do what is due now. Raises LockgateError: the database does not take it."""
        snapshot = self._parts.snapshots.current
        at_s = self._parts.clock.monotonic_s()
        if snapshot.epoch == self._epoch and at_s < self._read_at_s + _READ_EVERY_S:
            await self._end_graces()
            return
        async with self._parts.store.read() as tx:
            self.expiring = await tx.secrets.list_expiring(MAX_TIME_MS, _MOST)
        self._warn()
        await self._end_graces()
        self._epoch, self._read_at_s = snapshot.epoch, at_s

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except LockgateError as error:  # told by who watches the database; tried again
                logger.debug("upkeep of credentials: %s", error.detail)
            except Exception:
                logger.exception("the upkeep of credentials failed; it is tried again")
            await asyncio.sleep(_TICK_S)

    async def _end_graces(self) -> None:
        if not self._is_due():
            return
        caller = Caller(actor=ACTOR, source_address="", request_id=new_id("upkeep-"))
        # A grace ends as it was promised, also where a file alone may change secrets.
        await run_change(replace(self._parts, source=None), caller, end_ended_graces)

    def _is_due(self) -> bool:
        """Tell whether a grace is over; what is served is looked through once per change of it."""
        sealed = self._parts.snapshots.current.sealed
        if sealed is not self._sealed:
            self._sealed = sealed
            graces = (row.previous for row in sealed.values() if row.previous is not None)
            self._ends_at = min((graced.grace_until for graced in graces), default=None)
        return self._ends_at is not None and self._ends_at <= self._parts.clock.now_ms()

    def _warn(self) -> None:
        """Log once a day what ends soon or has ended."""
        now_ms = self._parts.clock.now_ms()
        today = now_ms // _DAY_MS
        soon = [row for row in self.expiring if row.expires_at - now_ms <= WARN_MS]
        due = [row for row in soon if self._warned.get(_name(row)) != today]
        for row in due[:_TOLD]:
            logger.warning("%s", _describe(row, now_ms))
        if len(due) > _TOLD:
            logger.warning("%d more secrets expire soon or have expired", len(due) - _TOLD)
        self._warned = {_name(row): today for row in soon}


def _name(row: ExpiringSecret) -> tuple[SecretId, int]:
    return row.secret_id, row.expires_at


def _describe(row: ExpiringSecret, now_ms: int) -> str:
    days = abs(row.expires_at - now_ms) // _DAY_MS
    if row.expires_at <= now_ms:
        return (
            f"the secret {row.secret_name!r} has expired {days} day(s) ago, as far as is known "
            "here; it is tried all the same"
        )
    return f"the secret {row.secret_name!r} expires in {days} day(s)"
