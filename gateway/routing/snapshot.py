"""The immutable configuration that a request is served from, built from the stored rows.

Rule: a snapshot never changes; a new one takes its place whole, and an older
epoch never replaces a newer one. What cannot run cannot be built.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from typing import Final

from gateway.entities import (
    ApiKeyId,
    Configuration,
    EndpointId,
    EndpointLimits,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    SealedSecret,
    SecretId,
    StoredApiKey,
)
from gateway.errors import ConflictError
from gateway.routing.mappings import build_specs, check_mappings, normalize

_GLOB_CHARACTERS = re.compile(r"[*?\[]")
_SLICE: Final = 50  # endpoints or keys built between two turns of the event loop: about 1 ms


@dataclass(frozen=True, slots=True)
class Target:
    """One model that an endpoint may send a request to."""

    mapping_id: MappingId
    model_definition_id: ModelDefinitionId
    model_definition_name: str
    provider: str
    upstream_model: str
    secret_id: SecretId
    weight: float
    linkage_type: LinkageType
    fallback_order: int | None
    mapping: GatewayEndpointModelMapping


@dataclass(frozen=True, slots=True)
class EndpointRoute:
    """An endpoint, ready to be planned on.

    `primaries` hold those with a weight above 0; `cumulative` is the running sum of their
    shares and ends with 1. `drained` hold the PRIMARYs of weight 0. `fallbacks` are in order
    and not yet cut to `max_fallbacks` (None: no cut).
    """

    endpoint_id: EndpointId
    name: str
    primaries: tuple[Target, ...]
    cumulative: tuple[float, ...]
    drained: tuple[Target, ...]
    fallbacks: tuple[Target, ...]
    max_fallbacks: int | None
    limits: EndpointLimits
    usage_tracking: bool
    created_at: int

    @property
    def targets(self) -> tuple[Target, ...]:
        """All targets, in no promised order."""
        return self.primaries + self.drained + self.fallbacks


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A client's credential, ready to be checked. Globs match case-sensitively, as fnmatch."""

    key_id: ApiKeyId
    name: str
    digest: bytes
    allows_all: bool
    exact: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]
    expires_at: int | None
    disabled: bool

    def allows(self, endpoint_name: str) -> bool:
        """Tell whether this key may call the endpoint."""
        return (
            self.allows_all
            or endpoint_name in self.exact
            or any(pattern.match(endpoint_name) for pattern in self.patterns)
        )

    def is_live(self, now_ms: int) -> bool:
        """Tell whether the key is neither disabled nor expired (at `expires_at` it is)."""
        return not self.disabled and (self.expires_at is None or now_ms < self.expires_at)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a request needs, by the keys that it is looked up with."""

    epoch: int
    endpoints: Mapping[str, EndpointRoute]
    keys: Mapping[bytes, ClientKey]
    sealed: Mapping[SecretId, SealedSecret]
    largest_body_bytes: int = field(init=False)  # of the endpoints' own limits; 0: none has one

    def __post_init__(self) -> None:
        own = (route.limits.max_body_bytes or 0 for route in self.endpoints.values())
        object.__setattr__(self, "largest_body_bytes", max(own, default=0))

    def iter_allowed(self, key: ClientKey) -> Iterator[EndpointRoute]:
        """Yield the endpoints that a key may call, in the order of the configuration.

        Only globs are held against every name.
        """
        if key.allows_all:
            return iter(self.endpoints.values())
        if not key.patterns:
            found = [self.endpoints[name] for name in key.exact if name in self.endpoints]
            return iter(sorted(found, key=creation_order))
        return (route for name, route in self.endpoints.items() if key.allows(name))


class SnapshotHolder:
    """The current snapshot of a process; a request reads it once."""

    __slots__ = ("_current",)

    def __init__(self, snapshot: Snapshot) -> None:
        self._current = snapshot

    @property
    def current(self) -> Snapshot:
        """The newest snapshot."""
        return self._current

    def swap(self, new: Snapshot) -> bool:
        """Put `new` in place; False, and nothing changes, unless its epoch is newer."""
        if new.epoch <= self._current.epoch:
            return False
        self._current = new
        return True


def build_snapshot(configuration: Configuration) -> Snapshot:
    """Compile the stored rows.

    Raises:
        ConflictError: a name or digest stands twice, a secret is missing or of another
            provider.
        InvalidValueError: an endpoint's mappings break the rules (see `check_mappings`).
    """
    slices = iter_snapshot(configuration)
    while True:
        try:
            next(slices)
        except StopIteration as end:
            built: Snapshot = end.value
            return built


def iter_snapshot(configuration: Configuration) -> Generator[None, None, Snapshot]:
    """Do what `build_snapshot` does, in slices: whoever drives this can see to other work."""
    sealed = {secret.secret_id: secret for secret in configuration.secrets}
    if len(sealed) != len(configuration.secrets):
        raise ConflictError("two secrets have the same id")
    endpoints: dict[str, EndpointRoute] = {}
    for count, endpoint in enumerate(configuration.endpoints):
        if not count % _SLICE:
            yield
        add_route(endpoints, build_route(endpoint, sealed))
    keys: dict[bytes, ClientKey] = {}
    for count, stored in enumerate(configuration.api_keys):
        if not count % _SLICE:
            yield
        add_key(keys, build_key(stored))
    return Snapshot(configuration.epoch, endpoints, keys, sealed)


def creation_order(route: EndpointRoute) -> tuple[int, str]:
    """Return the key that endpoints of a configuration are sorted by."""
    return route.created_at, route.endpoint_id


def add_route(endpoints: dict[str, EndpointRoute], route: EndpointRoute) -> None:
    """Add an endpoint to those of a snapshot. Raises ConflictError: the name is taken."""
    if route.name in endpoints:
        raise ConflictError(f"two endpoints have the name {route.name!r}", field="name")
    endpoints[route.name] = route


def add_key(keys: dict[bytes, ClientKey], key: ClientKey) -> None:
    """Add a key to those of a snapshot. Raises ConflictError: the value is taken."""
    if key.digest in keys:
        raise ConflictError("two api keys have the same value")
    keys[key.digest] = key


def build_route(
    endpoint: GatewayEndpoint, sealed: Mapping[SecretId, SealedSecret]
) -> EndpointRoute:
    """Compile an endpoint. Raises ConflictError, InvalidValueError as `build_snapshot` does."""
    check_mappings(build_specs(endpoint.model_mappings))
    targets = [_build_target(row, sealed, endpoint.name) for row in endpoint.model_mappings]
    first = [target for target in targets if target.linkage_type is LinkageType.PRIMARY]
    primaries = tuple(target for target in first if target.weight > 0)
    fallbacks = [target for target in targets if target.linkage_type is LinkageType.FALLBACK]
    config = endpoint.fallback_config
    return EndpointRoute(
        endpoint_id=endpoint.endpoint_id,
        name=endpoint.name,
        primaries=primaries,
        cumulative=_accumulate([target.weight for target in primaries]),
        drained=tuple(target for target in first if target.weight == 0),
        fallbacks=tuple(sorted(fallbacks, key=attrgetter("fallback_order"))),
        max_fallbacks=None if config is None else config.max_attempts,
        limits=endpoint.limits,
        usage_tracking=endpoint.usage_tracking,
        created_at=endpoint.created_at,
    )


def _accumulate(weights: list[float]) -> tuple[float, ...]:
    """Return running shares; the last is exactly 1, so that every draw below 1 hits."""
    return (*accumulate(normalize(weights)[:-1]), 1.0)


def _build_target(
    row: GatewayEndpointModelMapping, sealed: Mapping[SecretId, SealedSecret], endpoint: str
) -> Target:
    definition = row.model_definition
    check_secret(definition, sealed, endpoint)
    return Target(
        mapping_id=row.mapping_id,
        model_definition_id=row.model_definition_id,
        model_definition_name=definition.name,
        provider=definition.provider,
        upstream_model=definition.model_name,
        secret_id=definition.secret_id,
        weight=row.weight,
        linkage_type=row.linkage_type,
        fallback_order=row.fallback_order,
        mapping=row,
    )


def check_secret(
    definition: GatewayModelDefinition, sealed: Mapping[SecretId, SealedSecret], endpoint: str
) -> None:
    """Check that the credential of an endpoint's target is there and of its provider.

    Raises:
        ConflictError: it is not.
    """
    secret = sealed.get(definition.secret_id)
    if secret is None:
        raise ConflictError(
            f"endpoint {endpoint!r}: the secret of model definition {definition.name!r} is missing"
        )
    if secret.provider not in (None, definition.provider):
        raise ConflictError(
            f"endpoint {endpoint!r}: model definition {definition.name!r} is of another provider "
            "than its secret"
        )


def build_key(stored: StoredApiKey) -> ClientKey:
    """Compile a client's credential."""
    key = stored.key
    globs = [glob for glob in key.allowed_endpoints if _GLOB_CHARACTERS.search(glob)]
    return ClientKey(
        key_id=key.key_id,
        name=key.name,
        digest=stored.digest,
        allows_all="*" in globs,
        exact=frozenset(key.allowed_endpoints).difference(globs),
        patterns=tuple(_compile(glob) for glob in globs),
        expires_at=key.expires_at,
        disabled=key.disabled,
    )


@lru_cache(maxsize=4_096)  # a fleet of keys shares few globs; compiling one costs about 50 us
def _compile(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))
