"""Rows of admin tokens, ended sessions and idempotent answers; the audit log's are in `audit`.

Rule: of a token its digest and mask never change.
"""

from __future__ import annotations

from typing import Any

from gateway.entities import AdminToken, IdempotentAnswer, Page, PageRequest
from gateway.roles import Role
from gateway.store import sql
from gateway.store.audit import AuditTail, SqlAuditRows
from gateway.store.rows import (
    build_values,
    change_row,
    dump_json,
    fetch_page,
    fetch_value,
    parse_json,
)
from gateway.store.session import Row, Session


def _build_token(row: Row) -> AdminToken:
    return AdminToken(
        token_id=row["token_id"],
        name=row["name"],
        digest=bytes(row["digest"]),
        role=Role(row["role"]),
        scopes=tuple(parse_json(row["scopes"])),
        expires_at=row["expires_at"],
        disabled=bool(row["disabled"]),
        masked_value=row["masked_value"],
        last_used_at=row["last_used_at"],
        created_at=row["created_at"],
        last_updated_at=row["last_updated_at"],
        created_by=row["created_by"],
        last_updated_by=row["last_updated_by"],
        version=row["version"],
    )


def _dump_token(row: AdminToken) -> dict[str, Any]:
    return {
        "token_id": row.token_id,
        "name": row.name,
        "role": row.role.value,
        "scopes": dump_json(row.scopes),
        "expires_at": row.expires_at,
        "disabled": int(row.disabled),
        "created_at": row.created_at,
        "last_updated_at": row.last_updated_at,
        "created_by": row.created_by,
        "last_updated_by": row.last_updated_by,
        "version": row.version,
    }


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
        return build_values(_build_token, await self._session.fetch_all(sql.TOKEN_ALL, {}))

    async def get_token(self, token_id: str) -> AdminToken:
        """Get one. Raises NotFoundError."""
        return await fetch_value(self._session, sql.TOKEN_GET, {"token_id": token_id}, _build_token)

    async def list_token_page(
        self, page: PageRequest, *, name: str | None = None
    ) -> Page[AdminToken]:
        """List by creation."""
        filters = {"name": name}
        return await fetch_page(self._session, sql.TOKEN_LIST, page, filters, _build_token)

    async def insert_token(self, row: AdminToken) -> None:
        """Insert one. Raises ConflictError for a taken name."""
        params = _dump_token(row) | {"digest": row.digest, "masked_value": row.masked_value}
        await self._session.execute(sql.TOKEN_INSERT, params)

    async def update_token(self, row: AdminToken) -> None:
        """Update all but value and mask. Raises NotFoundError, ConflictError."""
        await change_row(self._session, sql.TOKEN_UPDATE, _dump_token(row), key="token_id")

    async def note_token_used(self, token_id: str, at_ms: int) -> None:
        """Note when one was used; nothing if it is gone."""
        params = {"token_id": token_id, "last_used_at": at_ms}
        await self._session.execute(sql.TOKEN_USED, params)

    async def delete_token(self, token_id: str) -> None:
        """Delete one. Raises NotFoundError."""
        key = {"token_id": token_id}
        await change_row(self._session, sql.TOKEN_DELETE, key, key="token_id")

    async def end_session(self, session_id: str, ends_at: int) -> bool:
        """Note that a session has ended before its time; False if it had already."""
        params = {"session_id": session_id, "ends_at": ends_at}
        return bool(await self._session.execute(sql.SESSION_END, params))

    async def list_ended_sessions(self, now_ms: int) -> frozenset[str]:
        """List the ids of those that would still last."""
        rows = await self._session.fetch_all(sql.SESSION_ENDED, {"now_ms": now_ms})
        return frozenset(row["session_id"] for row in rows)

    async def delete_ended_sessions_before(self, ends_at: int) -> int:
        """Forget those that would have ended by a time in milliseconds; return how many."""
        return await self._session.execute(sql.SESSION_DELETE_BEFORE, {"ends_at": ends_at})

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
