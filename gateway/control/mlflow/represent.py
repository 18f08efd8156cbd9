"""Entities as MLflow's clients read them.

Rule: only fields of MLflow's, and none that is null: its parser refuses a null in a map.
The entity is taken as /api/v1 shows it, so that both show the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.control.mlflow.vendors import show_fields, show_provider, show_settings
from gateway.entities import FallbackStrategy, LinkageType

EXPERIMENT_TAG = "mlflow.experiment_id"  # where an endpoint keeps MLflow's experiment

_STAMPS = ("created_at", "last_updated_at", "created_by", "last_updated_by")
_SECRET = ("secret_id", "secret_name", "masked_values", "provider", *_STAMPS)
_DEFINITION = (
    "model_definition_id",
    "name",
    "secret_id",
    "secret_name",
    "provider",
    "model_name",
    *_STAMPS,
)
_MAPPING = (
    "mapping_id",
    "endpoint_id",
    "model_definition_id",
    "weight",
    "linkage_type",
    "fallback_order",
    "created_at",
    "created_by",
)
_ENDPOINT = ("endpoint_id", "name", "routing_strategy", "usage_tracking", *_STAMPS)
_BINDING = ("endpoint_id", "resource_type", "resource_id", "display_name", *_STAMPS)


def _pick(entity: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: entity[name] for name in names if entity[name] is not None}


def represent_secret(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Return a GatewaySecretInfo."""
    config = entity["auth_config"] or {}
    given = {name: value for name, value in config.items() if value is not None}
    provider = entity["provider"]
    named = {
        **entity,
        "provider": show_provider(provider),
        "masked_values": show_fields(provider, entity["masked_values"]),
    }
    shown = show_settings(provider, given)
    return _pick(named, _SECRET) | ({"auth_config": shown} if shown else {})


def represent_model_definition(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Return a GatewayModelDefinition."""
    return _pick({**entity, "provider": show_provider(entity["provider"])}, _DEFINITION)


def represent_mapping(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Return a GatewayEndpointModelMapping with its model definition."""
    definition = represent_model_definition(entity["model_definition"])
    return _pick(entity, _MAPPING) | {"model_definition": definition}


def represent_endpoint(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Return a GatewayEndpoint with its mappings and tags."""
    tags = dict(entity["tags"])
    experiment_id = tags.pop(EXPERIMENT_TAG, None)
    fallback = _represent_fallback(entity)
    return (
        _pick(entity, _ENDPOINT)
        | {
            "model_mappings": [represent_mapping(row) for row in entity["model_mappings"]],
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        | ({} if fallback is None else {"fallback_config": fallback})
        | ({"experiment_id": experiment_id} if experiment_id else {})
    )


def _represent_fallback(entity: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fallback in force: FALLBACKs are tried in order where nothing limits them."""
    config = entity["fallback_config"]
    if config is not None:
        return _pick(config, ("strategy", "max_attempts"))
    links = (row["linkage_type"] for row in entity["model_mappings"])
    if LinkageType.FALLBACK.value in links:
        return {"strategy": FallbackStrategy.SEQUENTIAL.value}
    return None


def represent_binding(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Return a GatewayEndpointBinding."""
    return _pick(entity, _BINDING)
