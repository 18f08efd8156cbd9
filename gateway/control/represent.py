"""Entities as the JSON objects that answers, entity tags and the audit log hold.

Rule: exactly the contract's fields; nothing here can hold a credential, because no
entity does.
"""

from __future__ import annotations

from typing import Any

from gateway.entities import (
    AdminToken,
    AuditRow,
    EndpointLimits,
    FallbackConfig,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayEndpointBinding,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    GatewaySecretInfo,
    PreviousValue,
    Users,
)
from gateway.routing import compute_shares

_Stamped = (
    GatewaySecretInfo
    | GatewayModelDefinition
    | GatewayEndpoint
    | GatewayEndpointBinding
    | GatewayApiKey
    | AdminToken
)


def _stamps(row: _Stamped) -> dict[str, Any]:
    return {
        "created_at": row.created_at,
        "last_updated_at": row.last_updated_at,
        "created_by": row.created_by,
        "last_updated_by": row.last_updated_by,
    }


def represent_secret(row: GatewaySecretInfo) -> dict[str, Any]:
    """Return a secret's public fields."""
    return {
        "secret_id": row.secret_id,
        "secret_name": row.secret_name,
        "masked_values": dict(row.masked_values),
        "provider": row.provider,
        "auth_config": None if row.auth_config is None else dict(row.auth_config),
        "expires_at": row.expires_at,
        "previous_value": _represent_previous(row.previous_value),
        **_stamps(row),
    }


def _represent_previous(row: PreviousValue | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {"masked_values": dict(row.masked_values), "grace_until": row.grace_until}


def represent_use(row: GatewaySecretInfo | GatewayApiKey) -> dict[str, Any]:
    """Return what changes without a change of the entity: it is in no tag and no audit row."""
    return {"last_used_at": row.last_used_at}


def represent_model_definition(row: GatewayModelDefinition) -> dict[str, Any]:
    """Return a model definition's fields."""
    return {
        "model_definition_id": row.model_definition_id,
        "name": row.name,
        "secret_id": row.secret_id,
        "secret_name": row.secret_name,
        "provider": row.provider,
        "model_name": row.model_name,
        **_stamps(row),
    }


def represent_mapping(row: GatewayEndpointModelMapping, share: float) -> dict[str, Any]:
    """Return a mapping's fields with its share of the traffic, 0 to 1."""
    return {
        "mapping_id": row.mapping_id,
        "endpoint_id": row.endpoint_id,
        "model_definition_id": row.model_definition_id,
        "model_definition": represent_model_definition(row.model_definition),
        "weight": row.weight,
        "share": share,
        "linkage_type": row.linkage_type.value,
        "fallback_order": row.fallback_order,
        "created_at": row.created_at,
        "created_by": row.created_by,
    }


def represent_mappings(row: GatewayEndpoint) -> list[dict[str, Any]]:
    """Return all mappings of an endpoint."""
    shares = compute_shares(row.model_mappings)
    return [represent_mapping(found, shares[found.mapping_id]) for found in row.model_mappings]


def represent_endpoint(row: GatewayEndpoint) -> dict[str, Any]:
    """Return an endpoint's fields with its mappings and tags."""
    return {
        "endpoint_id": row.endpoint_id,
        "name": row.name,
        "model_mappings": represent_mappings(row),
        "tags": dict(row.tags),
        "routing_strategy": row.routing_strategy and row.routing_strategy.value,
        "fallback_config": _represent_fallback(row.fallback_config),
        "usage_tracking": row.usage_tracking,
        "limits": _represent_limits(row.limits),
        "resilience": {
            "fallback_on": list(row.resilience.fallback_on),
            "hedge": row.resilience.hedge,
        },
        **_stamps(row),
    }


def _represent_fallback(row: FallbackConfig | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {"strategy": row.strategy.value, "max_attempts": row.max_attempts}


def _represent_limits(row: EndpointLimits) -> dict[str, Any]:
    return {
        "max_body_bytes": row.max_body_bytes,
        "connect_timeout_ms": row.connect_timeout_ms,
        "first_byte_timeout_ms": row.first_byte_timeout_ms,
        "idle_timeout_ms": row.idle_timeout_ms,
        "total_timeout_ms": row.total_timeout_ms,
    }


def represent_binding(row: GatewayEndpointBinding) -> dict[str, Any]:
    """Return a binding's fields."""
    return {
        "endpoint_id": row.endpoint_id,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "endpoint_name": row.endpoint_name,
        "display_name": row.display_name,
        **_stamps(row),
    }


def represent_api_key(row: GatewayApiKey) -> dict[str, Any]:
    """Return an api key's fields, without its value."""
    return {
        "key_id": row.key_id,
        "name": row.name,
        "masked_value": row.masked_value,
        "allowed_endpoints": list(row.allowed_endpoints),
        "expires_at": row.expires_at,
        "disabled": row.disabled,
        **_stamps(row),
    }


def represent_token(row: AdminToken) -> dict[str, Any]:
    """Return an admin token's fields, without its value and when it was used."""
    return {
        "token_id": row.token_id,
        "name": row.name,
        "role": row.role.value,
        "scopes": list(row.scopes),
        "expires_at": row.expires_at,
        "disabled": row.disabled,
        "masked_value": row.masked_value,
        **_stamps(row),
    }


def represent_audit(row: AuditRow) -> dict[str, Any]:
    """Return one change as the audit log has it."""
    return {
        "audit_id": row.audit_id,
        "at": row.at,
        "actor": row.actor,
        "action": row.action,
        "entity_type": row.entity_type,
        "entity_id": row.entity_id,
        "entity_name": row.entity_name,
        "before": None if row.before is None else dict(row.before),
        "after": None if row.after is None else dict(row.after),
        "request_id": row.request_id,
        "source_address": row.source_address,
    }


def represent_users(users: Users) -> dict[str, object]:
    """Return the extension members of an in-use error."""
    items = [{"kind": kind, "id": row_id, "name": name} for kind, row_id, name in users.items]
    return {"users": items, "count": users.count}
