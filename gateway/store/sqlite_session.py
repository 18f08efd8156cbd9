"""A session and its transaction on one aiosqlite connection.

Rule: whatever ends a transaction (an exception, a cancellation, twice), the
connection is outside of any transaction when it is given back.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar, cast

import orjson

from gateway.errors import StoreUnavailableError
from gateway.store.session import Params, Row
from gateway.store.sqlite_errors import converted
from gateway.store.sqlite_line import Line

ResultT = TypeVar("ResultT")


class SqliteSession:
    """`gateway.store.session.Session` on SQLite; good until its transaction ends."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._connection = line.connection
        self._over = False

    def end(self) -> None:
        """Refuse further use: outside of its transaction a statement would commit by itself."""
        self._over = True

    async def fetch_all(self, sql: str, params: Params) -> Sequence[Row]:
        """Return all rows."""
        self._check()
        with converted():
            rows = await self._line.run(self._fetch(sql, cast("Any", params)))
        return cast("Sequence[Row]", rows)

    async def fetch_one(self, sql: str, params: Params) -> Row | None:
        """Return the first row, or None."""
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    async def fetch_in(self, sql: str, ids: Sequence[str]) -> Sequence[Row]:
        """Return all rows of a query with `IN (:ids)`; the list travels as one JSON parameter."""
        text = sql.replace("IN (:ids)", "IN (SELECT value FROM json_each(:ids))")
        return await self.fetch_all(text, {"ids": orjson.dumps(ids).decode()})

    async def execute(self, sql: str, params: Params, *, references: str | None = None) -> int:
        """Run a statement and return how many rows it changed."""
        self._check()
        with converted(references):
            return await self._line.run(self._count(sql, cast("Any", params)))

    async def begin(self, sql: str, wait_s: float) -> None:
        """Run the statement that opens the transaction; it may wait for other processes."""
        with converted():
            await self._line.run(self._count(sql, {}), more_s=wait_s)

    async def execute_many(
        self, sql: str, rows: Iterable[Params], *, references: str | None = None
    ) -> None:
        """Run a statement once per row, in one call of the connection's thread."""
        self._check()
        with converted(references):
            await self._line.run(self._execute_many(sql, rows))

    async def insert_rows(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run an insert once per row; the connection's thread consumes `rows`."""
        self._check()
        with converted():
            await self._line.run(self._execute_many(sql, rows))

    async def _fetch(self, sql: str, params: Any) -> Any:
        return await self._connection.execute_fetchall(sql, params)

    async def _count(self, sql: str, params: Any) -> int:
        return (await self._connection.execute(sql, params)).rowcount

    async def _execute_many(self, sql: str, rows: Any) -> None:
        await self._connection.executemany(sql, rows)

    def _check(self) -> None:
        if self._over:
            raise RuntimeError("a statement was sent after its transaction had ended")


@asynccontextmanager
async def open_session(
    line: Line, begin: str, *, wait_s: float = 0.0
) -> AsyncIterator[SqliteSession]:
    """Run a transaction on a connection that nobody else uses meanwhile.

    `begin` is the statement that opens it and may wait `wait_s` for other processes. Commits on
    leaving; any exception rolls back. Where the connection hangs, it does so later: see `Line`.
    """
    session = SqliteSession(line)
    try:
        await session.begin(begin, wait_s)
        yield session
        # Said in words: the driver's commit() would do nothing, and say nothing, when SQLite
        # has already rolled back by itself.
        await settle(session.execute("COMMIT", {}))
    except BaseException as exc:
        if not line.is_hanging:  # else the line does it
            await settle(_roll_back(line, interrupt=isinstance(exc, asyncio.CancelledError)))
        raise
    finally:
        session.end()


async def _roll_back(line: Line, *, interrupt: bool) -> None:
    # Why it is rolled back is what must be told, not that the connection was closed meanwhile,
    # which has rolled back too, or that it hangs.
    with suppress(sqlite3.Error, ValueError, StoreUnavailableError):
        if interrupt:
            await line.connection.interrupt()  # a long query need not run to its end
        # Waits for a running statement; nothing to do is no error.
        await line.run(line.connection.rollback())


async def settle(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run `work` to its end even when cancelled; the cancellation goes on afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as exc:
            cancelled = exc
        except BaseException:  # noqa: BLE001 - raised again by result() below
            break
    if cancelled is not None:
        task.exception()  # seen; the cancellation goes first
        raise cancelled
    return task.result()
