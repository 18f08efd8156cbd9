"""Each of SQLite's errors as ours, provoked by SQLite itself where it can be."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.errors import (
    ConflictError,
    DatabaseDamagedError,
    InvalidValueError,
    LockgateError,
    StorageFullError,
    StoreUnavailableError,
)
from gateway.store.sqlite_errors import convert_error, converted

SCHEMA = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    weight REAL CONSTRAINT weight CHECK (weight >= 0), UNIQUE (weight, id));
CREATE TABLE child (parent_id INTEGER REFERENCES parent (id));
INSERT INTO parent VALUES (1, 'one', 1);
"""


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(SCHEMA)
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("INSERT INTO parent VALUES (2, 'one', 1)", "name"),
        ("INSERT INTO parent VALUES (1, 'two', 1)", "id"),
        ("INSERT INTO parent VALUES (2, 'two', -1)", "weight"),
        ("INSERT INTO parent VALUES (2, NULL, 1)", "name"),
        ("INSERT INTO child VALUES (7)", "parent_id"),
    ],
)
def test_broken_constraint_names_the_field(
    connection: sqlite3.Connection, statement: str, field: str
) -> None:
    with pytest.raises(ConflictError) as caught, converted("parent_id"):
        connection.execute(statement)
    assert caught.value.field == field
    assert "constraint" not in caught.value.detail


def test_missing_table_is_damage(connection: sqlite3.Connection) -> None:
    with pytest.raises(DatabaseDamagedError) as caught, converted():
        connection.execute("SELECT 1 FROM nothing")
    assert "nothing" not in caught.value.detail


def test_values_that_no_column_holds_are_invalid(connection: sqlite3.Connection) -> None:
    for impossible in (2**63, "\ud800"):
        with pytest.raises(InvalidValueError), converted():
            connection.execute("SELECT ?", (impossible,))


def test_closed_connection_is_unavailable() -> None:
    connection = sqlite3.connect(":memory:")
    connection.close()
    with pytest.raises(StoreUnavailableError, match="closed"), converted():
        connection.execute("SELECT 1")


def test_wrong_call_of_the_driver_stays_a_fault_of_ours(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.Error), converted():
        connection.execute("SELECT :a", {})


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY, StoreUnavailableError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreUnavailableError),
        (sqlite3.SQLITE_LOCKED, StoreUnavailableError),
        (sqlite3.SQLITE_FULL, StorageFullError),
        (sqlite3.SQLITE_CORRUPT, DatabaseDamagedError),
        (sqlite3.SQLITE_CORRUPT_INDEX, DatabaseDamagedError),
        (sqlite3.SQLITE_NOTADB, DatabaseDamagedError),
        (sqlite3.SQLITE_READONLY, StoreUnavailableError),
        (sqlite3.SQLITE_READONLY_DBMOVED, StoreUnavailableError),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreUnavailableError),
        (sqlite3.SQLITE_CANTOPEN, StoreUnavailableError),
    ],
)
def test_result_code(code: int, expected: type[LockgateError]) -> None:
    error = sqlite3.OperationalError("near SELECT")
    error.sqlite_errorcode = code
    converted_error = convert_error(error)
    assert type(converted_error) is expected
    assert "SELECT" not in converted_error.detail
