"""Deleting model definitions together with the mappings that use them.

Rule: an endpoint keeps a PRIMARY with a weight above 0, or nothing is deleted at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from gateway.control.represent import represent_endpoint, represent_model_definition
from gateway.control.service.change import Change
from gateway.entities import (
    GatewayEndpoint,
    GatewayModelDefinition,
    LinkageType,
    ModelDefinitionId,
    Page,
    PageRequest,
    SecretId,
)
from gateway.errors import ConflictError

RowT = TypeVar("RowT")
_PAGE_ROWS = 500
_NAMED = 20  # endpoints that an error lists, as with the users of a row


async def list_definitions(change: Change, secret_id: SecretId) -> list[GatewayModelDefinition]:
    """List all model definitions of a secret."""
    return await _list_all(
        lambda page: change.tx.model_definitions.list_page(page, secret_id=secret_id)
    )


async def delete_definitions(change: Change, definitions: Sequence[GatewayModelDefinition]) -> None:
    """Delete model definitions and every mapping of them.

    Raises:
        ConflictError: endpoints would be left without a PRIMARY that takes traffic.
    """
    gone = {row.model_definition_id for row in definitions}
    endpoints = await _list_endpoints(change, gone)
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


async def _list_endpoints(change: Change, gone: set[ModelDefinitionId]) -> list[GatewayEndpoint]:
    found: dict[str, GatewayEndpoint] = {}
    for definition_id in sorted(gone):
        rows = await _list_all(
            lambda page, wanted=definition_id: change.tx.endpoints.list_page(  # type: ignore[misc]
                page, model_definition_id=wanted
            )
        )
        found.update((row.endpoint_id, row) for row in rows)
    return list(found.values())


def _check_primaries(endpoints: Sequence[GatewayEndpoint], gone: set[ModelDefinitionId]) -> None:
    bare = [row.name for row in endpoints if not _keeps_primary(row, gone)]
    if bare:
        names = ", ".join(bare[:_NAMED])
        raise ConflictError(
            f"the last PRIMARY of an endpoint cannot be detached: {names}",
            extra={"endpoints": bare[:_NAMED], "count": len(bare)},
        )


def _keeps_primary(endpoint: GatewayEndpoint, gone: set[ModelDefinitionId]) -> bool:
    return any(
        row.linkage_type is LinkageType.PRIMARY
        and row.weight > 0
        and row.model_definition_id not in gone
        for row in endpoint.model_mappings
    )


async def _detach(change: Change, endpoint: GatewayEndpoint, gone: set[ModelDefinitionId]) -> None:
    kept = tuple(row for row in endpoint.model_mappings if row.model_definition_id not in gone)
    new = replace(
        endpoint,
        model_mappings=kept,
        last_updated_at=change.now_ms,
        last_updated_by=change.actor,
        version=endpoint.version + 1,
    )
    await change.tx.endpoints.replace_mappings(endpoint.endpoint_id, kept)
    await change.tx.endpoints.update(new)
    await change.record(
        "update",
        "endpoint",
        endpoint.endpoint_id,
        endpoint.name,
        before=represent_endpoint(endpoint),
        after=represent_endpoint(new),
    )


async def _list_all(fetch: Callable[[PageRequest], Awaitable[Page[RowT]]]) -> list[RowT]:
    rows: list[RowT] = []
    after: tuple[int, str] | None = None
    while True:
        page = await fetch(PageRequest(limit=_PAGE_ROWS, after=after))
        rows.extend(page.items)
        if page.next_after is None:
            return rows
        after = page.next_after
