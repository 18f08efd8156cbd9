"""Backup, restore and check of database files."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.entities import GatewaySecretInfo
from gateway.errors import (
    DatabaseDamagedError,
    InstallationError,
    SchemaTooNewError,
    StoreUnavailableError,
)
from gateway.store.sqlite import (
    SqliteStore,
    check_database,
    is_empty_database,
    open_sqlite,
    restore_sqlite,
)
from gateway.store.sqlite_files import backup_file, find_size_bytes
from tests.store.samples import SetClock, add_secret


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lockgate.db"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "backup.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(path, clock=SetClock())
    yield store
    await store.close()


async def _fill(store: SqliteStore) -> GatewaySecretInfo:
    async with store.write() as tx:
        return await add_secret(tx)


async def _read_name(path: Path, info: GatewaySecretInfo) -> str:
    opened = await open_sqlite(path, clock=SetClock(), create=False)
    try:
        async with opened.read() as tx:
            return (await tx.secrets.get(info.secret_id)).secret_name
    finally:
        await opened.close()


def _alter(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


async def test_backup_is_one_private_file_with_everything_up_to_now(
    store: SqliteStore, copy: Path
) -> None:
    info = await _fill(store)  # still in the WAL
    await store.backup(copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [file.name for file in copy.parent.glob("*backup*")] == ["backup.db"]
    assert check_database(copy) == ()
    assert await _read_name(copy, info) == info.secret_name


async def test_backup_does_not_hold_what_is_not_committed(store: SqliteStore, copy: Path) -> None:
    async with store.write() as tx:
        await tx.bump_epoch()
        await store.backup(copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT value FROM epoch").fetchone() == (0,)


async def test_backup_never_replaces_a_file(store: SqliteStore, copy: Path) -> None:
    copy.write_bytes(b"precious")
    with pytest.raises(InstallationError):
        await store.backup(copy)
    assert copy.read_bytes() == b"precious"


async def test_backup_into_a_missing_folder_is_one_line(store: SqliteStore, copy: Path) -> None:
    with pytest.raises(InstallationError, match="cannot be written"):
        await store.backup(copy.parent / "nowhere" / "backup.db")


async def test_restore_into_an_empty_place(store: SqliteStore, copy: Path, tmp_path: Path) -> None:
    info = await _fill(store)
    await store.backup(copy)
    target = tmp_path / "restored.db"
    await restore_sqlite(copy, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert await _read_name(target, info) == info.secret_name


async def test_restore_replaces_only_when_told_to(
    store: SqliteStore, path: Path, copy: Path
) -> None:
    info = await _fill(store)
    await store.backup(copy)
    async with store.write() as tx:
        await tx.secrets.delete(info.secret_id)
    await store.close()
    with pytest.raises(InstallationError, match="exists already"):
        await restore_sqlite(copy, path)
    await restore_sqlite(copy, path, replace=True)
    assert await _read_name(path, info) == info.secret_name


async def test_restore_is_refused_while_the_database_is_in_use(
    store: SqliteStore, path: Path, copy: Path
) -> None:
    await store.backup(copy)
    info = await _fill(store)
    with pytest.raises(InstallationError, match="in use"):
        await restore_sqlite(copy, path, replace=True)
    async with store.read() as tx:
        assert await tx.secrets.get(info.secret_id) == info
    assert sorted(file.suffix for file in path.parent.iterdir()) == [
        ".db",
        ".db",
        ".db-shm",
        ".db-wal",
    ]


async def test_restore_over_a_damaged_database_drops_its_wal(
    store: SqliteStore, path: Path, copy: Path
) -> None:
    info = await _fill(store)
    await store.backup(copy)
    await store.close()
    path.write_bytes(b"ruined " * 1000)
    wal = Path(f"{path}-wal")
    wal.write_bytes(b"stale " * 1000)
    await restore_sqlite(copy, path, replace=True)
    assert not wal.exists()
    assert await _read_name(path, info) == info.secret_name


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        ("INSERT INTO schema_migrations VALUES (9999, 'future', 'x', 1)", SchemaTooNewError),
        ("UPDATE schema_migrations SET checksum = 'x'", DatabaseDamagedError),
        ("UPDATE secrets SET kek_term = 7", DatabaseDamagedError),
    ],
    ids=["newer", "other history", "dangling reference"],
)
async def test_unsound_backup_is_refused_and_the_target_kept(
    store: SqliteStore, path: Path, copy: Path, harm: str, expected: type[Exception]
) -> None:
    await _fill(store)
    await store.backup(copy)
    _alter(copy, harm)
    await store.close()
    before = path.read_bytes()
    with pytest.raises(expected):
        await restore_sqlite(copy, path, replace=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no database " * 500])
async def test_file_that_is_no_backup_is_refused(
    store: SqliteStore, path: Path, copy: Path, content: bytes
) -> None:
    copy.write_bytes(content)
    await store.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseDamagedError):
        await restore_sqlite(copy, path, replace=True)
    assert path.read_bytes() == before


async def test_check_finds_a_dangling_reference(store: SqliteStore, path: Path) -> None:
    await _fill(store)
    await store.close()
    _alter(path, "UPDATE secrets SET kek_term = 7")
    assert check_database(path) == ("A row of secrets points to no row of kek_terms.",)


async def test_check_finds_damage_and_a_newer_schema(store: SqliteStore, path: Path) -> None:
    await store.close()
    assert check_database(path) == ()
    _alter(path, "INSERT INTO schema_migrations VALUES (9999, 'future', 'x', 1)")
    assert "9999" in check_database(path)[0]
    path.write_bytes(b"ruined " * 1000)
    assert "damaged" in check_database(path)[0]


async def test_check_works_beside_a_running_server(store: SqliteStore, path: Path) -> None:
    await _fill(store)
    assert check_database(path) == ()
    async with store.write() as tx:
        assert await tx.bump_epoch() == 1


async def test_empty_is_what_nothing_was_stored_in(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    blank = tmp_path / "blank.db"
    assert is_empty_database(blank)
    blank.touch()
    assert is_empty_database(blank)
    _alter(blank, "PRAGMA journal_mode = WAL")
    assert is_empty_database(blank)
    assert not is_empty_database(path)
    (tmp_path / "text").write_bytes(b"no database " * 500)
    with pytest.raises(DatabaseDamagedError):
        is_empty_database(tmp_path / "text")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look anywhere")
async def test_folder_that_may_not_be_looked_into_is_one_line(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(0o600)
    for look in (find_size_bytes, is_empty_database, check_database):
        with pytest.raises(InstallationError, match="check the permissions"):
            look(locked / "lockgate.db")


async def test_folder_in_the_place_of_the_database_is_not_said_to_be_in_use(
    store: SqliteStore, path: Path, copy: Path
) -> None:
    await _fill(store)
    await store.backup(copy)
    folder = path.parent / "folder.db"
    folder.mkdir()
    with pytest.raises(StoreUnavailableError, match="cannot be read or written"):
        await restore_sqlite(copy, folder, replace=True)
    assert folder.is_dir()


async def test_backup_of_a_damaged_database_is_refused(
    store: SqliteStore, path: Path, copy: Path
) -> None:
    async with store.write() as tx:
        for n in range(200):
            await add_secret(tx, n)
    await store.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    with pytest.raises(DatabaseDamagedError):
        backup_file(path, copy)
    assert [file.name for file in path.parent.iterdir()] == ["lockgate.db"]
