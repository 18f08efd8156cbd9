"""Rotation of the key-encryption key, from any point where an earlier run has ended.

pending (stored) -> every live process has its key -> active -> records moved -> old one retired.

Rule: what is done is read from the database, never remembered: each step is one transaction, after
each of which every record is wholly under the old term or wholly under the new one, and both have
their keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.entities import AuditRow, KekState, KekTerm, Rotation, RotationPhase
from gateway.errors import RotationError
from gateway.installation.keys import KeyLoader
from gateway.installation.rotation.lease import LEASE_MS, Lease, take_lease
from gateway.installation.rotation.records import RecordsMover, Step
from gateway.ports import Clock, Store, Transaction
from gateway.vault.envelope import RecordMover

_LOAD_LIMIT_S: Final = 60.0  # four leases of a process: one that hangs is gone by then
_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asked for it, as the audit log will say."""

    name: str
    request_id: str = ""
    source_address: str = ""


async def _follow_nothing() -> None:
    """A process that serves nothing has nothing to follow."""


def _watch_nothing(_: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationParts:
    """A runner's surroundings.

    `follow` brings the running gateway of this process, if there is one, to what was stored.
    `step` is told the name of each step before the next begins.
    """

    store: Store
    keys: KeyLoader
    clock: Clock
    actor: Actor
    follow: Callable[[], Awaitable[None]] = _follow_nothing
    tell: Callable[[Rotation], None] = field(default=lambda _: None)
    step: Step = _watch_nothing
    lease_ms: int = LEASE_MS
    load_limit_s: float = _LOAD_LIMIT_S


async def rotate(
    parts: RotationParts, *, reencrypt: bool = False, lease: Lease | None = None
) -> Rotation:
    """Rotate, or finish the rotation that has begun; return how it ended.

    Args:
        parts: the surroundings.
        reencrypt: make new data keys too, for a key-encryption key that leaked.
        lease: where the caller has taken it already; it is given back here.

    Raises:
        RotationError: another runner is at it or took over, a process does not load the new key,
            or a rotation of the other kind has to be finished first.
        ConflictError, StoreUnavailableError, StorageFullError: it stands where it is.
        RootKeyError: the terms in the database do not open any more.
    """
    if lease is None:
        lease = await take_lease(parts.store, parts.clock, lasts_ms=parts.lease_ms)
    parts.step("lease-taken")
    try:
        return await _Run(parts, lease).run(reencrypt=reencrypt)
    finally:
        await lease.end()


class _Run:
    """One runner, from its lease to its end."""

    def __init__(self, parts: RotationParts, lease: Lease) -> None:
        self._parts = parts
        self._lease = lease

    async def run(self, *, reencrypt: bool) -> Rotation:
        row = await self._begin(reencrypt=reencrypt)
        self._parts.tell(row)
        if row.phase is RotationPhase.LOADING:
            await self._wait_until_loaded(row)
            row = await self._activate(row)
            self._parts.tell(row)
        mover = RecordsMover(
            self._lease, RecordMover(self._parts.keys.keyring), self._parts.follow, self._parts.step
        )
        row = await self._finish(await mover.move_all(row, self._parts.tell))
        self._parts.tell(row)
        return row

    # --- the new term -------------------------------------------------------------------------

    async def _begin(self, *, reencrypt: bool) -> Rotation:
        """Store a new term, or find the one of a run that has ended before its end."""
        async with self._lease.write() as tx:
            row, terms = await tx.rotation.get(), await tx.vault.list_terms()
            await self._parts.keys.load()
            check_kind(row, reencrypt=reencrypt)
            row = await self._choose(tx, row, terms, reencrypt=reencrypt)
            await tx.rotation.update(row)
            self._parts.step("begin-written")
        self._parts.step("begun")
        await self._load()
        return row

    async def _choose(
        self, tx: Transaction, row: Rotation, terms: Sequence[KekTerm], *, reencrypt: bool
    ) -> Rotation:
        keyring = self._parts.keys.keyring
        if row.phase is RotationPhase.MOVING:
            return replace(row, to_term=keyring.active_term)
        pending = [term.term for term in terms if term.state is KekState.PENDING]
        for term in set(pending) & keyring.unusable.keys():  # nothing was ever sealed under it
            await tx.rotation.destroy_term(term)
            await self._audit(tx, "delete", term, KekState.PENDING, None)
        usable = [term for term in pending if term not in keyring.unusable]
        target = max(usable) if usable else await self._add_term(tx, terms)
        if row.phase is RotationPhase.LOADING:
            return replace(row, to_term=target)
        return Rotation(
            token=self._lease.token,
            phase=RotationPhase.LOADING,
            to_term=target,
            reencrypt=reencrypt,
            started_at=self._parts.clock.now_ms(),
            started_by=self._parts.actor.name,
        )

    async def _add_term(self, tx: Transaction, terms: Sequence[KekTerm]) -> int:
        number = max(term.term for term in terms) + 1
        now = self._parts.clock.now_ms()
        term = self._parts.keys.keyring.build_term(number, KekState.PENDING, now)
        await tx.vault.insert_term(term)
        await self._audit(tx, "create", number, None, KekState.PENDING)
        return number

    async def _load(self) -> None:
        """Read the terms back from the database: what does not open here becomes active nowhere."""
        await self._parts.keys.load()
        await self._parts.follow()

    async def _wait_until_loaded(self, row: Rotation) -> None:
        """Wait until every process whose lease holds has the new key.

        Raises:
            RotationError: one has not, after a time; or the key does not open here.
        """
        assert row.to_term is not None  # noqa: S101  it was chosen
        self._parts.keys.keyring.get_kek(row.to_term)
        clock = self._parts.clock
        end_s, renew_s = clock.monotonic_s() + self._parts.load_limit_s, clock.monotonic_s()
        while behind := await self._list_behind(row.to_term):
            if clock.monotonic_s() >= end_s:
                raise RotationError(
                    f"{' and '.join(behind)} has not loaded key term {row.to_term}: see its log; "
                    "then run the rotation again, it goes on from here"
                )
            if clock.monotonic_s() >= renew_s:
                renew_s = clock.monotonic_s() + self._parts.lease_ms / 4000
                async with self._lease.write():
                    pass  # the lease is what is written
            await asyncio.sleep(_LOOK_S)
        self._parts.step("loaded")

    async def _list_behind(self, term: int) -> list[str]:
        async with self._parts.store.read() as tx:
            live = await tx.rotation.list_processes(now=self._parts.clock.now_ms())
        return [process.name for process in live if process.loaded_term < term]

    async def _activate(self, row: Rotation) -> Rotation:
        assert row.to_term is not None  # noqa: S101  it was chosen
        async with self._lease.write() as tx:
            for term in await tx.vault.list_terms():
                if term.state is KekState.ACTIVE:
                    await tx.vault.set_term_state(term.term, KekState.DECRYPT_ONLY)
                    await self._audit(
                        tx, "update", term.term, KekState.ACTIVE, KekState.DECRYPT_ONLY
                    )
            await tx.vault.set_term_state(row.to_term, KekState.ACTIVE)
            await self._audit(tx, "update", row.to_term, KekState.PENDING, KekState.ACTIVE)
            total = sum((await tx.vault.count_records()).values())
            row = replace(row, phase=RotationPhase.MOVING, total=total, moved=0, failed=0)
            await tx.rotation.update(row)
            self._parts.step("activation-written")
        self._parts.step("activated")
        await self._load()
        return row

    # --- the end ------------------------------------------------------------------------------

    async def _finish(self, row: Rotation) -> Rotation:
        """Retire the terms that nothing stands under any more."""
        self._parts.step("moved")
        async with self._lease.write() as tx:
            records = await tx.vault.count_records()
            for term in await tx.vault.list_terms():
                if term.state is KekState.DECRYPT_ONLY and not records.get(term.term):
                    await tx.vault.set_term_state(term.term, KekState.RETIRED)
                    await self._audit(
                        tx, "update", term.term, KekState.DECRYPT_ONLY, KekState.RETIRED
                    )
            row = replace(row, phase=RotationPhase.DONE, finished_at=self._parts.clock.now_ms())
            await tx.rotation.update(row)
            self._parts.step("end-written")
        self._parts.step("ended")
        await self._load()
        return row

    async def _audit(
        self,
        tx: Transaction,
        action: str,
        term: int,
        before: KekState | None,
        after: KekState | None,
    ) -> None:
        await tx.admin.insert_audit(
            build_audit(self._parts.actor, self._parts.clock.now_ms(), action, term, before, after)
        )


def build_audit(
    actor: Actor,
    at: int,
    action: str,
    term: int,
    before: KekState | None,
    after: KekState | None,
) -> AuditRow:
    """Return the audit row of a key term's change of state."""
    return AuditRow(
        at=at,
        actor=actor.name,
        action=action,
        entity_type="kek_term",
        entity_id=str(term),
        entity_name=f"key term {term}",
        before=None if before is None else {"state": before.value},
        after=None if after is None else {"state": after.value},
        request_id=actor.request_id,
        source_address=actor.source_address,
    )


def check_kind(row: Rotation, *, reencrypt: bool) -> None:
    """Raise RotationError where a rotation that makes no new data keys has to be finished first."""
    if row.is_unfinished and reencrypt and not row.reencrypt:
        raise RotationError(
            "a rotation that keeps the data keys is unfinished: finish it first (without "
            "reencrypt), then rotate with reencrypt"
        )
