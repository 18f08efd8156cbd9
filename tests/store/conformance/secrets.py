"""What every store must do about credentials and the vault's own rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.entities import KekState
from gateway.errors import ConflictError, NotFoundError
from gateway.ports import Store
from tests.store import samples
from tests.store.samples import ALL, add_model, add_secret


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
