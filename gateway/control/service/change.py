"""One admin write: one transaction with row, audit row, epoch and a build of the snapshot.

Rule: what cannot run cannot be stored, and what was committed is published, also when
the caller has hung up meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from gateway.control.call import Caller
from gateway.control.confined import confine
from gateway.control.etag import build_etag, check_if_match
from gateway.control.parts import ControlParts
from gateway.control.service.redact import redact
from gateway.entities import AuditRow, Author, Page, PageRequest
from gateway.errors import (
    DatabaseDamagedError,
    KeyRotatedError,
    ReadOnlyError,
    StorageFullError,
    StoreUnavailableError,
)
from gateway.ports import Transaction
from gateway.secret import MASK
from gateway.snapshots import read_snapshot

logger = logging.getLogger("lockgate.audit")

ResultT = TypeVar("ResultT")
RowT = TypeVar("RowT")
MASKED = MASK
# Kinds of entities and the sections of a configuration file that they stand in.
_SECTIONS = {
    "secret": "secrets",
    "model_definition": "model_definitions",
    "endpoint": "endpoints",
    "binding": "bindings",
    "api_key": "api_keys",
}
_PAGE_ROWS = 500
_KEY_TRIES = 3  # a rotation has one moment in which a writer may seal under the old key

# A task that nobody refers to may be collected in the middle of its work.
_running: set[asyncio.Task[Any]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An entity as it stands after a write.

    `shown_once` are fields of the answer that are kept nowhere, `unversioned` those that change
    without a change of the entity.
    """

    row_id: str
    representation: dict[str, Any]
    version: int
    shown_once: dict[str, Any] = field(default_factory=dict, repr=False)
    unversioned: dict[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> dict[str, Any]:
        """The entity as answers have it."""
        return self.representation | self.unversioned | self.shown_once

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
    audit: list[AuditRow] = field(default_factory=list)  # written at the end, all at once

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
        """Make the audit row of one changed entity; the end of the change writes it.

        Raises:
            ReadOnlyError: such entities come from a file.
        """
        self._check_writable(entity_type)
        row = AuditRow(
            at=self.now_ms,
            actor=self.actor,
            action=action,
            entity_type=entity_type,
            entity_id=redact(entity_id),  # a binding's is made of what its caller calls things
            entity_name=redact(entity_name),
            before=redact(before),
            after=redact(after),
            request_id=redact(self.caller.request_id),
            source_address=self.caller.source_address,
        )
        self.audit.append(row)

    def _check_writable(self, entity_type: str) -> None:
        source = self.parts.source
        if source is not None and _SECTIONS.get(entity_type) in source.sections:
            raise ReadOnlyError(
                f"the {entity_type.replace('_', ' ')}s of this gateway come from its file "
                f"{source.path}: change them there"
            )


@dataclass(frozen=True, slots=True)
class Outcome(Generic[ResultT]):
    """What a change gave, the epoch in force, and which workers do not serve it yet."""

    result: ResultT
    epoch: int
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
    task = asyncio.ensure_future(_commit_with_key(parts, caller, work, if_match))
    _running.add(task)
    task.add_done_callback(_forget)
    return await asyncio.shield(task)


def _forget(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # seen: the caller, if there still is one, gets it as well


async def _commit_with_key(
    parts: ControlParts,
    caller: Caller,
    work: Callable[[Change], Awaitable[ResultT]],
    if_match: str | None,
) -> Outcome[ResultT]:
    """Commit; where the key was rotated under the writer's hands, seal again with the new one."""
    for _ in range(_KEY_TRIES - 1):
        try:
            return await _commit(parts, caller, work, if_match)
        except KeyRotatedError:
            await parts.vault.reload()
    return await _commit(parts, caller, work, if_match)


async def record_session(parts: ControlParts, caller: Caller, action: str) -> None:
    """Write the audit row of a login or log-out, which change no configuration.

    Somebody who may come in does so also while the database is away: then the log says it.
    """
    try:
        async with parts.store.write() as tx:
            change = Change(tx=tx, parts=parts, caller=caller, now_ms=parts.clock.now_ms())
            await change.record(action, "session", caller.actor, caller.actor)
            await tx.admin.insert_audits(change.audit)
    except (StoreUnavailableError, StorageFullError, DatabaseDamagedError) as error:
        logger.warning(
            "audit log: %s of %s from %s could not be written: %s",
            action,
            repr(caller.actor),
            caller.source_address,
            error.detail,
        )


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
        if not change.audit:
            return Outcome(result, await tx.get_epoch())
        await tx.admin.insert_audits(change.audit)
        epoch = await tx.bump_epoch(
            Author(at=change.now_ms, actor=caller.actor, request_id=caller.request_id)
        )
        snapshot = await read_snapshot(tx, parts.snapshots.current)
    return Outcome(result, epoch, tuple(await parts.publish(snapshot)))


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
