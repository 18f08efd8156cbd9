"""The store on SQLite: one writer, a few readers, WAL, every commit on the disk.

Rule: an acknowledged write survives the loss of power; a writer waits for its
turn at most 5 s, here and behind other processes together, and nobody waits for a
disk that hangs. Nothing is written into a file that is not where it was.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiosqlite

from gateway.errors import (
    DatabaseDamagedError,
    InstallationError,
    LockgateError,
    StoreUnavailableError,
)
from gateway.ports import Clock, Transaction
from gateway.store import sql
from gateway.store.audit import AuditTail
from gateway.store.audit_chain import AuditChain
from gateway.store.facets import KnownFacets
from gateway.store.history import start_history
from gateway.store.migrate import load_migrations, migrate
from gateway.store.sqlite_errors import RETRY_AFTER_S, converted
from gateway.store.sqlite_files import (
    BUSY_TIMEOUT_S,
    backup_file,
    build_uri,
    check_database,
    create_file,
    inspect_file,
    is_empty_database,
    restore_file,
    tidy_file,
)
from gateway.store.sqlite_line import Line, build_hang_error
from gateway.store.sqlite_presence import Presence
from gateway.store.sqlite_session import SqliteSession, open_session, settle
from gateway.store.transaction import SqlTransaction

__all__ = [
    "SqliteStore",
    "check_database",
    "is_empty_database",
    "open_sqlite",
    "restore_sqlite",
]

logger = logging.getLogger("lockgate.store")

WRITE_WAIT_S = 5.0  # the port's promise
# Without progress: a disk that syncs under load takes tenths of a second, a caller's patience ends
# within a few seconds.
HANG_LIMIT_S = 2.0
READ_WAIT_S = 5.0  # as long as a writer: a caller need not tell them apart
PING_WAIT_S = 2.0  # readiness probes ask every few seconds
CLOSE_WAIT_S = 5.0  # longer than any transaction; a stop has its own limits above this
READERS = 2  # reads are short; a backup or a summary still leaves one free
_CACHED_STATEMENTS = 256  # more than the distinct texts of `sql`
_OLDEST_SQLITE = (3, 34, 0)  # the oldest that current systems with Python 3.11 carry
_CLOSED = "The database is closed."
_WAL_TRIES = 50  # times 0.1 s: processes that start at once convert the file one by one

_PRAGMAS = (
    f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",  # a schema from a tampered file runs no functions
    "PRAGMA cell_size_check = ON",  # damage is found before it is followed
    "PRAGMA temp_store = MEMORY",
)
_WRITER_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = FAST",  # deleted records do not linger where it costs nothing
    "PRAGMA journal_size_limit = 67108864",  # a burst does not keep its WAL for ever
)


class SqliteStore:
    """`gateway.ports.Store` on one SQLite file. Built by `open_sqlite`."""

    def __init__(
        self,
        path: Path,
        *,
        writer: Line | None,
        readers: list[Line],
        watcher: Line,
        data_version: int,
        write_wait_s: float,
    ) -> None:
        self.path = path
        self.fault: str | None = None
        self._write_wait_s = write_wait_s
        self._lock_wait_s = write_wait_s
        self._busy_timeout_ms = 0
        self._line = writer
        self._turn = asyncio.Lock()
        self._trouble: asyncio.Future[StoreUnavailableError] | None = None
        self._readers = readers
        self._free: asyncio.LifoQueue[Line] = asyncio.LifoQueue()
        for reader in readers:
            self._free.put_nowait(reader)
        self._watcher = watcher
        watcher.limit_s = PING_WAIT_S
        self._data_version = data_version
        self._presence = Presence(path)
        self._facets = KnownFacets()
        self._audit_tail: AuditTail | None = None
        self._closed = False

    @property
    def _writer(self) -> aiosqlite.Connection | None:
        return None if self._line is None else self._line.connection

    def limit_wait(self, wait_s: float) -> None:
        """Let writers wait so long at most for other processes, and nobody for a disk that hangs.

        Until then a statement may take as long as it takes, as a migration does.
        """
        self._lock_wait_s = wait_s
        for line in (*self._readers, *([] if self._line is None else [self._line])):
            line.limit_s = HANG_LIMIT_S

    def chain_audit(self, key: bytes) -> None:
        """Take the key of the audit log's chain; without it no audit row can be written."""
        self._audit_tail = AuditTail(AuditChain(key))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Open a read transaction; waits at most `READ_WAIT_S` for a connection."""
        async with (
            self._noting_damage(),
            self._borrowed_reader() as reader,
            open_session(reader, "BEGIN") as session,
        ):
            yield SqlTransaction(session, self._facets, self._audit_tail)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Open the write transaction: commits on leaving, rolls back on any exception."""
        async with self.write_session() as session:
            transaction = SqlTransaction(session, self._facets, self._audit_tail)
            yield transaction
        transaction.note_commit()

    @asynccontextmanager
    async def write_session(self) -> AsyncIterator[SqliteSession]:
        """Open the write transaction as a bare session."""
        if self._line is None:
            raise StoreUnavailableError("The database was opened for reading only.")
        line = self._line
        deadline_s = asyncio.get_running_loop().time() + self._write_wait_s
        await self._take_turn(line)
        try:
            await self._presence.check()
            left_s = deadline_s - asyncio.get_running_loop().time()
            wait_s = await self._limit_lock_wait(line, min(left_s, self._lock_wait_s))
            async with (
                self._noting_damage(),
                open_session(line, "BEGIN IMMEDIATE", wait_s=wait_s) as session,
            ):
                yield session
            await self._presence.check()  # else it went where nobody finds it
        except StoreUnavailableError as error:
            self._tell_waiting(error)
            raise
        finally:
            line.when_free(self._turn.release)

    async def _take_turn(self, line: Line) -> None:
        self._check_open()
        line.check()
        await self._wait_for_turn()
        if self._closed:
            self._turn.release()
            raise StoreUnavailableError(_CLOSED)

    async def _wait_for_turn(self) -> None:
        """Wait behind other writes; what one of them meets, those behind it need not try."""
        if self._trouble is None:
            self._trouble = asyncio.get_running_loop().create_future()
        trouble = self._trouble
        taking = asyncio.ensure_future(self._turn.acquire())
        try:
            waited: set[asyncio.Future[Any]] = {taking, trouble}
            await asyncio.wait(
                waited,
                timeout=self._write_wait_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        except asyncio.CancelledError:
            self._give_turn_back(taking)
            raise
        if trouble.done():
            self._give_turn_back(taking)
            met = trouble.result()
            raise StoreUnavailableError(met.detail, retry_after_s=met.retry_after_s)
        if not taking.done():
            taking.cancel()
            raise StoreUnavailableError(
                "Other writes take too long; try again.", retry_after_s=RETRY_AFTER_S
            )

    def _give_turn_back(self, taking: asyncio.Future[Any]) -> None:
        if taking.done():
            self._turn.release()
        else:
            taking.cancel()

    def _tell_waiting(self, error: StoreUnavailableError) -> None:
        if self._trouble is not None:
            self._trouble.set_result(error)
            self._trouble = None

    async def _limit_lock_wait(self, line: Line, wait_s: float) -> float:
        """Let SQLite wait for other processes only as long as the promise leaves."""
        wait_ms = max(1, int(round(wait_s, 1) * 1000))
        if wait_ms != self._busy_timeout_ms:
            with converted():
                text = f"PRAGMA busy_timeout = {wait_ms}"
                await settle(line.run(_run(line.connection, text)))
            self._busy_timeout_ms = wait_ms
        return wait_ms / 1000

    @asynccontextmanager
    async def _borrowed_reader(self) -> AsyncIterator[Line]:
        self._check_open()
        if all(reader.is_hanging for reader in self._readers):
            raise build_hang_error()
        try:
            async with asyncio.timeout(READ_WAIT_S):
                reader = await self._free.get()
        except TimeoutError as exc:
            raise StoreUnavailableError(
                "Other reads take too long; try again.", retry_after_s=RETRY_AFTER_S
            ) from exc
        try:
            yield reader
        finally:
            reader.when_free(partial(self._free.put_nowait, reader))

    @asynccontextmanager
    async def _noting_damage(self) -> AsyncIterator[None]:
        """Remember for the operator what does not mend itself."""
        try:
            yield
        except DatabaseDamagedError as error:
            if self.fault is None:
                logger.error("%s: %s", self.path, error.detail)  # noqa: TRY400  the stack says nothing of a file
            self.fault = error.detail
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailableError(_CLOSED)

    async def changed(self) -> bool:
        """Tell whether anything was committed since the last call; our own commits count too.

        Raises:
            StoreUnavailableError: the database does not answer, or is not where it was.
        """
        self._check_open()
        await self._presence.check()
        version = await self._look("PRAGMA data_version")
        before, self._data_version = self._data_version, version
        return version != before

    async def ping(self) -> None:
        """Raise StoreUnavailableError unless the database answers within `PING_WAIT_S`."""
        self._check_open()
        await self._look(sql.EPOCH_GET)

    async def _look(self, query: str) -> int:
        self._watcher.check()  # else what hangs would get longer with each look
        return await self._watcher.run(_read_number(self._watcher.connection, query))

    async def backup(self, target: Path) -> None:
        """Copy the database as of now into a new file; see `backup_file` for the errors."""
        await asyncio.to_thread(backup_file, self.path, target)

    async def close(self) -> None:
        """Finish what runs, fold the WAL into the file, close all connections."""
        if self._closed:
            return
        self._closed = True
        await settle(self._close_all())

    async def _close_all(self) -> None:
        lines = [*self._readers, self._watcher, *([] if self._line is None else [self._line])]
        try:
            # A disk that hangs is not waited for: all that was acknowledged is on it.
            async with asyncio.timeout(
                0 if any(line.is_hanging for line in lines) else CLOSE_WAIT_S
            ):
                for _ in self._readers:
                    await self._free.get()
                await self._turn.acquire()
        except TimeoutError:  # who takes longer finds the database closed, in mid-query too
            for reader in self._readers:
                await reader.connection.interrupt()
        for line in (*self._readers, self._watcher):
            await _close_line(line)
        if self._line is None:
            await asyncio.to_thread(tidy_file, self.path)
        elif not self._line.is_hanging:
            try:
                await _checkpoint(self._line)
            finally:
                await _close_line(self._line)
        self._presence.close()


async def open_sqlite(
    path: Path,
    *,
    clock: Clock,
    create: bool = True,
    read_only: bool = False,
    write_wait_s: float = WRITE_WAIT_S,
) -> SqliteStore:
    """Open a database file, bring its schema up to date and return the store.

    With `create` a missing file is made (0600). With `read_only` nothing is changed: an older
    schema stays as it is, so that it can be looked at and backed up before an upgrade.

    Raises:
        InstallationError: no such file, not writable, or empty with `read_only`.
        DatabaseDamagedError: damaged, not a database, or not Lockgate's; left as it was.
        SchemaTooNewError: written by a newer Lockgate; left as it was.
        StoreUnavailableError: another process keeps it locked.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise InstallationError(
            f"SQLite {sqlite3.sqlite_version} is too old; Lockgate needs 3.34 or newer."
        )
    if create and not read_only:
        await asyncio.to_thread(create_file, path)
    known = load_migrations("sqlite")
    pending = await asyncio.to_thread(inspect_file, path, known)
    if read_only and len(pending) == len(known):
        raise InstallationError(f"{path} is empty; start `lockgate serve` once.")
    async with AsyncExitStack() as opened:
        store = await _connect_store(path, read_only, write_wait_s, opened)
        if pending and not read_only:
            await migrate(store.write_session, known, clock.now_ms)
            await store.changed()  # our own migrations are no news
        if not read_only:
            await _start_history(store, clock.now_ms())
        opened.pop_all()
    return store


async def _start_history(store: SqliteStore, now_ms: int) -> None:
    async with store.write_session() as session:
        epoch = await SqlTransaction(session, KnownFacets()).get_epoch()
        await start_history(session, epoch, now_ms)


async def restore_sqlite(source: Path, target: Path, *, replace: bool = False) -> None:
    """Put a backup in the place of a database; see `restore_file` for the errors."""
    await asyncio.to_thread(restore_file, source, target, replace=replace)


async def _connect_store(
    path: Path, read_only: bool, write_wait_s: float, opened: AsyncExitStack
) -> SqliteStore:
    """Open all connections; `opened` closes them should a later step fail."""

    async def connect(mode: str, pragmas: tuple[str, ...]) -> Line:
        connection = await _connect(path, mode)
        opened.push_async_callback(connection.close)
        line = Line(connection)
        with converted():
            for pragma in (*_PRAGMAS, *pragmas):
                await _run(connection, pragma)
            await line.watch()
        return line

    writer = None
    if not read_only:
        writer = await connect("rw", _WRITER_PRAGMAS)
        await _switch_to_wal(writer.connection)
    mode = "ro" if read_only else "rw"
    readers = [await connect(mode, ("PRAGMA query_only = ON",)) for _ in range(READERS)]
    watcher = await connect(mode, ("PRAGMA query_only = ON",))
    version = await _read_number(watcher.connection, "PRAGMA data_version")
    return SqliteStore(
        path,
        writer=writer,
        readers=readers,
        watcher=watcher,
        data_version=version,
        write_wait_s=write_wait_s,
    )


async def _connect(path: Path, mode: str) -> aiosqlite.Connection:
    with converted():
        connection = await aiosqlite.connect(
            build_uri(path, mode),
            uri=True,
            isolation_level=None,  # transactions are opened in words
            cached_statements=_CACHED_STATEMENTS,
            timeout=BUSY_TIMEOUT_S,
        )
    connection.row_factory = sqlite3.Row
    return connection


async def _switch_to_wal(writer: aiosqlite.Connection) -> None:
    """Turn on WAL, which needs the file for itself once; SQLite does not wait for that."""
    for _ in range(_WAL_TRIES):
        try:
            with converted():
                await _run(writer, "PRAGMA journal_mode = WAL")
        except StoreUnavailableError:
            await asyncio.sleep(0.1)
        else:
            return
    raise StoreUnavailableError("Another process keeps the database locked.")


async def _checkpoint(line: Line) -> None:
    """Fold the WAL in; where that fails (busy, full), the next opening finds all in it."""
    with suppress(LockgateError), converted():
        for text in (
            "PRAGMA busy_timeout = 500",  # a stop is not to wait for others
            "PRAGMA wal_checkpoint(TRUNCATE)",
        ):
            await line.run(_run(line.connection, text))


async def _close_line(line: Line) -> None:
    """Close a connection, unless its thread hangs: the end of the process closes that."""
    if not line.is_hanging:
        with suppress(StoreUnavailableError):
            await line.run(line.connection.close())


async def _run(connection: aiosqlite.Connection, statement: str) -> None:
    await connection.execute_fetchall(statement)


async def _read_number(connection: aiosqlite.Connection, query: str) -> int:
    with converted():
        rows = list(await connection.execute_fetchall(query))
    return int(rows[0][0])
