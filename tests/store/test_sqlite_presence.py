"""A database whose files went: nothing is written into them, and all is well when they are back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailableError
from gateway.store.sqlite import SqliteStore, open_sqlite
from gateway.store.sqlite_presence import Presence
from tests.store.samples import SetClock


async def bump(store: SqliteStore) -> int:
    async with store.write() as tx:
        return await tx.bump_epoch()


async def test_many_may_look_at_once(tmp_path: Path) -> None:
    (tmp_path / "lockgate.db").touch()
    presence = Presence(tmp_path / "lockgate.db")

    async def look(pause_s: float) -> None:
        for _ in range(200):
            await presence.check()
            await asyncio.sleep(pause_s)

    await asyncio.gather(*(look(0.0 if n % 2 else 0.0001) for n in range(10)))
    presence.close()


@pytest.mark.parametrize("name", ["lockgate.db", "lockgate.db-wal"])
async def test_a_file_that_is_moved_away_and_back(tmp_path: Path, name: str) -> None:
    store = await open_sqlite(tmp_path / "lockgate.db", clock=SetClock())
    assert await bump(store) == 1
    (tmp_path / name).rename(tmp_path / "away")
    with pytest.raises(StoreUnavailableError, match=f"{name} is gone") as caught:
        await bump(store)
    assert caught.value.retry_after_s
    with pytest.raises(StoreUnavailableError, match="gone"):
        await store.changed()
    assert not (tmp_path / name).exists()
    (tmp_path / "away").rename(tmp_path / name)
    assert await bump(store) == 2
    await store.close()


async def test_another_file_in_its_place_is_not_it(tmp_path: Path) -> None:
    path = tmp_path / "lockgate.db"
    store = await open_sqlite(path, clock=SetClock())
    path.rename(tmp_path / "away")
    path.touch()
    with pytest.raises(StoreUnavailableError, match="Another file"):
        await bump(store)
    assert path.stat().st_size == 0
    (tmp_path / "away").replace(path)
    assert await bump(store) == 1
    await store.close()


async def test_a_commit_into_a_file_that_went_meanwhile_is_no_success(tmp_path: Path) -> None:
    path = tmp_path / "lockgate.db"
    store = await open_sqlite(path, clock=SetClock())
    with pytest.raises(StoreUnavailableError, match="gone"):
        async with store.write() as tx:
            await tx.bump_epoch()
            path.rename(tmp_path / "away")
    (tmp_path / "away").rename(path)
    await store.close()
