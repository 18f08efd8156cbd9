"""The SQLite store against the conformance suite, and what only SQLite has."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from gateway.entities import PageRequest
from gateway.errors import (
    DatabaseDamagedError,
    InstallationError,
    SchemaTooNewError,
    StorageFullError,
    StoreUnavailableError,
)
from gateway.store import sql
from gateway.store.migrate import load_migrations
from gateway.store.sqlite import SqliteStore, open_sqlite
from tests.store import conformance
from tests.store.samples import AUDIT_KEY, OpenStore, SetClock, add_secret

ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT MAX(x) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lockgate.db"


@pytest.fixture
async def open_store(path: Path) -> AsyncIterator[OpenStore]:
    opened: list[SqliteStore] = []

    async def open_one() -> SqliteStore:
        opened.append(await open_sqlite(path, clock=SetClock()))
        opened[-1].chain_audit(AUDIT_KEY)
        async with opened[-1].write() as tx:
            await tx.admin.begin_audit()
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> SqliteStore:
    store = await open_store()
    assert isinstance(store, SqliteStore)
    return store


@pytest.fixture
async def statements(store: SqliteStore) -> list[str]:
    seen: list[str] = []
    for reader in store._readers:
        await reader.connection.set_trace_callback(seen.append)
    return seen


class TestSecrets(conformance.Secrets): ...


class TestModelDefinitions(conformance.ModelDefinitions): ...


class TestEndpoints(conformance.Endpoints): ...


class TestBindings(conformance.Bindings): ...


class TestApiKeys(conformance.ApiKeys): ...


class TestVault(conformance.Vault): ...


class TestRotations(conformance.Rotations): ...


class TestAdmin(conformance.Admin): ...


class TestUsage(conformance.Usage): ...


class TestLife(conformance.Life): ...


class TestUses(conformance.Uses): ...


class TestTransactions(conformance.Transactions): ...


class TestConfiguration(conformance.Configuration): ...


class TestChanges(conformance.Changes): ...


class TestVersions(conformance.Versions): ...


class TestPaging(conformance.Paging): ...


async def _pragma(connection: object, name: str) -> object:
    rows = list(await connection.execute_fetchall(f"PRAGMA {name}"))  # type: ignore[attr-defined]
    return rows[0][0]


async def test_every_commit_goes_to_the_disk(store: SqliteStore) -> None:
    assert await _pragma(store._writer, "journal_mode") == "wal"
    assert await _pragma(store._writer, "synchronous") == 2  # FULL
    for connection in (store._writer, *(reader.connection for reader in store._readers)):
        assert await _pragma(connection, "foreign_keys") == 1


async def test_files_are_for_their_owner_only(store: SqliteStore, path: Path) -> None:
    async with store.write() as tx:
        await tx.bump_epoch()
    modes = {
        file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("lockgate.db*")
    }
    assert modes == dict.fromkeys(("lockgate.db", "lockgate.db-wal", "lockgate.db-shm"), 0o600)


async def test_closing_leaves_one_file(store: SqliteStore, path: Path) -> None:
    async with store.write() as tx:
        await tx.bump_epoch()
    await store.close()
    assert [file.name for file in path.parent.iterdir()] == ["lockgate.db"]


async def test_closing_waits_for_the_transactions_under_way(path: Path) -> None:
    store = await open_sqlite(path, clock=SetClock())
    entered, leave = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with store.read() as reading, store.write() as tx:
            entered.set()
            await leave.wait()
            await tx.bump_epoch()
            await reading.get_epoch()

    writing = asyncio.create_task(write())
    await entered.wait()
    closing_store = asyncio.create_task(store.close())
    await asyncio.sleep(0.02)
    assert not closing_store.done()
    leave.set()
    await asyncio.gather(writing, closing_store)
    store = await open_sqlite(path, clock=SetClock())
    async with store.read() as tx:
        assert await tx.get_epoch() == 1
    await store.close()


async def test_closing_ends_what_takes_too_long_and_says_so(path: Path) -> None:
    store = await open_sqlite(path, clock=SetClock())
    entered = asyncio.Event()

    async def query() -> None:
        async with store.read() as tx:
            await tx._session.fetch_all(ENDLESS, {})  # type: ignore[attr-defined]

    async def hold() -> None:
        async with store.write() as tx:
            await tx.bump_epoch()
            entered.set()
            await asyncio.Event().wait()

    querying, holding = asyncio.create_task(query()), asyncio.create_task(hold())
    await entered.wait()
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await querying
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    store = await open_sqlite(path, clock=SetClock())
    async with store.read() as tx:
        assert await tx.get_epoch() == 0
    await store.close()


async def test_cancelled_query_does_not_run_to_its_end(store: SqliteStore) -> None:
    async def query() -> None:
        async with store.read() as tx:
            await tx._session.fetch_all(ENDLESS, {})  # type: ignore[attr-defined]

    querying = asyncio.create_task(query())
    await asyncio.sleep(0.05)
    querying.cancel()
    done, _ = await asyncio.wait([querying], timeout=30)
    assert done == {querying}
    assert querying.cancelled()


async def test_closing_beside_another_process_does_not_wait_for_it(
    store: SqliteStore, path: Path
) -> None:
    async with store.write() as tx:
        await tx.bump_epoch()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM epoch").fetchall()
        await store.close()
        assert other.execute("SELECT value FROM epoch").fetchone() == (1,)


async def test_what_was_written_is_there_after_reopening(
    store: SqliteStore, open_store: OpenStore
) -> None:
    async with store.write() as tx:
        info = await add_secret(tx)
    await store.close()
    again = await open_store()
    async with again.read() as tx:
        assert await tx.secrets.get(info.secret_id) == info


async def test_missing_file_is_refused_unless_it_may_be_made(path: Path) -> None:
    with pytest.raises(InstallationError, match="no database"):
        await open_sqlite(path, clock=SetClock(), create=False)
    assert not path.exists()


async def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InstallationError, match="nowhere"):
        await open_sqlite(tmp_path / "nowhere" / "lockgate.db", clock=SetClock())


async def test_read_only_store_reads_and_refuses_to_write(store: SqliteStore, path: Path) -> None:
    async with store.write() as tx:
        await tx.bump_epoch()
    looking = await open_sqlite(path, clock=SetClock(), read_only=True)
    try:
        async with looking.read() as tx:
            assert await tx.get_epoch() == 1
        with pytest.raises(StoreUnavailableError):
            async with looking.write():
                pass
    finally:
        await looking.close()


async def test_looking_only_leaves_the_folder_as_it_was(store: SqliteStore, path: Path) -> None:
    await store.close()
    before = path.read_bytes()
    looking = await open_sqlite(path, clock=SetClock(), read_only=True)
    async with looking.read() as tx:
        await tx.get_epoch()
    await looking.close()
    assert [file.name for file in path.parent.iterdir()] == ["lockgate.db"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [b"no database at all, only some text " * 200, b"SQLite format 3\x00" + b"\xff" * 9000],
)
async def test_file_that_is_no_database_is_refused_and_kept(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DatabaseDamagedError):
        await open_sqlite(path, clock=SetClock())
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["lockgate.db"]


async def test_damage_in_the_middle_is_found_at_opening(store: SqliteStore, path: Path) -> None:
    async with store.write() as tx:
        for n in range(200):
            await add_secret(tx, n)
    await store.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    with pytest.raises(DatabaseDamagedError):
        await open_sqlite(path, clock=SetClock())
    assert path.read_bytes() == content


async def test_somebody_elses_database_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    with pytest.raises(DatabaseDamagedError, match="not one of Lockgate's"):
        await open_sqlite(path, clock=SetClock())


def _alter(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


async def test_newer_schema_is_refused_and_kept(store: SqliteStore, path: Path) -> None:
    await store.close()
    _alter(path, "INSERT INTO schema_migrations VALUES (9999, 'future', 'x', 1)")
    before = path.read_bytes()
    with pytest.raises(SchemaTooNewError, match="9999"):
        await open_sqlite(path, clock=SetClock())
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["lockgate.db"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE schema_migrations SET checksum = 'x' WHERE version = 2",
        "DELETE FROM schema_migrations WHERE version = 2",
        "DELETE FROM schema_migrations",
    ],
)
async def test_other_history_is_refused_and_kept(
    store: SqliteStore, path: Path, statement: str
) -> None:
    await store.close()
    _alter(path, statement)
    before = path.read_bytes()
    with pytest.raises(DatabaseDamagedError):
        await open_sqlite(path, clock=SetClock())
    assert path.read_bytes() == before


async def test_stores_that_open_a_new_database_at_once_agree(path: Path) -> None:
    stores = await asyncio.gather(*(open_sqlite(path, clock=SetClock()) for _ in range(4)))
    for store in stores:
        async with store.write() as tx:
            await tx.bump_epoch()
    async with stores[0].read() as tx:
        assert await tx.get_epoch() == 4
    for store in stores:
        await store.close()


async def test_full_disk_refuses_the_write_and_keeps_the_rest(store: SqliteStore) -> None:
    async with store.write() as tx:
        await add_secret(tx, 0)
    pages = await _pragma(store._writer, "page_count")
    await _pragma(store._writer, f"max_page_count = {pages}")
    with pytest.raises(StorageFullError):
        async with store.write() as tx:
            for n in range(1, 500):
                await add_secret(tx, n)
    async with store.read() as tx:
        assert await tx.secrets.count() == 1
    await _pragma(store._writer, "max_page_count = 100000")
    async with store.write() as tx:
        await add_secret(tx, 1)
        assert await tx.secrets.count() == 2


async def test_error_that_was_swallowed_cannot_be_acknowledged(store: SqliteStore) -> None:
    """SQLite has rolled back by itself: the commit must fail, not pass over it."""
    with pytest.raises(DatabaseDamagedError):
        async with store.write() as tx:
            await tx.bump_epoch()
            await store._writer.execute("ROLLBACK")  # type: ignore[union-attr]
    async with store.read() as tx:
        assert await tx.get_epoch() == 0


async def test_writer_waits_for_another_process_only_so_long(path: Path) -> None:
    store = await open_sqlite(path, clock=SetClock(), write_wait_s=0.2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError) as caught:
            async with store.write():
                pass
        assert caught.value.retry_after_s
        async with store.read() as tx:
            assert await tx.get_epoch() == 0
        other.execute("ROLLBACK")
    async with store.write() as tx:
        assert await tx.bump_epoch() == 1
    await store.close()


async def test_writer_waits_for_its_own_process_only_so_long(path: Path) -> None:
    store = await open_sqlite(path, clock=SetClock(), write_wait_s=0.1)
    async with store.write():
        with pytest.raises(StoreUnavailableError):
            async with store.write():
                pass
    async with store.write() as tx:
        assert await tx.bump_epoch() == 1
    await store.close()


async def test_row_that_makes_no_value_is_damage(store: SqliteStore, path: Path) -> None:
    async with store.write() as tx:
        info = await add_secret(tx)
    _alter(path, "UPDATE secrets SET masked_values = '{'")
    async with store.read() as tx:
        with pytest.raises(DatabaseDamagedError):
            await tx.secrets.get(info.secret_id)


async def test_lost_table_is_damage(store: SqliteStore, path: Path) -> None:
    _alter(path, "DROP TABLE usage")
    async with store.read() as tx:
        with pytest.raises(DatabaseDamagedError):
            await tx.usage.list_page(PageRequest(limit=1))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(0o500)
    with pytest.raises(InstallationError, match="cannot be opened for writing"):
        await open_sqlite(folder / "lockgate.db", clock=SetClock())


async def test_an_old_database_notes_changes_after_its_upgrade(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute(sql.MIGRATIONS_CREATE)
        for migration in load_migrations("sqlite")[:3]:
            old.executescript(migration.text)
            old.execute(sql.MIGRATION_INSERT, {**asdict(migration.applied), "applied_at": 1})
        old.execute("UPDATE epoch SET value = 7")
    store = await open_sqlite(path, clock=SetClock())
    try:
        async with store.write() as tx:
            info = await add_secret(tx)
            assert await tx.bump_epoch() == 8
        async with store.read() as tx:
            changes = await tx.read_changes(7)
        assert changes is not None
        assert [row.secret_id for row in changes.secrets] == [info.secret_id]
    finally:
        await store.close()


async def test_a_change_by_hand_is_noted_too(store: SqliteStore, path: Path) -> None:
    """Whoever mends a row with SQLite's own shell and raises the epoch is followed."""
    async with store.write() as tx:
        info = await add_secret(tx)
        await tx.bump_epoch()
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("UPDATE secrets SET auth_config = NULL")
        shell.execute(sql.EPOCH_BUMP)
    async with store.read() as tx:
        changes = await tx.read_changes(1)
    assert changes is not None
    assert [(row.secret_id, row.auth_config) for row in changes.secrets] == [(info.secret_id, None)]
