"""SQLite's exceptions turned into our own, where the call is made.

Rule: a message names what a person can act on; it holds no SQL and no value.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import (
    AlreadyExistsError,
    ConflictError,
    DatabaseDamagedError,
    InvalidValueError,
    LockgateError,
    StorageFullError,
    StoreUnavailableError,
)

RETRY_AFTER_S = 1.0  # a writer's turn is over in milliseconds; a second is polite
_COLUMN = re.compile(r"constraint failed: (?:\w+\.)?(\w+)")
# A constraint of several columns is named by the one that the caller chose.
_COMPOSITE_FIELDS = {
    "endpoint_model_mappings.endpoint_id, endpoint_model_mappings.model_definition_id, "
    "endpoint_model_mappings.linkage_type": "model_definition_id",
}
_PRIMARY_CODE = 0xFF  # extended result codes carry the primary one in the low byte


@contextmanager
def converted(references: str | None = None) -> Iterator[None]:
    """Convert what SQLite and its driver raise inside; `references` as in `Session`."""
    try:
        yield
    except sqlite3.Error as exc:
        raise convert_error(exc, references) from exc
    except OverflowError as exc:
        raise InvalidValueError("A number is too large to be stored (64 bits).") from exc
    except UnicodeEncodeError as exc:
        raise InvalidValueError("A text is not valid Unicode.") from exc
    except ValueError as exc:  # the driver's word for a connection that is closed
        raise StoreUnavailableError("The database is closed.") from exc


def convert_error(exc: sqlite3.Error, references: str | None = None) -> LockgateError:
    """Return our error for SQLite's (https://www.sqlite.org/rescode.html, 2026-05)."""
    code = getattr(exc, "sqlite_errorcode", None)
    if code is None:
        if "closed" in str(exc):
            return StoreUnavailableError("The database is closed.")
        if "decode to UTF-8" in str(exc):  # the driver's own, without a code
            return DatabaseDamagedError(
                "A text of the database is no text; run `lockgate doctor`, restore a backup."
            )
        raise exc  # a fault of ours in how the driver is called
    primary = code & _PRIMARY_CODE
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return _convert_constraint(code, str(exc), references)
    return _convert_primary(primary)


def _convert_primary(primary: int) -> LockgateError:
    match primary:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreUnavailableError(
                "The database is busy with another writer.", retry_after_s=RETRY_AFTER_S
            )
        case sqlite3.SQLITE_FULL:
            return StorageFullError("The disk is full; nothing was written. Free some space.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return DatabaseDamagedError(
                "The database file is damaged or is no database; restore a backup."
            )
        case sqlite3.SQLITE_ERROR:
            return DatabaseDamagedError(
                "The database lacks what its schema version promises; run `lockgate doctor`."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return StoreUnavailableError("The database can only be read, not written.")
        case _:
            return StoreUnavailableError(
                "The database file cannot be read or written.", retry_after_s=RETRY_AFTER_S
            )


def _convert_constraint(code: int, message: str, references: str | None) -> LockgateError:
    if code in {sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_TRIGGER}:
        return ConflictError(
            "The change would leave something that points to nothing.", field=references
        )
    field = _find_column(message)
    if code in {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}:
        return AlreadyExistsError(f"Another row has this {field or 'key'} already.", field=field)
    return ConflictError(f"The value of {field or 'a column'} cannot be stored.", field=field)


def _find_column(message: str) -> str | None:
    columns = message.partition("constraint failed: ")[2]
    if columns in _COMPOSITE_FIELDS:
        return _COMPOSITE_FIELDS[columns]
    match = _COLUMN.search(message)
    return match[1] if match else None
