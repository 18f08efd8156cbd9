"""Rows of provider credentials, sealed.

Rule: the record goes in and out as bytes; id and name never change, they are
bound into it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.entities import (
    ExpiringSecret,
    GatewaySecretInfo,
    GracedSecret,
    Page,
    PageRequest,
    PreviousValue,
    SealedSecret,
    SecretId,
    Users,
)
from gateway.store import sql
from gateway.store.rows import (
    build_sliced,
    build_values,
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
        expires_at=row["expires_at"],
        previous_value=_build_previous_value(row),
        last_used_at=row["last_used_at"],
        created_at=row["created_at"],
        last_updated_at=row["last_updated_at"],
        created_by=row["created_by"],
        last_updated_by=row["last_updated_by"],
        version=row["version"],
    )


def _build_previous_value(row: Row) -> PreviousValue | None:
    if row["grace_until"] is None:
        return None
    masked = parse_json(row["previous_masked_values"])
    return PreviousValue(masked_values=masked, grace_until=row["grace_until"])


def build_sealed_secret(row: Row) -> SealedSecret:
    """Build a sealed credential, with the value before the current one if that still counts."""
    sealed = SealedSecret(
        secret_id=row["secret_id"],
        secret_name=row["secret_name"],
        provider=row["provider"],
        auth_config=parse_json(row["auth_config"]),
        secret_version=row["secret_version"],
        kek_term=row["kek_term"],
        record=bytes(row["record"]),
        value_mac=None if row["value_mac"] is None else bytes(row["value_mac"]),
    )
    if row["previous_record"] is None:
        return sealed
    former = replace(
        sealed,
        secret_version=row["previous_version"],
        kek_term=row["previous_kek_term"],
        record=bytes(row["previous_record"]),
        value_mac=None,
    )
    return replace(sealed, previous=GracedSecret(sealed=former, grace_until=row["grace_until"]))


def _build_expiring(row: Row) -> ExpiringSecret:
    return ExpiringSecret(
        secret_id=row["secret_id"], secret_name=row["secret_name"], expires_at=row["expires_at"]
    )


def _dump_info(info: GatewaySecretInfo) -> dict[str, Any]:
    return {
        "secret_id": info.secret_id,
        "secret_name": info.secret_name,
        "masked_values": dump_json(info.masked_values),
        "provider": info.provider,
        "auth_config": dump_json(info.auth_config),
        "expires_at": info.expires_at,
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

    async def list_expiring(self, before_ms: int, limit: int) -> tuple[ExpiringSecret, ...]:
        """List those whose value ends before this moment, or has ended, the soonest first."""
        params = {"before": before_ms, "row_limit": limit}
        rows = await self._session.fetch_all(sql.SECRET_EXPIRING, params)
        return build_values(_build_expiring, rows)

    async def list_previous(
        self, page: PageRequest, *, kek_term: int | None = None
    ) -> Page[SealedSecret]:
        """List the records of former values, by the end of their grace."""
        filters = {"kek_term": kek_term}
        query = sql.PREVIOUS_LIST
        return await fetch_page(self._session, query, page, filters, build_sealed_secret)

    async def put_previous(self, graced: GracedSecret, masked_values: Mapping[str, str]) -> None:
        """Keep a former value; one that is kept already gives way."""
        params = _dump_sealed(graced.sealed) | {
            "secret_id": graced.sealed.secret_id,
            "masked_values": dump_json(masked_values),
            "grace_until": graced.grace_until,
        }
        await self._session.execute(sql.PREVIOUS_PUT, params, references="secret_id")

    async def rewrap_previous(self, sealed: SealedSecret, *, expected_record: bytes) -> bool:
        """Store a former value's record under another term; False: it is no longer as expected."""
        params = {
            "secret_id": sealed.secret_id,
            "kek_term": sealed.kek_term,
            "record": sealed.record,
            "expected_record": expected_record,
        }
        statement = sql.PREVIOUS_REWRAP
        return bool(await self._session.execute(statement, params, references="kek_term"))

    async def delete_previous(self, secret_id: SecretId) -> bool:
        """Delete the former value; False: there was none."""
        return bool(await self._session.execute(sql.PREVIOUS_DELETE, {"secret_id": secret_id}))

    async def list_ended(self, now_ms: int, limit: int) -> tuple[SecretId, ...]:
        """List the secrets whose former value has had its time."""
        params = {"now": now_ms, "row_limit": limit}
        rows = await self._session.fetch_all(sql.PREVIOUS_ENDED, params)
        return tuple(SecretId(row["secret_id"]) for row in rows)

    async def count(self) -> int:
        """Count all."""
        row = await self._session.fetch_one(sql.SECRET_COUNT, {})
        return int(row["total"]) if row else 0
