"""SQLite databases as files: create, inspect before use, check, back up, restore.

Rule: blocking, for a thread or a command; a file that is refused is left as it
was, and a new one appears whole under its name or not at all.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from gateway.errors import (
    DatabaseDamagedError,
    InstallationError,
    LockgateError,
    StorageFullError,
)
from gateway.store import sql
from gateway.store.migrate import (
    AppliedMigration,
    Migration,
    load_migrations,
    plan_migrations,
)
from gateway.store.sqlite_errors import convert_error, converted

BUSY_TIMEOUT_S = 5.0  # as long as a writer waits for its turn
_PROBLEMS_SHOWN = 20
_QUICK_CHECK_BELOW_BYTES = 64 * 2**20  # about 0.1 s; larger files are `lockgate doctor`'s
_MODE = 0o600


def connect_file(path: Path, mode: str) -> sqlite3.Connection:
    """Connect for work on the file itself; `mode` is SQLite's: ro, rw or rwc."""
    with converted():
        return sqlite3.connect(
            build_uri(path, mode),
            uri=True,
            isolation_level=None,
            timeout=BUSY_TIMEOUT_S,
            check_same_thread=False,
        )


def build_uri(path: Path, mode: str) -> str:
    """Build SQLite's name of a file (https://www.sqlite.org/uri.html)."""
    return f"{path.absolute().as_uri()}?mode={mode}"


def find_size_bytes(path: Path) -> int | None:
    """Find how long a file is; None where there is no plain file.

    Raises:
        InstallationError: a folder on the way may not be looked into.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise InstallationError(
            f"{path} cannot be looked at ({exc.strerror}): check the permissions of its folders."
        ) from exc
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def create_file(path: Path) -> None:
    """Create an empty file, 0600, unless there is one; SQLite gives its WAL the same mode.

    Raises:
        InstallationError: the folder is missing or cannot be written.
        DatabaseDamagedError: a WAL lies there without its database.
    """
    _is_blank(path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    except OSError as exc:
        raise InstallationError(
            f"The database {path} cannot be opened for writing: {exc.strerror}."
        ) from exc
    os.close(descriptor)


def inspect_file(path: Path, known: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """Return the migrations that a database lacks, changing nothing.

    Raises:
        InstallationError: there is no such file, or it cannot be read.
        DatabaseDamagedError: it is no database, not ours, or damaged.
        SchemaTooNewError: a newer Lockgate wrote it.
    """
    _require_readable(path)
    if _is_blank(path):
        return known
    with _reading(path) as connection, converted():
        pending = plan_migrations(known, _list_applied(connection))
        if path.stat().st_size <= _QUICK_CHECK_BELOW_BYTES:
            _require_sound(connection)
    return pending


def is_empty_database(path: Path) -> bool:
    """Tell whether nothing was ever stored at `path`: no file, or one without any table.

    A first start that was killed early leaves such a file.

    Raises:
        InstallationError: a folder on the way may not be looked into.
        DatabaseDamagedError: it is no database, or a WAL lies there without its database.
    """
    if _is_blank(path):
        return True
    with _reading(path) as connection, converted():
        return not _list_applied(connection)


def check_database(path: Path) -> tuple[str, ...]:
    """Check every page, index, reference and migration; return what is wrong, changing nothing.

    Raises:
        InstallationError: there is no such file, or it cannot be read.
    """
    _require_readable(path)
    problems: list[str] = []
    with _reading(path) as connection:
        try:
            with converted():
                problems += _list_problems(connection)
                plan_migrations(load_migrations("sqlite"), _list_applied(connection))
        except LockgateError as exc:
            problems.append(exc.detail)
    return tuple(problems)


def backup_file(source: Path, target: Path) -> None:
    """Copy a database, in use or not, as of one moment, into a new file (0600).

    Raises:
        InstallationError: the target exists or cannot be written.
        DatabaseDamagedError: the copy is not sound.
        StorageFullError: no room for it.
    """
    if target.exists():
        raise InstallationError(f"{target} exists already; a backup never replaces a file.")
    with _new_file(target) as draft:
        _copy(source, draft)


def restore_file(source: Path, target: Path, *, replace: bool = False) -> None:
    """Put a backup in the place of a database, after it has been found sound.

    Raises:
        InstallationError: the target exists and `replace` is false, or it is in use.
        DatabaseDamagedError: the source is not sound; nothing was changed.
        SchemaTooNewError: a newer Lockgate wrote the source; nothing was changed.
    """
    _require_restorable(source)
    if target.exists() and not replace:
        raise InstallationError(f"{target} exists already; say that it is to be replaced.")
    with _new_file(target) as draft:
        _copy(source, draft)
        with _taken_out_of_use(target):
            # A WAL left behind would be applied to the new file.
            for suffix in ("-wal", "-shm"):
                Path(f"{target}{suffix}").unlink(missing_ok=True)
            draft.replace(target)


def tidy_file(path: Path) -> None:
    """Remove the empty WAL that reading alone leaves behind, unless the database is in use."""
    wal = Path(f"{path}-wal")
    with suppress(OSError, sqlite3.Error, LockgateError):
        if wal.stat().st_size == 0:
            with closing(connect_file(path, "rw")) as connection:
                connection.execute("PRAGMA schema_version")  # the last to close it removes it


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(connect_file(path, "ro")) as connection:
            yield connection
    finally:
        tidy_file(path)


def _is_blank(path: Path) -> bool:
    """Tell whether there is no file or one without a byte.

    A WAL beside it may hold all that was ever acknowledged, and SQLite would delete it.
    """
    if find_size_bytes(path):
        return False
    if find_size_bytes(Path(f"{path}-wal")):
        raise DatabaseDamagedError(
            f"The database {path} is missing or empty, but its log {path.name}-wal is there: "
            "put the file back that belongs to it, or restore a backup."
        )
    return True


def _require_readable(path: Path) -> None:
    if find_size_bytes(path) is None:
        raise InstallationError(f"There is no database at {path}.")
    if not os.access(path, os.R_OK):
        raise InstallationError(f"The database {path} cannot be read; check its permissions.")


def _list_applied(connection: sqlite3.Connection) -> list[AppliedMigration]:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    rows = connection.execute(sql.MIGRATIONS_LIST) if "schema_migrations" in tables else ()
    applied = [AppliedMigration(version=row[0], name=row[1], checksum=row[2]) for row in rows]
    if tables and not applied:
        raise DatabaseDamagedError(
            "The file is a database, but not one of Lockgate's: give another, or restore a backup."
        )
    return applied


def _require_sound(connection: sqlite3.Connection) -> None:
    finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise DatabaseDamagedError("The database file is damaged; restore a backup.")


def _list_problems(connection: sqlite3.Connection) -> list[str]:
    findings = connection.execute(f"PRAGMA integrity_check({_PROBLEMS_SHOWN})")
    problems = [str(row[0]) for row in findings if row[0] != "ok"]
    broken = connection.execute("PRAGMA foreign_key_check").fetchmany(_PROBLEMS_SHOWN)
    return problems + [f"A row of {row[0]} points to no row of {row[2]}." for row in broken]


def _require_restorable(source: Path) -> None:
    inspect_file(source, load_migrations("sqlite"))
    if is_empty_database(source):
        raise DatabaseDamagedError(f"{source} is empty: that is no backup.")
    problems = check_database(source)
    if problems:
        raise DatabaseDamagedError(f"{source} is damaged: {problems[0]}")


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Give a draft beside `target`; afterwards it is the target, or gone."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as exc:
        raise InstallationError(f"{target.parent} cannot be written: {exc.strerror}.") from exc
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
        if draft.exists():
            draft.replace(target)
        _sync_folder(target.parent)
    except OSError as exc:
        raise StorageFullError(f"{target} could not be written: {exc.strerror}.") from exc
    finally:
        draft.unlink(missing_ok=True)


def _copy(source: Path, draft: Path) -> None:
    with (
        converted(),
        _reading(source) as reading,
        closing(connect_file(draft, "rw")) as writing,
    ):
        writing.execute("PRAGMA synchronous = FULL")
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        _require_sound(writing)
    with draft.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _taken_out_of_use(target: Path) -> Iterator[None]:
    """Hold a database so that no other process has it open; a damaged one cannot be held."""
    if not target.exists():
        yield
        return
    with closing(connect_file(target, "rw")) as connection:
        try:
            connection.execute("PRAGMA busy_timeout = 500")
            # Leaving WAL needs the only connection, even beside readers that are idle.
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as exc:
            code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
            if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise InstallationError(
                    f"{target} is in use; stop the server before restoring."
                ) from exc
            if code not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
                raise convert_error(exc) from exc
        yield
        with suppress(sqlite3.Error):  # the file it was has gone
            connection.execute("ROLLBACK")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
