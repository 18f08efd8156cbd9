"""The queries of the audit log.

Rule: as in `gateway.store.sql`. Rows are only ever added; the one update takes rows from before
the chain into it.
"""

# ruff: noqa: S608 - only constants are joined

from __future__ import annotations

from gateway.store.sql import ListQuery

_ROW = (
    "audit_id, at, actor, action, entity_type, entity_id, entity_name, before_change, "
    "after_change, request_id, source_address"
)
_CHAIN = "before_chain, former_hash, row_hash, row_mac"

AUDIT_INSERT = (
    "INSERT INTO audit (" + _ROW + ", " + _CHAIN + ") VALUES (:audit_id, :at, :actor, :action, "
    ":entity_type, :entity_id, :entity_name, :before_change, :after_change, :request_id, "
    ":source_address, :before_chain, :former_hash, :row_hash, :row_mac)"
)
AUDIT_LIST = ListQuery(
    select="SELECT " + _ROW + " FROM audit",
    order=("at", "audit_id"),
    newest_first=True,
    numbered=True,
    filters={
        "actor": "actor = :actor",
        "entity_type": "entity_type = :entity_type",
        "entity_id": "entity_id = :entity_id",
        "entity_name": "entity_name = :entity_name",
        "action": "action = :action",
        "request_id": "request_id = :request_id",
        "source_address": "source_address = :source_address",
        "since": "at >= :since",
        "until": "at < :until",
    },
)
AUDIT_RECORDS = (
    "SELECT " + _ROW + ", " + _CHAIN + " FROM audit WHERE audit_id > :after "
    "ORDER BY audit_id LIMIT :row_limit"
)
AUDIT_NUMBERS = (
    "SELECT audit_id FROM audit WHERE audit_id > :after ORDER BY audit_id LIMIT :row_limit"
)
AUDIT_FIRST_SINCE = "SELECT MIN(audit_id) AS audit_id FROM audit WHERE at >= :since"
AUDIT_ANY_CHAINED = "SELECT 1 FROM audit WHERE row_hash IS NOT NULL LIMIT 1"
AUDIT_ADOPT = (
    "UPDATE audit SET before_chain = 1, former_hash = :former_hash, row_hash = :row_hash, "
    "row_mac = :row_mac WHERE audit_id = :audit_id"
)
AUDIT_HEAD_GET = "SELECT last_id, last_hash, mac FROM audit_head WHERE id = 1"
# What the next row follows: the head, and the newest row that there really is.
AUDIT_END = (
    "SELECT h.last_id, h.last_hash, h.mac, a.audit_id, a.row_hash "
    "FROM (SELECT 1 AS id) one "
    "LEFT JOIN audit_head h ON h.id = one.id "
    "LEFT JOIN audit a ON a.audit_id = (SELECT MAX(audit_id) FROM audit)"
)
AUDIT_HEAD_SET = (
    "INSERT INTO audit_head (id, last_id, last_hash, mac) VALUES (1, :last_id, :last_hash, :mac) "
    "ON CONFLICT (id) DO UPDATE SET last_id = excluded.last_id, "
    "last_hash = excluded.last_hash, mac = excluded.mac"
)
# Only from the end that the writer knows, and only where that is the newest row.
AUDIT_HEAD_MOVE = (
    "UPDATE audit_head SET last_id = :last_id, last_hash = :last_hash, mac = :mac "
    "WHERE id = 1 AND last_id = :former_id AND last_hash = :former_hash AND mac = :former_mac "
    "AND last_id = (SELECT COALESCE(MAX(audit_id), 0) FROM audit)"
)
