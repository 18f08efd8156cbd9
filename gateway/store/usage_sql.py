"""Every query of the ledger, in the manner of `gateway.store.sql`.

A row points to its facet: the eight values (who called what, through which model) that many rows
share. Rows are found in one of two ways: along time, or facet by facet where few facets match.

Rule: texts of constants with `:name` parameters, `?` for rows inserted by the
thousand; whichever way rows are found, the same rows come back.
"""

# ruff: noqa: S105, S608 - names of queries are no passwords, and only constants are joined

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from gateway.store.sql import ListQuery

# --- facets -------------------------------------------------------------------------------

FACET_COLUMNS = (
    "endpoint_id",
    "endpoint_name",
    "model_definition_id",
    "model_definition_name",
    "provider",
    "api_key_id",
    "client_dialect",
    "upstream_dialect",
)
FACET_FIND = "SELECT facet_id, facet FROM usage_facets WHERE facet IN (:ids)"
FACET_INSERT = (
    f"INSERT INTO usage_facets (facet, {', '.join(FACET_COLUMNS)}) "
    f"VALUES (?, {', '.join('?' * len(FACET_COLUMNS))}) ON CONFLICT (facet) DO NOTHING"
)
FACET_FILTERS = frozenset(FACET_COLUMNS) - {"client_dialect", "upstream_dialect"}


def build_facet_count(filters: Collection[str]) -> str:
    """Build the text that counts the facets of all `filters`, up to `:row_limit`."""
    conditions = " AND ".join(f"{name} = :{name}" for name in filters)
    return (
        "SELECT COUNT(*) AS total FROM "
        f"(SELECT 1 FROM usage_facets WHERE {conditions} LIMIT :row_limit) AS counted"
    )


FACET_ENDPOINTS = "SELECT DISTINCT endpoint_name FROM usage_facets"


def build_name_condition(count: int) -> str:
    """Build the condition that a row is of one of `count` endpoints, `:name_0` and so on."""
    names = ", ".join(f":name_{place}" for place in range(count))
    return f"+u.facet_id IN (SELECT facet_id FROM usage_facets WHERE endpoint_name IN ({names}))"


# --- rows ---------------------------------------------------------------------------------

# What is mostly NULL comes as '' or -1: for every None the driver looks for an adapter, 0.3 µs.
USAGE_INSERT = (
    "INSERT INTO usage (request_id, attempt, facet_id, started_at, status, error_code, failed, "
    "first_byte_ms, duration_ms, input_tokens, output_tokens, cache_read_tokens, "
    "cache_write_tokens, reasoning_tokens, estimated, streamed, client_gone) "
    "VALUES (?, ?, ?, ?, ?, NULLIF(?, ''), ?, ?, ?, ?, ?, NULLIF(?, -1), NULLIF(?, -1), "
    "NULLIF(?, -1), ?, ?, ?)"
)
WRITER_FIND = "SELECT rows_stored FROM ledger_writers WHERE writer = :writer"
WRITER_PUT = (
    "INSERT INTO ledger_writers (writer, rows_stored, stored_at) "
    "VALUES (:writer, :rows_stored, :stored_at) ON CONFLICT (writer) DO UPDATE SET "
    "rows_stored = excluded.rows_stored, stored_at = excluded.stored_at"
)
WRITERS_DELETE_BEFORE = "DELETE FROM ledger_writers WHERE stored_at < :stored_before"
# When credentials and api keys were last used: as of now, not as of when the row was made.
SECRET_USED = (
    "INSERT INTO secret_uses (secret_id, last_used_at) SELECT secret_id, :at "
    "FROM model_definitions WHERE model_definition_id = :id ON CONFLICT (secret_id) "
    "DO UPDATE SET last_used_at = excluded.last_used_at "
    "WHERE excluded.last_used_at > secret_uses.last_used_at"
)
API_KEY_USED = (
    "INSERT INTO api_key_uses (key_id, last_used_at) SELECT key_id, :at "
    "FROM api_keys WHERE key_id = :id ON CONFLICT (key_id) "
    "DO UPDATE SET last_used_at = excluded.last_used_at "
    "WHERE excluded.last_used_at > api_key_uses.last_used_at"
)
_USAGE = (
    "u.usage_id, u.request_id, u.attempt, "
    + ", ".join(f"f.{column}" for column in FACET_COLUMNS)
    + ", u.started_at, u.status, u.error_code, u.first_byte_ms, u.duration_ms, u.input_tokens, "
    "u.output_tokens, u.cache_read_tokens, u.cache_write_tokens, u.reasoning_tokens, "
    "u.estimated, u.streamed, u.client_gone"
)
# Of each of these ways the first table is walked first: what a LEFT JOIN and a CROSS JOIN say.
_ALONG_TIME = "FROM usage u LEFT JOIN usage_facets f ON f.facet_id = u.facet_id"
_FACET_BY_FACET = "FROM usage_facets f CROSS JOIN usage u"
_ROW_FILTERS = {
    "request_id": "u.request_id = :request_id",
    "failed": "u.failed = 1",
    "sound": "u.failed = 0",
    "since": "u.started_at >= :since",
    "until": "u.started_at < :until",
}
_BY_FACET_FILTERS = {name: f"f.{name} = :{name}" for name in FACET_FILTERS}
# The plus keeps an engine from walking all rows of these facets and sorting them.
_BY_TIME_FILTERS = {
    name: f"+u.facet_id IN (SELECT facet_id FROM usage_facets WHERE {name} = :{name})"
    for name in FACET_FILTERS
}
_NEWEST = ListQuery(
    select="", order=("u.started_at", "u.usage_id"), newest_first=True, numbered=True
)
USAGE_LIST = replace(
    _NEWEST, select=f"SELECT {_USAGE} {_ALONG_TIME}", filters=_ROW_FILTERS | _BY_TIME_FILTERS
)
USAGE_LIST_BY_FACET = replace(
    _NEWEST,
    select=f"SELECT {_USAGE} {_FACET_BY_FACET}",
    filters=_BY_FACET_FILTERS,
    part=replace(
        _NEWEST,
        select="SELECT u.usage_id FROM usage u",
        conditions=("u.facet_id = f.facet_id",),
        filters=_ROW_FILTERS,
    ),
)

# --- sums ---------------------------------------------------------------------------------

_USAGE_SUMS = (
    "COUNT(*) AS attempts, CAST(SUM(u.failed) AS BIGINT) AS errors, "
    "CAST(COALESCE(SUM(u.input_tokens), 0) AS BIGINT) AS input_tokens, "
    "CAST(COALESCE(SUM(u.output_tokens), 0) AS BIGINT) AS output_tokens, "
    "CAST(COALESCE(SUM(u.cache_read_tokens), 0) AS BIGINT) AS cache_read_tokens, "
    "CAST(COALESCE(SUM(u.cache_write_tokens), 0) AS BIGINT) AS cache_write_tokens, "
    "CAST(COALESCE(SUM(u.reasoning_tokens), 0) AS BIGINT) AS reasoning_tokens, "
    "CAST(SUM(u.estimated) AS BIGINT) AS estimated, "
    "CAST(SUM(u.streamed) AS BIGINT) AS streamed, "
    "CAST(SUM(u.client_gone) AS BIGINT) AS client_gone, SUM(u.duration_ms) AS duration_ms, "
    "AVG(u.first_byte_ms) AS first_byte_ms"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    key: str
    name: str
    by_time: bool = False


_USAGE_GROUPS = {
    "endpoint": _Group(key="f.endpoint_id", name="MAX(f.endpoint_name)"),
    "model_definition": _Group(key="f.model_definition_id", name="MAX(f.model_definition_name)"),
    "provider": _Group(key="f.provider", name="f.provider"),
    "api_key": _Group(key="f.api_key_id", name="f.api_key_id"),
    "day": _Group(key="u.started_at - u.started_at % 86400000", name="NULL", by_time=True),
    "hour": _Group(key="u.started_at - u.started_at % 3600000", name="NULL", by_time=True),
}
USAGE_GROUPS = frozenset(_USAGE_GROUPS)


def build_summary(
    group_by: str,
    filters: Collection[str],
    *,
    by_facet: bool = False,
    more: Collection[str] = (),
) -> str:
    """Build the text of a summary by one of `USAGE_GROUPS`: newest or busiest group first.

    `more` are conditions beside those of the filters.
    """
    group = _USAGE_GROUPS[group_by]
    known = _ROW_FILTERS | (_BY_FACET_FILTERS if by_facet else _BY_TIME_FILTERS)
    conditions = [*(known[name] for name in filters), *more]
    if by_facet:
        conditions.append("u.facet_id = f.facet_id")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "1 DESC" if group.by_time else "attempts DESC, 1"
    return (
        f"SELECT {group.key} AS group_key, {group.name} AS group_name, {_USAGE_SUMS} "
        f"{_FACET_BY_FACET if by_facet else _ALONG_TIME}{where} "
        f"GROUP BY {group.key} ORDER BY {order} LIMIT :row_limit"
    )
