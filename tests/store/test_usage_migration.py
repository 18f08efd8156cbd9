"""A ledger from before facets: its rows are kept, found as before, and joined by new ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.entities import UsageRow
from gateway.store import sql
from gateway.store.migrate import load_migrations
from gateway.store.sqlite import check_database, open_sqlite
from tests.store import samples
from tests.store.samples import ALL, START, SetClock

BEFORE = [migration for migration in load_migrations("sqlite") if migration.version < 5]
ROWS = [
    samples.usage(4, status=500, estimated=True),
    samples.usage(1, provider=None, api_key_id=None, cache_read_tokens=7),
    samples.usage(2, model_definition_id=None, model_definition_name=None, upstream_dialect=None),
    samples.usage(3, model_definition_name='"two" \\ é \U0001f600 \x1f\x7f\t / end'),
    samples.usage(5, error_code="upstream_dns", status=0, first_byte_ms=None, input_tokens=None),
    samples.usage(6, client_gone=True, streamed=True),
]


def _insert(connection: sqlite3.Connection, usage_id: int, row: UsageRow) -> None:
    failed = row.error_code is not None or row.status >= 400
    values = {"usage_id": usage_id, **row._asdict(), "failed": failed}
    places = ", ".join(f":{name}" for name in values)
    connection.execute(
        f"INSERT INTO usage ({', '.join(values)}) VALUES ({places})",  # noqa: S608 - constants
        values,
    )


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "lockgate.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql.MIGRATIONS_CREATE)
        for migration in BEFORE:
            connection.executescript(migration.text)
            record = migration.applied
            connection.execute(
                "INSERT INTO schema_migrations VALUES (?, ?, ?, 1)",
                (record.version, record.name, record.checksum),
            )
        for place, row in enumerate(ROWS):
            _insert(connection, 10 + place * 7, row)
    return path


async def test_old_rows_are_kept_with_their_numbers(path: Path) -> None:
    store = await open_sqlite(path, clock=SetClock())
    async with store.read() as tx:
        page = await tx.usage.list_page(ALL)
        failed = await tx.usage.list_page(ALL, error=True)
        (mini,) = (group for group in await tx.usage.summarize("provider", limit=5) if group["key"])
    await store.close()
    expected = [{"usage_id": 10 + n * 7, **row._asdict()} for n, row in enumerate(ROWS)]
    expected.sort(key=lambda item: -item["started_at"])
    assert [dict(item) for item in page.items] == expected
    assert [item["started_at"] - START for item in failed.items] == [5, 4]
    assert (mini["key"], mini["attempts"], mini["errors"]) == ("openai", 5, 2)
    assert check_database(path) == ()


async def test_new_rows_join_the_old_ones(path: Path) -> None:
    """What makes a facet one is written alike by the migration and by the store."""
    store = await open_sqlite(path, clock=SetClock())
    async with store.write() as tx:
        await tx.usage.insert_many(ROWS)
        page = await tx.usage.list_page(ALL)
    await store.close()
    numbers = [item["usage_id"] for item in page.items]
    assert len(set(numbers)) == 2 * len(ROWS)
    assert max(numbers) > 10 + 7 * (len(ROWS) - 1)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM usage_facets").fetchone() == (4,)


async def test_an_empty_ledger_migrates_too(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM usage")
    store = await open_sqlite(path, clock=SetClock())
    async with store.write() as tx:
        await tx.usage.insert_many(ROWS[:1])
        assert len((await tx.usage.list_page(ALL)).items) == 1
    await store.close()


async def test_a_migration_cut_short_leaves_the_old_ledger(path: Path) -> None:
    """A name that is taken fails it at the end; once it is free the next start finishes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE usage_by_facet (a)")
    with pytest.raises(Exception, match="lacks what its schema"):
        await open_sqlite(path, clock=SetClock())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("SELECT COUNT(endpoint_id) FROM usage").fetchone() == (6,)
        connection.execute("DROP TABLE usage_by_facet")
    store = await open_sqlite(path, clock=SetClock())
    async with store.read() as tx:
        assert len((await tx.usage.list_page(ALL)).items) == len(ROWS)
    await store.close()


async def test_a_database_of_the_previous_release_keeps_its_endpoints_and_rows(
    tmp_path: Path,
) -> None:
    """Schema 5: endpoints had no resilience, the ledger no writers."""
    path = tmp_path / "lockgate.db"
    store = await open_sqlite(path, clock=SetClock())
    async with store.write() as tx:
        target = await samples.add_model(tx, 1)
        await tx.endpoints.insert(samples.endpoint(1, to=(target,)))
        await tx.usage.insert_many(ROWS)
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for table in ("ledger_writers", "secret_previous_values", "secret_uses", "api_key_uses"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DROP INDEX secrets_by_expiry")
        connection.execute("ALTER TABLE secrets DROP COLUMN expires_at")
        connection.execute("ALTER TABLE endpoints DROP COLUMN resilience")
        connection.execute("DELETE FROM schema_migrations WHERE version > 5")
    store = await open_sqlite(path, clock=SetClock())
    async with store.write() as tx:
        (endpoint,) = (await tx.endpoints.list_page(ALL)).items
        await tx.usage.insert_numbered("w", 0, ROWS[:2])
        await tx.usage.insert_numbered("w", 0, ROWS[:3])
        page = await tx.usage.list_page(ALL)
    await store.close()
    assert endpoint == samples.endpoint(1, to=(target,))
    assert len(page.items) == len(ROWS) + 3
    assert check_database(path) == ()
