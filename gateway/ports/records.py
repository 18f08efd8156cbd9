"""Rows of the vault, of its rotation, of the history, of admins and of the ledger.

Rule: as of `rows`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from gateway.entities import (
    AdminToken,
    AuditHead,
    AuditRecord,
    AuditRow,
    ConfigurationEpoch,
    ConfigurationState,
    EntityVersion,
    IdempotentAnswer,
    KekState,
    KekTerm,
    Page,
    PageRequest,
    Rotation,
    SecretId,
    ServingProcess,
    UsageRow,
    VaultMeta,
    VersionedSecret,
)


class VaultRows(Protocol):
    """How the vault's keys are kept."""

    async def find_meta(self) -> VaultMeta | None: ...
    async def insert_meta(self, row: VaultMeta) -> None: ...
    async def update_meta(self, row: VaultMeta) -> None: ...
    async def list_terms(self) -> tuple[KekTerm, ...]: ...
    async def insert_term(self, row: KekTerm) -> None: ...
    async def update_term_key(self, term: int, wrapped_key: bytes) -> None: ...
    async def set_term_state(self, term: int, state: KekState) -> None: ...
    async def add_wraps(self, term: int, count: int) -> int:
        """Count wraps under a term that must be active; return the new count.

        Raises:
            KeyRotatedError: the term is not the active one any more.
        """
        ...

    async def count_records(self) -> Mapping[int, int]:
        """Return how many records stand under each term."""
        ...


class RotationRows(Protocol):
    """The rotation's lease and progress, the processes that serve, and records by term."""

    async def get(self) -> Rotation: ...
    async def take_lease(self, holder: str, *, now: int, until: int) -> int | None:
        """Take the lease if it is free at `now`; return its fencing token, else None."""
        ...

    async def renew_lease(self, token: int, *, until: int) -> None:
        """Keep the lease, first thing in a runner's transaction.

        Raises:
            RotationError: another runner has it; nothing may be written.
        """
        ...

    async def end_lease(self, token: int) -> None: ...
    async def update(self, row: Rotation) -> None:
        """Store phase and progress. Raises RotationError where `row.token` is outdated."""
        ...

    async def put_process(self, row: ServingProcess) -> None: ...
    async def delete_process(self, process_id: str) -> None: ...
    async def list_processes(self, *, now: int) -> tuple[ServingProcess, ...]: ...
    async def list_records(
        self, term: int, *, after: SecretId | None, limit: int
    ) -> tuple[VersionedSecret, ...]: ...
    async def move_record(self, old: VersionedSecret, *, term: int, record: bytes) -> bool:
        """Replace a record if its row is still the one that was read; tell whether it was."""
        ...

    async def destroy_term(self, term: int) -> None: ...


class AdminRows(Protocol):
    """Admin tokens, audit rows and idempotent answers."""

    async def list_tokens(self) -> tuple[AdminToken, ...]: ...
    async def get_token(self, token_id: str) -> AdminToken: ...
    async def list_token_page(
        self, page: PageRequest, *, name: str | None = None
    ) -> Page[AdminToken]: ...
    async def insert_token(self, row: AdminToken) -> None: ...
    async def update_token(self, row: AdminToken) -> None: ...
    async def note_token_used(self, token_id: str, at_ms: int) -> None: ...
    async def delete_token(self, token_id: str) -> None: ...
    async def end_session(self, session_id: str, ends_at: int) -> bool:
        """Note that a session which would last until `ends_at` has ended; False if it had."""
        ...

    async def list_ended_sessions(self, now_ms: int) -> frozenset[str]:
        """List the ids of the sessions that were ended and would still last."""
        ...

    async def delete_ended_sessions_before(self, ends_at: int) -> int: ...
    async def insert_audit(self, row: AuditRow) -> None:
        """Insert one at the end of the chain; the store gives it its number.

        Where the end is not as Lockgate left it, a row that says so comes before it.
        """
        ...

    async def insert_audits(self, rows: Sequence[AuditRow]) -> None:
        """Insert several at the end of the chain, in their order."""
        ...

    async def list_audit(self, page: PageRequest, **filters: Any) -> Page[AuditRow]:
        """List newest first; the id of a row in `after` is its audit_id as decimal text.

        Filters, each optional: actor, entity_type, entity_id, entity_name, action, request_id,
        source_address, since, until (milliseconds).
        """
        ...

    async def begin_audit(self) -> int | None:
        """Make the head where there is none, and take in all rows; return how many.

        None: the chain has begun already.
        """
        ...

    async def find_audit_head(self) -> AuditHead | None:
        """Find where the audit log says that it ends, unchecked."""
        ...

    async def list_audit_records(self, after: int, limit: int) -> Sequence[AuditRecord]:
        """List rows with a number above `after`, oldest first, as they are stored."""
        ...

    async def find_audit_since(self, at_ms: int) -> int | None:
        """Find the number of the first row that is not older than a time."""
        ...

    async def find_answer(self, key: str, caller: str, route: str) -> IdempotentAnswer | None: ...
    async def insert_answer(self, row: IdempotentAnswer) -> None: ...
    async def delete_answers_before(self, created_at: int) -> int: ...


class UsageRows(Protocol):
    """The ledger."""

    async def insert_many(self, rows: Sequence[UsageRow]) -> None: ...
    async def insert_numbered(self, writer: str, first: int, rows: Sequence[UsageRow]) -> None:
        """Insert those rows of a writer that are not stored yet; `first` is the first one's number.

        A writer numbers its rows from 0 and stores them in that order; however often, and by
        whomever, the same rows are brought, they are stored once.
        """
        ...

    async def pass_over(self, writer: str, rows_stored: int, at_ms: int) -> None:
        """Note that a writer's rows before this number are stored, or never will be."""
        ...

    async def list_endpoint_names(self) -> frozenset[str]:
        """List the names of all endpoints that rows are of, the former ones too."""
        ...

    async def list_page(
        self, page: PageRequest, *, names: Collection[str] | None = None, **filters: Any
    ) -> Page[Mapping[str, Any]]:
        """List rows newest first as mappings with `usage_id`; with `names`, of these endpoints.

        Filters, each optional: endpoint, model_definition, provider, api_key_id, request_id,
        error (bool), since, until (milliseconds).
        """
        ...

    async def summarize(
        self,
        group_by: str,
        *,
        limit: int,
        names: Collection[str] | None = None,
        **filters: Any,
    ) -> tuple[Mapping[str, Any], ...]:
        """Sum attempts, errors, tokens and durations; with `names`, of these endpoints.

        `group_by` is one of endpoint, model_definition, provider, api_key, day, hour.
        """
        ...


class HistoryRows(Protocol):
    """States of the configuration, now and at earlier epochs, and what documents applied."""

    async def read_current(self) -> ConfigurationState:
        """Read the state that the transaction sees, in a constant number of queries."""
        ...

    async def read_at(self, epoch: int) -> ConfigurationState: ...
    async def get(self, epoch: int) -> ConfigurationEpoch: ...
    async def list_page(self, page: PageRequest) -> Page[ConfigurationEpoch]:
        """List newest first; `after` is (epoch, any text)."""
        ...

    async def list_versions(
        self, first: int, last: int, each: int
    ) -> tuple[EntityVersion, ...]: ...
    async def note_digest(self, epoch: int, digest: str) -> bool: ...
    async def find_digest(self, digest: str) -> int | None: ...
    async def list_authors(
        self, names: Collection[str]
    ) -> Mapping[tuple[str, str], ConfigurationEpoch]: ...
    async def list_macs(self, secret_ids: Collection[str]) -> Mapping[str, bytes]: ...
    async def list_applied(self) -> Mapping[tuple[str, str], str]: ...
    async def put_applied(self, digests: Mapping[tuple[str, str], str]) -> None: ...
    async def delete_applied(self, keys: Collection[tuple[str, str]]) -> None: ...
