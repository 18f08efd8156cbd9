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
