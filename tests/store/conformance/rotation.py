"""What every store must do for rotations: leases, heartbeats, records replaced or left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.entities import KekState, RotationPhase, ServingProcess
from gateway.errors import KeyRotatedError, RotationError
from gateway.ports import Store
from tests.store import samples
from tests.store.samples import add_secret


def _process(number: int, **values: int) -> ServingProcess:
    row = ServingProcess(
        process_id=f"p-{number}",
        host="here",
        pid=number,
        workers=2,
        started_at=number,
        seen_at=100,
        lease_until=200,
        loaded_term=1,
        served_epoch=5,
    )
    return replace(row, **values)


class Rotations:
    async def test_a_lease_is_one_runner_s_until_it_ends(self, store: Store) -> None:
        async with store.write() as tx:
            assert (await tx.rotation.get()).phase is RotationPhase.IDLE
            first = await tx.rotation.take_lease("a", now=100, until=200)
            assert first is not None
            assert await tx.rotation.take_lease("b", now=199, until=300) is None
            await tx.rotation.renew_lease(first, until=250)
            assert await tx.rotation.take_lease("b", now=249, until=300) is None
            second = await tx.rotation.take_lease("b", now=250, until=350)
            assert second == first + 1
            assert (await tx.rotation.get()).holder == "b"

    async def test_who_has_lost_the_lease_writes_nothing(self, store: Store) -> None:
        async with store.write() as tx:
            first = await tx.rotation.take_lease("a", now=100, until=200)
            assert first is not None
            mine = await tx.rotation.get()
            await tx.rotation.take_lease("b", now=200, until=300)
        with pytest.raises(RotationError):
            async with store.write() as tx:
                await tx.rotation.renew_lease(first, until=900)
        with pytest.raises(RotationError):
            async with store.write() as tx:
                await tx.rotation.update(replace(mine, phase=RotationPhase.DONE))
        async with store.write() as tx:
            await tx.rotation.end_lease(first)
            row = await tx.rotation.get()
        assert (row.holder, row.lease_until, row.phase) == ("b", 300, RotationPhase.IDLE)

    async def test_an_ended_lease_is_free_at_once(self, store: Store) -> None:
        async with store.write() as tx:
            token = await tx.rotation.take_lease("a", now=100, until=200)
            assert token is not None
            await tx.rotation.end_lease(token)
            assert await tx.rotation.take_lease("b", now=101, until=200) is not None
        with pytest.raises(RotationError):
            async with store.write() as tx:
                await tx.rotation.renew_lease(token, until=300)

    async def test_progress_comes_back_as_it_was_stored(self, store: Store) -> None:
        async with store.write() as tx:
            token = await tx.rotation.take_lease("a", now=100, until=200)
            assert token is not None
            row = replace(
                await tx.rotation.get(),
                phase=RotationPhase.MOVING,
                to_term=2,
                reencrypt=True,
                total=7,
                moved=3,
                failed=1,
                started_at=90,
                started_by="me",
            )
            await tx.rotation.update(row)
            assert await tx.rotation.get() == row
        assert row.is_unfinished

    async def test_processes_are_there_until_their_lease_ends(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.rotation.put_process(_process(1))
            await tx.rotation.put_process(_process(2, lease_until=150))
            live = await tx.rotation.list_processes(now=149)
            assert [row.pid for row in live] == [1, 2]
            assert await tx.rotation.list_processes(now=150) == (_process(1),)
            changed = _process(1, seen_at=160, lease_until=260, loaded_term=2, served_epoch=9)
            await tx.rotation.put_process(changed)
            assert await tx.rotation.list_processes(now=100) == (changed,)
            await tx.rotation.delete_process("p-1")
            assert await tx.rotation.list_processes(now=0) == ()

    async def test_records_of_a_term_come_in_batches(self, store: Store) -> None:
        async with store.write() as tx:
            for number in range(5):
                await add_secret(tx, number)
            first = await tx.rotation.list_records(1, after=None, limit=3)
            assert [row.version for row in first] == [1, 1, 1]
            rest = await tx.rotation.list_records(1, after=first[-1].sealed.secret_id, limit=3)
            found = [row.sealed.secret_id for row in (*first, *rest)]
            assert (len(set(found)), found) == (5, sorted(found))
            assert await tx.rotation.list_records(2, after=None, limit=3) == ()

    async def test_a_record_is_replaced_only_where_its_row_is_as_it_was_read(
        self, store: Store
    ) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            await tx.vault.insert_term(samples.term(2, KekState.PENDING))
            (old,) = await tx.rotation.list_records(1, after=None, limit=3)
            for other in (
                replace(old, version=2),
                replace(old, sealed=replace(old.sealed, secret_version=2)),
                replace(old, sealed=replace(old.sealed, kek_term=2)),
            ):
                assert not await tx.rotation.move_record(other, term=2, record=b"new")
            assert await tx.secrets.get_sealed(info.secret_id) == old.sealed
            assert await tx.rotation.move_record(old, term=2, record=b"new")
            assert not await tx.rotation.move_record(old, term=2, record=b"newer")
            moved = await tx.secrets.get_sealed(info.secret_id)
            assert await tx.secrets.get(info.secret_id) == info
        assert (moved.kek_term, moved.record) == (2, b"new")

    async def test_a_moved_record_is_a_change_that_snapshots_see(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            epoch = await tx.bump_epoch()
        async with store.write() as tx:
            (old,) = await tx.rotation.list_records(1, after=None, limit=1)
            await tx.rotation.move_record(old, term=1, record=b"new")
            await tx.bump_epoch()
            changes = await tx.read_changes(epoch)
        assert changes is not None
        assert [row.secret_id for row in changes.secrets] == [info.secret_id]

    async def test_a_destroyed_term_keeps_its_row_without_a_key(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.vault.insert_term(samples.term(2, KekState.DECRYPT_ONLY))
            await tx.rotation.destroy_term(2)
            terms = await tx.vault.list_terms()
        assert (terms[-1].state, terms[-1].wrapped_key) == (KekState.RETIRED, b"")

    async def test_wraps_under_a_term_that_stepped_down_are_refused_by_name(
        self, store: Store
    ) -> None:
        async with store.write() as tx:
            await add_secret(tx)
            await tx.vault.set_term_state(1, KekState.DECRYPT_ONLY)
        with pytest.raises(KeyRotatedError):
            async with store.write() as tx:
                await tx.vault.add_wraps(1, 1)
