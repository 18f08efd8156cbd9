"""Rows of model definitions.

Rule: `secret_name` is joined on reading and never stored twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from gateway.entities import (
    GatewayModelDefinition,
    ModelDefinitionId,
    Page,
    PageRequest,
    SecretId,
    Users,
)
from gateway.store import sql
from gateway.store.rows import build_sliced, change_row, fetch_page, fetch_users, fetch_value
from gateway.store.session import Row, Session


def build_model_definition(row: Row) -> GatewayModelDefinition:
    """Build one with its secret's name."""
    return GatewayModelDefinition(
        model_definition_id=row["model_definition_id"],
        name=row["name"],
        secret_id=row["secret_id"],
        secret_name=row["secret_name"],
        provider=row["provider"],
        model_name=row["model_name"],
        created_at=row["created_at"],
        last_updated_at=row["last_updated_at"],
        created_by=row["created_by"],
        last_updated_by=row["last_updated_by"],
        version=row["version"],
    )


def _dump(row: GatewayModelDefinition) -> dict[str, Any]:
    return {
        "model_definition_id": row.model_definition_id,
        "name": row.name,
        "secret_id": row.secret_id,
        "provider": row.provider,
        "model_name": row.model_name,
        "created_at": row.created_at,
        "last_updated_at": row.last_updated_at,
        "created_by": row.created_by,
        "last_updated_by": row.last_updated_by,
        "version": row.version,
    }


def _build_user(row: Row) -> tuple[str, str, str]:
    return "endpoint", row["id"], row["name"]


class SqlModelDefinitionRows:
    """`gateway.ports.ModelDefinitionRows` in SQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, model_definition_id: ModelDefinitionId) -> GatewayModelDefinition:
        """Get one. Raises NotFoundError."""
        key = {"model_definition_id": model_definition_id}
        return await fetch_value(self._session, sql.MODEL_GET, key, build_model_definition)

    async def list_of(
        self, ids: Collection[ModelDefinitionId]
    ) -> tuple[GatewayModelDefinition, ...]:
        """List those of these ids that there are."""
        rows = await self._session.fetch_in(sql.MODEL_OF_IDS, sorted(ids))
        return await build_sliced(build_model_definition, rows)

    async def list_page(
        self,
        page: PageRequest,
        *,
        name: str | None = None,
        provider: str | None = None,
        secret_id: SecretId | None = None,
    ) -> Page[GatewayModelDefinition]:
        """List by creation."""
        filters = {"name": name, "provider": provider, "secret_id": secret_id}
        return await fetch_page(
            self._session, sql.MODEL_LIST, page, filters, build_model_definition
        )

    async def insert(self, row: GatewayModelDefinition) -> None:
        """Insert one. Raises ConflictError for a taken name or an unknown secret."""
        await self._session.execute(sql.MODEL_INSERT, _dump(row), references="secret_id")

    async def insert_many(self, rows: Sequence[GatewayModelDefinition]) -> None:
        """Insert several. Raises as `insert`."""
        params = map(_dump, rows)
        await self._session.execute_many(sql.MODEL_INSERT, params, references="secret_id")

    async def update(self, row: GatewayModelDefinition) -> None:
        """Update one. Raises NotFoundError, or ConflictError as `insert` does."""
        await change_row(
            self._session,
            sql.MODEL_UPDATE,
            _dump(row),
            key="model_definition_id",
            references="secret_id",
        )

    async def delete(self, model_definition_id: ModelDefinitionId) -> None:
        """Delete one. Raises NotFoundError, or ConflictError while it has users."""
        key = "model_definition_id"
        params = {key: model_definition_id}
        await change_row(self._session, sql.MODEL_DELETE, params, key=key, references=key)

    async def users(self, model_definition_id: ModelDefinitionId) -> Users:
        """List the endpoints that are mapped to it."""
        queries = (sql.MODEL_USERS, sql.MODEL_USERS_COUNT)
        return await fetch_users(self._session, queries, model_definition_id, _build_user)
