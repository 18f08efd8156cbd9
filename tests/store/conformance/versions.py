"""What every store must do about the states that the configuration has had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.entities import Author, PageRequest
from gateway.errors import NotFoundError
from gateway.ports import Store, Transaction
from tests.store import samples
from tests.store.samples import START, add_model

_DAY_MS = 86_400_000


def by(at: int, actor: str = "alice") -> Author:
    return Author(at=at, actor=actor, request_id=f"r-{at}")


async def _rename(tx: Transaction, name: str, version: int) -> None:
    row = replace(samples.endpoint(1), name=name, version=version)
    await tx.endpoints.update(row)


class Versions:
    async def test_a_state_stays_as_it_was(self, store: Store) -> None:
        async with store.write() as tx:
            target = await add_model(tx)
            await tx.endpoints.insert(samples.endpoint(1, to=(target,)))
            first = await tx.bump_epoch(by(1))
            state = await tx.history.read_current()
        async with store.write() as tx:
            await tx.endpoints.put_tag(samples.endpoint(1).endpoint_id, "team", "other")
            await tx.bindings.put(samples.binding(1, samples.endpoint(1)))
            await tx.model_definitions.update(replace(target, name="renamed", version=2))
            second = await tx.bump_epoch(by(2))
            assert await tx.history.read_at(first) == state
            assert await tx.history.read_at(second) == await tx.history.read_current() != state
            versions = await tx.history.list_versions(second, second, 10)
        assert [(row.kind, row.new, row.gone, row.total) for row in versions] == [
            ("binding", True, False, 3),
            ("endpoint", False, False, 3),
            ("model_definition", False, False, 3),
        ]

    async def test_what_goes_is_told_by_its_name_and_may_come_back(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.api_keys.insert(samples.api_key(1))
            first = await tx.bump_epoch(by(1))
        async with store.write() as tx:
            await tx.api_keys.delete(samples.api_key(1).key.key_id)
            await tx.bump_epoch(by(2, "bob"))
        async with store.write() as tx:
            await tx.api_keys.insert(samples.api_key(1))
            last = await tx.bump_epoch(by(3))
            found = await tx.history.list_versions(first, last, 10)
            authors = await tx.history.list_authors([samples.api_key(1).key.name])
        assert [(row.new, row.gone) for row in found] == [
            (True, False),
            (False, True),
            (True, False),
        ]
        assert {row.name for row in found} == {samples.api_key(1).key.name}
        assert [row.at for row in authors.values()] == [3]

    async def test_a_write_that_changes_nothing_makes_no_version(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.endpoints.insert(samples.endpoint(1, to=(await add_model(tx),)))
            await tx.bump_epoch(by(1))
        async with store.write() as tx:
            await _rename(tx, samples.endpoint(1).name, 2)
            epoch = await tx.bump_epoch(by(2))
            assert await tx.history.list_versions(epoch, epoch, 10) == ()
            assert (await tx.history.get(epoch)).epoch == epoch - 1
            assert await tx.history.read_at(epoch) == await tx.history.read_at(epoch - 1)
            with pytest.raises(NotFoundError):
                await tx.history.get(epoch + 1)

    async def test_epochs_come_newest_first(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.endpoints.insert(samples.endpoint(1, to=(await add_model(tx),)))
            for n in range(5):
                await _rename(tx, f"name-{n}", n + 2)
                await tx.bump_epoch(by(START + n))
            page = await tx.history.list_page(PageRequest(limit=2))
            rest = await tx.history.list_page(PageRequest(limit=9, after=page.next_after))
        assert [row.at - START for row in page.items] == [4, 3]
        assert [row.at - START for row in rest.items][:3] == [2, 1, 0]
        assert rest.next_after is None

    async def test_a_digest_finds_the_newest_epoch_that_was_read_with_it(
        self, store: Store
    ) -> None:
        async with store.write() as tx:
            await tx.endpoints.insert(samples.endpoint(1, to=(await add_model(tx),)))
            one = await tx.bump_epoch(by(1))
            await _rename(tx, "another", 2)
            two = await tx.bump_epoch(by(2))
            assert await tx.history.find_digest("sha256:x") is None
            assert await tx.history.note_digest(one, "sha256:x")
            assert not await tx.history.note_digest(one, "sha256:y")
            assert await tx.history.find_digest("sha256:x") == one
            await tx.history.note_digest(two, "sha256:x")
            assert await tx.history.find_digest("sha256:x") == two

    async def test_what_was_applied(self, store: Store) -> None:
        key, other = ("endpoint", "chat"), ("secret", "chat")
        async with store.write() as tx:
            await tx.history.put_applied({key: "a", other: "b"})
            await tx.history.put_applied({key: "c"})
            await tx.history.delete_applied([other])
            assert await tx.history.list_applied() == {key: "c"}

    async def test_old_states_go_and_the_oldest_kept_can_be_read(self, store: Store) -> None:
        """A day between two epochs, so that far more than 90 days are there."""
        async with store.write() as tx:
            await tx.endpoints.insert(samples.endpoint(1, to=(await add_model(tx),)))
            await tx.api_keys.insert(samples.api_key(1))
            first = await tx.bump_epoch(by(START))
            await tx.api_keys.delete(samples.api_key(1).key.key_id)
            states = {}
            for n in range(1_300):
                await _rename(tx, f"name-{n}", n + 2)
                epoch = await tx.bump_epoch(by(START + n * _DAY_MS))
                if n % 100 == 50:
                    states[epoch] = await tx.history.read_current()
            page = await tx.history.list_page(PageRequest(limit=1_500))
            assert 1_000 <= len(page.items) <= 1_100
            oldest = page.items[-1].epoch
            with pytest.raises(NotFoundError):
                await tx.history.read_at(first)
            kept = [epoch for epoch in states if epoch >= oldest]
            assert len(kept) >= 10
            for epoch in kept:
                assert await tx.history.read_at(epoch) == states[epoch]
            assert await tx.history.read_at(oldest)
            versions = await tx.history.list_versions(0, oldest - 1, 10)
            assert len(versions) <= 4  # what the oldest state is made of

    async def test_what_changes_no_entity_makes_no_state_forgotten(self, store: Store) -> None:
        """Years of logins between changes: each is an epoch, none is a state."""
        async with store.write() as tx:
            await tx.endpoints.insert(samples.endpoint(1, to=(await add_model(tx),)))
            await tx.bump_epoch(by(START))
            states = {}
            for n in range(20):
                for _ in range(99):
                    await tx.bump_epoch(by(START + n * 100 * _DAY_MS))
                await _rename(tx, f"name-{n}", n + 2)
                epoch = await tx.bump_epoch(by(START + n * 100 * _DAY_MS))
                states[epoch] = await tx.history.read_current()
            for epoch, state in states.items():
                assert await tx.history.read_at(epoch) == state
                assert await tx.history.read_at(epoch + 50 if epoch < max(states) else epoch)
                assert (await tx.history.get(epoch)).epoch == epoch

    async def test_old_states_go_wherever_the_gaps_are(self, store: Store) -> None:
        """No epoch that is a whole hundred is a state."""
        async with store.write() as tx:
            await tx.endpoints.insert(samples.endpoint(1, to=(await add_model(tx),)))
            first = await tx.bump_epoch(by(START))
            for n in range(1_300):
                if (await tx.get_epoch() + 1) % 100 == 0:
                    await tx.bump_epoch(by(START + n * _DAY_MS))
                await _rename(tx, f"name-{n}", n + 2)
                await tx.bump_epoch(by(START + n * _DAY_MS))
            page = await tx.history.list_page(PageRequest(limit=1_500))
            assert 1_000 <= len(page.items) <= 1_101
            with pytest.raises(NotFoundError):
                await tx.history.read_at(first)
            assert await tx.history.read_at(page.items[-1].epoch)
