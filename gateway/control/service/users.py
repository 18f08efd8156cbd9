"""Who leads to a credential or a model: what would break if it went, or stopped working.

Rule: read in a constant number of queries; lists are cut, counts are not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from gateway.control.represent import represent_users
from gateway.control.service.change import Change
from gateway.control.service.detach import keeps_primary
from gateway.entities import (
    GatewayEndpoint,
    GatewayEndpointBinding,
    GatewayModelDefinition,
    LinkageType,
    ModelDefinitionId,
    Users,
)
from gateway.ports import Transaction
from gateway.routing.snapshot import ClientKey

SHOWN: Final = 100  # of each kind, the worst hit first
_NAMED: Final = 20  # in an error, as with the users of a row
LAST_PRIMARY: Final = "last_primary"
PRIMARY: Final = "primary"
FALLBACK: Final = "fallback"
_EFFECTS: Final = (LAST_PRIMARY, PRIMARY, FALLBACK)  # the worst first


async def read_users(
    tx: Transaction,
    definitions: Sequence[GatewayModelDefinition],
    keys: Iterable[ClientKey],
) -> dict[str, Any]:
    """Return who leads to these model definitions, `SHOWN` of each kind, and how many in all."""
    gone = {row.model_definition_id for row in definitions}
    endpoints = await tx.endpoints.list_users(gone)
    effects = {row.endpoint_id: find_effect(row, gone) for row in endpoints}
    worst = sorted(endpoints, key=lambda row: (_EFFECTS.index(effects[row.endpoint_id]), row.name))
    bindings = await tx.bindings.list_of_endpoints([row.endpoint_id for row in endpoints])
    callers = _list_callers(keys, {row.name for row in endpoints})
    return {
        "model_definitions": [
            {"model_definition_id": row.model_definition_id, "name": row.name}
            for row in definitions[:SHOWN]
        ],
        "endpoints": [
            {
                "endpoint_id": row.endpoint_id,
                "name": row.name,
                "loses": effects[row.endpoint_id],
            }
            for row in worst[:SHOWN]
        ],
        "bindings": [_represent_binding(row) for row in bindings[:SHOWN]],
        "api_keys": [{"key_id": key.key_id, "name": key.name} for key in callers[:SHOWN]],
        "counts": {
            "model_definitions": len(definitions),
            "endpoints": len(endpoints),
            "endpoints_without_primary": sum(effect == LAST_PRIMARY for effect in effects.values()),
            "bindings": len(bindings),
            "api_keys": len(callers),
        },
    }


async def describe_use(
    change: Change, users: Users, definitions: Sequence[GatewayModelDefinition]
) -> dict[str, object]:
    """Return the extension members of an in-use error: who uses it, and what would break."""
    keys = change.parts.snapshots.current.keys.values()
    found = await read_users(change.tx, definitions, keys)
    bare = [row["name"] for row in found["endpoints"] if row["loses"] == LAST_PRIMARY]
    return {
        **represent_users(users),
        "endpoints_without_primary": bare[:_NAMED],
        "bindings": [name_binding(row) for row in found["bindings"][:_NAMED]],
        "counts": found["counts"],
    }


def find_effect(endpoint: GatewayEndpoint, gone: Collection[ModelDefinitionId]) -> str:
    """Tell what an endpoint loses when these model definitions go: the worst of it."""
    if not keeps_primary(endpoint, gone):
        return LAST_PRIMARY
    lost = {row.linkage_type for row in endpoint.model_mappings if row.model_definition_id in gone}
    return PRIMARY if LinkageType.PRIMARY in lost else FALLBACK


def name_binding(row: dict[str, Any]) -> str:
    """Return what people call a binding."""
    return str(row["display_name"] or f"{row['resource_type']}/{row['resource_id']}")


def _represent_binding(row: GatewayEndpointBinding) -> dict[str, Any]:
    return {
        "endpoint_id": row.endpoint_id,
        "endpoint_name": row.endpoint_name,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "display_name": row.display_name,
    }


def _list_callers(keys: Iterable[ClientKey], names: set[str]) -> list[ClientKey]:
    """List the api keys that may call one of these endpoints, by name."""
    found = [key for key in keys if names and not key.disabled and _may_call(key, names)]
    return sorted(found, key=lambda key: key.name)


def _may_call(key: ClientKey, names: set[str]) -> bool:
    if key.allows_all or not key.exact.isdisjoint(names):
        return True
    return any(
        name.startswith(prefix) and pattern.match(name)
        for prefix, pattern in zip(key.prefixes, key.patterns, strict=True)
        for name in names
    )
