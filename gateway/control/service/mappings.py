"""Which mappings an endpoint gets, as rows.

Rule: a mapping that stays the same model definition under the same linkage keeps its id
and its creation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.control.schema.endpoints import MappingCreate
from gateway.control.service.change import Change, new_id
from gateway.entities import (
    EndpointId,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    MappingId,
    ModelDefinitionId,
)
from gateway.errors import MissingReferenceError, NotFoundError
from gateway.routing import MappingSpec, check_mappings, fill_fallback_orders

FIELD = "model_mappings"


async def plan_mappings(
    change: Change,
    endpoint_id: EndpointId,
    known: Sequence[GatewayEndpointModelMapping],
    wanted: Sequence[MappingCreate],
) -> tuple[GatewayEndpointModelMapping, ...]:
    """Return the rows that make `wanted` an endpoint's mappings.

    Raises:
        InvalidValueError: they cannot be routed, or one names no model definition;
            `field` is a path such as ``model_mappings[2].weight``.
    """
    specs = fill_fallback_orders([build_spec(body) for body in wanted])
    check_mappings(specs, field=FIELD)
    kept = {(row.model_definition_id, row.linkage_type): row for row in known}
    rows = []
    for index, spec in enumerate(specs):
        definition = await get_definition(
            change, spec.model_definition_id, f"{FIELD}[{index}].model_definition_id"
        )
        same = kept.get((spec.model_definition_id, spec.linkage_type))
        rows.append(
            build_row(change, endpoint_id, spec, definition)
            if same is None
            else replace(
                same,
                model_definition=definition,
                weight=spec.weight,
                fallback_order=spec.fallback_order,
            )
        )
    return tuple(rows)


def build_spec(body: MappingCreate) -> MappingSpec:
    """Return the part of a body that the rules of routing look at."""
    return MappingSpec(
        ModelDefinitionId(body.model_definition_id),
        body.weight,
        body.linkage_type,
        body.fallback_order,
    )


async def get_definition(
    change: Change, row_id: ModelDefinitionId, field: str
) -> GatewayModelDefinition:
    """Return the model definition that a body names. Raises MissingReferenceError."""
    try:
        return await change.tx.model_definitions.get(row_id)
    except NotFoundError:
        raise MissingReferenceError("there is no such model definition", field=field) from None


def build_row(
    change: Change,
    endpoint_id: EndpointId,
    spec: MappingSpec,
    definition: GatewayModelDefinition,
) -> GatewayEndpointModelMapping:
    """Return a new mapping's row."""
    return GatewayEndpointModelMapping(
        mapping_id=MappingId(new_id("m-")),
        endpoint_id=endpoint_id,
        model_definition_id=definition.model_definition_id,
        model_definition=definition,
        weight=spec.weight,
        linkage_type=spec.linkage_type,
        fallback_order=spec.fallback_order,
        created_at=change.now_ms,
        created_by=change.actor,
    )
