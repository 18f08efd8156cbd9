"""What every store must do about former values, expiry and the last use of credentials."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.entities import (
    GatewaySecretInfo,
    GracedSecret,
    KekState,
    PageRequest,
    PreviousValue,
)
from gateway.errors import ConflictError
from gateway.ports import Store, Transaction
from tests.store import samples
from tests.store.samples import ALL, START, add_model, add_secret

MINUTE = 60_000
UNTIL = START + 1_000
MASK = {"api_key": "can...0000"}


async def rotate(tx: Transaction, n: int = 0, until: int = UNTIL) -> GatewaySecretInfo:
    """Insert a secret and put a second value in."""
    info = await add_secret(tx, n)
    await tx.secrets.put_previous(
        GracedSecret(sealed=samples.sealed(info), grace_until=until), MASK
    )
    await tx.secrets.update(info, samples.sealed(info, secret_version=2, record=b"second"))
    return info


class Life:
    async def test_a_former_value_comes_with_its_secret(self, store: Store) -> None:
        async with store.write() as tx:
            info = await rotate(tx)
        former = samples.sealed(info)
        async with store.read() as tx:
            shown = await tx.secrets.get(info.secret_id)
            sealed = await tx.secrets.get_sealed(info.secret_id)
            (listed,) = (await tx.secrets.list_sealed(ALL)).items
            (served,) = (await tx.read_configuration()).secrets
            assert (await tx.secrets.list_previous(ALL)).items == (former,)
            assert await tx.vault.count_records() == {1: 2}
        assert shown.previous_value == PreviousValue(masked_values=MASK, grace_until=UNTIL)
        assert sealed.previous == GracedSecret(sealed=former, grace_until=UNTIL)
        assert sealed == listed == served

    async def test_a_second_former_value_takes_the_place_of_the_first(self, store: Store) -> None:
        async with store.write() as tx:
            info = await rotate(tx)
            second = samples.sealed(info, secret_version=2, record=b"second")
            await tx.secrets.put_previous(GracedSecret(sealed=second, grace_until=UNTIL + 1), {})
            assert (await tx.secrets.list_previous(ALL)).items == (second,)

    async def test_it_goes_alone_or_with_its_secret(self, store: Store) -> None:
        async with store.write() as tx:
            info, other = await rotate(tx, 0), await rotate(tx, 1)
            assert await tx.secrets.delete_previous(info.secret_id)
            assert not await tx.secrets.delete_previous(info.secret_id)
            assert (await tx.secrets.get_sealed(info.secret_id)).previous is None
            await tx.secrets.delete(other.secret_id)
            assert (await tx.secrets.list_previous(ALL)).items == ()

    async def test_its_end_is_a_change_of_the_configuration(self, store: Store) -> None:
        async with store.write() as tx:
            info = await rotate(tx)
            await tx.bump_epoch()
        async with store.write() as tx:
            epoch = await tx.get_epoch()
            await tx.secrets.delete_previous(info.secret_id)
            await tx.bump_epoch()
            changes = await tx.read_changes(epoch)
        assert changes is not None
        assert [row.previous for row in changes.secrets] == [None]

    async def test_what_has_had_its_time_is_listed(self, store: Store) -> None:
        async with store.write() as tx:
            first, second = await rotate(tx, 0, UNTIL + 1), await rotate(tx, 1, UNTIL)
            await rotate(tx, 2, UNTIL + 2)
            ended = await tx.secrets.list_ended(UNTIL + 1, 10)
            assert ended == (second.secret_id, first.secret_id)
            assert await tx.secrets.list_ended(UNTIL + 1, 1) == (second.secret_id,)

    async def test_former_values_are_rewrapped_one_by_one(self, store: Store) -> None:
        async with store.write() as tx:
            infos = [await rotate(tx, n) for n in range(3)]
            await tx.vault.insert_term(samples.term(2, KekState.PENDING))
            old = samples.sealed(infos[1])
            new = replace(old, kek_term=2, record=b"rewrapped")
            assert await tx.secrets.rewrap_previous(new, expected_record=old.record)
            assert not await tx.secrets.rewrap_previous(new, expected_record=old.record)
            left = await tx.secrets.list_previous(PageRequest(limit=1), kek_term=1)
            rest = await tx.secrets.list_previous(
                PageRequest(limit=1, after=left.next_after), kek_term=1
            )
            assert [row.secret_id for row in left.items + rest.items] == [
                infos[0].secret_id,
                infos[2].secret_id,
            ]
            assert rest.next_after is None
            assert (await tx.secrets.list_previous(ALL, kek_term=2)).items == (new,)
            assert await tx.vault.count_records() == {1: 5, 2: 1}
            with pytest.raises(ConflictError):
                await tx.secrets.rewrap_previous(
                    replace(new, kek_term=9), expected_record=new.record
                )

    async def test_what_expires_is_listed_the_soonest_first(self, store: Store) -> None:
        async with store.write() as tx:
            for n, expires_at in enumerate((None, START + 5, START + 3, START + 9)):
                info = await add_secret(tx, n, expires_at=expires_at)
                assert (await tx.secrets.get(info.secret_id)).expires_at == expires_at
            found = await tx.secrets.list_expiring(START + 9, 10)
            assert [row.expires_at - START for row in found] == [3, 5]
            assert [row.secret_name for row in found] == ["secret-2", "secret-1"]
            assert len(await tx.secrets.list_expiring(START + 9, 1)) == 1


async def read_uses(store: Store) -> tuple[int | None, int | None]:
    """Return when the one secret and the one api key were last used."""
    async with store.read() as tx:
        (secret,) = (await tx.secrets.list_page(ALL)).items
        (key,) = (await tx.api_keys.list_page(ALL)).items
    return secret.last_used_at, key.last_used_at


class Uses:
    async def _prepare(self, store: Store) -> dict[str, str]:
        async with store.write() as tx:
            model = await add_model(tx, 1)
            await tx.api_keys.insert(samples.api_key(1))
        return {
            "model_definition_id": model.model_definition_id,
            "api_key_id": samples.api_key(1).key.key_id,
        }

    async def test_the_ledger_notes_the_minute_of_the_last_use(self, store: Store) -> None:
        ids = await self._prepare(store)
        assert await read_uses(store) == (None, None)
        minute = START - START % MINUTE
        for at in (START, START + 5 * MINUTE, START + 5 * MINUTE + 1, START + MINUTE):
            async with store.write() as tx:
                await tx.usage.insert_many([samples.usage(1, started_at=at, **ids)])
        assert await read_uses(store) == (minute + 5 * MINUTE, minute + 5 * MINUTE)

    async def test_a_key_is_used_also_where_no_model_was_called(self, store: Store) -> None:
        ids = await self._prepare(store) | {"model_definition_id": None}
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1, **ids)])
        assert await read_uses(store) == (None, START - START % MINUTE)

    async def test_what_was_rolled_back_is_noted_when_it_comes_again(self, store: Store) -> None:
        ids = await self._prepare(store)
        row = samples.usage(1, **ids)
        with pytest.raises(RuntimeError):
            async with store.write() as tx:
                await tx.usage.insert_many([row])
                raise RuntimeError
        assert await read_uses(store) == (None, None)
        async with store.write() as tx:
            await tx.usage.insert_many([row])
        assert await read_uses(store) != (None, None)

    async def test_who_is_gone_leaves_nothing_and_is_noted_no_more(self, store: Store) -> None:
        ids = await self._prepare(store)
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1, **ids)])
            await tx.model_definitions.delete(samples.model(1).model_definition_id)
            await tx.secrets.delete(samples.secret().secret_id)
            await tx.api_keys.delete(samples.api_key(1).key.key_id)
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(2, started_at=START + 2 * MINUTE, **ids)])
            assert (await tx.secrets.list_page(ALL)).items == ()
