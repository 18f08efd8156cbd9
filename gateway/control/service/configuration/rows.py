"""The rows that entities of a document become.

Rule: a row that is there keeps its id, its creation and what a document does not speak of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.control.service.change import Change, new_id
from gateway.control.service.configuration.document import Item
from gateway.entities import (
    ApiKeyId,
    EndpointId,
    EndpointLimits,
    FallbackConfig,
    FallbackStrategy,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayEndpointBinding,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    GatewaySecretInfo,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    Resilience,
    RoutingStrategy,
    SecretId,
)

_Row = (
    GatewaySecretInfo
    | GatewayModelDefinition
    | GatewayEndpoint
    | GatewayEndpointBinding
    | GatewayApiKey
)


def _stamp(change: Change, known: _Row | None) -> dict[str, Any]:
    if known is None:
        return change.stamp_created()
    return {
        "created_at": known.created_at,
        "created_by": known.created_by,
        **change.stamp_updated(known.version),
    }


def build_secret(change: Change, item: Item, known: GatewaySecretInfo | None) -> GatewaySecretInfo:
    """Build a secret's row; its masks are those of the value that is stored."""
    return GatewaySecretInfo(
        secret_id=SecretId(item.row_id),
        secret_name=item.name,
        masked_values={} if known is None else known.masked_values,
        provider=item.content.get("provider"),
        auth_config=item.content.get("auth_config"),
        expires_at=item.content.get("expires_at"),
        previous_value=None if known is None else known.previous_value,
        **_stamp(change, known),
    )


def build_model_definition(
    change: Change, item: Item, secret: GatewaySecretInfo, known: GatewayModelDefinition | None
) -> GatewayModelDefinition:
    """Build a model definition's row."""
    return GatewayModelDefinition(
        model_definition_id=ModelDefinitionId(item.row_id),
        name=item.name,
        secret_id=secret.secret_id,
        secret_name=secret.secret_name,
        provider=item.content["provider"],
        model_name=item.content["model_name"],
        **_stamp(change, known),
    )


def build_endpoint(
    change: Change,
    item: Item,
    definitions: Sequence[GatewayModelDefinition],
    known: GatewayEndpoint | None,
) -> GatewayEndpoint:
    """Build an endpoint's row with its mappings; `definitions` are theirs, in order."""
    content = item.content
    endpoint_id = EndpointId(item.row_id)
    strategy = content.get("routing_strategy")
    resilience = content.get("resilience", {})
    return GatewayEndpoint(
        endpoint_id=endpoint_id,
        name=item.name,
        model_mappings=_build_mappings(change, endpoint_id, content, definitions, known),
        tags=content.get("tags", {}),
        routing_strategy=None if strategy is None else RoutingStrategy(strategy),
        fallback_config=_build_fallback(content.get("fallback_config")),
        usage_tracking=content.get("usage_tracking", True),
        limits=EndpointLimits(**content.get("limits", {})),
        resilience=Resilience(
            fallback_on=tuple(resilience.get("fallback_on", ())),
            hedge=resilience.get("hedge", False),
        ),
        **_stamp(change, known),
    )


def _build_fallback(content: Mapping[str, Any] | None) -> FallbackConfig | None:
    if content is None:
        return None
    return FallbackConfig(
        strategy=FallbackStrategy(content["strategy"]), max_attempts=content.get("max_attempts")
    )


def _build_mappings(
    change: Change,
    endpoint_id: EndpointId,
    content: Mapping[str, Any],
    definitions: Sequence[GatewayModelDefinition],
    known: GatewayEndpoint | None,
) -> tuple[GatewayEndpointModelMapping, ...]:
    kept = {
        (row.model_definition_id, row.linkage_type): row
        for row in (() if known is None else known.model_mappings)
    }
    rows = []
    for given, definition in zip(content["model_mappings"], definitions, strict=True):
        linkage = LinkageType(given.get("linkage_type", LinkageType.PRIMARY))
        same = kept.get((definition.model_definition_id, linkage))
        row = same or GatewayEndpointModelMapping(
            mapping_id=MappingId(new_id("m-")),
            endpoint_id=endpoint_id,
            model_definition_id=definition.model_definition_id,
            model_definition=definition,
            weight=1.0,
            linkage_type=linkage,
            fallback_order=None,
            created_at=change.now_ms,
            created_by=change.actor,
        )
        rows.append(
            replace(
                row,
                model_definition=definition,
                weight=float(given.get("weight", 1)),
                fallback_order=given.get("fallback_order"),
            )
        )
    return tuple(rows)


def build_binding(
    change: Change,
    content: Mapping[str, Any],
    endpoint_id: EndpointId,
    known: GatewayEndpointBinding | None,
) -> GatewayEndpointBinding:
    """Build a binding's row."""
    return GatewayEndpointBinding(
        endpoint_id=endpoint_id,
        resource_type=content["resource_type"],
        resource_id=content["resource_id"],
        endpoint_name=content["endpoint"],
        display_name=content.get("display_name"),
        **_stamp(change, known),
    )


def build_api_key(change: Change, item: Item, known: GatewayApiKey | None) -> GatewayApiKey:
    """Build an api key's row, without its digest."""
    content = item.content
    return GatewayApiKey(
        key_id=ApiKeyId(item.row_id),
        name=item.name,
        masked_value=content["value"]["masked"],
        allowed_endpoints=tuple(content.get("allowed_endpoints", ("*",))),
        expires_at=content.get("expires_at"),
        disabled=content.get("disabled", False),
        **_stamp(change, known),
    )
