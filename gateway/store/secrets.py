"""Rows of provider credentials, sealed.

Rule: the record goes in and out as bytes; id and name never change, they are
bound into it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from gateway.entities import (
    GatewaySecretInfo,
    Page,
    PageRequest,
    SealedSecret,
    SecretId,
    Users,
)
from gateway.store import sql
from gateway.store.rows import (
    build_sliced,
    change_row,
    dump_json,
    fetch_page,
    fetch_users,
    fetch_value,
    parse_json,
)
from gateway.store.session import Row, Session


def build_secret_info(row: Row) -> GatewaySecretInfo:
    """Build what may be shown of a credential."""
    return GatewaySecretInfo(
        secret_id=row["secret_id"],
        secret_name=row["secret_name"],
        masked_values=parse_json(row["masked_values"]),
        provider=row["provider"],
        auth_config=parse_json(row["auth_config"]),
        created_at=row["created_at"],
        last_updated_at=row["last_updated_at"],
        created_by=row["created_by"],
        last_updated_by=row["last_updated_by"],
        version=row["version"],
    )


def build_sealed_secret(row: Row) -> SealedSecret:
    """Build a sealed credential."""
    return SealedSecret(
        secret_id=row["secret_id"],
        secret_name=row["secret_name"],
        provider=row["provider"],
        auth_config=parse_json(row["auth_config"]),
        secret_version=row["secret_version"],
        kek_term=row["kek_term"],
        record=bytes(row["record"]),
        value_mac=None if row["value_mac"] is None else bytes(row["value_mac"]),
    )


def _dump_info(info: GatewaySecretInfo) -> dict[str, Any]:
    return {
        "secret_id": info.secret_id,
        "secret_name": info.secret_name,
        "masked_values": dump_json(info.masked_values),
        "provider": info.provider,
        "auth_config": dump_json(info.auth_config),
        "created_at": info.created_at,
        "last_updated_at": info.last_updated_at,
        "created_by": info.created_by,
        "last_updated_by": info.last_updated_by,
        "version": info.version,
    }


def _dump_sealed(sealed: SealedSecret) -> dict[str, Any]:
    return {
        "secret_version": sealed.secret_version,
        "kek_term": sealed.kek_term,
        "record": sealed.record,
        "value_mac": sealed.value_mac,
    }


def _build_user(row: Row) -> tuple[str, str, str]:
    return "model_definition", row["id"], row["name"]


class SqlSecretRows:
    """`gateway.ports.SecretRows` in SQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, secret_id: SecretId) -> GatewaySecretInfo:
        """Get one. Raises NotFoundError."""
        key = {"secret_id": secret_id}
        return await fetch_value(self._session, sql.SECRET_GET, key, build_secret_info)

    async def list_of(self, ids: Collection[SecretId]) -> tuple[GatewaySecretInfo, ...]:
        """List those of these ids that there are."""
        rows = await self._session.fetch_in(sql.SECRET_OF_IDS, sorted(ids))
        return await build_sliced(build_secret_info, rows)

    async def get_sealed(self, secret_id: SecretId) -> SealedSecret:
        """Get one with its record. Raises NotFoundError."""
        key = {"secret_id": secret_id}
        return await fetch_value(self._session, sql.SECRET_GET_SEALED, key, build_sealed_secret)

    async def list_page(
        self, page: PageRequest, *, name: str | None = None, provider: str | None = None
    ) -> Page[GatewaySecretInfo]:
        """List by creation."""
        filters = {"name": name, "provider": provider}
        return await fetch_page(self._session, sql.SECRET_LIST, page, filters, build_secret_info)

    async def list_sealed(self, page: PageRequest) -> Page[SealedSecret]:
        """List records by creation."""
        query = sql.SECRET_LIST_SEALED
        return await fetch_page(self._session, query, page, {}, build_sealed_secret)

    async def insert(self, info: GatewaySecretInfo, sealed: SealedSecret) -> None:
        """Insert one. Raises ConflictError for a taken name or an unknown KEK term."""
        params = _dump_info(info) | _dump_sealed(sealed)
        await self._session.execute(sql.SECRET_INSERT, params, references="kek_term")

    async def insert_many(self, rows: Sequence[tuple[GatewaySecretInfo, SealedSecret]]) -> None:
        """Insert several. Raises as `insert`."""
        params = (_dump_info(info) | _dump_sealed(sealed) for info, sealed in rows)
        await self._session.execute_many(sql.SECRET_INSERT, params, references="kek_term")

    async def update(self, info: GatewaySecretInfo, sealed: SealedSecret | None) -> None:
        """Update what is shown and, with `sealed`, the record. Raises NotFoundError."""
        params = _dump_info(info)
        statement = sql.SECRET_UPDATE
        if sealed is not None:
            params |= _dump_sealed(sealed)
            statement = sql.SECRET_UPDATE_SEALED
        await change_row(self._session, statement, params, key="secret_id", references="kek_term")

    async def delete(self, secret_id: SecretId) -> None:
        """Delete one. Raises NotFoundError, or ConflictError while it has users."""
        params = {"secret_id": secret_id}
        await change_row(
            self._session, sql.SECRET_DELETE, params, key="secret_id", references="secret_id"
        )

    async def users(self, secret_id: SecretId) -> Users:
        """List the model definitions that use it."""
        queries = (sql.SECRET_USERS, sql.SECRET_USERS_COUNT)
        return await fetch_users(self._session, queries, secret_id, _build_user)

    async def count(self) -> int:
        """Count all."""
        row = await self._session.fetch_one(sql.SECRET_COUNT, {})
        return int(row["total"]) if row else 0
