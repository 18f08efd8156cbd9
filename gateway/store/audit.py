"""Rows of the audit log: each written as the next link of its chain.

Rule: rows are only ever added, in the write transaction of what they tell of. The next one is made
from the end that the database has at that moment, so that several processes make one chain; an end
that was tampered with is never continued silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.entities import AuditHead, AuditRecord, AuditRow, Page, PageRequest
from gateway.errors import DatabaseDamagedError
from gateway.store import audit_sql, sql
from gateway.store.audit_chain import FIRST_HASH, HASH_BYTES, AuditChain
from gateway.store.rows import build_values, dump_json, fetch_page, parse_json
from gateway.store.session import Row, Session

BREAK_ACTION: Final = "chain_broken"  # of the row that says that the end was not as it was left
_ADOPTED_AT_ONCE: Final = 1_000  # rows in memory while older ones are taken into the chain


def _build_row(row: Row) -> AuditRow:
    return AuditRow(
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        entity_type=row["entity_type"],
        entity_id=row["entity_id"],
        entity_name=row["entity_name"],
        before=parse_json(row["before_change"]),
        after=parse_json(row["after_change"]),
        request_id=row["request_id"],
        source_address=row["source_address"],
        audit_id=row["audit_id"],
    )


def _build_record(row: Row) -> AuditRecord:
    return AuditRecord(
        audit_id=row["audit_id"],
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        entity_type=row["entity_type"],
        entity_id=row["entity_id"],
        entity_name=row["entity_name"],
        before=row["before_change"],
        after=row["after_change"],
        request_id=row["request_id"],
        source_address=row["source_address"],
        before_chain=row["before_chain"] == 1,
        former_hash=_read_bytes(row["former_hash"]),
        row_hash=_read_bytes(row["row_hash"]),
        row_mac=_read_bytes(row["row_mac"]),
    )


def _build_unreadable(audit_id: int) -> AuditRecord:
    return AuditRecord(
        audit_id=audit_id,
        at=0,
        actor="",
        action="",
        entity_type="",
        entity_id="",
        entity_name="",
        before=None,
        after=None,
        request_id="",
        source_address="",
    )


def _read_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


def _dump_record(record: AuditRecord) -> dict[str, Any]:
    return {
        "audit_id": record.audit_id,
        "at": record.at,
        "actor": record.actor,
        "action": record.action,
        "entity_type": record.entity_type,
        "entity_id": record.entity_id,
        "entity_name": record.entity_name,
        "before_change": record.before,
        "after_change": record.after,
        "request_id": record.request_id,
        "source_address": record.source_address,
        "before_chain": int(record.before_chain),
        "former_hash": record.former_hash,
        "row_hash": record.row_hash,
        "row_mac": record.row_mac,
    }


def _build_link(row: AuditRow, end: AuditHead) -> AuditRecord:
    """Return the row as it is stored behind `end`, without hash and MAC."""
    return AuditRecord(
        audit_id=end.last_id + 1,
        at=row.at,
        actor=row.actor,
        action=row.action,
        entity_type=row.entity_type,
        entity_id=row.entity_id,
        entity_name=row.entity_name,
        before=dump_json(row.before),
        after=dump_json(row.after),
        request_id=row.request_id,
        source_address=row.source_address,
        former_hash=end.last_hash,
    )


def _build_break(row: AuditRow, fault: str) -> AuditRow:
    """Build the row that says what is wrong, beside the one on whose account it was seen."""
    return AuditRow(
        at=row.at,
        actor="lockgate",
        action=BREAK_ACTION,
        entity_type="audit",
        entity_id="audit",
        entity_name="audit",
        before=None,
        after={"found": fault},
        request_id=row.request_id,
        source_address=row.source_address,
    )


@dataclass(slots=True)
class AuditTail:
    """The chain's key, and where the log ended after the last row that this process wrote.

    A guess: another process may have written since, or the transaction was rolled back. It saves
    a query for each change, and is used only where the database has it as its end.
    """

    chain: AuditChain
    head: AuditHead | None = None

    def get_head(self) -> AuditHead:
        """Return the end after a row that was just written."""
        if self.head is None:
            raise RuntimeError("no row was written")
        return self.head


class SqlAuditRows:
    """The audit log's part of `gateway.ports.AdminRows`; good for one transaction."""

    def __init__(self, session: Session, tail: AuditTail | None) -> None:
        self._rows = session
        self._tail = tail

    async def insert_audit(self, row: AuditRow) -> None:
        """Insert one at the end of the chain; the store gives it its number."""
        tail = self._get_tail()
        if tail.head is not None and await self._append(tail, row, tail.head, known=True):
            return
        end, fault = await self._find_end(tail.chain)
        if fault is not None:
            await self._append(tail, _build_break(row, fault), end)
        await self._append(tail, row, end if fault is None else tail.get_head())

    async def insert_audits(self, rows: Sequence[AuditRow]) -> None:
        """Insert several at the end of the chain, in their order."""
        for row in rows[:1]:  # looks at the end; nobody else can write behind it from here on
            await self.insert_audit(row)
        if len(rows) <= 1:
            return
        tail = self._get_tail()
        head, records = tail.get_head(), list[dict[str, Any]]()
        for row in rows[1:]:
            record = tail.chain.seal(_build_link(row, head))
            head = tail.chain.build_head(record.audit_id, record.row_hash)
            records.append(_dump_record(record))
        await self._move_head(head)
        await self._rows.execute_many(audit_sql.AUDIT_INSERT, records)
        tail.head = head

    def _get_tail(self) -> AuditTail:
        if self._tail is None:
            raise RuntimeError("the audit log has no key: nothing may be written to it")
        return self._tail

    async def _append(
        self, tail: AuditTail, row: AuditRow, end: AuditHead, *, known: bool = False
    ) -> bool:
        """Put a row behind `end`; with `known` only if that is the end still: tell whether."""
        record = tail.chain.seal(_build_link(row, end))
        head = tail.chain.build_head(record.audit_id, record.row_hash)
        if not await self._move_head(head, end if known else None):
            tail.head = None
            return False
        await self._rows.execute(audit_sql.AUDIT_INSERT, _dump_record(record))
        tail.head = head
        return True

    async def _move_head(self, head: AuditHead, end: AuditHead | None = None) -> bool:
        params = {"last_id": head.last_id, "last_hash": head.last_hash, "mac": head.mac}
        if end is None:
            await self._rows.execute(audit_sql.AUDIT_HEAD_SET, params)
            return True
        former = {"former_id": end.last_id, "former_hash": end.last_hash, "former_mac": end.mac}
        return await self._rows.execute(audit_sql.AUDIT_HEAD_MOVE, params | former) == 1

    async def _find_end(self, chain: AuditChain) -> tuple[AuditHead, str | None]:
        """Return what the next row follows, and what is wrong there."""
        row = await self._rows.fetch_one(audit_sql.AUDIT_END, {})
        newest = 0 if row is None or row["audit_id"] is None else int(row["audit_id"])
        newest_hash = FIRST_HASH if row is None else _read_bytes(row["row_hash"])
        if len(newest_hash) != HASH_BYTES:
            newest_hash = FIRST_HASH
        if row is None or row["last_id"] is None:
            return chain.build_head(newest, newest_hash), "the head row is missing"
        head = _build_head(row)
        if not chain.is_head_genuine(head):
            return chain.build_head(newest, newest_hash), "the head row was changed"
        if head.last_id == newest:
            return head, None
        fault = f"the last row is {newest}, but {head.last_id} by the head"
        return chain.build_head(max(newest, head.last_id), newest_hash), fault

    async def list_audit(self, page: PageRequest, **filters: Any) -> Page[AuditRow]:
        """List newest first, from `since` on and before `until`, in milliseconds."""
        return await fetch_page(self._rows, audit_sql.AUDIT_LIST, page, filters, _build_row)

    async def begin_audit(self) -> int | None:
        """Make the head where there is none, and take in all rows; return how many."""
        chain = self._get_tail().chain
        if await self.find_audit_head() is not None:
            return None
        if await self._rows.fetch_one(audit_sql.AUDIT_ANY_CHAINED, {}) is not None:
            return None  # the head was removed: the next row will say so
        last_id, last_hash, adopted = 0, FIRST_HASH, 0
        while records := await self.list_audit_records(last_id, _ADOPTED_AT_ONCE):
            changes = []
            for record in records:
                sealed = chain.seal(_adopt(record, last_hash))
                last_id, last_hash = sealed.audit_id, sealed.row_hash
                changes.append(_dump_record(sealed))
            await self._rows.execute_many(audit_sql.AUDIT_ADOPT, changes)
            adopted += len(records)
        if not adopted and await self._has_changed():
            return None  # the whole log was removed: the next row will say so
        await self._move_head(chain.build_head(last_id, last_hash))
        return adopted

    async def _has_changed(self) -> bool:
        """Tell whether there was ever a change: each has left a row."""
        row = await self._rows.fetch_one(sql.EPOCH_GET, {})
        return row is not None and row["value"] > 0

    async def find_audit_head(self) -> AuditHead | None:
        """Find where the audit log says that it ends, unchecked."""
        row = await self._rows.fetch_one(audit_sql.AUDIT_HEAD_GET, {})
        return None if row is None else build_values(_build_head, (row,))[0]

    async def list_audit_records(self, after: int, limit: int) -> Sequence[AuditRecord]:
        """List rows with a number above `after`, oldest first, as they are stored.

        One that holds what cannot be read is given without its content, and without hashes.
        """
        try:
            return await self._fetch_records(after, limit)
        except DatabaseDamagedError:
            return await self._list_one_by_one(after, limit)

    async def _fetch_records(self, after: int, limit: int) -> Sequence[AuditRecord]:
        params = {"after": after, "row_limit": limit}
        rows = await self._rows.fetch_all(audit_sql.AUDIT_RECORDS, params)
        return build_values(_build_record, rows)

    async def _list_one_by_one(self, after: int, limit: int) -> Sequence[AuditRecord]:
        params = {"after": after, "row_limit": limit}
        records: list[AuditRecord] = []
        for row in await self._rows.fetch_all(audit_sql.AUDIT_NUMBERS, params):
            try:
                records += await self._fetch_records(row["audit_id"] - 1, 1)
            except DatabaseDamagedError:
                records.append(_build_unreadable(row["audit_id"]))
        return records

    async def find_audit_since(self, at_ms: int) -> int | None:
        """Find the number of the first row that is not older than a time."""
        row = await self._rows.fetch_one(audit_sql.AUDIT_FIRST_SINCE, {"since": at_ms})
        return None if row is None else row["audit_id"]


def _build_head(row: Row) -> AuditHead:
    return AuditHead(
        last_id=row["last_id"],
        last_hash=_read_bytes(row["last_hash"]),
        mac=_read_bytes(row["mac"]),
    )


def _adopt(record: AuditRecord, former_hash: bytes) -> AuditRecord:
    return replace(record, before_chain=True, former_hash=former_hash)
