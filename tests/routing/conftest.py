"""Rows of a configuration, made short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.entities import (
    ApiKeyId,
    Configuration,
    EndpointId,
    EndpointLimits,
    FallbackConfig,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    SealedSecret,
    SecretId,
    StoredApiKey,
)

STAMPS: dict[str, Any] = {
    "created_at": 1,
    "last_updated_at": 1,
    "created_by": "admin",
    "last_updated_by": "admin",
}


def make_secret(name: str = "s-1", provider: str | None = "openai") -> SealedSecret:
    return SealedSecret(
        secret_id=SecretId(name),
        secret_name=name,
        provider=provider,
        auth_config=None,
        secret_version=1,
        kek_term=1,
        record=b"sealed",
    )


def make_mapping(
    name: str, weight: float = 1.0, order: int | None = None, **changes: Any
) -> GatewayEndpointModelMapping:
    """A PRIMARY, or with an order a FALLBACK, to a model definition of the same name."""
    definition = GatewayModelDefinition(
        model_definition_id=ModelDefinitionId(f"d-{name}"),
        name=name,
        secret_id=SecretId(changes.pop("secret_id", "s-1")),
        secret_name="s-1",
        provider=changes.pop("provider", "openai"),
        model_name=f"vendor-{name}",
        **STAMPS,
    )
    return GatewayEndpointModelMapping(
        mapping_id=MappingId(f"m-{name}-{order}"),
        endpoint_id=EndpointId("e-1"),
        model_definition_id=definition.model_definition_id,
        model_definition=definition,
        weight=weight,
        linkage_type=LinkageType.PRIMARY if order is None else LinkageType.FALLBACK,
        fallback_order=order,
        created_at=1,
        created_by="admin",
    )


def make_endpoint(
    name: str, *mappings: GatewayEndpointModelMapping, config: FallbackConfig | None = None
) -> GatewayEndpoint:
    return GatewayEndpoint(
        endpoint_id=EndpointId(f"e-{name}"),
        name=name,
        model_mappings=mappings,
        tags={},
        routing_strategy=None,
        fallback_config=config,
        usage_tracking=True,
        limits=EndpointLimits(),
        **STAMPS,
    )


def make_key(digest: bytes = b"\x01" * 32, *globs: str, **changes: Any) -> StoredApiKey:
    key = GatewayApiKey(
        key_id=ApiKeyId("k-1"),
        name="app",
        masked_value="***",
        allowed_endpoints=globs or ("*",),
        expires_at=changes.get("expires_at"),
        disabled=changes.get("disabled", False),
        **STAMPS,
    )
    return StoredApiKey(key=key, digest=digest)


def make_configuration(*endpoints: GatewayEndpoint, **changes: Any) -> Configuration:
    return Configuration(
        epoch=changes.get("epoch", 1),
        endpoints=endpoints,
        secrets=changes.get("secrets", (make_secret(),)),
        api_keys=changes.get("api_keys", (make_key(),)),
    )


class Rows:
    """The makers above, as one fixture."""

    secret: Callable[..., SealedSecret] = staticmethod(make_secret)
    mapping: Callable[..., GatewayEndpointModelMapping] = staticmethod(make_mapping)
    endpoint: Callable[..., GatewayEndpoint] = staticmethod(make_endpoint)
    key: Callable[..., StoredApiKey] = staticmethod(make_key)
    configuration: Callable[..., Configuration] = staticmethod(make_configuration)


@pytest.fixture(scope="session")
def rows() -> type[Rows]:
    return Rows
