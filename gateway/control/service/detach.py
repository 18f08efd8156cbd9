"""Deleting model definitions together with the mappings that use them.

Rule: an endpoint keeps a PRIMARY with a weight above 0, or nothing is deleted at all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from gateway.control.represent import represent_model_definition
from gateway.control.service.change import Change, list_all
from gateway.control.service.endpoints import save
from gateway.entities import (
    GatewayEndpoint,
    GatewayModelDefinition,
    LinkageType,
    ModelDefinitionId,
    SecretId,
)
from gateway.errors import ConflictError

_NAMED = 20  # endpoints that an error lists, as with the users of a row


async def list_definitions(change: Change, secret_id: SecretId) -> list[GatewayModelDefinition]:
    """List all model definitions of a secret."""
    return await list_all(
        lambda page: change.tx.model_definitions.list_page(page, secret_id=secret_id)
    )


async def delete_definitions(change: Change, definitions: Sequence[GatewayModelDefinition]) -> None:
    """Delete model definitions and every mapping of them.

    Raises:
        ConflictError: endpoints would be left without a PRIMARY that takes traffic.
    """
    gone = {row.model_definition_id for row in definitions}
    endpoints = await change.tx.endpoints.list_users(gone)
    _check_primaries(endpoints, gone)
    for endpoint in endpoints:
        await _detach(change, endpoint, gone)
    for row in definitions:
        await change.tx.model_definitions.delete(row.model_definition_id)
        await change.record(
            "delete",
            "model_definition",
            row.model_definition_id,
            row.name,
            before=represent_model_definition(row),
        )


def _check_primaries(endpoints: Sequence[GatewayEndpoint], gone: set[ModelDefinitionId]) -> None:
    bare = [row.name for row in endpoints if not keeps_primary(row, gone)]
    if bare:
        names = ", ".join(bare[:_NAMED])
        raise ConflictError(
            f"the last PRIMARY of an endpoint cannot be detached: {names}",
            extra={"endpoints": bare[:_NAMED], "count": len(bare)},
        )


def keeps_primary(endpoint: GatewayEndpoint, gone: Collection[ModelDefinitionId]) -> bool:
    """Tell whether a PRIMARY with traffic is left when these model definitions go."""
    return any(
        row.linkage_type is LinkageType.PRIMARY
        and row.weight > 0
        and row.model_definition_id not in gone
        for row in endpoint.model_mappings
    )


async def _detach(change: Change, endpoint: GatewayEndpoint, gone: set[ModelDefinitionId]) -> None:
    kept = tuple(row for row in endpoint.model_mappings if row.model_definition_id not in gone)
    await change.tx.endpoints.replace_mappings(endpoint.endpoint_id, kept)
    await save(change, endpoint, replace(endpoint, model_mappings=kept))
