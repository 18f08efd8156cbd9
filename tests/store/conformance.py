"""What every store must do, whatever its engine.

A backend's test module subclasses each class and provides the fixtures
`open_store` (an async function: another store on the same database),
`store` (the first one) and `statements` (a list of the statements sent by it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.entities import (
    EndpointId,
    EndpointLimits,
    KekState,
    LinkageType,
    ModelDefinitionId,
    PageRequest,
    RoutingStrategy,
    SecretId,
)
from gateway.errors import (
    ConflictError,
    InvalidValueError,
    NotFoundError,
    StoreUnavailableError,
)
from gateway.ports import Store
from tests.store import samples
from tests.store.samples import START, add_model, add_secret

OpenStore = Callable[[], Awaitable[Store]]
ALL = PageRequest(limit=500)


class Secrets:
    async def test_comes_back_as_it_was_stored(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx, secret_name="Schlüssel 🔑 ключ")
        async with store.read() as tx:
            assert await tx.secrets.get(info.secret_id) == info
            assert await tx.secrets.get_sealed(info.secret_id) == samples.sealed(info)
            assert (await tx.secrets.list_sealed(ALL)).items == (samples.sealed(info),)
            assert await tx.secrets.count() == 1

    async def test_null_provider_and_auth_config_stay_null(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx, provider=None, auth_config=None)
            assert await tx.secrets.get(info.secret_id) == info

    async def test_taken_name_is_a_conflict_that_names_the_field(self, store: Store) -> None:
        async with store.write() as tx:
            await add_secret(tx, 1, secret_name="same")
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                await add_secret(tx, 2, secret_name="same")
        assert caught.value.field == "secret_name"

    async def test_update_without_a_value_keeps_the_record(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            changed = replace(info, masked_values={}, version=2, last_updated_by="bob")
            await tx.secrets.update(changed, None)
            assert await tx.secrets.get(info.secret_id) == changed
            assert (await tx.secrets.get_sealed(info.secret_id)).record == (
                samples.sealed(info).record
            )

    async def test_update_with_a_value_replaces_the_record(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            newer = samples.sealed(info, record=b"newer", secret_version=2)
            await tx.secrets.update(replace(info, version=2), newer)
            assert await tx.secrets.get_sealed(info.secret_id) == newer

    async def test_record_under_an_unknown_term_is_refused(self, store: Store) -> None:
        info = samples.secret()
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                await tx.secrets.insert(info, samples.sealed(info, kek_term=9))
        assert caught.value.field == "kek_term"

    @pytest.mark.parametrize("act", ["get", "get_sealed", "delete", "update"])
    async def test_missing_one_is_not_found(self, store: Store, act: str) -> None:
        info = samples.secret()
        arguments: tuple[Any, ...] = (info, None) if act == "update" else (info.secret_id,)
        with pytest.raises(NotFoundError) as caught:
            async with store.write() as tx:
                await getattr(tx.secrets, act)(*arguments)
        assert caught.value.field == "secret_id"

    async def test_one_in_use_cannot_be_deleted(self, store: Store) -> None:
        async with store.write() as tx:
            used = await add_model(tx)
        with pytest.raises(ConflictError) as caught:
            async with store.write() as tx:
                await tx.secrets.delete(used.secret_id)
        assert caught.value.field == "secret_id"
        async with store.write() as tx:
            await tx.model_definitions.delete(used.model_definition_id)
            await tx.secrets.delete(used.secret_id)
            assert await tx.secrets.count() == 0

    async def test_users_are_counted_beyond_those_listed(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            for n in range(25):
                await add_model(tx, n, info)
            users = await tx.secrets.users(info.secret_id)
        assert users.count == 25
        assert len(users.items) == 20
        assert users.items[3] == ("model_definition", f"d-{3:032x}", "model-3")

    async def test_filters_by_name_and_provider(self, store: Store) -> None:
        async with store.write() as tx:
            await add_secret(tx, 1, provider="openai")
            await add_secret(tx, 2, provider="gemini")
            await add_secret(tx, 3, provider=None)
            by_provider = await tx.secrets.list_page(ALL, provider="gemini")
            by_name = await tx.secrets.list_page(ALL, name="secret-3")
            nothing = await tx.secrets.list_page(ALL, name="secret-3", provider="gemini")
        assert [row.secret_name for row in by_provider.items] == ["secret-2"]
        assert [row.secret_name for row in by_name.items] == ["secret-3"]
        assert nothing.items == ()


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


class Vault:
    async def test_meta_is_one_row(self, store: Store) -> None:
        async with store.write() as tx:
            assert await tx.vault.find_meta() is None
            await tx.vault.insert_meta(samples.meta())
            assert await tx.vault.find_meta() == samples.meta()
            changed = replace(samples.meta(), salt=b"new", wrapped_root=b"again")
            await tx.vault.update_meta(changed)
            assert await tx.vault.find_meta() == changed
            with pytest.raises(ConflictError):
                await tx.vault.insert_meta(samples.meta())

    async def test_terms(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.vault.insert_term(samples.term(2, KekState.PENDING))
            await tx.vault.insert_term(samples.term(1))
            await tx.vault.update_term_key(2, b"rewrapped")
            await tx.vault.set_term_state(1, KekState.DECRYPT_ONLY)
            await tx.vault.set_term_state(2, KekState.ACTIVE)
            assert await tx.vault.list_terms() == (
                samples.term(1, KekState.DECRYPT_ONLY),
                replace(samples.term(2), wrapped_key=b"rewrapped"),
            )
            with pytest.raises(NotFoundError):
                await tx.vault.set_term_state(3, KekState.ACTIVE)

    async def test_two_active_terms_are_refused(self, store: Store) -> None:
        with pytest.raises(ConflictError):
            async with store.write() as tx:
                await tx.vault.insert_term(samples.term(1))
                await tx.vault.insert_term(samples.term(2))

    async def test_wraps_are_counted_under_the_active_term_only(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.vault.insert_term(samples.term(1))
            assert await tx.vault.add_wraps(1, 3) == 3
            assert await tx.vault.add_wraps(1, 1) == 4
            await tx.vault.set_term_state(1, KekState.DECRYPT_ONLY)
            for gone in (1, 2):
                with pytest.raises(ConflictError):
                    await tx.vault.add_wraps(gone, 1)
            assert (await tx.vault.list_terms())[0].wraps == 4

    async def test_records_are_counted_per_term(self, store: Store) -> None:
        async with store.write() as tx:
            await add_secret(tx, 1)
            await add_secret(tx, 2)
            await tx.vault.insert_term(samples.term(2, KekState.PENDING))
            info = samples.secret(3)
            await tx.secrets.insert(info, samples.sealed(info, kek_term=2))
            assert await tx.vault.count_records() == {1: 2, 2: 1}


class Admin:
    async def test_tokens(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.admin.insert_token(samples.token(1))
            await tx.admin.insert_token(replace(samples.token(0), disabled=True))
            assert await tx.admin.list_tokens() == (
                replace(samples.token(0), disabled=True),
                samples.token(1),
            )

    async def test_audit_comes_newest_first_with_numbers(self, store: Store) -> None:
        async with store.write() as tx:
            for n in range(3):
                await tx.admin.insert_audit(samples.audit(n))
            page = await tx.admin.list_audit(PageRequest(limit=2))
            rest = await tx.admin.list_audit(PageRequest(limit=2, after=page.next_after))
        rows = page.items + rest.items
        assert [replace(row, audit_id=0) for row in rows] == [samples.audit(n) for n in (2, 1, 0)]
        assert len({row.audit_id for row in rows}) == 3
        assert rest.next_after is None

    async def test_audit_filters(self, store: Store) -> None:
        sought = {
            "actor": "bob",
            "entity_type": "endpoint",
            "entity_id": "e-7",
            "action": "delete",
        }
        async with store.write() as tx:
            for n in range(3):
                await tx.admin.insert_audit(samples.audit(n))
            await tx.admin.insert_audit(samples.audit(9, **sought))
            since = await tx.admin.list_audit(ALL, since=START + 1, until=START + 9)
            everything = await tx.admin.list_audit(ALL, since=START + 9, **sought)
            for name, value in sought.items():
                page = await tx.admin.list_audit(ALL, **{name: value})  # type: ignore[arg-type]
                assert [row.at for row in page.items] == [START + 9], name
        assert [row.at - START for row in since.items] == [2, 1]
        assert len(everything.items) == 1

    async def test_idempotent_answers(self, store: Store) -> None:
        async with store.write() as tx:
            row = samples.answer(1)
            await tx.admin.insert_answer(row)
            await tx.admin.insert_answer(samples.answer(2))
            assert await tx.admin.find_answer(row.key, row.caller, row.route) == row
            assert await tx.admin.find_answer(row.key, "bob", row.route) is None
            with pytest.raises(ConflictError) as caught:
                await tx.admin.insert_answer(row)
            assert await tx.admin.delete_answers_before(START + 2) == 1
            assert await tx.admin.find_answer(row.key, row.caller, row.route) is None
        assert caught.value.field == "key"


class Usage:
    async def test_rows_come_back_newest_first(self, store: Store) -> None:
        row = samples.usage(2, estimated=True, client_gone=True)
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1), row])
            await tx.usage.insert_many([])
            page = await tx.usage.list_page(ALL)
        newest = dict(page.items[0])
        assert isinstance(newest.pop("usage_id"), int)
        assert newest == {name: getattr(row, name) for name in type(row).__slots__}  # type: ignore[attr-defined]
        assert [item["started_at"] - START for item in page.items] == [2, 1]

    async def test_filters(self, store: Store) -> None:
        sought = {
            "endpoint_id": "e-" + "9" * 32,
            "endpoint_name": "other",
            "model_definition_id": "d-" + "9" * 32,
            "model_definition_name": "large",
            "provider": "gemini",
            "api_key_id": "k-9",
            "status": 500,
            "error_code": "upstream_error",
        }
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1), samples.usage(9, **sought)])
            for filters in (
                {"endpoint": "other"},
                {"endpoint": "e-" + "9" * 32},
                {"model_definition": "large"},
                {"model_definition": "d-" + "9" * 32},
                {"provider": "gemini"},
                {"api_key_id": "k-9"},
                {"request_id": "request-9"},
                {"error": True},
                {"since": START + 2},
                {"error": True, "provider": "gemini", "until": START + 10},
            ):
                page = await tx.usage.list_page(ALL, **filters)
                assert [row["request_id"] for row in page.items] == ["request-9"], filters
            for filters in ({"error": False}, {"until": START + 9}):
                page = await tx.usage.list_page(ALL, **filters)
                assert [row["request_id"] for row in page.items] == ["request-1"], filters

    @pytest.mark.parametrize(("status", "code"), [(0, "upstream_dns"), (429, None)])
    async def test_no_answer_and_an_error_status_both_count_as_errors(
        self, store: Store, status: int, code: str | None
    ) -> None:
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1, status=status, error_code=code)])
            assert (await tx.usage.summarize("provider", limit=5))[0]["errors"] == 1

    async def test_summary_adds_up(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.usage.insert_many(
                [
                    samples.usage(1),
                    samples.usage(2, input_tokens=None, first_byte_ms=None, status=500),
                    samples.usage(3, provider="gemini", cache_read_tokens=4),
                ]
            )
            busiest, other = await tx.usage.summarize("provider", limit=5)
            limited = await tx.usage.summarize("provider", limit=1)
            filtered = await tx.usage.summarize("provider", limit=5, provider="gemini")
        assert busiest["key"] == "openai"
        assert (busiest["attempts"], busiest["errors"]) == (2, 1)
        assert (busiest["input_tokens"], busiest["output_tokens"]) == (10, 10)
        assert (busiest["duration_ms"], busiest["first_byte_ms"]) == (40.5, 12.5)
        assert other["cache_read_tokens"] == 4
        assert limited == (busiest,)
        assert filtered == (other,)

    @pytest.mark.parametrize(
        ("group_by", "key", "name"),
        [
            ("endpoint", f"e-{1:032x}", "chat"),
            ("model_definition", f"d-{1:032x}", "mini"),
            ("api_key", "k-1", "k-1"),
        ],
    )
    async def test_summary_by_entity(
        self, store: Store, group_by: str, key: str, name: str
    ) -> None:
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1), samples.usage(2)])
            (group,) = await tx.usage.summarize(group_by, limit=5)
        assert (group["key"], group["name"], group["attempts"]) == (key, name, 2)

    @pytest.mark.parametrize(("group_by", "size_ms"), [("day", 86_400_000), ("hour", 3_600_000)])
    async def test_summary_by_time_starts_each_bucket_at_its_first_millisecond(
        self, store: Store, group_by: str, size_ms: int
    ) -> None:
        first = START // size_ms * size_ms
        times = (first, first + size_ms - 1, first + size_ms)
        async with store.write() as tx:
            await tx.usage.insert_many(
                [samples.usage(n, started_at=at) for n, at in enumerate(times)]
            )
            groups = await tx.usage.summarize(group_by, limit=5)
        assert [(group["key"], group["attempts"]) for group in groups] == [
            (first + size_ms, 1),
            (first, 2),
        ]

    async def test_unknown_grouping_is_refused(self, store: Store) -> None:
        async with store.read() as tx:
            with pytest.raises(InvalidValueError) as caught:
                await tx.usage.summarize("moon", limit=5)
        assert caught.value.field == "group_by"


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


class Paging:
    async def test_pages_join_to_the_whole_in_order(self, store: Store) -> None:
        """Rows of one millisecond are told apart by id; the last page says so."""
        async with store.write() as tx:
            for n in (5, 3, 8, 1, 9, 2, 7):
                await add_secret(tx, n, created_at=START + n // 4)
            expected = (await tx.secrets.list_page(ALL)).items
            for limit in (1, 2, 3, 6, 7, 8):
                seen: list[Any] = []
                after = None
                while True:
                    page = await tx.secrets.list_page(PageRequest(limit=limit, after=after))
                    seen += page.items
                    assert len(page.items) <= limit
                    if page.next_after is None:
                        break
                    after = page.next_after
                assert tuple(seen) == expected
        assert [(row.created_at, row.secret_id) for row in expected] == sorted(
            (row.created_at, row.secret_id) for row in expected
        )

    async def test_every_list_resumes_after_each_of_its_rows(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx, 0)
            await add_secret(tx, 1)
            for n in range(2):
                row = samples.endpoint(n, to=(await add_model(tx, n, info),))
                await tx.endpoints.insert(row)
                await tx.bindings.put(samples.binding(n, row, resource_id=f"a\nb{n}"))
                await tx.api_keys.insert(samples.api_key(n))
                await tx.admin.insert_audit(samples.audit(n))
                await tx.usage.insert_many([samples.usage(n)])
            for list_page in (
                tx.secrets.list_page,
                tx.secrets.list_sealed,
                tx.model_definitions.list_page,
                tx.endpoints.list_page,
                tx.bindings.list_page,
                tx.api_keys.list_page,
                tx.admin.list_audit,
                tx.usage.list_page,
            ):
                whole = await list_page(ALL)  # type: ignore[operator]
                first = await list_page(PageRequest(limit=1))  # type: ignore[operator]
                rest = await list_page(PageRequest(limit=1, after=first.next_after))  # type: ignore[operator]
                assert first.items + rest.items == whole.items
                assert (whole.next_after, rest.next_after) == (None, None)

    async def test_insertions_and_deletions_meanwhile_neither_double_nor_hide(
        self, store: Store
    ) -> None:
        async with store.write() as tx:
            for n in range(10, 20):
                await add_secret(tx, n)
        seen = []
        after = None
        for turn in range(5):
            async with store.read() as tx:
                page = await tx.secrets.list_page(PageRequest(limit=2, after=after))
            seen += [row.secret_name for row in page.items]
            after = page.next_after
            async with store.write() as tx:
                await add_secret(tx, turn)  # older than all that is still to come
                await tx.secrets.delete(SecretId(f"s-{10 + turn * 2:032x}"))  # already seen
        assert seen == [f"secret-{n}" for n in range(10, 20)]

    async def test_cursor_of_another_list_is_refused(self, store: Store) -> None:
        foreign = PageRequest(limit=5, after=(START, "s-1"))
        async with store.read() as tx:
            for list_page in (tx.admin.list_audit, tx.usage.list_page, tx.bindings.list_page):
                with pytest.raises(InvalidValueError) as caught:
                    await list_page(foreign)  # type: ignore[operator]
                assert caught.value.field == "cursor"

    async def test_filter_goes_on_over_pages(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            wanted = await add_model(tx, 0, info)
            other = await add_model(tx, 1, info)
            for n in range(10):
                to = (wanted,) if n % 2 else (other,)
                await tx.endpoints.insert(samples.endpoint(n, to=to))
            first = await tx.endpoints.list_page(
                PageRequest(limit=3),
                model_definition_id=ModelDefinitionId(wanted.model_definition_id),
            )
            rest = await tx.endpoints.list_page(
                PageRequest(limit=3, after=first.next_after),
                model_definition_id=wanted.model_definition_id,
            )
        names = [row.name for row in first.items + rest.items]
        assert names == [f"endpoint-{n}" for n in (1, 3, 5, 7, 9)]
        assert first.items[0].routing_strategy is RoutingStrategy.REQUEST_BASED_TRAFFIC_SPLIT
