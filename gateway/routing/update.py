"""A snapshot made of the one before and of what changed, at a cost that follows the change.

Rule: what comes out equals a whole build from the rows as they stand now, or the
same is refused; what did not change is the same object as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TypeVar

from gateway.entities import ConfigurationChanges, EndpointId, SealedSecret, SecretId
from gateway.errors import ConflictError
from gateway.routing.snapshot import (
    ClientKey,
    EndpointRoute,
    Snapshot,
    add_key,
    add_route,
    build_key,
    build_route,
    check_secret,
    creation_order,
)

ValueT = TypeVar("ValueT")


def update_snapshot(previous: Snapshot, changes: ConfigurationChanges) -> Snapshot:
    """Compile what changed; `changes.since` must not be later than the epoch of `previous`.

    Raises:
        ConflictError, InvalidValueError: as `build_snapshot` does.
    """
    sealed = _update_sealed(previous.sealed, changes)
    return Snapshot(
        changes.epoch,
        _update_endpoints(previous, changes, sealed),
        _update_keys(previous.keys, changes),
        sealed,
    )


def _keep(old: ValueT | None, new: ValueT) -> ValueT:
    """Return the old object where nothing that counts is different."""
    return old if old is not None and old == new else new


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
        sealed[secret.secret_id] = _keep(previous.get(secret.secret_id), secret)
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
    routes: Iterable[EndpointRoute],
    suspects: set[SecretId],
    sealed: Mapping[SecretId, SealedSecret],
) -> None:
    for route in routes:
        for target in chain(route.primaries, route.drained, route.fallbacks):
            if target.secret_id in suspects:
                check_secret(target.mapping.model_definition, sealed, route.name)


# --- endpoints ----------------------------------------------------------------------------


def _update_endpoints(
    previous: Snapshot, changes: ConfigurationChanges, sealed: Mapping[SecretId, SealedSecret]
) -> Mapping[str, EndpointRoute]:
    routes = previous.endpoints
    if changes.endpoints or changes.gone_endpoints:
        routes = _replace_routes(routes, changes, sealed)
    suspects = _list_suspects(previous.sealed, sealed, changes)
    if suspects:
        _check_users(routes.values(), suspects, sealed)
    return routes


def _replace_routes(
    previous: Mapping[str, EndpointRoute],
    changes: ConfigurationChanges,
    sealed: Mapping[SecretId, SealedSecret],
) -> Mapping[str, EndpointRoute]:
    old = _find_routes(previous, changes)
    new = [
        _keep(old.get(endpoint.endpoint_id), build_route(endpoint, sealed))
        for endpoint in changes.endpoints
    ]
    staying = {(route.endpoint_id, route.name) for route in new}
    routes = dict(previous)
    for route in old.values():
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
        add_key(keys, _keep(old.get(new.key_id), new))
    return keys
