"""The values that Lockgate is about: frozen rows, their ids and enumerations.

Rule: no behaviour beyond trivial properties, no I/O, no defaults that hide a
decision. Times are integer milliseconds since the epoch. Field names are those
of the published contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Generic, NamedTuple, NewType, TypeAlias, TypeVar

from gateway.roles import Role

SecretId = NewType("SecretId", str)  # "s-" and 32 hex digits
ModelDefinitionId = NewType("ModelDefinitionId", str)  # "d-"
EndpointId = NewType("EndpointId", str)  # "e-"
MappingId = NewType("MappingId", str)  # "m-"
ApiKeyId = NewType("ApiKeyId", str)  # "k-"

RowT = TypeVar("RowT")


class LinkageType(StrEnum):
    """How a mapping takes part in an endpoint."""

    PRIMARY = "PRIMARY"
    FALLBACK = "FALLBACK"


class RoutingStrategy(StrEnum):
    """How the first target of a request is chosen."""

    REQUEST_BASED_TRAFFIC_SPLIT = "REQUEST_BASED_TRAFFIC_SPLIT"


class FallbackStrategy(StrEnum):
    """In which order fallbacks are tried."""

    SEQUENTIAL = "SEQUENTIAL"


class RefusalKind(StrEnum):
    """Refusals of what a request holds that another model might not share."""

    CONTEXT_WINDOW_EXCEEDED = "context_window_exceeded"
    CONTENT_POLICY = "content_policy"


class Dialect(StrEnum):
    """A wire format that a client or an upstream speaks."""

    OPENAI_CHAT = "openai_chat"
    OPENAI_COMPLETIONS = "openai_completions"
    OPENAI_RESPONSES = "openai_responses"
    OPENAI_EMBEDDINGS = "openai_embeddings"
    OPENAI_RAW = "openai_raw"  # what of OpenAI's passes unread: images, speech, moderation
    ANTHROPIC_MESSAGES = "anthropic_messages"
    GEMINI = "gemini"


# --- configuration ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousValue:
    """What may be shown of the value before the current one, while its grace lasts."""

    masked_values: Mapping[str, str]
    grace_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySecretInfo:
    """What may be shown of a stored provider credential.

    `expires_at` is when the provider lets the value end; nothing here ends with it.
    """

    secret_id: SecretId
    secret_name: str
    masked_values: Mapping[str, str]
    provider: str | None
    auth_config: Mapping[str, Any] | None
    expires_at: int | None = None
    previous_value: PreviousValue | None = None
    last_used_at: int | None = None  # to the minute; the ledger's, not part of the version
    created_at: int
    last_updated_at: int
    created_by: str
    last_updated_by: str
    version: int = 1  # of the row: grows with every change


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """A credential as it is stored, with what its record is bound to.

    `secret_version` counts values, `version` of the row counts changes of any kind. `value_mac`
    tells whether a given value is the stored one (keyed; null for what is older than it).
    """

    secret_id: SecretId
    secret_name: str
    provider: str | None
    auth_config: Mapping[str, Any] | None
    secret_version: int
    kek_term: int
    record: bytes = field(repr=False)
    value_mac: bytes | None = field(default=None, repr=False)
    previous: GracedSecret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GracedSecret:
    """The value before the current one as it is stored: good until `grace_until`."""

    sealed: SealedSecret
    grace_until: int


WARN_MS: Final = 14 * 86_400_000  # before an expiry: who renews keys may be away for a week


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringSecret:
    """A credential whose value the provider ends, or has ended."""

    secret_id: SecretId
    secret_name: str
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayModelDefinition:
    """A model of a provider, reached with a stored credential; reusable by many endpoints."""

    model_definition_id: ModelDefinitionId
    name: str
    secret_id: SecretId
    secret_name: str  # joined, for display
    provider: str
    model_name: str  # the provider's name of the model
    created_at: int
    last_updated_at: int
    created_by: str
    last_updated_by: str
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEndpointModelMapping:
    """One model definition's part in one endpoint."""

    mapping_id: MappingId
    endpoint_id: EndpointId
    model_definition_id: ModelDefinitionId
    model_definition: GatewayModelDefinition  # joined
    weight: float  # relative share, finite, >= 0; 0 is drained
    linkage_type: LinkageType
    fallback_order: int | None  # 0-based, FALLBACK only
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackConfig:
    """How many FALLBACKs a request may go on to: null all, 0 none."""

    strategy: FallbackStrategy = FallbackStrategy.SEQUENTIAL
    max_attempts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLimits:
    """Limits of one endpoint; null means the installation's own."""

    max_body_bytes: int | None = None
    connect_timeout_ms: int | None = None
    first_byte_timeout_ms: int | None = None
    idle_timeout_ms: int | None = None
    total_timeout_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resilience:
    """What an endpoint has opted in to when things go wrong or slowly.

    `fallback_on` names refusals of a request after which another target is tried all the same;
    `hedge`: a second target is asked when the first is slower than usual.
    """

    fallback_on: tuple[str, ...] = ()
    hedge: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEndpoint:
    """The public name that applications call in place of a model."""

    endpoint_id: EndpointId
    name: str
    model_mappings: tuple[GatewayEndpointModelMapping, ...]
    tags: Mapping[str, str]
    routing_strategy: RoutingStrategy | None
    fallback_config: FallbackConfig | None
    usage_tracking: bool
    limits: EndpointLimits
    resilience: Resilience = Resilience()
    created_at: int
    last_updated_at: int
    created_by: str
    last_updated_by: str
    version: int = 1  # grows with every change of the endpoint, its mappings or tags


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEndpointBinding:
    """An outside resource that uses an endpoint. Key: endpoint_id, resource_type, resource_id."""

    endpoint_id: EndpointId
    resource_type: str
    resource_id: str
    endpoint_name: str  # joined, for display
    display_name: str | None
    created_at: int
    last_updated_at: int
    created_by: str
    last_updated_by: str
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayApiKey:
    """A client's credential, without its value."""

    key_id: ApiKeyId
    name: str
    masked_value: str
    allowed_endpoints: tuple[str, ...]  # globs
    expires_at: int | None
    disabled: bool
    created_at: int
    last_updated_at: int
    created_by: str
    last_updated_by: str
    version: int = 1
    last_used_at: int | None = None  # to the minute; the ledger's, not part of the version


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredApiKey:
    """A client's credential as the data plane checks it: SHA-256 of the value."""

    key: GatewayApiKey
    digest: bytes = field(repr=False)


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
class Configuration:
    """Everything that a snapshot is built from, read in one transaction."""

    epoch: int
    endpoints: tuple[GatewayEndpoint, ...]
    secrets: tuple[SealedSecret, ...]
    api_keys: tuple[StoredApiKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChanges:
    """What a snapshot of epoch `since` lacks to be one of `epoch`.

    The rows are those that were touched, as they stand now; an endpoint counts as touched too
    when a model definition of its mappings was. The `gone_` ids name rows that are no more.
    """

    since: int
    epoch: int
    endpoints: tuple[GatewayEndpoint, ...]
    secrets: tuple[SealedSecret, ...]
    api_keys: tuple[StoredApiKey, ...]
    gone_endpoints: frozenset[EndpointId]
    gone_secrets: frozenset[SecretId]
    gone_api_keys: frozenset[ApiKeyId]


# All of it by kind and row id. A content has the fields of a document, but ids in place of the
# names of other entities: renaming one changes no other.
ConfigurationState: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who made an epoch, when, and with which request."""

    at: int
    actor: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationEpoch:
    """One numbered state of the configuration that can be read again."""

    epoch: int
    at: int
    actor: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityVersion:
    """That an entity became another one with an epoch, as `total` did; `new` and `gone` say how."""

    kind: str
    row_id: str
    epoch: int
    name: str
    new: bool
    gone: bool
    total: int


# --- trials of credentials ----------------------------------------------------------------


class TrialOutcome(StrEnum):
    """What a provider says to a credential."""

    WORKS = "works"
    REFUSED = "refused"  # it does not know it, or no longer
    FORBIDDEN = "forbidden"  # it knows it, and does not let it ask for this
    LIMITED = "limited"  # it knows it, and has no room or quota for it now
    UNREACHABLE = "unreachable"  # no answer came
    UNKNOWN = "unknown"  # an answer came that says nothing about it


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of trying a credential at its provider."""

    outcome: TrialOutcome
    status: int | None
    latency_ms: float
    detail: str  # a sentence of ours, nothing of the provider's


# --- vault rows ---------------------------------------------------------------------------


class KekState(StrEnum):
    """Life of a key-encryption-key term."""

    PENDING = "pending"
    ACTIVE = "active"
    DECRYPT_ONLY = "decrypt_only"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultMeta:
    """How the root key of this installation is made; one row, no secret in it."""

    installation_id: str  # 32 hex digits, bound into every wrap of a KEK
    root_kind: str  # "key_file" or "passphrase"
    kdf: str | None  # "argon2id", "scrypt", "pbkdf2_sha256"; null with a key file
    kdf_params: Mapping[str, int]
    salt: bytes
    root_check: bytes  # key-check value of the root key
    wrapped_root: bytes = field(repr=False)  # the root key under the key file's or passphrase's key
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KekTerm:
    """One key-encryption key, wrapped by the root key."""

    term: int  # 1..n
    state: KekState
    wrapped_key: bytes = field(repr=False)
    check_value: bytes = field(repr=False)
    wraps: int = 0  # DEKs wrapped under it so far
    created_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SealContext:
    """What a sealed record is bound to; all of it is authenticated."""

    table: str
    row_id: str
    name: str
    field: str
    version: int  # of the value
    provider: str  # "" where the secret has none
    origin: str  # scheme://host:port that the credential may go to, "" where only a vendor's own


# --- history and usage --------------------------------------------------------------------


class RotationPhase(StrEnum):
    """How far a rotation of the key-encryption key has come."""

    IDLE = "idle"  # none yet
    LOADING = "loading"  # the new term is stored, not every process has its key yet
    MOVING = "moving"  # the new term is active, records go over to it
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The newest rotation, and who may run it; one row. Times in ms since the epoch.

    A runner writes only while `token` is the one that it got with its lease.
    """

    token: int = 0
    holder: str = ""  # host and process, for the operator
    lease_until: int = 0
    phase: RotationPhase = RotationPhase.IDLE
    to_term: int | None = None
    reencrypt: bool = False
    total: int = 0  # records that stood under other terms when the new one became active
    moved: int = 0
    failed: int = 0  # records that do not open and stay where they are
    started_at: int | None = None
    finished_at: int | None = None
    started_by: str = ""

    @property
    def is_unfinished(self) -> bool:
        """Whether running it again has something to finish."""
        return self.phase in (RotationPhase.LOADING, RotationPhase.MOVING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingProcess:
    """A gateway (parent and workers) on this database, as of its last heartbeat.

    `loaded_term` and `served_epoch` are the lowest of it and all its live workers.
    """

    process_id: str
    host: str
    pid: int
    workers: int
    started_at: int
    seen_at: int
    lease_until: int  # after it, the process counts as gone
    loaded_term: int  # it has the keys of all terms up to this one
    served_epoch: int

    @property
    def name(self) -> str:
        """What an operator finds it by."""
        return f"{self.host}, pid {self.pid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedSecret:
    """A sealed credential with the version of its row, to be replaced only if it is still that."""

    sealed: SealedSecret
    version: int | None  # None: a former value, which has no row of its own kind


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


# --- pages --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page of a list: rows after the one with this (created_at, id)."""

    limit: int
    after: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[RowT]):
    """A page of rows; `next_after` is null on the last one."""

    items: tuple[RowT, ...]
    next_after: tuple[int, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """Who uses a row: the first 20 as (kind, id, name), and how many in all."""

    items: tuple[tuple[str, str, str], ...]
    count: int
