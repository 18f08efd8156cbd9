"""What is served follows the database: patched and read whole are the same, also from afar."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.entities import PageRequest
from gateway.errors import ConflictError, InvalidValueError, LockgateError
from gateway.ports import Store, Transaction
from gateway.routing import Snapshot
from gateway.snapshots import read_snapshot
from gateway.store.configuration import KEPT_EPOCHS
from gateway.store.sqlite import open_sqlite
from tests.store import samples

ALL = PageRequest(limit=500)
Act = Callable[[Transaction, int], Awaitable[None]]


@asynccontextmanager
async def run_store(folder: Path) -> AsyncIterator[Store]:
    store = await open_sqlite(folder / "lockgate.db", clock=samples.SetClock())
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with run_store(tmp_path) as opened:
        yield opened


async def read(store: Store, previous: Snapshot | None = None) -> Snapshot:
    async with store.read() as tx:
        return await read_snapshot(tx, previous)


# --- what an admin, another process or a rotation may do ----------------------------------


async def add_all(tx: Transaction, n: int) -> None:
    info = await samples.add_secret(tx, n)
    models = [await samples.add_model(tx, n * 10 + place, info) for place in range(2)]
    await tx.endpoints.insert(samples.endpoint(n, to=tuple(models)))
    await tx.api_keys.insert(samples.api_key(n))


async def rename_endpoint(tx: Transaction, n: int) -> None:
    rows = (await tx.endpoints.list_page(ALL)).items
    row = rows[n % len(rows)]
    await tx.endpoints.update(replace(row, name=f"renamed-{n % 3}"))


async def turn_mappings(tx: Transaction, n: int) -> None:
    rows = (await tx.endpoints.list_page(ALL)).items
    row = rows[n % len(rows)]
    turned = [replace(mapping, weight=float(n % 3)) for mapping in row.model_mappings[::-1]]
    await tx.endpoints.replace_mappings(row.endpoint_id, turned)


async def drop_mapping(tx: Transaction, n: int) -> None:
    rows = (await tx.endpoints.list_page(ALL)).items
    await tx.endpoints.delete_mapping(rows[n % len(rows)].model_mappings[-1].mapping_id)


async def share_model(tx: Transaction, n: int) -> None:
    models = (await tx.model_definitions.list_page(ALL)).items
    target = models[n % len(models)]
    await tx.endpoints.insert(samples.endpoint(500 - n, to=(target,), created_at=samples.START - n))


async def change_model(tx: Transaction, n: int) -> None:
    rows = (await tx.model_definitions.list_page(ALL)).items
    secrets = (await tx.secrets.list_page(ALL)).items
    secret_id = secrets[(n + 1) % len(secrets)].secret_id
    changed = replace(rows[n % len(rows)], model_name=f"other-{n}", secret_id=secret_id)
    await tx.model_definitions.update(changed)


async def change_secret(tx: Transaction, n: int) -> None:
    rows = (await tx.secrets.list_page(ALL)).items
    info = replace(rows[n % len(rows)], provider=("openai", None, "gemini")[n % 3])
    await tx.secrets.update(info, samples.sealed(info, secret_version=n + 2))


async def delete_endpoint(tx: Transaction, n: int) -> None:
    rows = (await tx.endpoints.list_page(ALL)).items
    await tx.endpoints.delete(rows[n % len(rows)].endpoint_id)


async def delete_unused(tx: Transaction, _: int) -> None:
    for model in (await tx.model_definitions.list_page(ALL)).items:
        if not (await tx.model_definitions.users(model.model_definition_id)).count:
            await tx.model_definitions.delete(model.model_definition_id)
    for info in (await tx.secrets.list_page(ALL)).items:
        if not (await tx.secrets.users(info.secret_id)).count:
            await tx.secrets.delete(info.secret_id)


async def change_key(tx: Transaction, n: int) -> None:
    rows = (await tx.api_keys.list_page(ALL)).items
    await tx.api_keys.update(replace(rows[n % len(rows)], disabled=bool(n % 2)))


async def delete_key(tx: Transaction, n: int) -> None:
    rows = (await tx.api_keys.list_page(ALL)).items
    await tx.api_keys.delete(rows[n % len(rows)].key_id)


ACTS: tuple[Act, ...] = (
    add_all,
    rename_endpoint,
    turn_mappings,
    drop_mapping,
    share_model,
    change_model,
    change_secret,
    delete_endpoint,
    delete_unused,
    change_key,
    delete_key,
)


async def outcome(
    tx: Transaction, previous: Snapshot | None = None
) -> Snapshot | type[LockgateError]:
    try:
        return await read_snapshot(tx, previous)
    except (ConflictError, InvalidValueError) as error:
        return type(error)


async def act_and_patch(store: Store, acts: list[Act], n: int, known: Snapshot) -> Snapshot:
    """Act as an admin write does; one that cannot run leaves the database as it was."""
    async with store.write() as tx:
        for act in acts:
            await act(tx, n)
        await tx.bump_epoch()
        patched, whole = await outcome(tx, known), await outcome(tx)
        if not isinstance(patched, Snapshot) or not isinstance(whole, Snapshot):
            assert patched == whole
            raise ConflictError("it cannot run")
        assert patched == whole
        assert list(patched.endpoints) == list(whole.endpoints)
    return patched


async def play(folder: Path, plan: list[list[Act]]) -> None:
    async with run_store(folder) as store, run_store(folder) as other:
        known = follower = await read(store)
        for n, acts in enumerate(plan):
            try:
                known = await act_and_patch((store, other)[n % 2], acts, n, known)
            except (LockgateError, LookupError, ZeroDivisionError):
                continue  # refused, or there was nothing to act on: rolled back
            if n % 3 == 0:  # another process, which looks only now and then
                follower = await read(other, follower)
                assert follower == known == await read(store)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from(ACTS), min_size=1, max_size=3), max_size=10))
def test_patched_equals_read_whole_after_any_writes(plan: list[list[Act]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), [[add_all], [add_all, share_model], *plan]))


# --- from afar ----------------------------------------------------------------------------


async def test_who_missed_too_much_reads_all_and_keeps_what_is_the_same(store: Store) -> None:
    async with store.write() as tx:
        await add_all(tx, 1)
        await add_all(tx, 2)
        await tx.bump_epoch()
    old = await read(store)
    async with store.write() as tx:
        await change_key(tx, 1)
        await delete_endpoint(tx, 0)
        for _ in range(KEPT_EPOCHS + 1):
            await tx.bump_epoch()
        assert await tx.read_changes(old.epoch) is None
    new = await read(store, old)
    assert new == await read(store)
    assert new.endpoints["endpoint-2"] is old.endpoints["endpoint-2"]
    assert list(new.endpoints) == ["endpoint-2"]
    assert all(new.sealed[name] is old.sealed[name] for name in old.sealed)


@pytest.mark.parametrize("enabled", [True, False])
async def test_the_collector_is_left_as_it_was(store: Store, enabled: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        await asyncio.gather(*(read(store) for _ in range(3)))
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


async def test_others_have_their_turn_while_much_is_built(store: Store) -> None:
    async with store.write() as tx:
        target = await samples.add_model(tx)
        for n in range(600):
            await tx.endpoints.insert(samples.endpoint(n, to=(target,), tags={}))
        await tx.bump_epoch()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    snapshot = await read(store)
    counting.cancel()
    assert len(snapshot.endpoints) == 600
    assert turns > 600 // 50
