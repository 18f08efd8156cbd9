"""Bodies of /status, /providers, /session and /endpoints/{id}/explain.

Rule: facts about the running gateway; none of them is stored.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from gateway.control.schema.base import Entity, Strict
from gateway.control.schema.endpoints import FallbackConfig
from gateway.entities import LinkageType, RoutingStrategy
from gateway.roles import Role


class VaultStatus(Entity):
    """The keys that records are sealed under, without anything secret."""

    active_term: int
    records: dict[str, int]
    """How many records stand under each term; none while the database does not answer."""


class TargetState(Entity):
    """A model definition that is not simply asked."""

    model_definition_id: str
    model_definition_name: str
    state: Literal["open", "half_open", "cooling", "quarantined"]
    until: int
    """When a request may try it again."""
    reason: str
    """Code of the error that it was taken out for."""
    times: int
    """How often in a row it was taken out."""
    secret_name: str
    former_until: int | None
    """The provider refuses the new value of its secret: the former one serves until then."""


class ExpiringSecret(Entity):
    """A credential whose value ends soon, or has ended. It is tried all the same."""

    secret_id: str
    secret_name: str
    expires_at: int
    expired: bool


class ConfigurationFile(Entity):
    """The file that the configuration comes from."""

    path: str
    sections: list[str]
    """What it has; what it has not, REST can change."""
    applied_at: int | None
    faults: list[str]
    """What is wrong with its newest version; the last good one is served."""


class WorkerProcess(Entity):
    """A live worker process."""

    pid: int
    epoch: int
    """Of the configuration that it serves."""
    connections: int
    """Of clients, open now."""
    started_at: int
    draining: bool
    """Whether it only finishes what it has."""


class QuarantinedSecret(Entity):
    """A stored credential that does not open."""

    secret_id: str
    secret_name: str
    reason: str


class Status(BaseModel):
    """The running gateway; it may know more than is listed here."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    version: str
    now: int
    started_at: int
    uptime_ms: int
    workers: int
    """Processes that serve the data plane."""
    worker_processes: list[WorkerProcess]
    """None where the gateway's own process serves it."""
    listen: str
    """Where the data plane listens."""
    admin_listen: str | None
    """Where the control plane listens, if it has an address of its own."""
    epoch: int
    """Of the configuration that is served."""
    stored_epoch: int | None
    """Of the configuration in the database; null while it does not answer."""
    secrets: int | None
    """Stored credentials; null while the database does not answer."""
    endpoints: int
    api_keys: int
    vault: VaultStatus
    configuration_file: ConfigurationFile | None
    """Where the configuration comes from, if it is not written over REST."""
    database_fault: str | None
    """What is wrong with the database, as far as its last use showed; requests are served."""
    ledger_backlog: int
    """Usage rows in memory, not yet stored."""
    ledger_spool_rows: int
    """Usage rows that wait on the disk for the database."""
    ledger_spool_bytes: int
    """How much of the disk they take."""
    ledger_dropped: int
    """Usage rows lost since the start."""
    quarantined: list[QuarantinedSecret]
    """Credentials that do not open; their targets are skipped."""
    targets: list[TargetState]
    """Models that are not asked just now, or by single requests only."""
    expiring_secrets: list[ExpiringSecret]
    """Credentials whose value the provider ends within 14 days, or has ended."""


class ProviderField(Entity):
    """One input of a credential or of its settings."""

    name: str
    title: str
    secret: bool
    required: bool
    """In the ways of authentication that it belongs to."""
    default: str | None
    help: str
    modes: list[str]
    """Ways of authentication that it belongs to; all that the provider has if it is any's."""
    choices: list[str]
    """What it may be; empty: anything."""
    multiline: bool
    """A document, such as a key file."""


class ProviderAuth(Entity):
    """A way of authentication."""

    name: str
    title: str
    secret_fields: list[str]
    """Names of those that it takes."""
    config_fields: list[str]
    required: list[str]
    """Paths of those that it cannot do without, such as `auth_config.region`."""


class Provider(Entity):
    """A provider that secrets and model definitions can name."""

    name: str
    title: str
    dialects: list[str]
    base_url: str | None
    secret_fields: list[ProviderField]
    config_fields: list[ProviderField]
    auth_modes: list[str]
    """The first is taken where `auth_config.auth_mode` names none."""
    auth: list[ProviderAuth]
    translated_to: list[str]
    """Dialects that chats of other formats are sent as, the best first."""
    self_hosted: bool
    """A program that operators run themselves."""
    notes: str


class ProviderPage(Entity):
    """All providers."""

    items: list[Provider]
    next_cursor: str | None


class SessionCreate(Strict):
    """An admin token, to be exchanged for a session cookie."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]


class Session(Entity):
    """A session of the web page; `csrf_token` goes into X-CSRF-Token of unsafe methods."""

    actor: str
    role: Role
    scopes: list[str]
    """Globs over the names of the endpoints that it reaches; `*` is all, and everything else."""
    expires_at: int | None
    csrf_token: str | None


class LoginMethods(Entity):
    """The ways to log in."""

    token: bool
    oidc: bool
    """Whether `GET /session/oidc` leads to an identity provider."""


class PlannedTarget(Entity):
    """A target in the order in which a request tries them."""

    position: int
    """1-based. PRIMARYs with traffic are drawn by weight: their order here is by share."""
    mapping_id: str
    model_definition_id: str
    model_definition_name: str
    provider: str
    model_name: str
    linkage_type: LinkageType
    weight: float
    share: float
    fallback_order: int | None
    usable: bool
    reason: str
    formats: dict[str, str | None]
    """By dialect of a client, the one in which the model is asked: the same is passed byte for
    byte, another is translated, null cannot be served."""
    state: Literal["closed", "open", "half_open", "cooling", "quarantined"]
    """Of its circuit; closed is as it should be."""
    until: int | None
    """When it may be asked again, if it may not now."""


class ExplainedOutcome(Entity):
    """What happens after an upstream's answer or failure."""

    outcome: str
    example: str
    next_target: bool
    """Whether the next target is tried, while nothing was sent to the client."""
    retry_alone: bool
    """Whether a target that is the only one is asked once more."""
    target_then: str
    """What becomes of the target that failed."""
    client_gets: str
    """What the client gets when no target is left."""


class Explanation(Entity):
    """How the requests of an endpoint are routed now."""

    endpoint_id: str
    name: str
    routing_strategy: RoutingStrategy
    fallback_config: FallbackConfig | None
    max_attempts: int
    """Upstream calls per request over all targets."""
    hedge: bool
    """Whether a second target is asked when the first is slow."""
    order: list[PlannedTarget]
    outcomes: list[ExplainedOutcome]
