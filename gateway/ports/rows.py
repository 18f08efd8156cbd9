"""Rows of the configuration.

Rule: one protocol per kind of row; none knows SQL.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from gateway.entities import (
    ApiKeyId,
    EndpointId,
    ExpiringSecret,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayEndpointBinding,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    GatewaySecretInfo,
    GracedSecret,
    MappingId,
    ModelDefinitionId,
    Page,
    PageRequest,
    SealedSecret,
    SecretId,
    StoredApiKey,
    Users,
)


class SecretRows(Protocol):
    """Rows of provider credentials."""

    async def get(self, secret_id: SecretId) -> GatewaySecretInfo: ...
    async def list_of(self, ids: Collection[SecretId]) -> tuple[GatewaySecretInfo, ...]: ...
    async def get_sealed(self, secret_id: SecretId) -> SealedSecret: ...
    async def list_page(
        self, page: PageRequest, *, name: str | None = None, provider: str | None = None
    ) -> Page[GatewaySecretInfo]: ...
    async def list_sealed(self, page: PageRequest) -> Page[SealedSecret]: ...
    async def insert(self, info: GatewaySecretInfo, sealed: SealedSecret) -> None: ...
    async def insert_many(self, rows: Sequence[tuple[GatewaySecretInfo, SealedSecret]]) -> None: ...
    async def update(self, info: GatewaySecretInfo, sealed: SealedSecret | None) -> None: ...
    async def delete(self, secret_id: SecretId) -> None: ...
    async def users(self, secret_id: SecretId) -> Users: ...
    async def count(self) -> int: ...
    async def list_expiring(self, before_ms: int, limit: int) -> tuple[ExpiringSecret, ...]:
        """List those whose value ends before this moment, or has ended, the soonest first."""
        ...

    async def list_previous(
        self, page: PageRequest, *, kek_term: int | None = None
    ) -> Page[SealedSecret]:
        """List the records of former values whose grace lasts."""
        ...

    async def put_previous(self, graced: GracedSecret, masked_values: Mapping[str, str]) -> None:
        """Keep a former value; one that is kept already gives way."""
        ...

    async def rewrap_previous(self, sealed: SealedSecret, *, expected_record: bytes) -> bool:
        """Store a former value's record under another term; False: it is no longer as expected."""
        ...

    async def delete_previous(self, secret_id: SecretId) -> bool:
        """Delete the former value; False: there was none."""
        ...

    async def list_ended(self, now_ms: int, limit: int) -> tuple[SecretId, ...]:
        """List the secrets whose former value has had its time."""
        ...


class ModelDefinitionRows(Protocol):
    """Rows of model definitions."""

    async def get(self, model_definition_id: ModelDefinitionId) -> GatewayModelDefinition: ...
    async def list_of(
        self, ids: Collection[ModelDefinitionId]
    ) -> tuple[GatewayModelDefinition, ...]: ...
    async def list_page(
        self,
        page: PageRequest,
        *,
        name: str | None = None,
        provider: str | None = None,
        secret_id: SecretId | None = None,
    ) -> Page[GatewayModelDefinition]: ...
    async def insert(self, row: GatewayModelDefinition) -> None: ...
    async def insert_many(self, rows: Sequence[GatewayModelDefinition]) -> None: ...
    async def update(self, row: GatewayModelDefinition) -> None: ...
    async def delete(self, model_definition_id: ModelDefinitionId) -> None: ...
    async def users(self, model_definition_id: ModelDefinitionId) -> Users: ...


class EndpointRows(Protocol):
    """Rows of endpoints with their mappings and tags."""

    async def get(self, endpoint_id: EndpointId) -> GatewayEndpoint: ...
    async def list_of(self, ids: Collection[EndpointId]) -> tuple[GatewayEndpoint, ...]: ...
    async def list_page(
        self,
        page: PageRequest,
        *,
        name: str | None = None,
        provider: str | None = None,
        secret_id: SecretId | None = None,
        model_definition_id: ModelDefinitionId | None = None,
        q: str | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
    ) -> Page[GatewayEndpoint]:
        """List with mappings, model definitions and tags in a constant number of queries.

        `q` matches a part of the endpoint's name, case-insensitively; `resource_type` and
        `resource_id`, together, find what this resource is bound to.
        """
        ...

    async def list_users(
        self, model_definition_ids: Collection[ModelDefinitionId]
    ) -> tuple[GatewayEndpoint, ...]:
        """List all endpoints that are mapped to one of these, in a constant number of queries."""
        ...

    async def insert(self, row: GatewayEndpoint) -> None:
        """Insert the endpoint with its `model_mappings` and `tags`."""
        ...

    async def insert_many(self, rows: Sequence[GatewayEndpoint]) -> None:
        """Insert several, in as many statements as one."""
        ...

    async def update(self, row: GatewayEndpoint) -> None:
        """Update the endpoint's own columns and its version; mappings and tags stay."""
        ...

    async def replace_mappings(
        self, endpoint_id: EndpointId, rows: Sequence[GatewayEndpointModelMapping]
    ) -> None:
        """Make `rows` the endpoint's mappings: kept ids are updated, others go."""
        ...

    async def delete_mapping(self, mapping_id: MappingId) -> None: ...
    async def put_tag(self, endpoint_id: EndpointId, key: str, value: str) -> None: ...
    async def delete_tag(self, endpoint_id: EndpointId, key: str) -> None:
        """Delete one tag. Raises NotFoundError."""
        ...

    async def replace_tags(self, endpoint_id: EndpointId, tags: Mapping[str, str]) -> None: ...
    async def delete(self, endpoint_id: EndpointId) -> None:
        """Delete the endpoint with its mappings and tags; its bindings must be gone."""
        ...

    async def users(self, endpoint_id: EndpointId) -> Users: ...


class BindingRows(Protocol):
    """Rows of bindings."""

    async def get(
        self, endpoint_id: EndpointId, resource_type: str, resource_id: str
    ) -> GatewayEndpointBinding: ...
    async def list_page(
        self,
        page: PageRequest,
        *,
        endpoint_id: EndpointId | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
    ) -> Page[GatewayEndpointBinding]:
        """List; the id of a row in `after` is its key joined by newlines."""
        ...

    async def list_of_endpoints(
        self, endpoint_ids: Sequence[EndpointId]
    ) -> tuple[GatewayEndpointBinding, ...]:
        """List all of several endpoints by creation, in one query."""
        ...

    async def put(self, row: GatewayEndpointBinding) -> None:
        """Insert, or update the display name of the same key."""
        ...

    async def delete(
        self, endpoint_id: EndpointId, resource_type: str, resource_id: str
    ) -> None: ...
    async def delete_of_endpoint(self, endpoint_id: EndpointId) -> int:
        """Delete all bindings of an endpoint and return how many."""
        ...


class ApiKeyRows(Protocol):
    """Rows of clients' credentials."""

    async def get(self, key_id: ApiKeyId) -> GatewayApiKey: ...
    async def list_of(self, ids: Collection[ApiKeyId]) -> tuple[GatewayApiKey, ...]: ...
    async def list_page(
        self, page: PageRequest, *, name: str | None = None
    ) -> Page[GatewayApiKey]: ...
    async def insert(self, row: StoredApiKey) -> None: ...
    async def insert_many(self, rows: Sequence[StoredApiKey]) -> None: ...
    async def update(self, row: GatewayApiKey) -> None: ...
    async def update_value(self, row: StoredApiKey) -> None: ...
    async def delete(self, key_id: ApiKeyId) -> None: ...
