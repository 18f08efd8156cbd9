"""Writes of single mappings: each is a change of its endpoint.

Rule: after every one of them the endpoint can still be routed, or it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.control.schema import endpoints as schema
from gateway.control.service.change import Change, Stored
from gateway.control.service.endpoints import describe, save
from gateway.control.service.mappings import (
    FIELD,
    build_row,
    build_spec,
    get_definition,
    plan_mappings,
)
from gateway.entities import (
    EndpointId,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    LinkageType,
    MappingId,
    ModelDefinitionId,
)
from gateway.errors import ConflictError, InvalidValueError, NotFoundError
from gateway.routing import build_specs, check_mappings, fill_fallback_orders


def describe_mapping(endpoint: Stored, mapping_id: str) -> Stored:
    """Return one mapping of an endpoint as answers have it; its version is the endpoint's.

    Raises NotFoundError.
    """
    for found in endpoint.representation["model_mappings"]:
        if found["mapping_id"] == mapping_id:
            return Stored(row_id=mapping_id, representation=found, version=endpoint.version)
    raise NotFoundError("the endpoint has no such mapping", field="mapping_id")


async def add_mapping(
    change: Change, endpoint_id: EndpointId, body: schema.MappingCreate
) -> Stored:
    """Attach a model definition to an endpoint.

    Raises:
        NotFoundError, StaleVersionError: as everywhere.
        InvalidValueError: the mapping cannot be, or is there already.
    """
    endpoint = await change.tx.endpoints.get(endpoint_id)
    change.require_match(describe(endpoint))
    if len(endpoint.model_mappings) >= schema.MAX_MAPPINGS:
        raise ConflictError(f"an endpoint has at most {schema.MAX_MAPPINGS} mappings")
    definition = await get_definition(
        change, ModelDefinitionId(body.model_definition_id), "model_definition_id"
    )
    *_, spec = fill_fallback_orders([*build_specs(endpoint.model_mappings), build_spec(body)])
    row = build_row(change, endpoint_id, spec, definition)
    return await _replace_one(change, endpoint, (*endpoint.model_mappings, row), row.mapping_id)


async def update_mapping(
    change: Change, endpoint_id: EndpointId, mapping_id: MappingId, body: schema.MappingPatch
) -> Stored:
    """Change one mapping.

    Raises:
        NotFoundError, StaleVersionError: as everywhere; the tag may be the endpoint's.
        InvalidValueError: the mapping cannot be, or the endpoint could not be routed.
    """
    endpoint = await change.tx.endpoints.get(endpoint_id)
    whole = describe(endpoint)
    before = describe_mapping(whole, mapping_id)
    change.require_match(before, whole)
    if not body.model_fields_set:
        return before
    rows = list(endpoint.model_mappings)
    index = _index(rows, mapping_id)
    rows[index] = await _patch(change, rows[index], body)
    specs = fill_fallback_orders(build_specs(rows))
    rows[index] = replace(rows[index], fallback_order=specs[index].fallback_order)
    return await _replace_one(change, endpoint, rows, mapping_id)


def _index(rows: Sequence[GatewayEndpointModelMapping], mapping_id: str) -> int:
    return next(place for place, row in enumerate(rows) if row.mapping_id == mapping_id)


async def _patch(
    change: Change, row: GatewayEndpointModelMapping, body: schema.MappingPatch
) -> GatewayEndpointModelMapping:
    if body.given("model_definition_id"):
        wanted = ModelDefinitionId(body.model_definition_id)
        definition = await get_definition(change, wanted, "model_definition_id")
        row = replace(row, model_definition_id=wanted, model_definition=definition)
    if body.given("weight"):
        row = replace(row, weight=body.weight)
    if body.given("linkage_type"):
        row = replace(row, linkage_type=body.linkage_type)
        if row.linkage_type is LinkageType.PRIMARY:  # an order is a FALLBACK's alone
            row = replace(row, fallback_order=None)
    if body.given("fallback_order"):
        row = replace(row, fallback_order=body.fallback_order)
    return row


async def _replace_one(
    change: Change,
    endpoint: GatewayEndpoint,
    rows: Sequence[GatewayEndpointModelMapping],
    mapping_id: MappingId,
) -> Stored:
    _check(rows)
    await change.tx.endpoints.replace_mappings(endpoint.endpoint_id, rows)
    stored = await save(change, endpoint, replace(endpoint, model_mappings=tuple(rows)))
    return describe_mapping(stored, mapping_id)


def _check(rows: Sequence[GatewayEndpointModelMapping]) -> None:
    """Check all mappings, naming the field of the one body that was sent."""
    try:
        check_mappings(build_specs(rows), field=FIELD)
    except InvalidValueError as error:
        path = error.field or ""
        if path == FIELD:  # none that takes traffic would be left: this one's weight or linkage
            path = "weight"
        _, _, last = path.rpartition(".")
        raise InvalidValueError(error.detail, field=last) from None


async def replace_mappings(
    change: Change, endpoint_id: EndpointId, wanted: Sequence[schema.MappingCreate]
) -> Stored:
    """Make `wanted` the endpoint's mappings, all at once.

    Raises:
        NotFoundError, StaleVersionError, InvalidValueError: as everywhere.
    """
    endpoint = await change.tx.endpoints.get(endpoint_id)
    change.require_match(describe(endpoint))
    rows = await plan_mappings(change, endpoint_id, endpoint.model_mappings, wanted)
    await change.tx.endpoints.replace_mappings(endpoint_id, rows)
    return await save(change, endpoint, replace(endpoint, model_mappings=rows))


async def delete_mapping(change: Change, endpoint_id: EndpointId, mapping_id: MappingId) -> None:
    """Detach a model definition from an endpoint.

    Raises:
        NotFoundError, StaleVersionError: as everywhere; the tag may be the endpoint's.
        ConflictError: it is the last PRIMARY that takes traffic.
    """
    endpoint = await change.tx.endpoints.get(endpoint_id)
    whole = describe(endpoint)
    change.require_match(describe_mapping(whole, mapping_id), whole)
    rows = tuple(row for row in endpoint.model_mappings if row.mapping_id != mapping_id)
    try:
        check_mappings(build_specs(rows), field=FIELD)
    except InvalidValueError:
        raise ConflictError(
            "the last PRIMARY of an endpoint cannot be detached", field="mapping_id"
        ) from None
    await change.tx.endpoints.delete_mapping(mapping_id)
    await save(change, endpoint, replace(endpoint, model_mappings=rows))
