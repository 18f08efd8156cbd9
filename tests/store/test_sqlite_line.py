"""A connection that hangs: who waits gives up, nothing piles up, and it is used again later."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiosqlite
import pytest

from gateway.errors import StoreUnavailableError
from gateway.store.sqlite import SqliteStore, open_sqlite
from gateway.store.sqlite_line import Line
from gateway.store.sqlite_session import open_session
from tests.store.samples import SetClock


class Disk:
    """A function of SQL that hangs like a disk until it is let go."""

    def __init__(self) -> None:
        self.thawed = threading.Event()
        self.reached = threading.Event()

    def hang(self) -> int:
        self.reached.set()
        self.thawed.wait(30)
        return 1


@pytest.fixture
async def disk() -> AsyncIterator[Disk]:
    found = Disk()
    yield found
    found.thawed.set()


@pytest.fixture
async def line(tmp_path: Path, disk: Disk) -> AsyncIterator[Line]:
    connection = await aiosqlite.connect(tmp_path / "small.db", isolation_level=None)
    connection.row_factory = sqlite3.Row
    await connection.create_function("hang", 0, disk.hang)
    found = Line(connection)
    await found.watch()
    found.limit_s = 0.05
    yield found
    disk.thawed.set()
    await connection.close()


async def test_who_waits_gives_up_and_the_transaction_is_undone_later(
    line: Line, disk: Disk
) -> None:
    await line.connection.execute("CREATE TABLE t (a)")
    freed = asyncio.Event()
    with pytest.raises(StoreUnavailableError):
        async with open_session(line, "BEGIN IMMEDIATE") as session:
            await session.execute("INSERT INTO t VALUES (1)", {})
            await session.fetch_all("SELECT hang()", {})
    assert line.is_hanging
    with pytest.raises(StoreUnavailableError):
        line.check()
    line.when_free(freed.set)
    assert not freed.is_set()
    disk.thawed.set()
    await freed.wait()
    assert not line.is_hanging
    async with open_session(line, "BEGIN IMMEDIATE") as session:
        assert await session.fetch_all("SELECT * FROM t", {}) == []


async def test_a_long_statement_that_makes_progress_is_waited_for(line: Line) -> None:
    line.limit_s = 0.6
    count = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000000) "
        "SELECT COUNT(*) AS total FROM n"
    )
    async with open_session(line, "BEGIN") as session:
        (row,) = await session.fetch_all(count, {})
    assert row["total"] == 10_000_000


async def test_a_caller_who_is_cancelled_does_not_wait_for_the_disk(line: Line, disk: Disk) -> None:
    async def use() -> None:
        async with open_session(line, "BEGIN") as session:
            await session.fetch_all("SELECT hang()", {})

    line.limit_s = 5.0
    task = asyncio.create_task(use())
    await asyncio.to_thread(disk.reached.wait)
    line.limit_s = 0.05
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert line.is_hanging


@pytest.fixture
async def store(tmp_path: Path, disk: Disk) -> AsyncIterator[SqliteStore]:
    opened = await open_sqlite(tmp_path / "lockgate.db", clock=SetClock())
    opened.limit_wait(0.2)
    for line in (*opened._readers, opened._line):
        assert line is not None
        await line.connection.create_function("hang", 0, disk.hang)
        line.limit_s = 0.05
    yield opened
    disk.thawed.set()
    await opened.close()


async def test_writes_behind_one_that_hangs_are_refused_at_once(
    store: SqliteStore, disk: Disk
) -> None:
    async def hang() -> None:
        async with store.write_session() as session:
            await session.fetch_all("SELECT hang()", {})

    first = asyncio.create_task(hang())
    await asyncio.to_thread(disk.reached.wait)
    behind = [asyncio.create_task(hang()) for _ in range(20)]
    results = await asyncio.gather(first, *behind, return_exceptions=True)
    assert {type(result) for result in results} == {StoreUnavailableError}
    with pytest.raises(StoreUnavailableError):
        await hang()
    disk.thawed.set()
    async with asyncio.timeout(5):
        while store._line is not None and store._line.is_hanging:
            await asyncio.sleep(0.001)
    async with store.write() as tx:
        assert await tx.bump_epoch() == 1


async def test_reads_beyond_those_that_hang_are_refused_at_once(
    store: SqliteStore, disk: Disk
) -> None:
    async def hang() -> None:
        async with store.read() as tx:
            await tx._session.fetch_all("SELECT hang()", {})  # type: ignore[attr-defined]

    results = await asyncio.gather(*(hang() for _ in store._readers), return_exceptions=True)
    assert {type(result) for result in results} == {StoreUnavailableError}
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        await hang()
    disk.thawed.set()
    async with asyncio.timeout(5):
        while any(reader.is_hanging for reader in store._readers):
            await asyncio.sleep(0.001)
    async with store.read() as tx:
        assert await tx.get_epoch() == 0


async def test_looks_at_a_database_that_hangs_do_not_queue_up(
    store: SqliteStore, disk: Disk
) -> None:
    """With the limit as it is: whoever gives up must be the one who notes that it hangs."""
    await store._watcher.connection.create_function("hang", 0, disk.hang)
    with pytest.raises(StoreUnavailableError):
        await store._look("SELECT hang()")
    assert store._watcher.is_hanging
    with pytest.raises(StoreUnavailableError):
        await store.ping()
    disk.thawed.set()
    async with asyncio.timeout(5):
        while store._watcher.is_hanging:
            await asyncio.sleep(0.001)
    await store.ping()


async def test_a_close_does_not_wait_for_what_hangs(store: SqliteStore) -> None:
    with pytest.raises(StoreUnavailableError):
        async with store.write_session() as session:
            await session.fetch_all("SELECT hang()", {})
    async with asyncio.timeout(5):
        await store.close()


async def test_a_lock_of_another_process_is_told_to_all_who_wait(
    store: SqliteStore, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "lockgate.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with store.write() as tx:
            await tx.bump_epoch()

    results = await asyncio.gather(*(write() for _ in range(30)), return_exceptions=True)
    assert {type(result) for result in results} == {StoreUnavailableError}
    other.execute("ROLLBACK")
    other.close()
    await write()
