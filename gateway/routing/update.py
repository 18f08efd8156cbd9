"""A snapshot made of the one before and of what changed, at a cost that follows the change.

Rule: what comes out equals a whole build from the rows as they stand now, or the
same is refused; what did not change is the same object as before.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter
from typing import Final

from gateway.entities import ConfigurationChanges, EndpointId, SealedSecret, SecretId
from gateway.errors import ConflictError
from gateway.routing.snapshot import (
    SLICE,
    UNKNOWN,
    ClientKey,
    EndpointRoute,
    Snapshot,
    add_key,
    add_route,
    build_key,
    build_route,
    check_secret,
    creation_order,
    finish,
    keep,
    own_body_bytes,
)

_PARTS: Final = ("primaries", "drained", "fallbacks")  # of a route: all its targets


def update_snapshot(previous: Snapshot, changes: ConfigurationChanges) -> Snapshot:
    """Compile what changed; `changes.since` must not be later than the epoch of `previous`.

    Raises:
        ConflictError, InvalidValueError: as `build_snapshot` does.
    """
    return finish(iter_update(previous, changes))


def iter_update(
    previous: Snapshot, changes: ConfigurationChanges
) -> Generator[None, None, Snapshot]:
    """Do what `update_snapshot` does, in slices, as `iter_snapshot`."""
    sealed = _update_sealed(previous.sealed, changes)
    endpoints, largest = previous.endpoints, previous.largest_body_bytes
    if changes.endpoints or changes.gone_endpoints:
        old = _find_routes(endpoints, changes)
        new = []
        for count, endpoint in enumerate(changes.endpoints):
            if count % SLICE == SLICE - 1:
                yield
            new.append(keep(old.get(endpoint.endpoint_id), build_route(endpoint, sealed)))
        endpoints = _replace_routes(endpoints, old.values(), new)
        largest = _update_largest(largest, old.values(), new)
    suspects = _list_suspects(previous.sealed, sealed, changes)
    if suspects:
        _check_users(endpoints.values(), suspects, sealed)
    keys = _update_keys(previous.keys, changes)
    return Snapshot(changes.epoch, endpoints, keys, sealed, largest)


# --- secrets ------------------------------------------------------------------------------


def _update_sealed(
    previous: Mapping[SecretId, SealedSecret], changes: ConfigurationChanges
) -> Mapping[SecretId, SealedSecret]:
    if not changes.secrets and not changes.gone_secrets:
        return previous
    if len({secret.secret_id for secret in changes.secrets}) != len(changes.secrets):
        raise ConflictError("two secrets have the same id")
    sealed = dict(previous)
    for secret_id in changes.gone_secrets:
        sealed.pop(secret_id, None)
    for secret in changes.secrets:
        sealed[secret.secret_id] = keep(previous.get(secret.secret_id), secret)
    return sealed


def _list_suspects(
    previous: Mapping[SecretId, SealedSecret],
    sealed: Mapping[SecretId, SealedSecret],
    changes: ConfigurationChanges,
) -> set[SecretId]:
    """List the secrets that a target which was sound may not be able to use any more."""
    suspects = {secret_id for secret_id in changes.gone_secrets if secret_id in previous}
    for secret in changes.secrets:
        old = previous.get(secret.secret_id)
        if old is not None and old.provider != sealed[secret.secret_id].provider:
            suspects.add(secret.secret_id)
    return suspects


def _check_users(
    routes: Collection[EndpointRoute],
    suspects: set[SecretId],
    sealed: Mapping[SecretId, SealedSecret],
) -> None:
    if suspects.isdisjoint(_iter_secrets(routes)):
        return
    for route in routes:
        for target in route.targets:
            if target.secret_id in suspects:
                check_secret(target.mapping.model_definition, sealed, route.name)


def _iter_secrets(routes: Collection[EndpointRoute]) -> Iterator[SecretId]:
    """Yield the secret of every target, at the speed of C: there may be 100,000."""
    parts = chain.from_iterable(map(attrgetter(part), routes) for part in _PARTS)
    return map(attrgetter("secret_id"), chain.from_iterable(parts))


# --- endpoints ----------------------------------------------------------------------------


def _replace_routes(
    previous: Mapping[str, EndpointRoute],
    old: Collection[EndpointRoute],
    new: Collection[EndpointRoute],
) -> Mapping[str, EndpointRoute]:
    staying = {(route.endpoint_id, route.name) for route in new}
    routes = dict(previous)
    for route in old:
        if (route.endpoint_id, route.name) not in staying:
            del routes[route.name]
    in_order = True
    for route in new:
        found = routes.get(route.name)
        if found is not None and found.endpoint_id == route.endpoint_id:
            routes[route.name] = route  # keeps its place
        else:
            in_order = in_order and _comes_last(route, routes)
            add_route(routes, route)
    if in_order:
        return routes
    return {route.name: route for route in sorted(routes.values(), key=creation_order)}


def _find_routes(
    previous: Mapping[str, EndpointRoute], changes: ConfigurationChanges
) -> dict[EndpointId, EndpointRoute]:
    """Find the routes that were touched; they may have had other names."""
    touched = changes.gone_endpoints | {endpoint.endpoint_id for endpoint in changes.endpoints}
    return {route.endpoint_id: route for route in previous.values() if route.endpoint_id in touched}


def _update_largest(
    largest: int, old: Iterable[EndpointRoute], new: Iterable[EndpointRoute]
) -> int:
    """Return the largest limit, or what makes the snapshot look for it: the largest went."""
    after = max(map(own_body_bytes, new), default=0)
    before = max(map(own_body_bytes, old), default=0)
    return UNKNOWN if after < before == largest else max(largest, after)


def _comes_last(route: EndpointRoute, routes: dict[str, EndpointRoute]) -> bool:
    last = next(reversed(routes.values()), None)
    return last is None or creation_order(last) < creation_order(route)


# --- api keys -----------------------------------------------------------------------------


def _update_keys(
    previous: Mapping[bytes, ClientKey], changes: ConfigurationChanges
) -> Mapping[bytes, ClientKey]:
    if not changes.api_keys and not changes.gone_api_keys:
        return previous
    touched = changes.gone_api_keys | {stored.key.key_id for stored in changes.api_keys}
    old = {key.key_id: key for key in previous.values() if key.key_id in touched}
    keys = dict(previous)
    for key in old.values():
        del keys[key.digest]
    for stored in changes.api_keys:
        new = build_key(stored)
        add_key(keys, keep(old.get(new.key_id), new))
    return keys
