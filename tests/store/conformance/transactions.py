"""What every store must do about transactions: all or nothing, whoever interrupts."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import ConflictError, InvalidValueError, StoreUnavailableError
from gateway.ports import Store
from tests.store.samples import OpenStore, add_secret


class Transactions:
    async def test_epoch_grows_by_one(self, store: Store) -> None:
        async with store.write() as tx:
            before = await tx.get_epoch()
            assert [await tx.bump_epoch() for _ in range(3)] == [before + 1, before + 2, before + 3]
        async with store.read() as tx:
            assert await tx.get_epoch() == before + 3

    async def test_exception_rolls_everything_back(self, store: Store) -> None:
        with pytest.raises(LookupError):
            async with store.write() as tx:
                await add_secret(tx)
                await tx.bump_epoch()
                raise LookupError
        async with store.read() as tx:
            assert await tx.secrets.count() == 0
            assert await tx.get_epoch() == 0

    async def test_reads_see_one_state(self, store: Store) -> None:
        async with store.read() as reading:
            assert await reading.get_epoch() == 0
            async with store.write() as writing:
                await writing.bump_epoch()
            assert await reading.get_epoch() == 0
        async with store.read() as reading:
            assert await reading.get_epoch() == 1

    async def test_read_transaction_cannot_write(self, store: Store) -> None:
        with pytest.raises(StoreUnavailableError):
            async with store.read() as tx:
                await tx.bump_epoch()

    async def test_transaction_is_of_no_use_after_its_end(self, store: Store) -> None:
        async with store.write() as tx:
            pass
        with pytest.raises(RuntimeError):
            await tx.bump_epoch()

    async def test_cancelled_in_the_middle_leaves_nothing_and_a_store_that_works(
        self, store: Store
    ) -> None:
        inside = asyncio.Event()

        async def write() -> None:
            async with store.write() as tx:
                await tx.bump_epoch()
                inside.set()
                await asyncio.Event().wait()

        for _ in range(3):
            inside.clear()
            task = asyncio.create_task(write())
            await inside.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        async with store.write() as tx:
            assert await tx.bump_epoch() == 1

    async def test_cancelled_at_every_step_is_all_or_nothing(self, store: Store) -> None:
        async def write() -> None:
            async with store.write() as tx:
                await tx.bump_epoch()
                await tx.bump_epoch()

        for steps in range(40):
            task = asyncio.create_task(write())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            task.cancel()  # an impatient caller
            await asyncio.wait([task])
            async with store.read() as tx:
                assert await tx.get_epoch() % 2 == 0
        async with store.write() as tx:
            assert (await tx.bump_epoch()) % 2 == 1

    async def test_cancelled_readers_give_their_connections_back(self, store: Store) -> None:
        async def read() -> None:
            async with store.read() as tx:
                while True:
                    await tx.read_configuration()

        for _ in range(6):
            task = asyncio.create_task(read())
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task])
        async with store.read() as tx:
            assert await tx.get_epoch() == 0

    async def test_concurrent_writers_take_turns(self, store: Store, open_store: OpenStore) -> None:
        other = await open_store()

        async def bump(through: Store) -> None:
            async with through.write() as tx:
                await tx.bump_epoch()

        await asyncio.gather(*(bump(through) for through in (store, other) * 20))
        async with store.read() as tx:
            assert await tx.get_epoch() == 40

    async def test_two_stores_see_each_others_commits(
        self, store: Store, open_store: OpenStore
    ) -> None:
        other = await open_store()
        assert not await other.changed()
        async with store.write() as tx:
            await tx.bump_epoch()
        assert await other.changed()
        assert not await other.changed()
        async with other.read() as tx:
            assert await tx.get_epoch() == 1

    async def test_rolled_back_write_is_no_change(
        self, store: Store, open_store: OpenStore
    ) -> None:
        other = await open_store()
        with pytest.raises(LookupError):
            async with store.write() as tx:
                await tx.bump_epoch()
                raise LookupError
        assert not await other.changed()

    async def test_closed_store_says_so(self, open_store: OpenStore) -> None:
        other = await open_store()
        await other.ping()
        await other.close()
        await other.close()
        for act in (other.ping, other.changed):
            with pytest.raises(StoreUnavailableError):
                await act()
        for begin in (other.read, other.write):
            with pytest.raises(StoreUnavailableError):
                async with begin():
                    pass

    async def test_number_or_text_that_no_row_can_hold_is_invalid(self, store: Store) -> None:
        for impossible in ({"created_at": 2**63}, {"secret_name": "\ud800"}):
            with pytest.raises(InvalidValueError):
                async with store.write() as tx:
                    await add_secret(tx, 1, **impossible)

    async def test_messages_hold_no_sql(self, store: Store) -> None:
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                await add_secret(tx, 1)
                await add_secret(tx, 1)
        assert "INSERT" not in caught.value.detail
        assert "secrets." not in caught.value.detail
