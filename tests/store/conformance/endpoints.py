"""What every store must do about endpoints and the configuration made of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from gateway.entities import EndpointId, EndpointLimits, LinkageType, PageRequest
from gateway.errors import ConflictError, NotFoundError
from gateway.ports import Store
from tests.store import samples
from tests.store.samples import ALL, add_model, add_secret


class Endpoints:
    async def test_comes_back_with_mappings_tags_and_order(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            models = tuple([await add_model(tx, n, info) for n in (3, 1, 2)])
            row = samples.endpoint(1, to=models)
            await tx.endpoints.insert(row)
        async with store.read() as tx:
            assert await tx.endpoints.get(row.endpoint_id) == row
            assert (await tx.endpoints.list_page(ALL)).items == (row,)

    async def test_bare_one_comes_back_bare(self, store: Store) -> None:
        row = samples.endpoint(
            tags={},
            routing_strategy=None,
            fallback_config=None,
            usage_tracking=False,
            limits=EndpointLimits(),
        )
        async with store.write() as tx:
            await tx.endpoints.insert(row)
            assert await tx.endpoints.get(row.endpoint_id) == row

    @pytest.mark.parametrize("weight", [0.0, 0.1, 1 / 3, 5e-324, 1e308, 80])
    async def test_weights_keep_every_bit(self, store: Store, weight: float) -> None:
        async with store.write() as tx:
            target = await add_model(tx)
            mapped = samples.mapping(1, target, weight=weight)
            await tx.endpoints.insert(samples.endpoint(1, model_mappings=(mapped,)))
            stored = await tx.endpoints.get(EndpointId(f"e-{1:032x}"))
        assert stored.model_mappings[0].weight == weight

    @pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan")])
    async def test_weights_that_are_no_share_are_refused(self, store: Store, weight: float) -> None:
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                target = await add_model(tx)
                mapped = samples.mapping(1, target, weight=weight)
                await tx.endpoints.insert(samples.endpoint(1, model_mappings=(mapped,)))
        assert caught.value.field == "weight"

    async def test_update_leaves_mappings_and_tags(self, store: Store) -> None:
        async with store.write() as tx:
            row = samples.endpoint(1, to=(await add_model(tx),))
            await tx.endpoints.insert(row)
            await tx.endpoints.update(
                replace(row, name="renamed", model_mappings=(), tags={}, version=2)
            )
            stored = await tx.endpoints.get(row.endpoint_id)
        assert stored == replace(row, name="renamed", version=2)

    async def test_taken_name_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                await tx.endpoints.insert(samples.endpoint(1))
                await tx.endpoints.insert(samples.endpoint(2, name="endpoint-1"))
        assert caught.value.field == "name"

    async def test_same_mapping_twice_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                target = await add_model(tx)
                await tx.endpoints.insert(samples.endpoint(1, to=(target, target)))
        assert caught.value.field == "model_definition_id"

    async def test_unknown_model_definition_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                await tx.endpoints.insert(samples.endpoint(1, to=(samples.model(),)))
        assert caught.value.field == "model_definition_id"

    async def test_replace_mappings_may_swap_linkage_types(self, store: Store) -> None:
        async with store.write() as tx:
            row = samples.endpoint(1, to=(await add_model(tx),))
            await tx.endpoints.insert(row)
            kept = row.model_mappings[0]
            swapped = (
                replace(
                    kept,
                    mapping_id=samples.mapping(9, kept.model_definition).mapping_id,
                    weight=3.0,
                ),
                replace(kept, linkage_type=LinkageType.FALLBACK, fallback_order=0),
            )
            await tx.endpoints.replace_mappings(row.endpoint_id, swapped)
            assert (await tx.endpoints.get(row.endpoint_id)).model_mappings == swapped

    async def test_delete_mapping(self, store: Store) -> None:
        async with store.write() as tx:
            row = samples.endpoint(1, to=(await add_model(tx),))
            await tx.endpoints.insert(row)
            await tx.endpoints.delete_mapping(row.model_mappings[0].mapping_id)
            assert (await tx.endpoints.get(row.endpoint_id)).model_mappings == ()
            with pytest.raises(NotFoundError):
                await tx.endpoints.delete_mapping(row.model_mappings[0].mapping_id)

    async def test_tags(self, store: Store) -> None:
        async with store.write() as tx:
            row = samples.endpoint(1, tags={"a": "1"})
            await tx.endpoints.insert(row)
            await tx.endpoints.put_tag(row.endpoint_id, "a", "2")
            await tx.endpoints.put_tag(row.endpoint_id, "ключ", "")
            assert (await tx.endpoints.get(row.endpoint_id)).tags == {"a": "2", "ключ": ""}
            await tx.endpoints.delete_tag(row.endpoint_id, "a")
            assert (await tx.endpoints.get(row.endpoint_id)).tags == {"ключ": ""}
            await tx.endpoints.replace_tags(row.endpoint_id, {"x": "y"})
            assert (await tx.endpoints.get(row.endpoint_id)).tags == {"x": "y"}
            with pytest.raises(NotFoundError) as caught:
                await tx.endpoints.delete_tag(row.endpoint_id, "a")
        assert caught.value.field == "key"

    @pytest.mark.parametrize("act", ["get", "delete", "update", "tag", "tags", "mappings"])
    async def test_missing_one_is_not_found(self, store: Store, act: str) -> None:
        row = samples.endpoint()
        async with store.write() as tx:
            rows = tx.endpoints
            acts: dict[str, Callable[[], Awaitable[object]]] = {
                "get": lambda: rows.get(row.endpoint_id),
                "delete": lambda: rows.delete(row.endpoint_id),
                "update": lambda: rows.update(row),
                "tag": lambda: rows.put_tag(row.endpoint_id, "a", "b"),
                "tags": lambda: rows.replace_tags(row.endpoint_id, {"a": "b"}),
                "mappings": lambda: rows.replace_mappings(row.endpoint_id, ()),
            }
            with pytest.raises(NotFoundError) as caught:
                await acts[act]()
        assert caught.value.field == "endpoint_id"

    async def test_delete_takes_mappings_and_tags_along(self, store: Store) -> None:
        async with store.write() as tx:
            target = await add_model(tx)
            row = samples.endpoint(1, to=(target,))
            await tx.endpoints.insert(row)
            await tx.endpoints.delete(row.endpoint_id)
            await tx.model_definitions.delete(target.model_definition_id)
            await tx.endpoints.insert(replace(row, model_mappings=(), tags={}))
            assert (await tx.endpoints.get(row.endpoint_id)).tags == {}

    async def test_filters(self, store: Store) -> None:
        async with store.write() as tx:
            one, two = await add_secret(tx, 1), await add_secret(tx, 2, provider="gemini")
            plain = await add_model(tx, 1, one)
            sought = await add_model(tx, 2, two, provider="gemini")
            await tx.endpoints.insert(samples.endpoint(1, to=(plain,)))
            await tx.endpoints.insert(samples.endpoint(2, to=(plain, sought), name="Chat_50%.x"))
            for filters in (
                {"name": "Chat_50%.x"},
                {"provider": "gemini"},
                {"secret_id": two.secret_id},
                {"model_definition_id": sought.model_definition_id},
                {"q": "chat"},
                {"q": "_50%"},
                {"q": "T_5", "provider": "gemini", "secret_id": two.secret_id},
            ):
                page = await tx.endpoints.list_page(ALL, **filters)  # type: ignore[arg-type]
                assert [row.name for row in page.items] == ["Chat_50%.x"], filters
            for nothing in ({"q": "%"}, {"q": "t.5"}, {"provider": "nobody"}):
                found = (await tx.endpoints.list_page(ALL, **nothing)).items  # type: ignore[arg-type]
                assert len(found) == (1 if nothing == {"q": "%"} else 0)

    async def test_page_costs_the_same_number_of_queries_whatever_its_size(
        self, store: Store, statements: list[str]
    ) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            for n in range(40):
                await tx.endpoints.insert(samples.endpoint(n, to=(await add_model(tx, n, info),)))
        costs = []
        async with store.read() as tx:
            for limit in (1, 10, 40):
                statements.clear()
                page = await tx.endpoints.list_page(PageRequest(limit=limit))
                assert len(page.items) == limit
                assert all(len(row.model_mappings) == 1 for row in page.items)
                costs.append(len(statements))
        assert costs == [4, 4, 4]

    async def test_users_of_model_definitions_are_listed_once_each(
        self, store: Store, statements: list[str]
    ) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            first, second, third = [await add_model(tx, n, info) for n in range(3)]
            rows = [
                samples.endpoint(n, to=targets)
                for n, targets in enumerate(((first,), (second,), (first, second), (third,)))
            ]
            for row in rows:
                await tx.endpoints.insert(row)
        async with store.read() as tx:
            statements.clear()
            wanted = {first.model_definition_id, second.model_definition_id}
            assert await tx.endpoints.list_users(wanted) == tuple(rows[:3])
            assert len(statements) == 5
            assert await tx.endpoints.list_users(set()) == ()


class Configuration:
    async def test_holds_all_that_a_snapshot_needs(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            models = (await add_model(tx, 1, info), await add_model(tx, 2, info))
            rows = (samples.endpoint(1, to=models), samples.endpoint(2, to=models[:1]))
            for row in rows:
                await tx.endpoints.insert(row)
            await tx.api_keys.insert(samples.api_key(1))
            await tx.bump_epoch()
        async with store.read() as tx:
            read = await tx.read_configuration()
        assert read.epoch == 1
        assert read.endpoints == rows
        assert read.secrets == (samples.sealed(info),)
        assert read.api_keys == (samples.api_key(1),)

    async def test_one_model_definition_is_one_instance(self, store: Store) -> None:
        async with store.write() as tx:
            target = await add_model(tx)
            for n in range(3):
                await tx.endpoints.insert(samples.endpoint(n, to=(target,)))
            read = await tx.read_configuration()
        assert len({id(row.model_mappings[0].model_definition) for row in read.endpoints}) == 1

    async def test_costs_the_same_number_of_queries_whatever_its_size(
        self, store: Store, statements: list[str]
    ) -> None:
        costs = []
        for n in range(2):
            async with store.write() as tx:
                info = await add_secret(tx, n)
                for at in range(n * 20, n * 20 + 20):
                    target = await add_model(tx, at, info)
                    await tx.endpoints.insert(samples.endpoint(at, to=(target,)))
            async with store.read() as tx:
                statements.clear()
                assert len((await tx.read_configuration()).endpoints) == n * 20 + 20
                costs.append(len(statements))
        assert costs == [7, 7]

    async def test_large_one_is_as_right_as_a_small_one(self, store: Store) -> None:
        async with store.write() as tx:
            target = await add_model(tx)
            rows = tuple(samples.endpoint(n, to=(target,)) for n in range(600))
            for row in rows:
                await tx.endpoints.insert(row)
            assert (await tx.read_configuration()).endpoints == rows
