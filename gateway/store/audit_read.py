"""Reads the audit log from its beginning: to check it, or to write it elsewhere.

Rule: pages of a few milliseconds each in a transaction of its own, so that neither a writer nor
the event loop waits; the end is compared with the head of the same moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from gateway.entities import AuditHead, AuditRecord
from gateway.ports import Store
from gateway.store.audit_chain import FIRST_HASH, AuditChain
from gateway.store.audit_check import AuditCheck, AuditReport
from gateway.store.audit_export import dump_end_line, dump_record_line

_PAGE_ROWS: Final = 200  # 2 to 4 ms of hashing
_LOWEST: Final = -(1 << 63)  # numbers that no Lockgate gives must not hide a row


async def check_audit(
    store: Store,
    chain: AuditChain,
    *,
    after: int = 0,
    limit: int | None = None,
    checkpoint: tuple[int, bytes] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[AuditReport, AuditHead | None]:
    """Check `limit` rows after a number, all without it; return the head where the end was reached.

    Args:
        store: opened for reading at least.
        chain: under the key of this installation.
        after: the row to go on from, checked already; 0 begins.
        limit: how many rows at most.
        checkpoint: number and hash of a row that has to be there.
        progress: called after each page with the row reached and the last one.

    Raises:
        StoreUnavailableError, DatabaseDamagedError: from the store.
    """
    former_hash = await _read_former_hash(store, after)
    check = AuditCheck(chain, after=after, former_hash=former_hash, checkpoint=checkpoint)
    left = limit
    async for records, head in _read_pages(store, after):
        page = records if left is None else records[:left]
        check.add(page)
        if left is not None:
            left -= len(page)
        if progress is not None:
            last = check.report.verified_to if head is None else head.last_id
            progress(check.report.verified_to, max(check.report.verified_to, last))
        if left is not None and (left <= 0 or len(page) < len(records)):
            return check.settle(), None
        if len(records) < _PAGE_ROWS:
            return check.finish(head), head
        await asyncio.sleep(0)
    raise AssertionError  # the last page is always short


async def check_audit_end(store: Store, chain: AuditChain, rows: int) -> AuditReport:
    """Check the last `rows` rows and where the log says that it ends.

    Raises:
        StoreUnavailableError, DatabaseDamagedError: from the store.
    """
    async with store.read() as tx:
        head = await tx.admin.find_audit_head()
    after = 0 if head is None else max(0, head.last_id - rows)
    report, _ = await check_audit(store, chain, after=after)
    return report


async def _read_former_hash(store: Store, after: int) -> bytes | None:
    if after <= 0:
        return FIRST_HASH
    async with store.read() as tx:
        found = await tx.admin.list_audit_records(after - 1, 1)
    return found[0].row_hash if found and found[0].audit_id == after else None


async def _read_pages(
    store: Store, after: int
) -> AsyncIterator[tuple[list[AuditRecord], AuditHead | None]]:
    """Give pages with the head of the same moment; the first that is not full is the last."""
    last_id = after if after > 0 else _LOWEST
    while True:
        async with store.read() as tx:
            records = list(await tx.admin.list_audit_records(last_id, _PAGE_ROWS))
            head = await tx.admin.find_audit_head()
        yield records, head
        if len(records) < _PAGE_ROWS:
            return
        last_id = records[-1].audit_id


async def export_audit(
    store: Store, chain: AuditChain, *, after: int = 0, since: int | None = None
) -> AsyncIterator[bytes]:
    """Give the lines of an export, some at a time: rows after a number, or since a time in ms.

    From the first row of that time on, all of them: a chain with holes could not be checked.

    Raises:
        StoreUnavailableError, DatabaseDamagedError: from the store.
    """
    if since is not None:
        async with store.read() as tx:
            first = await tx.admin.find_audit_since(since)
            head = await tx.admin.find_audit_head()
        newest = 0 if head is None else head.last_id
        after = max(after, newest if first is None else first - 1)
    rows = 0
    async for records, head in _read_pages(store, after):
        lines = b"".join(map(dump_record_line, records))
        rows += len(records)
        if len(records) < _PAGE_ROWS:
            yield lines + dump_end_line(chain, rows, head)
        else:
            yield lines
            await asyncio.sleep(0)
