"""Numbered changes of the schema: which are known, which are applied, which are left.

Rule: each migration and the row that records it are one transaction; a database
that is newer than this program, or whose history differs, is not touched.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import resources

from gateway.errors import DatabaseDamagedError, SchemaTooNewError
from gateway.store import sql
from gateway.store.session import Session

_FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedMigration:
    """A migration as a database records it."""

    version: int
    name: str
    checksum: str  # SHA-256 of the file's text, hexadecimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A migration as this program knows it."""

    version: int
    name: str
    text: str

    @property
    def applied(self) -> AppliedMigration:
        """What a database that has it records."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()
        return AppliedMigration(version=self.version, name=self.name, checksum=digest)


def load_migrations(engine: str) -> tuple[Migration, ...]:
    """Load the migrations of an engine, in order, from the package's own files."""
    folder = resources.files("gateway.store").joinpath("migrations", engine)
    found = []
    for file in folder.iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if match:
            text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
            found.append(Migration(version=int(match[1]), name=match[2], text=text))
    return tuple(sorted(found, key=lambda migration: migration.version))


def plan_migrations(
    known: Sequence[Migration], applied: Sequence[AppliedMigration]
) -> tuple[Migration, ...]:
    """Decide which migrations are left to apply.

    Raises:
        SchemaTooNewError: the database has migrations that this program does not know.
        DatabaseDamagedError: an applied one is missing in the row or differs from ours.
    """
    newest_known = known[-1].version if known else 0
    newest_applied = applied[-1].version if applied else 0
    if newest_applied > newest_known:
        raise SchemaTooNewError(
            f"The database has schema version {newest_applied}, this Lockgate knows "
            f"{newest_known}; run the newer Lockgate or restore an older backup."
        )
    if tuple(applied) != tuple(migration.applied for migration in known[: len(applied)]):
        raise DatabaseDamagedError(
            "The database's record of its schema does not match this Lockgate's migrations; "
            "restore a backup."
        )
    return tuple(known[len(applied) :])


async def migrate(
    begin: Callable[[], AbstractAsyncContextManager[Session]],
    known: Sequence[Migration],
    now_ms: Callable[[], int],
) -> int:
    """Apply what is left, each migration in its own transaction, and return how many.

    `begin` opens a write transaction that excludes other writers, so that of several processes
    which start at once each migration is applied by one.

    Raises:
        SchemaTooNewError: see `plan_migrations`.
        DatabaseDamagedError: see `plan_migrations`.
    """
    done = 0
    while True:
        async with begin() as session:
            await session.execute(sql.MIGRATIONS_CREATE, {})
            rows = await session.fetch_all(sql.MIGRATIONS_LIST, {})
            applied = [AppliedMigration(**{name: row[name] for name in row.keys()}) for row in rows]  # noqa: SIM118 - a driver's row is no dict
            pending = plan_migrations(known, applied)
            if not pending:
                return done
            await _apply(session, pending[0], now_ms())
        done += 1


async def _apply(session: Session, migration: Migration, now_ms: int) -> None:
    for statement in split_statements(migration.text):
        await session.execute(statement, {})
    record = migration.applied
    params = {
        "version": record.version,
        "name": record.name,
        "checksum": record.checksum,
        "applied_at": now_ms,
    }
    await session.execute(sql.MIGRATION_INSERT, params)


def split_statements(text: str) -> Iterator[str]:
    """Split a script into statements; a statement ends at the end of a line.

    A driver's own way to run a script would commit before and in between.
    """
    statement = ""
    for line in text.splitlines(keepends=True):
        if not statement and (not line.strip() or line.startswith("--")):
            continue
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    if statement.strip():
        raise DatabaseDamagedError("A migration ends in the middle of a statement.")
