"""What is configured: secrets, model definitions, endpoints, bindings, api keys.

Rule: fields are those of the published contract, and no credential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.entities.names import (
    ApiKeyId,
    EndpointId,
    FallbackStrategy,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    RoutingStrategy,
    SecretId,
)


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
