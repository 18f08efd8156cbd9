"""What every store must know of its past: which rows a snapshot of an older epoch lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.entities import ConfigurationChanges
from gateway.ports import Store, Transaction
from gateway.store.configuration import KEPT_EPOCHS, LARGEST_CHANGE, TRIMMED_EVERY
from tests.store import samples
from tests.store.samples import OpenStore, add_model, add_secret


async def _read(store: Store, since: int) -> ConfigurationChanges:
    async with store.read() as tx:
        changes = await tx.read_changes(since)
    assert changes is not None
    return changes


def _sum_up(changes: ConfigurationChanges) -> tuple[list[str], ...]:
    """The ids of endpoints, secrets and keys that are there, then of those that are gone."""
    return (
        sorted(row.endpoint_id for row in changes.endpoints),
        sorted(row.secret_id for row in changes.secrets),
        sorted(row.key.key_id for row in changes.api_keys),
        sorted(changes.gone_endpoints),
        sorted(changes.gone_secrets),
        sorted(changes.gone_api_keys),
    )


NOTHING: tuple[list[str], ...] = ([], [], [], [], [], [])


class Changes:
    async def test_new_rows_are_told_with_all_that_belongs_to_them(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            models = (await add_model(tx, 1, info), await add_model(tx, 2, info))
            row = samples.endpoint(1, to=models)
            await tx.endpoints.insert(row)
            await tx.api_keys.insert(samples.api_key(1))
            await tx.bump_epoch()
        changes = await _read(store, 0)
        assert (changes.since, changes.epoch) == (0, 1)
        assert changes.endpoints == (row,)
        assert changes.secrets == (samples.sealed(info),)
        assert changes.api_keys == (samples.api_key(1),)
        assert not changes.gone_endpoints | changes.gone_secrets | changes.gone_api_keys
        assert _sum_up(await _read(store, 1)) == NOTHING

    async def test_a_change_is_seen_in_the_transaction_that_makes_it(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.api_keys.insert(samples.api_key(1))
            await tx.bump_epoch()
            changes = await tx.read_changes(0)
        assert changes is not None
        assert changes.api_keys == (samples.api_key(1),)

    async def test_only_what_came_after_the_epoch_is_told(self, store: Store) -> None:
        for n in range(3):
            async with store.write() as tx:
                await tx.api_keys.insert(samples.api_key(n))
                await tx.bump_epoch()
        told = [[row.key.name for row in (await _read(store, n)).api_keys] for n in range(4)]
        assert [len(names) for names in told] == [3, 2, 1, 0]
        assert told[2] == ["key-2"]

    async def test_what_is_gone_is_told_as_gone(self, store: Store) -> None:
        async with store.write() as tx:
            target = await add_model(tx)
            await tx.endpoints.insert(samples.endpoint(1, to=(target,)))
            await tx.api_keys.insert(samples.api_key(1))
            await tx.bump_epoch()
        async with store.write() as tx:
            await tx.endpoints.delete(samples.endpoint(1).endpoint_id)
            await tx.model_definitions.delete(target.model_definition_id)
            await tx.secrets.delete(target.secret_id)
            await tx.api_keys.delete(samples.api_key(1).key.key_id)
            await tx.bump_epoch()
        gone = ([], [], [], [f"e-{1:032x}"], [f"s-{0:032x}"], [f"k-{1:032x}"])
        assert _sum_up(await _read(store, 1)) == gone
        assert _sum_up(await _read(store, 0)) == gone  # came and went meanwhile

    async def test_every_way_to_change_a_row_is_noted(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            first, second = await add_model(tx, 1, info), await add_model(tx, 2, info)
            row = samples.endpoint(1, to=(first, second))
            await tx.endpoints.insert(row)
            await tx.api_keys.insert(samples.api_key(1))
            await tx.bump_epoch()
        endpoint, secret, key = ([row.endpoint_id], [info.secret_id], [f"k-{1:032x}"])

        async def rename(tx: Transaction) -> None:
            await tx.endpoints.update(replace(row, name="other"))

        async def replace_mappings(tx: Transaction) -> None:
            await tx.endpoints.replace_mappings(row.endpoint_id, row.model_mappings)

        async def delete_mapping(tx: Transaction) -> None:
            await tx.endpoints.delete_mapping(row.model_mappings[1].mapping_id)

        async def change_shown(tx: Transaction) -> None:
            await tx.secrets.update(replace(info, auth_config={"region": "eu"}), None)

        async def change_value(tx: Transaction) -> None:
            await tx.secrets.update(info, samples.sealed(info, secret_version=2))

        async def disable_key(tx: Transaction) -> None:
            await tx.api_keys.update(samples.api_key(1, disabled=True).key)

        async def change_model(tx: Transaction) -> None:
            await tx.model_definitions.update(replace(first, model_name="other"))

        for epoch, (work, expected) in enumerate(
            (
                (rename, (endpoint, [], [])),
                (replace_mappings, (endpoint, [], [])),
                (delete_mapping, (endpoint, [], [])),
                (change_shown, ([], secret, [])),
                (change_value, ([], secret, [])),
                (disable_key, ([], [], key)),
                (change_model, (endpoint, [], [])),
            ),
            start=1,
        ):
            async with store.write() as tx:
                await work(tx)
                await tx.bump_epoch()
            assert _sum_up(await _read(store, epoch))[:3] == expected, work.__name__

    async def test_a_changed_model_definition_touches_the_endpoints_that_use_it(
        self, store: Store
    ) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            used, other = await add_model(tx, 1, info), await add_model(tx, 2, info)
            for n, targets in enumerate(((used,), (other,), (other, used))):
                await tx.endpoints.insert(samples.endpoint(n, to=targets))
            await tx.bump_epoch()
        async with store.write() as tx:
            await tx.model_definitions.update(replace(used, model_name="large"))
            await tx.bump_epoch()
        changes = await _read(store, 1)
        assert sorted(row.name for row in changes.endpoints) == ["endpoint-0", "endpoint-2"]
        names = {
            mapping.model_definition.model_name
            for row in changes.endpoints
            for mapping in row.model_mappings
        }
        assert names == {"large", "mini"}

    async def test_what_is_in_no_snapshot_touches_nothing(self, store: Store) -> None:
        async with store.write() as tx:
            target = await add_model(tx)
            row = samples.endpoint(1, to=(target,))
            await tx.endpoints.insert(row)
            await tx.bump_epoch()
        async with store.write() as tx:
            await tx.bindings.put(samples.binding(1, row))
            await tx.endpoints.put_tag(row.endpoint_id, "team", "other")
            await tx.admin.insert_audit(samples.audit())
            await tx.usage.insert_many([samples.usage()])
            await tx.bump_epoch()
        assert _sum_up(await _read(store, 1)) == NOTHING

    async def test_a_write_without_an_epoch_is_told_with_the_next(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.bump_epoch()
            await tx.api_keys.insert(samples.api_key(1))  # after the epoch
        async with store.write() as tx:
            await tx.api_keys.insert(samples.api_key(2))  # with none at all
        assert len((await _read(store, 1)).api_keys) == 2
        async with store.write() as tx:
            await tx.bump_epoch()
        assert len((await _read(store, 1)).api_keys) == 2

    async def test_a_rolled_back_change_is_not_told(self, store: Store) -> None:
        with pytest.raises(LookupError):
            async with store.write() as tx:
                await tx.api_keys.insert(samples.api_key(1))
                await tx.bump_epoch()
                raise LookupError
        assert _sum_up(await _read(store, 0)) == NOTHING

    async def test_changes_of_another_process_are_told(
        self, store: Store, open_store: OpenStore
    ) -> None:
        other = await open_store()
        async with other.write() as tx:
            await tx.api_keys.insert(samples.api_key(1))
            await tx.bump_epoch()
        assert len((await _read(store, 0)).api_keys) == 1

    async def test_too_long_ago_or_yet_to_come_is_not_told(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.api_keys.insert(samples.api_key(1))
            for _ in range(KEPT_EPOCHS + TRIMMED_EVERY):
                epoch = await tx.bump_epoch()
            assert await tx.read_changes(0) is None
            assert await tx.read_changes(epoch - KEPT_EPOCHS - 1) is None
            assert await tx.read_changes(epoch - KEPT_EPOCHS) is not None
            assert await tx.read_changes(epoch + 1) is None  # of a database that was put back

    async def test_too_much_is_not_told(self, store: Store) -> None:
        async with store.write() as tx:
            for n in range(LARGEST_CHANGE):
                await tx.api_keys.insert(samples.api_key(n))
            epoch = await tx.bump_epoch()
            told = await tx.read_changes(0)
            assert told is not None
            assert len(told.api_keys) == LARGEST_CHANGE
            await tx.api_keys.insert(samples.api_key(LARGEST_CHANGE))
            await tx.bump_epoch()
            assert await tx.read_changes(0) is None
            assert await tx.read_changes(epoch) is not None

    async def test_users_of_a_model_definition_count_as_well(self, store: Store) -> None:
        async with store.write() as tx:
            target = await add_model(tx)
            for n in range(LARGEST_CHANGE):
                await tx.endpoints.insert(samples.endpoint(n, to=(target,), tags={}))
            await tx.bump_epoch()
            await tx.model_definitions.update(replace(target, model_name="large"))
            await tx.bump_epoch()
            assert await tx.read_changes(1) is None

    async def test_costs_the_same_number_of_queries_whatever_changed(
        self, store: Store, statements: list[str]
    ) -> None:
        costs = []
        for n in range(2):
            async with store.write() as tx:
                info = await add_secret(tx, n)
                for at in range(n * 20, n * 20 + 20 + n * 30):
                    target = await add_model(tx, at, info)
                    await tx.endpoints.insert(samples.endpoint(at, to=(target,)))
                    await tx.model_definitions.update(replace(target, model_name="large"))
                    await tx.api_keys.insert(samples.api_key(at))
                await tx.bump_epoch()
            async with store.read() as tx:
                statements.clear()
                assert await tx.read_changes(n) is not None
                costs.append(len(statements))
        assert costs == [9, 9]
