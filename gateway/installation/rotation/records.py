"""Takes records over to the new term, batch by batch.

Rule: a batch is read, moved in memory and opened there before anything is written; then each
record is replaced only where its row is still the one that was read. Nobody waits for a batch
longer than its own short transaction takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.entities import Author, PageRequest, Rotation, SecretId, VersionedSecret
from gateway.errors import InvalidValueError, VaultIntegrityError
from gateway.installation.rotation.lease import Lease
from gateway.ports import Transaction
from gateway.providers import allowed_origin
from gateway.vault.envelope import RecordMover, check_wraps, secret_context
from gateway.vault.format import parse_record

BATCH: Final = 100  # about 10 ms of work, 5 ms of a transaction
_SLICE: Final = 10  # records between two turns of the event loop, about a millisecond
_SHORTEST_PAUSE_S: Final = 0.01  # another process that waits for the database gets it
_PAUSE_SHARE: Final = 4.0  # of a batch's own time: requests and other writers have the rest
_LONGEST_PAUSE_S: Final = 0.25  # a batch that waited for the machine did not work for so long

Moved = tuple[VersionedSecret, bytes]
Step = Callable[[str], None]


@dataclass(slots=True)
class Pass:
    """What one way through all records of other terms has done."""

    moved: int = 0
    failed: int = 0
    missed: int = 0  # changed by somebody else meanwhile: the next pass looks again


class RecordsMover:
    """Moves all records of other terms to the one of the rotation.

    Args:
        lease: of the runner.
        mover: has the keys of all terms.
        follow: called after each batch, so that this process serves what was stored.
        step: called at each step by name, for those who watch.
    """

    def __init__(
        self, lease: Lease, mover: RecordMover, follow: Callable[[], Awaitable[None]], step: Step
    ) -> None:
        self._lease = lease
        self._mover = mover
        self._follow = follow
        self._step = step

    async def move_all(self, row: Rotation, tell: Callable[[Rotation], None]) -> Rotation:
        """Move until nothing is left but records that do not open.

        Raises:
            RotationError: another runner has taken over.
            ConflictError: the new term has done as many wraps as is safe.
        """
        while True:
            done = Pass()
            async for batch in self._iter_batches(row):
                began_s = self._lease.clock.monotonic_s()
                row = await self._move_batch(row, batch, done)
                tell(row)
                took_s = self._lease.clock.monotonic_s() - began_s
                await asyncio.sleep(plan_pause(took_s))
            if not done.missed:
                return row

    async def _iter_batches(self, row: Rotation) -> AsyncIterator[Sequence[VersionedSecret]]:
        async with self._lease.store.read() as tx:
            terms = sorted(await tx.vault.count_records())
        for term in terms:
            if term == row.to_term:
                continue
            async for batch in self._iter_current(term):
                self._step("batch-read")
                yield batch
            async for batch in self._iter_former(term):
                self._step("batch-read")
                yield batch

    async def _iter_current(self, term: int) -> AsyncIterator[Sequence[VersionedSecret]]:
        after: SecretId | None = None
        while True:
            async with self._lease.store.read() as tx:
                batch = await tx.rotation.list_records(term, after=after, limit=BATCH)
            if not batch:
                return
            yield batch
            after = batch[-1].sealed.secret_id

    async def _iter_former(self, term: int) -> AsyncIterator[Sequence[VersionedSecret]]:
        """Read the values that still count for a while beside those that followed them."""
        request: PageRequest | None = PageRequest(limit=BATCH)
        while request is not None:
            async with self._lease.store.read() as tx:
                page = await tx.secrets.list_previous(request, kek_term=term)
            if page.items:
                yield [VersionedSecret(sealed=row, version=None) for row in page.items]
            after = page.next_after
            request = None if after is None else PageRequest(limit=BATCH, after=after)

    async def _move_batch(
        self, row: Rotation, batch: Sequence[VersionedSecret], done: Pass
    ) -> Rotation:
        assert row.to_term is not None  # noqa: S101  it is under way
        moved = await self._move_in_memory(batch, row.to_term, again=row.reencrypt)
        self._step("batch-moved")
        async with self._lease.write() as tx:
            stored = 0
            for number, (old, record) in enumerate(moved):
                stored += await _store(tx, old, row.to_term, record)
                if number == 0:
                    self._step("batch-begun")
            if moved:  # also those that were wrapped in vain
                check_wraps(await tx.vault.add_wraps(row.to_term, len(moved)))
            if stored:
                await tx.bump_epoch(self._name_author(row))
            done.moved += stored
            done.missed += len(moved) - stored
            done.failed += len(batch) - len(moved)
            row = replace(row, moved=row.moved + stored, failed=done.failed)
            await tx.rotation.update(row)
            self._step("batch-written")
        self._step("batch-stored")
        await self._follow()
        return row

    def _name_author(self, row: Rotation) -> Author:
        return Author(at=self._lease.clock.now_ms(), actor=row.started_by, request_id="")

    async def _move_in_memory(
        self, batch: Sequence[VersionedSecret], term: int, *, again: bool
    ) -> list[Moved]:
        moved = []
        for number, old in enumerate(batch):
            if number % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            try:
                moved.append((old, self._move(old, term, again=again)))
            except (VaultIntegrityError, InvalidValueError):
                continue  # stays under its term, which stays; `crypto verify` says why
        return moved

    def _move(self, old: VersionedSecret, term: int, *, again: bool) -> bytes:
        sealed = old.sealed
        if parse_record(sealed.record).term != sealed.kek_term:
            raise VaultIntegrityError("the row names another key term than its record")
        context = secret_context(sealed, allowed_origin(sealed.provider, sealed.auth_config))
        move = self._mover.reencrypt if again else self._mover.rewrap
        return move(context, sealed.record, term)


def plan_pause(took_s: float) -> float:
    """Return how long to leave the database to others after a batch, both in seconds."""
    return min(max(_SHORTEST_PAUSE_S, _PAUSE_SHARE * took_s), _LONGEST_PAUSE_S)


async def _store(tx: Transaction, old: VersionedSecret, term: int, record: bytes) -> bool:
    if old.version is not None:
        return await tx.rotation.move_record(old, term=term, record=record)
    moved = replace(old.sealed, kek_term=term, record=record)
    return await tx.secrets.rewrap_previous(moved, expected_record=old.sealed.record)
