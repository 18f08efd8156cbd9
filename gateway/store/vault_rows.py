"""Rows of the vault's own keys, all of them wrapped.

Rule: wraps are counted only under the active term, and at most one term is active.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.entities import KekState, KekTerm, VaultMeta
from gateway.errors import KeyRotatedError
from gateway.store import sql
from gateway.store.rows import build_values, change_row, dump_json, parse_json
from gateway.store.session import Row, Session


def _build_meta(row: Row) -> VaultMeta:
    return VaultMeta(
        installation_id=row["installation_id"],
        root_kind=row["root_kind"],
        kdf=row["kdf"],
        kdf_params=parse_json(row["kdf_params"]),
        salt=bytes(row["salt"]),
        root_check=bytes(row["root_check"]),
        wrapped_root=bytes(row["wrapped_root"]),
        created_at=row["created_at"],
    )


def _dump_meta(row: VaultMeta) -> dict[str, Any]:
    return {
        "id": 1,  # of the only row
        "installation_id": row.installation_id,
        "root_kind": row.root_kind,
        "kdf": row.kdf,
        "kdf_params": dump_json(row.kdf_params),
        "salt": row.salt,
        "root_check": row.root_check,
        "wrapped_root": row.wrapped_root,
        "created_at": row.created_at,
    }


def _build_term(row: Row) -> KekTerm:
    return KekTerm(
        term=row["term"],
        state=KekState(row["state"]),
        wrapped_key=bytes(row["wrapped_key"]),
        check_value=bytes(row["check_value"]),
        wraps=row["wraps"],
        created_at=row["created_at"],
    )


def _dump_term(row: KekTerm) -> dict[str, Any]:
    return {
        "term": row.term,
        "state": row.state.value,
        "wrapped_key": row.wrapped_key,
        "check_value": row.check_value,
        "wraps": row.wraps,
        "created_at": row.created_at,
    }


class SqlVaultRows:
    """`gateway.ports.VaultRows` in SQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find_meta(self) -> VaultMeta | None:
        """Find the installation's row; None before the first start is through."""
        row = await self._session.fetch_one(sql.META_GET, {})
        return None if row is None else build_values(_build_meta, (row,))[0]

    async def insert_meta(self, row: VaultMeta) -> None:
        """Insert the only row. Raises ConflictError when there is one."""
        await self._session.execute(sql.META_INSERT, _dump_meta(row))

    async def update_meta(self, row: VaultMeta) -> None:
        """Change how the root key is made; installation and creation stay. Raises NotFoundError."""
        await change_row(self._session, sql.META_UPDATE, _dump_meta(row), key="id")

    async def list_terms(self) -> tuple[KekTerm, ...]:
        """List all terms by number."""
        return build_values(_build_term, await self._session.fetch_all(sql.TERM_LIST, {}))

    async def insert_term(self, row: KekTerm) -> None:
        """Insert a term. Raises ConflictError for a taken number or a second active term."""
        await self._session.execute(sql.TERM_INSERT, _dump_term(row))

    async def update_term_key(self, term: int, wrapped_key: bytes) -> None:
        """Store a term's key wrapped anew. Raises NotFoundError."""
        params = {"term": term, "wrapped_key": wrapped_key}
        await change_row(self._session, sql.TERM_UPDATE_KEY, params, key="term")

    async def set_term_state(self, term: int, state: KekState) -> None:
        """Set a term's state; the old active one steps down first. Raises NotFoundError."""
        params = {"term": term, "state": state.value}
        await change_row(self._session, sql.TERM_SET_STATE, params, key="term")

    async def add_wraps(self, term: int, count: int) -> int:
        """Count wraps under the active term; return the new count. Raises KeyRotatedError."""
        params = {"term": term, "wraps": count}
        if not await self._session.execute(sql.TERM_ADD_WRAPS, params):
            raise KeyRotatedError(
                "The key-encryption key has been rotated meanwhile; try again.", field="kek_term"
            )
        row = await self._session.fetch_one(sql.TERM_WRAPS, {"term": term})
        return int(row["wraps"]) if row else count

    async def count_records(self) -> Mapping[int, int]:
        """Return how many records stand under each term that has any."""
        rows = await self._session.fetch_all(sql.TERM_RECORDS, {})
        return {row["kek_term"]: row["total"] for row in rows}
