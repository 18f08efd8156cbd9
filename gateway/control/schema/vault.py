"""Bodies of /vault.

Rule: names, numbers, states and reasons; nothing that opens anything.
"""

from __future__ import annotations

from typing import Literal

from gateway.control.schema.base import Entity, Strict


class KeyTerm(Entity):
    """One key-encryption key."""

    term: int
    state: Literal["pending", "active", "decrypt_only", "retired"]
    records: int
    """Stored credentials that it opens."""
    wraps: int
    """How often it has wrapped a data key; advice comes at 2^30, the refusal at 2^31."""
    created_at: int
    age_ms: int
    fault: str | None
    """Why it cannot be used, if it cannot."""


class ServingProcess(Entity):
    """A gateway (parent and workers) on this database, as of its last heartbeat."""

    process_id: str
    host: str
    pid: int
    workers: int
    started_at: int
    seen_at: int
    lease_until: int
    loaded_term: int
    """It and all its workers have the keys of all terms up to this one."""
    served_epoch: int


class Rotation(Entity):
    """The newest rotation, done or not."""

    phase: Literal["idle", "loading", "moving", "done"]
    running: bool
    """Whether a runner is at it; an unfinished one without is gone on with by a POST."""
    holder: str | None
    lease_until: int | None
    to_term: int | None
    reencrypt: bool
    total: int
    """Records that were there when the new term became active."""
    moved: int
    failed: int
    """Records that do not open, and so stay where they are."""
    started_at: int | None
    finished_at: int | None
    started_by: str | None
    fault: str | None
    """What the last runner of this gateway met, if it was stopped by it."""


class Vault(Entity):
    """The vault's keys."""

    installation_id: str
    root_kind: Literal["key_file", "passphrase"]
    kdf: str | None
    kdf_params: dict[str, int]
    active_term: int
    terms: list[KeyTerm]
    missing_terms: list[int]
    records: int
    rotation: Rotation
    processes: list[ServingProcess]
    advice: list[str]


class FailedRecord(Entity):
    """A stored credential that does not open."""

    secret_id: str
    secret_name: str
    reason: str


class RotationPlan(Entity):
    """What a rotation would do now."""

    resumes: bool
    """It would finish one that has begun."""
    to_term: int
    reencrypt: bool | None
    """Of the one that it would finish."""
    records: int
    """That would move."""
    failed: list[FailedRecord]
    processes: list[ServingProcess]


class RotationStart(Strict):
    """How to rotate."""

    reencrypt: bool = False
    """Make new data keys too: for a key-encryption key that leaked."""
    dry_run: bool = False
    """Open every record, change nothing, answer with what would be done."""
