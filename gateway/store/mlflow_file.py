"""A foreign SQLite file, opened to be read and left exactly as it was.

Rule: nothing is written beside or into it, not even the files of its log: where reading it in
its place would need that, or is kept off by a lock, a copy is read.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from gateway.errors import DatabaseDamagedError, InstallationError
from gateway.store.sqlite_files import build_uri

_WAIT_S: Final = 2.0  # a commit takes milliseconds; who holds a lock for longer keeps it
_MODE_AT: Final = 18  # https://www.sqlite.org/fileformat2.html#file_format_version_numbers
_WAL_MODE: Final = 2
_BESIDE: Final = ("-wal", "-journal")  # what is not yet in the file itself


@contextmanager
def reading_foreign(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection to a SQLite file that can only read, as of one moment.

    Raises:
        InstallationError: there is no such file, or it cannot be read.
        DatabaseDamagedError: it is no database, or is being written to all the time.
    """
    _require_file(path)
    with tempfile.TemporaryDirectory(prefix="lockgate-") as folder:
        connection = None if _needs_copy(path) else _find_connection(path)
        if connection is None:
            connection = _find_connection(_copy(path, Path(folder)))
        if connection is None:
            raise DatabaseDamagedError(
                f"{path} is no SQLite database that can be read now: it is damaged, or another "
                "process writes to it; stop MLflow or give a backup of the file."
            )
        with closing(connection):
            yield connection


def _require_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise InstallationError(f"{path} cannot be read: {error.strerror}.") from None


def _needs_copy(path: Path) -> bool:
    """Tell whether reading would make the files of a log: in WAL mode, and nobody has it open."""
    with path.open("rb") as file:
        head = file.read(_MODE_AT + 1)
    return head[_MODE_AT:] == bytes([_WAL_MODE]) and not Path(f"{path}-shm").exists()


def _find_connection(path: Path) -> sqlite3.Connection | None:
    """Begin to read; None where that is not possible, for now or for ever."""
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            build_uri(path, "ro"), uri=True, isolation_level=None, timeout=_WAIT_S
        )
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok":
            return connection
    except sqlite3.Error:
        pass  # the caller has another way, or says so
    if connection is not None:
        connection.close()
    return None


def _copy(path: Path, folder: Path) -> Path:
    """Copy a database with what is not yet in the file itself; the check finds a torn one."""
    copy = folder / "copy.db"
    try:
        shutil.copyfile(path, copy)
        for suffix in _BESIDE:
            beside = Path(f"{path}{suffix}")
            if beside.exists():
                shutil.copyfile(beside, f"{copy}{suffix}")
    except OSError as error:
        raise InstallationError(f"{path} cannot be copied: {error.strerror}.") from None
    _settle(copy)
    return copy


def _settle(copy: Path) -> None:
    """Let SQLite take in the log, or take back the half-done write, of a copy."""
    try:
        with closing(sqlite3.connect(build_uri(copy, "rw"), uri=True)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error:
        return  # told by whoever reads it
