"""Bodies of /endpoints, their mappings and tags.

Rule: what one mapping may be is checked here; what the mappings of an endpoint must be
together is checked by `gateway.routing`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, RootModel, StringConstraints

from gateway.control.schema.base import Content, Entity, Name, Stamped, Strict, absent
from gateway.control.schema.model_definitions import GatewayModelDefinition
from gateway.entities import FallbackStrategy, LinkageType, RefusalKind, RoutingStrategy

MAX_MAPPINGS = 100  # of one endpoint: a request looks at each of them once
MAX_TAGS = 100
_DAY_MS = 86_400_000
_GIB = 1 << 30

EndpointName = Annotated[
    str, StringConstraints(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_.-]+$")
]
Weight = Annotated[float, Field(ge=0), AfterValidator(abs)]  # abs: -0.0 is 0
FallbackOrder = Annotated[int, Field(ge=0, le=10_000)]
TimeLimit = Annotated[int, Field(ge=1, le=_DAY_MS)]
Tags = Annotated[dict[Name, Content], Field(max_length=MAX_TAGS)]


class MappingCreate(Strict):
    """One model definition's part in an endpoint."""

    model_definition_id: Name
    weight: Weight = 1.0
    """Relative share of the traffic; 0 is drained."""
    linkage_type: LinkageType = LinkageType.PRIMARY
    fallback_order: FallbackOrder | None = None
    """FALLBACK only; left out, it comes after the others."""


class MappingPatch(Strict):
    """Changes of one mapping."""

    immutable: ClassVar[frozenset[str]] = frozenset({"mapping_id", "endpoint_id"})

    model_definition_id: Name = absent()
    weight: Weight = absent()
    linkage_type: LinkageType = absent()
    fallback_order: FallbackOrder | None = absent()


Mappings = Annotated[list[MappingCreate], Field(min_length=1, max_length=MAX_MAPPINGS)]


class MappingsReplace(Strict):
    """All mappings of an endpoint; the bare array is accepted too."""

    model_mappings: Mappings


class MappingsArray(RootModel[Mappings]):
    """All mappings of an endpoint."""

    model_config = Strict.model_config | {"extra": None}


class FallbackConfig(Strict):
    """How many FALLBACKs a request may go on to: null all, 0 none."""

    strategy: FallbackStrategy = FallbackStrategy.SEQUENTIAL
    max_attempts: Annotated[int, Field(ge=0, le=MAX_MAPPINGS)] | None = None


class EndpointLimits(Strict):
    """Limits of one endpoint; null means the installation's own."""

    max_body_bytes: Annotated[int, Field(ge=1, le=_GIB)] | None = None
    connect_timeout_ms: TimeLimit | None = None
    first_byte_timeout_ms: TimeLimit | None = None
    idle_timeout_ms: TimeLimit | None = None
    total_timeout_ms: TimeLimit | None = None


class Resilience(Strict):
    """What an endpoint opts in to when things go wrong or slowly."""

    fallback_on: Annotated[list[RefusalKind], Field(max_length=len(RefusalKind))] = Field(
        default_factory=list
    )
    """Refusals of a request after which another target is tried all the same."""
    hedge: bool = False
    """Ask a second target when the first is slower than usual: at most 2 % more calls."""


class EndpointCreate(Strict):
    """The public name that applications call, and what stands behind it."""

    name: EndpointName
    model_mappings: Mappings
    tags: Tags = Field(default_factory=dict)
    routing_strategy: RoutingStrategy | None = None
    """Null means REQUEST_BASED_TRAFFIC_SPLIT."""
    fallback_config: FallbackConfig | None = None
    usage_tracking: bool = True
    limits: EndpointLimits | None = None
    resilience: Resilience | None = None


class EndpointPatch(Strict):
    """Changes of an endpoint; mappings and tags are replaced as a whole."""

    immutable: ClassVar[frozenset[str]] = frozenset({"endpoint_id"})

    name: EndpointName = absent()
    model_mappings: Mappings = absent()
    tags: Tags = absent()
    routing_strategy: RoutingStrategy | None = absent()
    fallback_config: FallbackConfig | None = absent()
    usage_tracking: bool = absent()
    limits: EndpointLimits | None = absent()
    resilience: Resilience | None = absent()


class TagPut(Strict):
    """The value of one tag."""

    value: Content


class GatewayEndpointModelMapping(Entity):
    """A mapping with its model definition and its computed share of the traffic."""

    mapping_id: str
    endpoint_id: str
    model_definition_id: str
    model_definition: GatewayModelDefinition
    weight: float
    share: float
    """0 to 1: the weight over the sum of the PRIMARY weights; 0 for a FALLBACK."""
    linkage_type: LinkageType
    fallback_order: int | None
    created_at: int
    created_by: str


class GatewayEndpoint(Stamped):
    """An endpoint with its mappings and tags."""

    endpoint_id: str
    name: str
    model_mappings: list[GatewayEndpointModelMapping]
    tags: dict[str, str]
    routing_strategy: RoutingStrategy | None
    fallback_config: FallbackConfig | None
    usage_tracking: bool
    limits: EndpointLimits
    resilience: Resilience


class EndpointPage(Entity):
    """A page of endpoints."""

    items: list[GatewayEndpoint]
    next_cursor: str | None


class MappingPage(Entity):
    """All mappings of one endpoint."""

    items: list[GatewayEndpointModelMapping]
    next_cursor: str | None
