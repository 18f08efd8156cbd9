"""Who may administer, who changed what, what was answered and used.

Rule: rows are only added; secrets are masked in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from gateway.roles import Role

ALL_ENDPOINTS: Final = ("*",)  # scopes of who is not confined

ADMIN_TOKEN_PREFIX: Final = "lgadm-"  # noqa: S105  # marks a token, is none


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminToken:
    """A control-plane credential as it is stored: SHA-256 of the value."""

    token_id: str
    name: str
    digest: bytes = field(repr=False)
    role: Role = Role.ADMIN
    scopes: tuple[str, ...] = ALL_ENDPOINTS  # globs over endpoint names
    expires_at: int | None = None
    disabled: bool = False
    masked_value: str = "***"
    last_used_at: int | None = None  # some minutes late
    created_at: int = 0
    last_updated_at: int = 0
    created_by: str = "lockgate"
    last_updated_by: str = "lockgate"
    version: int = 1

    @property
    def is_lasting_admin(self) -> bool:
        """Whether it may do everything everywhere, and goes on to."""
        may_all = self.role is Role.ADMIN and self.scopes == ALL_ENDPOINTS
        return may_all and self.expires_at is None and not self.disabled


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who changed what; secrets are masked in `before` and `after`."""

    at: int
    actor: str
    action: str  # "create", "update", "delete", "login": docs/audit.md lists them
    entity_type: str
    entity_id: str
    entity_name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    request_id: str
    source_address: str
    audit_id: int = 0  # given by the store


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """A row of the audit log as it is stored, with its place in the chain.

    Whoever can write to the database may have put anything here: nothing is parsed.
    """

    audit_id: int
    at: int
    actor: str
    action: str
    entity_type: str
    entity_id: str
    entity_name: str
    before: str | None  # JSON
    after: str | None
    request_id: str
    source_address: str
    before_chain: bool = False  # written before there was a chain, and taken into it later
    former_hash: bytes = b""
    row_hash: bytes = b""
    row_mac: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """Where the audit log ends."""

    last_id: int
    last_hash: bytes
    mac: bytes


class UsageRow(NamedTuple):
    """One attempt: one call of one upstream."""

    request_id: str
    attempt: int  # 1-based; 0 where no upstream was called
    endpoint_id: str
    endpoint_name: str
    model_definition_id: str | None
    model_definition_name: str | None
    provider: str | None
    api_key_id: str | None
    client_dialect: str
    upstream_dialect: str | None
    started_at: int
    status: int = 0  # of the upstream's answer; 0 where none came
    error_code: str | None = None
    first_byte_ms: float | None = None  # since started_at
    duration_ms: float = 0.0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    estimated: bool = False  # counts are ours, not the provider's
    streamed: bool = False
    client_gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentAnswer:
    """The first answer to a POST with an `Idempotency-Key`."""

    key: str
    caller: str
    route: str  # method and path
    body_mac: bytes  # keyed, so that a guess of a body cannot be checked from a stolen database
    status: int
    location: str | None
    body: bytes  # without values that are shown once
    created_at: int
