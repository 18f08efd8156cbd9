"""The immutable configuration that a request is served from, built from the stored rows.

Rule: a snapshot never changes; a new one takes its place whole, and an older
epoch never replaces a newer one. What cannot run cannot be built.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import translate
from functools import lru_cache
from itertools import accumulate, islice, takewhile
from operator import attrgetter
from typing import Final, TypeVar

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

ValueT = TypeVar("ValueT")

_GLOB_CHARACTERS = re.compile(r"[*?\[]")
UNKNOWN: Final = -1
SLICE: Final = 50  # endpoints or keys built between two turns of the event loop: about 1 ms


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
    and not yet cut to `max_fallbacks` (None: no cut). `lends_files`: its callers may use what the
    provider has stored.
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
    fallback_on: tuple[str, ...] = ()
    hedge: bool = False
    lends_files: bool = False

    @property
    def targets(self) -> tuple[Target, ...]:
        """All targets, in no promised order."""
        return self.primaries + self.drained + self.fallbacks


# The tag with which an administrator opens a provider's files and batches.
_LENDING_TAG: Final = "lockgate.files"
_LENT: Final = "shared"

# How the endpoints of a configuration are sorted.
creation_order: Callable[[EndpointRoute], tuple[int, str]] = attrgetter("created_at", "endpoint_id")


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A client's credential, ready to be checked. Globs match case-sensitively, as fnmatch."""

    key_id: ApiKeyId
    name: str
    digest: bytes
    allows_all: bool
    exact: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]
    prefixes: tuple[str, ...]  # what a name that a pattern matches begins with, for each
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
    largest_body_bytes: int = UNKNOWN  # of the endpoints' own limits; 0: none has one
    _names: list[str] = field(init=False, repr=False, compare=False, default_factory=list)
    _places: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.largest_body_bytes == UNKNOWN:
            largest = max(map(own_body_bytes, self.endpoints.values()), default=0)
            object.__setattr__(self, "largest_body_bytes", largest)

    def iter_allowed(self, key: ClientKey) -> Iterator[EndpointRoute]:
        """Yield the endpoints that a key may call, in the order of the configuration."""
        if key.allows_all:
            return iter(self.endpoints.values())
        if not self._names:  # once: a snapshot never changes
            self._names.extend(sorted(self.endpoints))
            self._places.update((name, place) for place, name in enumerate(self.endpoints))
        found = {name for name in key.exact if name in self.endpoints}
        for prefix, pattern in zip(key.prefixes, key.patterns, strict=True):
            found.update(filter(pattern.match, self._iter_names(prefix)))
        return (self.endpoints[name] for name in sorted(found, key=self._places.__getitem__))

    def _iter_names(self, prefix: str) -> Iterator[str]:
        """Yield the names with a prefix: 10,000 are not looked at for the 20 of a team."""
        start = bisect_left(self._names, prefix)
        return takewhile(lambda name: name.startswith(prefix), islice(self._names, start, None))


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
    return finish(iter_snapshot(configuration))


def finish(slices: Generator[None, None, Snapshot]) -> Snapshot:
    """Do work in slices all at once."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            built: Snapshot = end.value
            return built


def iter_snapshot(
    configuration: Configuration, previous: Snapshot | None = None
) -> Generator[None, None, Snapshot]:
    """Do what `build_snapshot` does, in slices: whoever drives this can see to other work.

    What is the same in `previous` stays the same object.
    """
    old = previous or Snapshot(0, {}, {}, {})
    epoch = configuration.epoch
    # Rows go as they are compiled, where nobody else has them: 10,000 at once take 10 ms.
    secrets, rows = deque(configuration.secrets), deque(configuration.endpoints)
    stored_keys = deque(configuration.api_keys)
    del configuration
    sealed: dict[SecretId, SealedSecret] = {}
    while secrets:
        secret = secrets.popleft()
        if secret.secret_id in sealed:
            raise ConflictError("two secrets have the same id")
        sealed[secret.secret_id] = keep(old.sealed.get(secret.secret_id), secret)
        if not len(secrets) % SLICE:
            yield
    endpoints: dict[str, EndpointRoute] = {}
    while rows:
        route = build_route(rows.popleft(), sealed)
        add_route(endpoints, keep(old.endpoints.get(route.name), route))
        if not len(rows) % SLICE:
            yield
    keys: dict[bytes, ClientKey] = {}
    while stored_keys:
        key = build_key(stored_keys.popleft())
        add_key(keys, keep(old.keys.get(key.digest), key))
        if not len(stored_keys) % SLICE:
            yield
    return Snapshot(epoch, endpoints, keys, sealed)


def keep(old: ValueT | None, new: ValueT) -> ValueT:
    """Return the old object where nothing that counts is different."""
    return old if old is not None and old == new else new


def own_body_bytes(route: EndpointRoute) -> int:
    """Return an endpoint's own limit of a body; 0 where it has none."""
    return route.limits.max_body_bytes or 0


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
        fallback_on=endpoint.resilience.fallback_on,
        hedge=endpoint.resilience.hedge,
        lends_files=endpoint.tags.get(_LENDING_TAG) == _LENT,
    )


def narrow_route(route: EndpointRoute, model: str) -> EndpointRoute | None:
    """Return an endpoint with the targets of one model alone, by the provider's name of it.

    Where no PRIMARY is left, a drained one or else a FALLBACK stands in; None where there is
    none of these either.
    """
    primaries, drained, fallbacks = (
        tuple(target for target in targets if target.upstream_model == model)
        for targets in (route.primaries, route.drained, route.fallbacks)
    )
    if not primaries:
        primaries, drained = drained, ()
    if not primaries:
        primaries, fallbacks = fallbacks[:1], fallbacks[1:]
    if not primaries:
        return None
    return replace(
        route,
        primaries=primaries,
        cumulative=_accumulate([target.weight for target in primaries]),
        drained=drained,
        fallbacks=fallbacks,
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
        prefixes=tuple(_GLOB_CHARACTERS.split(glob, 1)[0] for glob in globs),
        expires_at=key.expires_at,
        disabled=key.disabled,
    )


@lru_cache(maxsize=4_096)  # a fleet of keys shares few globs; compiling one costs about 50 us
def _compile(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))
