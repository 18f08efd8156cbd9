"""What the core needs from the outside, as protocols.

Rule: no class here knows a technology. The store's methods raise only
`NotFoundError`, `ConflictError`, `StoreUnavailableError`, `StorageFullError`,
`DatabaseDamagedError`, and `InvalidValueError` for what no row can hold (a cursor
of another list, a number over 64 bits, a text that is not Unicode).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from gateway.entities import (
    AdminToken,
    ApiKeyId,
    AuditHead,
    AuditRecord,
    AuditRow,
    Author,
    Configuration,
    ConfigurationChanges,
    ConfigurationEpoch,
    ConfigurationState,
    EndpointId,
    EntityVersion,
    ExpiringSecret,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayEndpointBinding,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    GatewaySecretInfo,
    GracedSecret,
    IdempotentAnswer,
    KekState,
    KekTerm,
    MappingId,
    ModelDefinitionId,
    Page,
    PageRequest,
    Rotation,
    SealContext,
    SealedSecret,
    SecretId,
    ServingProcess,
    StoredApiKey,
    Trial,
    UsageRow,
    Users,
    VaultMeta,
    VersionedSecret,
)
from gateway.secret import Secret


class Clock(Protocol):
    """Time, so that tests can set it."""

    def now_ms(self) -> int:
        """Return wall-clock milliseconds since the epoch."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...


# --- vault --------------------------------------------------------------------------------


class Sealer(Protocol):
    """Seals credentials; cannot read one back."""

    @property
    def active_term(self) -> int:
        """The KEK term that new records are sealed under."""
        ...

    def seal(self, context: SealContext, value: Secret) -> bytes:
        """Return a new record of `value`, bound to `context`, under the active term."""
        ...


class Opener(Protocol):
    """Opens sealed credentials."""

    def open(self, context: SealContext, record: bytes) -> Secret:
        """Return the value of `record`.

        Raises:
            VaultIntegrityError: changed, moved, unknown term or version, other origin.
        """
        ...


class CredentialTrials(Protocol):
    """Tries credentials at their providers, by a call that costs nothing.

    Whoever asks learns whether a credential works, never the credential.
    """

    async def try_stored(self, sealed: SealedSecret, provider: str) -> Trial:
        """Try a stored credential. Raises VaultIntegrityError, TooManyRequestsError."""
        ...

    async def try_value(
        self, provider: str, value: Secret, auth_config: Mapping[str, Any] | None
    ) -> Trial:
        """Try a credential that is stored nowhere. Raises TooManyRequestsError."""
        ...


class KeyDeriver(Protocol):
    """Gives purposes of our own (sessions, idempotency) a key that only this installation has."""

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes, the same for the same purpose as long as the root key lives."""
        ...


# --- usage --------------------------------------------------------------------------------


class UsageSink(Protocol):
    """Takes finished attempts off the hot path."""

    def record(self, row: UsageRow) -> None:
        """Accept one row; never blocks, never raises."""
        ...


class Ledger(UsageSink, Protocol):
    """The ledger's one writer, who also counts what was lost on the way to it."""

    def note_dropped(self, count: int) -> None:
        """Count rows that could not be kept."""
        ...


# --- store --------------------------------------------------------------------------------


class SecretRows(Protocol):
    """Rows of provider credentials."""

    async def get(self, secret_id: SecretId) -> GatewaySecretInfo: ...
    async def list_of(self, ids: Collection[SecretId]) -> tuple[GatewaySecretInfo, ...]: ...
    async def get_sealed(self, secret_id: SecretId) -> SealedSecret: ...
    async def list_page(
        self, page: PageRequest, *, name: str | None = None, provider: str | None = None
    ) -> Page[GatewaySecretInfo]: ...
    async def list_sealed(self, page: PageRequest) -> Page[SealedSecret]: ...
    async def insert(self, info: GatewaySecretInfo, sealed: SealedSecret) -> None: ...
    async def insert_many(self, rows: Sequence[tuple[GatewaySecretInfo, SealedSecret]]) -> None: ...
    async def update(self, info: GatewaySecretInfo, sealed: SealedSecret | None) -> None: ...
    async def delete(self, secret_id: SecretId) -> None: ...
    async def users(self, secret_id: SecretId) -> Users: ...
    async def count(self) -> int: ...
    async def list_expiring(self, before_ms: int, limit: int) -> tuple[ExpiringSecret, ...]:
        """List those whose value ends before this moment, or has ended, the soonest first."""
        ...

    async def list_previous(
        self, page: PageRequest, *, kek_term: int | None = None
    ) -> Page[SealedSecret]:
        """List the records of former values whose grace lasts."""
        ...

    async def put_previous(self, graced: GracedSecret, masked_values: Mapping[str, str]) -> None:
        """Keep a former value; one that is kept already gives way."""
        ...

    async def rewrap_previous(self, sealed: SealedSecret, *, expected_record: bytes) -> bool:
        """Store a former value's record under another term; False: it is no longer as expected."""
        ...

    async def delete_previous(self, secret_id: SecretId) -> bool:
        """Delete the former value; False: there was none."""
        ...

    async def list_ended(self, now_ms: int, limit: int) -> tuple[SecretId, ...]:
        """List the secrets whose former value has had its time."""
        ...


class ModelDefinitionRows(Protocol):
    """Rows of model definitions."""

    async def get(self, model_definition_id: ModelDefinitionId) -> GatewayModelDefinition: ...
    async def list_of(
        self, ids: Collection[ModelDefinitionId]
    ) -> tuple[GatewayModelDefinition, ...]: ...
    async def list_page(
        self,
        page: PageRequest,
        *,
        name: str | None = None,
        provider: str | None = None,
        secret_id: SecretId | None = None,
    ) -> Page[GatewayModelDefinition]: ...
    async def insert(self, row: GatewayModelDefinition) -> None: ...
    async def insert_many(self, rows: Sequence[GatewayModelDefinition]) -> None: ...
    async def update(self, row: GatewayModelDefinition) -> None: ...
    async def delete(self, model_definition_id: ModelDefinitionId) -> None: ...
    async def users(self, model_definition_id: ModelDefinitionId) -> Users: ...


class EndpointRows(Protocol):
    """Rows of endpoints with their mappings and tags."""

    async def get(self, endpoint_id: EndpointId) -> GatewayEndpoint: ...
    async def list_of(self, ids: Collection[EndpointId]) -> tuple[GatewayEndpoint, ...]: ...
    async def list_page(
        self,
        page: PageRequest,
        *,
        name: str | None = None,
        provider: str | None = None,
        secret_id: SecretId | None = None,
        model_definition_id: ModelDefinitionId | None = None,
        q: str | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
    ) -> Page[GatewayEndpoint]:
        """List with mappings, model definitions and tags in a constant number of queries.

        `q` matches a part of the endpoint's name, case-insensitively; `resource_type` and
        `resource_id`, together, find what this resource is bound to.
        """
        ...

    async def list_users(
        self, model_definition_ids: Collection[ModelDefinitionId]
    ) -> tuple[GatewayEndpoint, ...]:
        """List all endpoints that are mapped to one of these, in a constant number of queries."""
        ...

    async def insert(self, row: GatewayEndpoint) -> None:
        """Insert the endpoint with its `model_mappings` and `tags`."""
        ...

    async def insert_many(self, rows: Sequence[GatewayEndpoint]) -> None:
        """Insert several, in as many statements as one."""
        ...

    async def update(self, row: GatewayEndpoint) -> None:
        """Update the endpoint's own columns and its version; mappings and tags stay."""
        ...

    async def replace_mappings(
        self, endpoint_id: EndpointId, rows: Sequence[GatewayEndpointModelMapping]
    ) -> None:
        """Make `rows` the endpoint's mappings: kept ids are updated, others go."""
        ...

    async def delete_mapping(self, mapping_id: MappingId) -> None: ...
    async def put_tag(self, endpoint_id: EndpointId, key: str, value: str) -> None: ...
    async def delete_tag(self, endpoint_id: EndpointId, key: str) -> None:
        """Delete one tag. Raises NotFoundError."""
        ...

    async def replace_tags(self, endpoint_id: EndpointId, tags: Mapping[str, str]) -> None: ...
    async def delete(self, endpoint_id: EndpointId) -> None:
        """Delete the endpoint with its mappings and tags; its bindings must be gone."""
        ...

    async def users(self, endpoint_id: EndpointId) -> Users: ...


class BindingRows(Protocol):
    """Rows of bindings."""

    async def get(
        self, endpoint_id: EndpointId, resource_type: str, resource_id: str
    ) -> GatewayEndpointBinding: ...
    async def list_page(
        self,
        page: PageRequest,
        *,
        endpoint_id: EndpointId | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
    ) -> Page[GatewayEndpointBinding]:
        """List; the id of a row in `after` is its key joined by newlines."""
        ...

    async def list_of_endpoints(
        self, endpoint_ids: Sequence[EndpointId]
    ) -> tuple[GatewayEndpointBinding, ...]:
        """List all of several endpoints by creation, in one query."""
        ...

    async def put(self, row: GatewayEndpointBinding) -> None:
        """Insert, or update the display name of the same key."""
        ...

    async def delete(
        self, endpoint_id: EndpointId, resource_type: str, resource_id: str
    ) -> None: ...
    async def delete_of_endpoint(self, endpoint_id: EndpointId) -> int:
        """Delete all bindings of an endpoint and return how many."""
        ...


class ApiKeyRows(Protocol):
    """Rows of clients' credentials."""

    async def get(self, key_id: ApiKeyId) -> GatewayApiKey: ...
    async def list_of(self, ids: Collection[ApiKeyId]) -> tuple[GatewayApiKey, ...]: ...
    async def list_page(
        self, page: PageRequest, *, name: str | None = None
    ) -> Page[GatewayApiKey]: ...
    async def insert(self, row: StoredApiKey) -> None: ...
    async def insert_many(self, rows: Sequence[StoredApiKey]) -> None: ...
    async def update(self, row: GatewayApiKey) -> None: ...
    async def update_value(self, row: StoredApiKey) -> None: ...
    async def delete(self, key_id: ApiKeyId) -> None: ...


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


class Transaction(Protocol):
    """One transaction; reads see one state of the database."""

    secrets: SecretRows
    model_definitions: ModelDefinitionRows
    endpoints: EndpointRows
    bindings: BindingRows
    api_keys: ApiKeyRows
    vault: VaultRows
    rotation: RotationRows
    admin: AdminRows
    usage: UsageRows
    history: HistoryRows

    async def get_epoch(self) -> int: ...
    async def bump_epoch(self, author: Author = ...) -> int:
        """Raise the epoch by one and return it. Part of every change of configuration.

        What the transaction has changed becomes a state of the history, by `author`.
        """
        ...

    async def read_configuration(self) -> Configuration:
        """Read all that a snapshot needs, in a constant number of queries.

        However large it is, the event loop gets its turn every few milliseconds.
        """
        ...

    async def read_changes(self, since: int) -> ConfigurationChanges | None:
        """Read what changed after epoch `since`, in a constant number of queries.

        Whoever wrote, by whatever method or process: what was committed or is about to be is in
        it. None: that is too long ago, too much, or not an epoch of this database; read it all.
        """
        ...


class Store(Protocol):
    """A database with the configuration, the vault's rows, the history and the ledger."""

    @property
    def fault(self) -> str | None:
        """What was found wrong with it that does not mend itself."""
        ...

    def chain_audit(self, key: bytes) -> None:
        """Take the key of the audit log's chain; without it no audit row can be written."""
        ...

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a read transaction."""
        ...

    def write(self) -> AbstractAsyncContextManager[Transaction]:
        """Open the write transaction: commits on leaving, rolls back on any exception.

        Writers wait for their turn, at most 5 s or what `limit_wait` has set, and a statement
        that hangs is not waited for: then StoreUnavailableError.
        """
        ...

    def limit_wait(self, wait_s: float) -> None:
        """Let writers wait so long at most for other processes, in seconds."""
        ...

    async def changed(self) -> bool:
        """Tell, cheaply, whether another process has committed since the last call."""
        ...

    async def ping(self) -> None:
        """Raise StoreUnavailableError unless the database answers."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
