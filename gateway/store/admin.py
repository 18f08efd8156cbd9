"""Rows of admin tokens, of the audit trail and of idempotent answers.

Rule: audit rows are only ever added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.entities import AdminToken, AuditRow, IdempotentAnswer, Page, PageRequest
from gateway.store import sql
from gateway.store.rows import build_values, dump_json, fetch_page, parse_json
from gateway.store.session import Row, Session


def _build_token(row: Row) -> AdminToken:
    return AdminToken(
        token_id=row["token_id"],
        name=row["name"],
        digest=bytes(row["digest"]),
        created_at=row["created_at"],
        disabled=bool(row["disabled"]),
    )


def _build_audit(row: Row) -> AuditRow:
    return AuditRow(
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        entity_type=row["entity_type"],
        entity_id=row["entity_id"],
        entity_name=row["entity_name"],
        before=parse_json(row["before_change"]),
        after=parse_json(row["after_change"]),
        request_id=row["request_id"],
        source_address=row["source_address"],
        audit_id=row["audit_id"],
    )


def _dump_audit(row: AuditRow) -> dict[str, Any]:
    return {
        "at": row.at,
        "actor": row.actor,
        "action": row.action,
        "entity_type": row.entity_type,
        "entity_id": row.entity_id,
        "entity_name": row.entity_name,
        "before_change": dump_json(row.before),
        "after_change": dump_json(row.after),
        "request_id": row.request_id,
        "source_address": row.source_address,
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


class SqlAdminRows:
    """`gateway.ports.AdminRows` in SQL."""

    def __init__(self, session: Session) -> None:
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

    async def insert_audit(self, row: AuditRow) -> None:
        """Insert one; the store gives it its number."""
        await self._session.execute(sql.AUDIT_INSERT, _dump_audit(row))

    async def insert_audits(self, rows: Sequence[AuditRow]) -> None:
        """Insert several, in their order."""
        await self._session.execute_many(sql.AUDIT_INSERT, map(_dump_audit, rows))

    async def list_audit(
        self,
        page: PageRequest,
        *,
        actor: str | None = None,
        entity_type: str | None = None,
        entity_id: str | None = None,
        action: str | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> Page[AuditRow]:
        """List newest first, from `since` on and before `until`, in milliseconds."""
        filters = {
            "actor": actor,
            "entity_type": entity_type,
            "entity_id": entity_id,
            "action": action,
            "since": since,
            "until": until,
        }
        return await fetch_page(self._session, sql.AUDIT_LIST, page, filters, _build_audit)

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
