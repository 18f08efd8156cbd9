"""Rows of admin tokens and of idempotent answers; those of the audit log are in `audit`."""

from __future__ import annotations

from typing import Any

from gateway.entities import AdminToken, IdempotentAnswer
from gateway.store import sql
from gateway.store.audit import AuditTail, SqlAuditRows
from gateway.store.rows import build_values
from gateway.store.session import Row, Session


def _build_token(row: Row) -> AdminToken:
    return AdminToken(
        token_id=row["token_id"],
        name=row["name"],
        digest=bytes(row["digest"]),
        created_at=row["created_at"],
        disabled=bool(row["disabled"]),
    )


def _build_answer(row: Row) -> IdempotentAnswer:
    return IdempotentAnswer(
        key=row["key"],
        caller=row["caller"],
        route=row["route"],
        body_mac=bytes(row["body_mac"]),
        status=row["status"],
        location=row["location"],
        body=bytes(row["body"]),
        created_at=row["created_at"],
    )


def _dump_answer(row: IdempotentAnswer) -> dict[str, Any]:
    return {
        "key": row.key,
        "caller": row.caller,
        "route": row.route,
        "body_mac": row.body_mac,
        "status": row.status,
        "location": row.location,
        "body": row.body,
        "created_at": row.created_at,
    }


class SqlAdminRows(SqlAuditRows):
    """`gateway.ports.AdminRows` in SQL."""

    def __init__(self, session: Session, tail: AuditTail | None) -> None:
        super().__init__(session, tail)
        self._session = session

    async def list_tokens(self) -> tuple[AdminToken, ...]:
        """List all admin tokens, the disabled too."""
        return build_values(_build_token, await self._session.fetch_all(sql.TOKEN_LIST, {}))

    async def insert_token(self, row: AdminToken) -> None:
        """Insert one. Raises ConflictError for a taken name."""
        params = {
            "token_id": row.token_id,
            "name": row.name,
            "digest": row.digest,
            "created_at": row.created_at,
            "disabled": int(row.disabled),
        }
        await self._session.execute(sql.TOKEN_INSERT, params)

    async def find_answer(self, key: str, caller: str, route: str) -> IdempotentAnswer | None:
        """Find the first answer to a key of this caller on this route."""
        params = {"key": key, "caller": caller, "route": route}
        row = await self._session.fetch_one(sql.ANSWER_FIND, params)
        return None if row is None else build_values(_build_answer, (row,))[0]

    async def insert_answer(self, row: IdempotentAnswer) -> None:
        """Insert one. Raises ConflictError when the key has an answer."""
        await self._session.execute(sql.ANSWER_INSERT, _dump_answer(row))

    async def delete_answers_before(self, created_at: int) -> int:
        """Delete the answers older than a time in milliseconds and return how many."""
        return await self._session.execute(sql.ANSWER_DELETE_BEFORE, {"created_at": created_at})
