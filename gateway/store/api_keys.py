"""Rows of clients' credentials.

Rule: of the value only its digest and mask are stored, and both change only together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from gateway.entities import ApiKeyId, GatewayApiKey, Page, PageRequest, StoredApiKey
from gateway.store import sql
from gateway.store.rows import (
    build_sliced,
    change_row,
    dump_json,
    fetch_page,
    fetch_value,
    parse_json,
)
from gateway.store.session import Row, Session


def build_api_key(row: Row) -> GatewayApiKey:
    """Build one without its digest."""
    return GatewayApiKey(
        key_id=row["key_id"],
        name=row["name"],
        masked_value=row["masked_value"],
        allowed_endpoints=tuple(parse_json(row["allowed_endpoints"])),
        expires_at=row["expires_at"],
        disabled=bool(row["disabled"]),
        created_at=row["created_at"],
        last_updated_at=row["last_updated_at"],
        created_by=row["created_by"],
        last_updated_by=row["last_updated_by"],
        version=row["version"],
        last_used_at=row["last_used_at"],
    )


def build_stored_api_key(row: Row) -> StoredApiKey:
    """Build one with its digest."""
    return StoredApiKey(key=build_api_key(row), digest=bytes(row["digest"]))


def _dump(row: GatewayApiKey) -> dict[str, Any]:
    return {
        "key_id": row.key_id,
        "name": row.name,
        "masked_value": row.masked_value,
        "allowed_endpoints": dump_json(row.allowed_endpoints),
        "expires_at": row.expires_at,
        "disabled": int(row.disabled),
        "created_at": row.created_at,
        "last_updated_at": row.last_updated_at,
        "created_by": row.created_by,
        "last_updated_by": row.last_updated_by,
        "version": row.version,
    }


class SqlApiKeyRows:
    """`gateway.ports.ApiKeyRows` in SQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, key_id: ApiKeyId) -> GatewayApiKey:
        """Get one. Raises NotFoundError."""
        key = {"key_id": key_id}
        return await fetch_value(self._session, sql.API_KEY_GET, key, build_api_key)

    async def list_of(self, ids: Collection[ApiKeyId]) -> tuple[GatewayApiKey, ...]:
        """List those of these ids that there are."""
        rows = await self._session.fetch_in(sql.API_KEY_OF_IDS, sorted(ids))
        return await build_sliced(build_api_key, rows)

    async def list_page(self, page: PageRequest, *, name: str | None = None) -> Page[GatewayApiKey]:
        """List by creation."""
        filters = {"name": name}
        return await fetch_page(self._session, sql.API_KEY_LIST, page, filters, build_api_key)

    async def insert(self, row: StoredApiKey) -> None:
        """Insert one. Raises ConflictError for a taken name."""
        params = _dump(row.key) | {"digest": row.digest}
        await self._session.execute(sql.API_KEY_INSERT, params)

    async def insert_many(self, rows: Sequence[StoredApiKey]) -> None:
        """Insert several. Raises as `insert`."""
        params = (_dump(row.key) | {"digest": row.digest} for row in rows)
        await self._session.execute_many(sql.API_KEY_INSERT, params)

    async def update(self, row: GatewayApiKey) -> None:
        """Update all but value and mask. Raises NotFoundError, ConflictError."""
        await change_row(self._session, sql.API_KEY_UPDATE, _dump(row), key="key_id")

    async def update_value(self, row: StoredApiKey) -> None:
        """Give one another value. Raises NotFoundError; ConflictError where another has it."""
        params = {
            "key_id": row.key.key_id,
            "masked_value": row.key.masked_value,
            "digest": row.digest,
        }
        await change_row(self._session, sql.API_KEY_UPDATE_VALUE, params, key="key_id")

    async def delete(self, key_id: ApiKeyId) -> None:
        """Delete one. Raises NotFoundError."""
        await change_row(self._session, sql.API_KEY_DELETE, {"key_id": key_id}, key="key_id")
