"""Rows of the ledger: one per attempt.

Rule: rows are added in batches and never changed; what counts as a failed
attempt is decided here, once, when the row is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from gateway.entities import Page, PageRequest, UsageRow
from gateway.errors import InvalidValueError
from gateway.store import sql
from gateway.store.rows import build_values, fetch_page
from gateway.store.session import Row, Session

_FIRST_ERROR_STATUS = 400
_FLAGS = ("estimated", "streamed", "client_gone")
_PLAIN = tuple(name for name in UsageRow._fields if name not in _FLAGS)
_get_plain = attrgetter(*_PLAIN)
_ID = re.compile(r"[de]-[0-9a-f]{32}")
_BY_ID_OR_NAME = {
    "endpoint": ("endpoint_id", "endpoint_name"),
    "model_definition": ("model_definition_id", "model_definition_name"),
}


def _dump(row: UsageRow) -> dict[str, Any]:
    # Written for speed: it runs on the event loop, once per attempt.
    params: dict[str, Any] = dict(zip(_PLAIN, _get_plain(row), strict=True))
    params["estimated"] = int(row.estimated)
    params["streamed"] = int(row.streamed)
    params["client_gone"] = int(row.client_gone)
    params["failed"] = int(row.error_code is not None or row.status >= _FIRST_ERROR_STATUS)
    return params


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


class SqlUsageRows:
    """`gateway.ports.UsageRows` in SQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert_many(self, rows: Sequence[UsageRow]) -> None:
        """Insert a batch in one statement."""
        if rows:
            await self._session.execute_many(sql.USAGE_INSERT, [_dump(row) for row in rows])

    async def list_page(self, page: PageRequest, **filters: Any) -> Page[Mapping[str, Any]]:
        """List newest first; filters as in the port.

        `endpoint` and `model_definition` are an id or a name, `since` is inclusive, `until` not.
        """
        return await fetch_page(self._session, sql.USAGE_LIST, page, _plan_filters(filters), _build)

    async def summarize(
        self, group_by: str, *, limit: int, **filters: Any
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
        text = sql.build_summary(group_by, given)
        rows = await self._session.fetch_all(text, {**given, "row_limit": limit})
        return build_values(_build_group, rows)
