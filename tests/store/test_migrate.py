"""Migrations on an engine of their own small schema: planned, applied, refused, rolled back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import DatabaseDamagedError, SchemaTooNewError
from gateway.store.migrate import (
    Migration,
    load_migrations,
    migrate,
    plan_migrations,
    split_statements,
)
from gateway.store.sqlite_line import Line
from gateway.store.sqlite_session import SqliteSession, open_session

ONE = Migration(version=1, name="one", text="CREATE TABLE one (a INTEGER);\n")
TWO = Migration(version=2, name="two", text="CREATE TABLE two (a);\nINSERT INTO one VALUES (2);\n")
BROKEN = Migration(
    version=2,
    name="two",
    text="CREATE TABLE two (a);\nINSERT INTO one VALUES (2);\nDROP TABLE x;\n",
)


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(tmp_path / "small.db", isolation_level=None) as connection:
        connection.row_factory = aiosqlite.Row
        yield connection


def _now_ms() -> int:
    return 7


def _beginner(connection: aiosqlite.Connection) -> Any:
    def begin() -> AbstractAsyncContextManager[SqliteSession]:
        return open_session(Line(connection), "BEGIN IMMEDIATE")

    return begin


async def _fetch(connection: aiosqlite.Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.execute_fetchall(query)]


async def test_applies_what_is_left_and_records_it(connection: aiosqlite.Connection) -> None:
    begin = _beginner(connection)
    assert await migrate(begin, (ONE,), _now_ms) == 1
    assert await migrate(begin, (ONE, TWO), _now_ms) == 1
    assert await migrate(begin, (ONE, TWO), _now_ms) == 0
    assert await _fetch(connection, "SELECT a FROM one") == [(2,)]
    assert await _fetch(
        connection, "SELECT version, name, applied_at FROM schema_migrations ORDER BY version"
    ) == [(1, "one", 7), (2, "two", 7)]


async def test_half_of_a_migration_is_rolled_back_and_the_next_run_finishes(
    connection: aiosqlite.Connection,
) -> None:
    begin = _beginner(connection)
    with pytest.raises(DatabaseDamagedError):
        await migrate(begin, (ONE, BROKEN), _now_ms)
    tables = await _fetch(connection, "SELECT name FROM sqlite_master ORDER BY name")
    assert tables == [("one",), ("schema_migrations",)]
    assert await _fetch(connection, "SELECT a FROM one") == []
    assert await migrate(begin, (ONE, TWO), _now_ms) == 1
    assert await _fetch(connection, "SELECT a FROM one") == [(2,)]


def test_newer_database_is_refused() -> None:
    with pytest.raises(SchemaTooNewError, match="version 2"):
        plan_migrations((ONE,), (ONE.applied, TWO.applied))


@pytest.mark.parametrize(
    "applied",
    [(BROKEN.applied,), (TWO.applied,), (ONE.applied, BROKEN.applied)],
    ids=["another first", "gap", "changed text"],
)
def test_other_history_is_refused(applied: Any) -> None:
    with pytest.raises(DatabaseDamagedError):
        plan_migrations((ONE, TWO), applied)


def test_plan_is_what_is_left() -> None:
    assert plan_migrations((ONE, TWO), ()) == (ONE, TWO)
    assert plan_migrations((ONE, TWO), (ONE.applied,)) == (TWO,)
    assert plan_migrations((ONE, TWO), (ONE.applied, TWO.applied)) == ()


def test_own_migrations_have_each_a_number_of_their_own() -> None:
    numbers = [migration.version for migration in load_migrations("sqlite")]
    assert numbers == sorted(set(numbers))
    assert numbers[:3] == [1, 2, 3]


def test_statements_end_where_sql_says() -> None:
    text = (
        "-- first; a comment\n\nCREATE TABLE a (\n  b TEXT -- x; y\n);\n"
        "INSERT INTO a VALUES ('semi;\ncolon');\n"
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM a;\n  DELETE FROM a;\nEND;\n"
    )
    starts = [statement.split()[:2] for statement in split_statements(text)]
    assert starts == [["CREATE", "TABLE"], ["INSERT", "INTO"], ["CREATE", "TRIGGER"]]


def test_cut_script_is_refused() -> None:
    with pytest.raises(DatabaseDamagedError):
        list(split_statements("CREATE TABLE a (b);\nCREATE TABLE c ("))


@given(st.lists(st.text("abc ' ", max_size=12)))
def test_statements_join_to_the_script(values: list[str]) -> None:
    statements = ["SELECT '" + value.replace("'", "''") + "';" for value in values]
    assert list(split_statements("\n".join(statements))) == statements
