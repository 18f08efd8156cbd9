"""Answers of /usage and /audit.

Rule: reads only; rows are what was booked, never what is configured now.
"""

from __future__ import annotations

from typing import Any

from gateway.control.schema.base import Entity


class UsageRow(Entity):
    """One attempt: one call of one upstream."""

    usage_id: int
    request_id: str
    attempt: int
    endpoint_id: str
    endpoint_name: str
    model_definition_id: str | None
    model_definition_name: str | None
    provider: str | None
    api_key_id: str | None
    client_dialect: str
    upstream_dialect: str | None
    started_at: int
    status: int
    """Of the upstream's answer; 0 where none came."""
    error_code: str | None
    first_byte_ms: float | None
    duration_ms: float
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    estimated: bool
    """Whether the counts are ours and not the provider's."""
    streamed: bool
    client_gone: bool


class UsageSummary(Entity):
    """The sums of a group of attempts."""

    key: str | int | None
    """Id of the group, or the millisecond (UTC) that its day or hour starts with."""
    name: str | None
    attempts: int
    errors: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    estimated: int
    streamed: int
    client_gone: int
    duration_ms: float
    first_byte_ms: float | None
    """The mean."""


class UsagePage(Entity):
    """A page of attempts, newest first; with `group_by` the groups instead."""

    items: list[UsageRow] | list[UsageSummary]
    next_cursor: str | None


class AuditRow(Entity):
    """Who changed what; credentials are masked."""

    audit_id: int
    at: int
    actor: str
    action: str
    entity_type: str
    entity_id: str
    entity_name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str
    source_address: str


class AuditPage(Entity):
    """A page of changes, newest first."""

    items: list[AuditRow]
    next_cursor: str | None


class AuditExportLine(Entity):
    """One line of an export: a row, or the end. docs/audit.md has how to check it."""

    audit_id: int | None = None
    at: int | None = None
    actor: str | None = None
    action: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    entity_name: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    request_id: str | None = None
    source_address: str | None = None
    before_chain: bool | None = None
    """Whether the row is from before there was a chain, and was taken into it later."""
    former_hash: str | None = None
    row_hash: str | None = None
    row_mac: str | None = None
    end: AuditExportEnd | None = None
    """Of the last line, and nothing else in it: an export without it was cut off."""


class AuditExportEnd(Entity):
    """What an export ends with."""

    rows: int
    checkpoint: str | None
    """Number, hash and MAC of the last row, for `lockgate audit verify --checkpoint`."""
    key_id: str
    """Tells whether two exports were made under the same root key."""
    fault: str | None
    """Why there is no checkpoint."""


class AuditFinding(Entity):
    """What is wrong with the audit log, and where."""

    row: int
    kind: str
    """changed, forged, missing, inserted, reordered, cut_off, head, break or checkpoint."""
    detail: str


class AuditVerification(Entity):
    """What became of checking a part of the audit log's chain."""

    ok: bool
    rows: int
    """Checked by this call."""
    before_chain: int
    """Of these, rows from before there was a chain."""
    verified_to: int
    """The last row checked."""
    next_after: int | None
    """Ask for the rest with `after`; null where the end was reached and checked."""
    findings: list[AuditFinding]
    more_findings: int
    """Findings that are counted but not listed."""
    checkpoint: str | None
    """Of the end, where it was reached and is as it was left: keep it elsewhere."""
