"""An audit log that tests write, tamper with and check."""

# ruff: noqa: S608 - only the test's own texts are joined

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.entities import AuditRecord
from gateway.store.audit_chain import AuditChain
from gateway.store.audit_check import AuditReport
from gateway.store.audit_read import check_audit
from gateway.store.sqlite import SqliteStore, open_sqlite
from tests.store import samples
from tests.store.samples import AUDIT_KEY, SetClock

CHAIN = AuditChain(AUDIT_KEY)
ROWS = 9
ROOT = Path(__file__).resolve().parents[2]


async def open_log(path: Path) -> SqliteStore:
    store = await open_sqlite(path, clock=SetClock())
    store.chain_audit(AUDIT_KEY)
    async with store.write() as tx:
        await tx.admin.begin_audit()
    return store


async def write_rows(path: Path, first: int = 0, count: int = ROWS) -> None:
    store = await open_log(path)
    for n in range(first, first + count):
        async with store.write() as tx:
            await tx.admin.insert_audit(samples.audit(n))
            await tx.bump_epoch()
    await store.close()


async def check(path: Path, **given: Any) -> AuditReport:
    store = await open_sqlite(path, clock=SetClock(), read_only=True)
    report, _ = await check_audit(store, CHAIN, **given)
    await store.close()
    return report


def tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def read_records(path: Path) -> list[AuditRecord]:
    async def read() -> list[AuditRecord]:
        store = await open_sqlite(path, clock=SetClock(), read_only=True)
        async with store.read() as tx:
            records = list(await tx.admin.list_audit_records(-(1 << 63), 1_000))
        await store.close()
        return records

    with asyncio.Runner() as runner:
        return runner.run(read())


def replace_rows(path: Path, records: list[AuditRecord]) -> None:
    """Put rows in the place of all that are there, as one who knows the format would."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM audit")
        for record in records:
            values = [getattr(record, name) for name in record.__slots__]
            marks = ", ".join("?" * len(values))
            connection.execute(
                "INSERT INTO audit (audit_id, at, actor, action, entity_type, entity_id, "
                "entity_name, before_change, after_change, request_id, source_address, "
                f"before_chain, former_hash, row_hash, row_mac) VALUES ({marks})",
                values,
            )


def list_kinds(report: AuditReport) -> list[tuple[int, str]]:
    return [(finding.row, finding.kind) for finding in report.findings]
