"""One admin write: one transaction with row, audit row, epoch and a build of the snapshot.

Rule: what cannot run cannot be stored, and what was committed is published, also when
the caller has hung up meanwhile.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from gateway.control.call import Caller
from gateway.control.confined import confine
from gateway.control.etag import build_etag, check_if_match
from gateway.control.parts import ControlParts
from gateway.entities import AuditRow, Page, PageRequest
from gateway.ports import Transaction
from gateway.snapshots import read_snapshot

ResultT = TypeVar("ResultT")
RowT = TypeVar("RowT")
MASKED = "***"
_PAGE_ROWS = 500

# A task that nobody refers to may be collected in the middle of its work.
_running: set[asyncio.Task[Any]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An entity as it stands after a write.

    `shown_once` are fields of the answer that are kept nowhere.
    """

    row_id: str
    representation: dict[str, Any]
    version: int
    shown_once: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def etag(self) -> str:
        """The entity's tag."""
        return build_etag(self.representation, self.version)


@dataclass(slots=True, kw_only=True)
class Change:
    """The write transaction with who is writing, and when."""

    tx: Transaction
    parts: ControlParts
    caller: Caller
    now_ms: int
    if_match: str | None = None
    audited: int = 0

    @property
    def actor(self) -> str:
        """The name that goes into `created_by` and `last_updated_by`."""
        return self.caller.actor

    def stamp_created(self) -> dict[str, Any]:
        """Return the times and users of a new row."""
        return {
            "created_at": self.now_ms,
            "created_by": self.actor,
            "last_updated_at": self.now_ms,
            "last_updated_by": self.actor,
        }

    def stamp_updated(self, version: int) -> dict[str, Any]:
        """Return the time, user and version of a row that had `version` before its change."""
        return {
            "last_updated_at": self.now_ms,
            "last_updated_by": self.actor,
            "version": version + 1,
        }

    def require_match(self, *current: Stored) -> None:
        """Check the caller's `If-Match` against the entity before the change.

        Several stand for each other, as a mapping and its endpoint do. Raises
        StaleVersionError.
        """
        check_if_match(self.if_match, *(stored.etag for stored in current))

    async def record(
        self,
        action: str,
        entity_type: str,
        entity_id: str,
        entity_name: str,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Write the audit row of one changed entity."""
        self.audited += 1
        await self.tx.admin.insert_audit(
            AuditRow(
                at=self.now_ms,
                actor=self.actor,
                action=action,
                entity_type=entity_type,
                entity_id=entity_id,
                entity_name=entity_name,
                before=before,
                after=after,
                request_id=self.caller.request_id,
                source_address=self.caller.source_address,
            )
        )


@dataclass(frozen=True, slots=True)
class Outcome(Generic[ResultT]):
    """What a change gave, and which workers do not serve it yet."""

    result: ResultT
    stragglers: tuple[str, ...] = ()


async def run_change(
    parts: ControlParts,
    caller: Caller,
    work: Callable[[Change], Awaitable[ResultT]],
    *,
    if_match: str | None = None,
) -> Outcome[ResultT]:
    """Run `work` in the write transaction, commit, publish.

    A change without an audit row has changed nothing: no new epoch, nothing published.

    Raises:
        RequestError: what `work` refuses, or a configuration that cannot run.
        StoreUnavailableError, StorageFullError: nothing was written.
    """
    task = asyncio.ensure_future(_commit(parts, caller, work, if_match))
    _running.add(task)
    task.add_done_callback(_forget)
    return await asyncio.shield(task)


def _forget(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # seen: the caller, if there still is one, gets it as well


async def _commit(
    parts: ControlParts,
    caller: Caller,
    work: Callable[[Change], Awaitable[ResultT]],
    if_match: str | None,
) -> Outcome[ResultT]:
    async with parts.store.write() as tx:
        change = Change(
            tx=confine(tx, caller.scopes),
            parts=parts,
            caller=caller,
            now_ms=parts.clock.now_ms(),
            if_match=if_match,
        )
        result = await work(change)
        if not change.audited:
            return Outcome(result)
        await tx.bump_epoch()
        snapshot = await read_snapshot(tx, parts.snapshots.current)
    return Outcome(result, tuple(await parts.publish(snapshot)))


async def list_all(fetch: Callable[[PageRequest], Awaitable[Page[RowT]]]) -> list[RowT]:
    """List the rows of all pages."""
    rows: list[RowT] = []
    after: tuple[int, str] | None = None
    while True:
        page = await fetch(PageRequest(limit=_PAGE_ROWS, after=after))
        rows.extend(page.items)
        if page.next_after is None:
            return rows
        after = page.next_after


def new_id(prefix: str) -> str:
    """Return a fresh id: the prefix and 32 hex digits."""
    return prefix + os.urandom(16).hex()
