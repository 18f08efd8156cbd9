"""Rows of bindings.

Rule: endpoint, resource type and resource id are the key; a put never makes a
second row of one key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.entities import EndpointId, GatewayEndpointBinding, Page, PageRequest
from gateway.store import sql
from gateway.store.rows import build_sliced, change_row, fetch_page, fetch_value
from gateway.store.session import Row, Session


def build_binding(row: Row) -> GatewayEndpointBinding:
    """Build one with its endpoint's name."""
    return GatewayEndpointBinding(
        endpoint_id=row["endpoint_id"],
        resource_type=row["resource_type"],
        resource_id=row["resource_id"],
        endpoint_name=row["endpoint_name"],
        display_name=row["display_name"],
        created_at=row["created_at"],
        last_updated_at=row["last_updated_at"],
        created_by=row["created_by"],
        last_updated_by=row["last_updated_by"],
        version=row["version"],
    )


def _dump(row: GatewayEndpointBinding) -> dict[str, Any]:
    return {
        "endpoint_id": row.endpoint_id,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "display_name": row.display_name,
        "created_at": row.created_at,
        "last_updated_at": row.last_updated_at,
        "created_by": row.created_by,
        "last_updated_by": row.last_updated_by,
        "version": row.version,
    }


def _dump_key(endpoint_id: EndpointId, resource_type: str, resource_id: str) -> dict[str, str]:
    return {
        "endpoint_id": endpoint_id,
        "resource_type": resource_type,
        "resource_id": resource_id,
    }


class SqlBindingRows:
    """`gateway.ports.BindingRows` in SQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(
        self, endpoint_id: EndpointId, resource_type: str, resource_id: str
    ) -> GatewayEndpointBinding:
        """Get one. Raises NotFoundError."""
        key = _dump_key(endpoint_id, resource_type, resource_id)
        return await fetch_value(self._session, sql.BINDING_GET, key, build_binding)

    async def list_page(
        self,
        page: PageRequest,
        *,
        endpoint_id: EndpointId | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
    ) -> Page[GatewayEndpointBinding]:
        """List by creation."""
        filters = {
            "endpoint_id": endpoint_id,
            "resource_type": resource_type,
            "resource_id": resource_id,
        }
        return await fetch_page(self._session, sql.BINDING_LIST, page, filters, build_binding)

    async def list_of_endpoints(
        self, endpoint_ids: Sequence[EndpointId]
    ) -> tuple[GatewayEndpointBinding, ...]:
        """List all of several endpoints by creation, in one query."""
        rows = await self._session.fetch_in(sql.BINDING_OF_ENDPOINTS, endpoint_ids)
        return await build_sliced(build_binding, rows)

    async def put(self, row: GatewayEndpointBinding) -> None:
        """Insert one or update its display name. Raises ConflictError for an unknown endpoint."""
        await self._session.execute(sql.BINDING_PUT, _dump(row), references="endpoint_id")

    async def delete(self, endpoint_id: EndpointId, resource_type: str, resource_id: str) -> None:
        """Delete one. Raises NotFoundError."""
        params = _dump_key(endpoint_id, resource_type, resource_id)
        await change_row(self._session, sql.BINDING_DELETE, params, key="resource_id")

    async def delete_of_endpoint(self, endpoint_id: EndpointId) -> int:
        """Delete all of an endpoint and return how many."""
        params = {"endpoint_id": endpoint_id}
        return await self._session.execute(sql.BINDING_DELETE_ALL, params)
