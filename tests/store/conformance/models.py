"""What every store must do about model definitions, bindings and api keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.entities import EndpointId, LinkageType
from gateway.errors import ConflictError, NotFoundError
from gateway.ports import Store
from tests.store import samples
from tests.store.samples import ALL, add_model, add_secret


class ModelDefinitions:
    async def test_comes_back_with_its_secrets_name(self, store: Store) -> None:
        async with store.write() as tx:
            row = await add_model(tx)
            assert await tx.model_definitions.get(row.model_definition_id) == row
            assert (await tx.model_definitions.list_page(ALL)).items == (row,)

    async def test_update(self, store: Store) -> None:
        async with store.write() as tx:
            row = await add_model(tx)
            other = await add_secret(tx, 7)
            changed = replace(
                row, secret_id=other.secret_id, secret_name=other.secret_name, version=2
            )
            await tx.model_definitions.update(changed)
            assert await tx.model_definitions.get(row.model_definition_id) == changed

    async def test_taken_name_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                row = await add_model(tx)
                await tx.model_definitions.insert(samples.model(2, name=row.name))
        assert caught.value.field == "name"

    async def test_unknown_secret_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                await tx.model_definitions.insert(samples.model())
        assert caught.value.field == "secret_id"

    @pytest.mark.parametrize("act", ["get", "delete", "update"])
    async def test_missing_one_is_not_found(self, store: Store, act: str) -> None:
        row = samples.model()
        with pytest.raises(NotFoundError) as caught:
            async with store.write() as tx:
                argument = row if act == "update" else row.model_definition_id
                await getattr(tx.model_definitions, act)(argument)
        assert caught.value.field == "model_definition_id"

    async def test_users_are_endpoints_each_once(self, store: Store) -> None:
        async with store.write() as tx:
            row = await add_model(tx)
            both = (
                samples.mapping(1, row),
                samples.mapping(2, row, linkage_type=LinkageType.FALLBACK, fallback_order=0),
            )
            await tx.endpoints.insert(samples.endpoint(1, model_mappings=both))
            users = await tx.model_definitions.users(row.model_definition_id)
        assert users.items == (("endpoint", f"e-{1:032x}", "endpoint-1"),)
        assert users.count == 1

    async def test_one_in_use_cannot_be_deleted(self, store: Store) -> None:
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                row = await add_model(tx)
                await tx.endpoints.insert(samples.endpoint(1, to=(row,)))
                await tx.model_definitions.delete(row.model_definition_id)
        assert caught.value.field == "model_definition_id"

    async def test_filters(self, store: Store) -> None:
        async with store.write() as tx:
            one, two = await add_secret(tx, 1), await add_secret(tx, 2, provider="gemini")
            await add_model(tx, 1, one)
            await add_model(tx, 2, two)
            rows = tx.model_definitions
            for filters in (
                {"name": "model-2"},
                {"provider": "gemini"},
                {"secret_id": two.secret_id},
            ):
                page = await rows.list_page(ALL, **filters)
                assert [row.name for row in page.items] == ["model-2"], filters


class Bindings:
    async def test_put_inserts_then_updates_the_display_name(self, store: Store) -> None:
        async with store.write() as tx:
            of = samples.endpoint(1)
            await tx.endpoints.insert(of)
            row = samples.binding(1, of)
            await tx.bindings.put(row)
            assert await tx.bindings.get(row.endpoint_id, "scorer", "r1") == row
            await tx.bindings.put(replace(row, display_name="Näme", last_updated_by="bob"))
            stored = await tx.bindings.get(row.endpoint_id, "scorer", "r1")
        assert stored == replace(row, display_name="Näme", last_updated_by="bob", version=2)

    async def test_put_keeps_a_version_that_has_been_raised(self, store: Store) -> None:
        async with store.write() as tx:
            of = samples.endpoint(1)
            await tx.endpoints.insert(of)
            row = samples.binding(1, of)
            await tx.bindings.put(row)
            await tx.bindings.put(replace(row, version=2))
            assert (await tx.bindings.get(row.endpoint_id, "scorer", "r1")).version == 2

    async def test_unknown_endpoint_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                await tx.bindings.put(samples.binding(1, samples.endpoint()))
        assert caught.value.field == "endpoint_id"

    async def test_bound_endpoint_cannot_be_deleted_until_detached(self, store: Store) -> None:
        of = samples.endpoint(1)
        async with store.write() as tx:
            await tx.endpoints.insert(of)
            await tx.bindings.put(samples.binding(1, of, display_name="One"))
            await tx.bindings.put(samples.binding(2, of))
            users = await tx.endpoints.users(of.endpoint_id)
        assert users.count == 2
        assert users.items == (
            ("binding", "scorer/r1", "One"),
            ("binding", "scorer/r2", "scorer/r2"),
        )
        with pytest.raises(ConflictError):
            async with store.write() as tx:
                await tx.endpoints.delete(of.endpoint_id)
        async with store.write() as tx:
            assert await tx.bindings.delete_of_endpoint(of.endpoint_id) == 2
            await tx.endpoints.delete(of.endpoint_id)

    async def test_missing_one_is_not_found(self, store: Store) -> None:
        async with store.write() as tx:
            with pytest.raises(NotFoundError):
                await tx.bindings.get(EndpointId("e-0"), "scorer", "r")
            with pytest.raises(NotFoundError):
                await tx.bindings.delete(EndpointId("e-0"), "scorer", "r")

    async def test_filters(self, store: Store) -> None:
        async with store.write() as tx:
            one, two = samples.endpoint(1), samples.endpoint(2)
            await tx.endpoints.insert(one)
            await tx.endpoints.insert(two)
            await tx.bindings.put(samples.binding(1, one))
            await tx.bindings.put(samples.binding(2, two, resource_type="job", resource_id="r1"))
            for filters, expected in (
                ({"endpoint_id": one.endpoint_id}, ["scorer"]),
                ({"resource_type": "job"}, ["job"]),
                ({"resource_id": "r1"}, ["scorer", "job"]),
                ({"resource_type": "job", "resource_id": "r1"}, ["job"]),
            ):
                page = await tx.bindings.list_page(ALL, **filters)  # type: ignore[arg-type]
                assert [row.resource_type for row in page.items] == expected, filters


class ApiKeys:
    async def test_comes_back_without_its_digest(self, store: Store) -> None:
        async with store.write() as tx:
            row = samples.api_key(1, expires_at=5)
            await tx.api_keys.insert(row)
            assert await tx.api_keys.get(row.key.key_id) == row.key
            assert (await tx.api_keys.list_page(ALL, name="key-1")).items == (row.key,)
            assert (await tx.api_keys.list_page(ALL, name="key-2")).items == ()

    async def test_update_keeps_digest_and_mask(self, store: Store) -> None:
        async with store.write() as tx:
            row = samples.api_key(1)
            await tx.api_keys.insert(row)
            changed = replace(row.key, disabled=True, allowed_endpoints=(), version=2)
            await tx.api_keys.update(changed)
            assert await tx.api_keys.get(row.key.key_id) == changed
            assert (await tx.read_configuration()).api_keys[0].digest == row.digest

    async def test_taken_name_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                await tx.api_keys.insert(samples.api_key(1))
                await tx.api_keys.insert(samples.api_key(2, name="key-1"))
        assert caught.value.field == "name"

    @pytest.mark.parametrize("act", ["get", "delete", "update"])
    async def test_missing_one_is_not_found(self, store: Store, act: str) -> None:
        key = samples.api_key().key
        with pytest.raises(NotFoundError) as caught:
            async with store.write() as tx:
                await getattr(tx.api_keys, act)(key if act == "update" else key.key_id)
        assert caught.value.field == "key_id"
