"""Rows of the ledger: one per attempt.

Rule: rows are added in batches and never changed; what counts as a failed
attempt is decided here, once, when the row is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any, Final

from gateway.entities import Page, PageRequest, UsageRow
from gateway.errors import InvalidValueError
from gateway.store import usage_sql as sql
from gateway.store.facets import Facet, KnownFacets, SqlFacets
from gateway.store.rows import build_values, fetch_page
from gateway.store.session import Row, Session
from gateway.store.uses import SqlUses

_FIRST_ERROR_STATUS = 400
get_facet: Final[Callable[[UsageRow], Facet]] = itemgetter(slice(2, 2 + len(sql.FACET_COLUMNS)))
_FLAGS = ("estimated", "streamed", "client_gone")
_ID = re.compile(r"[de]-[0-9a-f]{32}")
_BY_ID_OR_NAME = {
    "endpoint": ("endpoint_id", "endpoint_name"),
    "model_definition": ("model_definition_id", "model_definition_name"),
}
# So many facets are looked through one by one, 20 ms for the longest page; what more facets share
# is busy enough to be found soon along time.
_FEW_FACETS: Final = 200
# Nobody keeps a spool that long beside a database that has gone on: by then it is not replayed.
_WRITER_KEPT_MS: Final = 90 * 86_400_000
_MOST_NAMES: Final = 10_000  # of one statement; both engines take three times as many parameters
_SHORT_WALKS = frozenset({"request_id", "failed"})  # filters with an index of few rows


def _dump_rows(rows: Iterable[UsageRow], ids: Iterable[int]) -> Iterator[tuple[Any, ...]]:
    """Yield the parameters of `USAGE_INSERT`; written for speed, once per attempt."""
    for row, facet_id in zip(rows, ids, strict=True):
        (
            request_id, attempt, _, _, _, _, _, _, _, _, started_at, status, error_code,
            first_byte_ms, duration_ms, input_tokens, output_tokens, cache_read, cache_write,
            reasoning, estimated, streamed, client_gone,
        ) = row  # fmt: skip
        yield (
            request_id,
            attempt,
            facet_id,
            started_at,
            status,
            "" if error_code is None else error_code,
            1 if error_code is not None or status >= _FIRST_ERROR_STATUS else 0,
            first_byte_ms,
            duration_ms,
            input_tokens,
            output_tokens,
            -1 if cache_read is None else cache_read,
            -1 if cache_write is None else cache_write,
            -1 if reasoning is None else reasoning,
            1 if estimated else 0,
            1 if streamed else 0,
            1 if client_gone else 0,
        )


def _build(row: Row) -> Mapping[str, Any]:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a driver's row is no dict
    return values | {name: bool(values[name]) for name in _FLAGS}


def _build_group(row: Row) -> Mapping[str, Any]:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a driver's row is no dict
    return {"key": values.pop("group_key"), "name": values.pop("group_name"), **values}


def _plan_filters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the port's filters into those of the queries: ids or names, failed or sound."""
    filters: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name in _BY_ID_OR_NAME:
            by_id, by_name = _BY_ID_OR_NAME[name]
            filters[by_id if _ID.fullmatch(value) else by_name] = value
        elif name == "error":
            filters["failed" if value else "sound"] = True
        else:
            filters[name] = value
    return filters


def _plan_names(names: Collection[str] | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """Turn names of endpoints into a condition and its parameters; None: no condition.

    Raises:
        InvalidValueError: more names than a statement takes.
    """
    if names is None:
        return (), {}
    if len(names) > _MOST_NAMES:
        raise InvalidValueError(
            f"the ledger has more than {_MOST_NAMES} endpoints in your scopes", field="scopes"
        )
    params = {f"name_{place}": name for place, name in enumerate(sorted(names))}
    return (sql.build_name_condition(len(params)) if params else "1 = 0",), params


class SqlUsageRows:
    """`gateway.ports.UsageRows` in SQL."""

    def __init__(self, session: Session, known: KnownFacets) -> None:
        self._session = session
        self._facets = SqlFacets(session, known)
        self._uses = SqlUses(session, known)

    async def insert_many(self, rows: Sequence[UsageRow]) -> None:
        """Insert a batch; its parameters are built off the event loop."""
        if rows:
            ids = await self._facets.get_ids(list(map(get_facet, rows)))
            await self._session.insert_rows(sql.USAGE_INSERT, _dump_rows(rows, ids))
            await self._uses.note(dict(zip(ids, rows, strict=True)))

    def note_commit(self) -> None:
        """Remember what is committed now."""
        self._uses.note_commit()

    async def insert_numbered(self, writer: str, first: int, rows: Sequence[UsageRow]) -> None:
        """Insert those rows of a writer that are not stored yet; `first` is the first one's number.

        A writer numbers its rows from 0 and has them stored in that order; how far it has come
        is part of the transaction.
        """
        found = await self._session.fetch_one(sql.WRITER_FIND, {"writer": writer})
        stored = 0 if found is None else found["rows_stored"]
        left = rows[max(0, stored - first) :]
        if not left:
            return
        if found is None:
            before = left[0].started_at - _WRITER_KEPT_MS
            await self._session.execute(sql.WRITERS_DELETE_BEFORE, {"stored_before": before})
        await self.insert_many(left)
        await self.pass_over(writer, first + len(rows), left[-1].started_at)

    async def pass_over(self, writer: str, rows_stored: int, at_ms: int) -> None:
        """Note that a writer's rows before this number are stored, or never will be."""
        params = {"writer": writer, "rows_stored": rows_stored, "stored_at": at_ms}
        await self._session.execute(sql.WRITER_PUT, params)

    async def list_endpoint_names(self) -> frozenset[str]:
        """List the names of all endpoints that the ledger knows, the former ones too."""
        rows = await self._session.fetch_all(sql.FACET_ENDPOINTS, {})
        return frozenset(row["endpoint_name"] for row in rows)

    async def list_page(
        self, page: PageRequest, *, names: Collection[str] | None = None, **filters: Any
    ) -> Page[Mapping[str, Any]]:
        """List newest first; filters as in the port.

        `endpoint` and `model_definition` are an id or a name, `since` is inclusive, `until` not.
        """
        given = _plan_filters(filters)
        by_facet = await self._is_of_few_facets(given)
        query = sql.USAGE_LIST_BY_FACET if by_facet else sql.USAGE_LIST
        conditions, params = _plan_names(names)
        query = replace(query, conditions=(*query.conditions, *conditions))
        return await fetch_page(self._session, query, page, given, _build, params)

    async def summarize(
        self,
        group_by: str,
        *,
        limit: int,
        names: Collection[str] | None = None,
        **filters: Any,
    ) -> tuple[Mapping[str, Any], ...]:
        """Sum per group: `key`, `name`, attempts, errors, tokens, flags, `duration_ms` in all.

        The key of a day or hour is the millisecond (UTC) that it starts with, newest first;
        other groups come busiest first. `first_byte_ms` is the mean.

        Raises:
            InvalidValueError: no such grouping.
        """
        if group_by not in sql.USAGE_GROUPS:
            allowed = ", ".join(sorted(sql.USAGE_GROUPS))
            raise InvalidValueError(f"Usage is grouped by one of: {allowed}.", field="group_by")
        given = _plan_filters(filters)
        by_facet = await self._is_of_few_facets(given)
        conditions, params = _plan_names(names)
        text = sql.build_summary(group_by, given, by_facet=by_facet, more=conditions)
        rows = await self._session.fetch_all(text, {**given, **params, "row_limit": limit})
        return build_values(_build_group, rows)

    async def _is_of_few_facets(self, filters: Mapping[str, Any]) -> bool:
        """Decide how the rows of `filters` are found: facet by facet, or along time."""
        facet = {name: value for name, value in filters.items() if name in sql.FACET_FILTERS}
        if not facet or not _SHORT_WALKS.isdisjoint(filters):
            return False
        params = {**facet, "row_limit": _FEW_FACETS + 1}
        row = await self._session.fetch_one(sql.build_facet_count(facet), params)
        return row is not None and row["total"] <= _FEW_FACETS
