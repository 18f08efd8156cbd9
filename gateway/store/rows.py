"""Between rows and values: pages, JSON columns, users of a row, honest errors.

Rule: a row that makes no value is damage and says so; it is never skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import orjson

from gateway.entities import Page, PageRequest, Users
from gateway.errors import DatabaseDamagedError, InvalidValueError, NotFoundError
from gateway.store import sql
from gateway.store.session import Row, Session
from gateway.store.sql import ListQuery

ValueT = TypeVar("ValueT")

_MAX_DIGITS = 19  # of a 64-bit number, one to spare
_SLICE_ROWS = 200  # about 1 ms
USERS_SHOWN = 20  # what the contract lets an in-use answer list


def dump_json(value: Mapping[str, Any] | Sequence[Any] | None) -> str | None:
    """Write a JSON column, keys sorted so that equal values are equal texts."""
    if value is None:
        return None
    return orjson.dumps(value, default=dict, option=orjson.OPT_SORT_KEYS).decode()


def parse_json(text: str | None) -> Any:
    """Read a JSON column."""
    return None if text is None else orjson.loads(text)


def build_values(build: Callable[[Row], ValueT], rows: Iterable[Row]) -> tuple[ValueT, ...]:
    """Build a value of each row.

    Raises:
        DatabaseDamagedError: a row holds what no version of Lockgate has written.
    """
    try:
        return tuple(build(row) for row in rows)
    except (ValueError, TypeError, KeyError, IndexError) as exc:
        raise DatabaseDamagedError(
            "A row of the database cannot be read; run `lockgate doctor`, restore a backup."
        ) from exc


async def build_sliced(build: Callable[[Row], ValueT], rows: Sequence[Row]) -> tuple[ValueT, ...]:
    """Do the same in slices, so that requests in flight do not wait for 10,000 rows.

    A thread would hold the interpreter's lock for longer than a slice takes.
    """
    values: list[ValueT] = []
    for start in range(0, len(rows), _SLICE_ROWS):
        if start:
            await asyncio.sleep(0)
        values += build_values(build, rows[start : start + _SLICE_ROWS])
    return tuple(values)


async def fetch_value(
    session: Session, query: str, key: Mapping[str, str], build: Callable[[Row], ValueT]
) -> ValueT:
    """Fetch the row with `key` as a value.

    Raises:
        NotFoundError: there is none; the field is the key's.
    """
    row = await session.fetch_one(query, key)
    if row is None:
        raise not_found(key)
    return build_values(build, (row,))[0]


def not_found(key: Mapping[str, Any]) -> NotFoundError:
    """Build the error for a key that no row has; the last column of the key names the field."""
    field = tuple(key)[-1]
    kind = field.removesuffix("_id").replace("_", " ")
    return NotFoundError(f"There is no such {kind}.", field=field)


async def change_row(
    session: Session,
    statement: str,
    params: Mapping[str, Any],
    *,
    key: str,
    references: str | None = None,
) -> None:
    """Run an update or delete of exactly one row.

    Raises:
        NotFoundError: there is no such row; the field is `key`.
        ConflictError: the change breaks a constraint.
    """
    if not await session.execute(statement, params, references=references):
        raise not_found({key: params[key]})


async def fetch_users(
    session: Session, queries: tuple[str, str], row_id: str, build: Callable[[Row], tuple[str, ...]]
) -> Users:
    """Fetch the first users of a row and how many there are: `queries` list and count."""
    listing, counting = queries
    rows = await session.fetch_all(listing, {"id": row_id, "row_limit": USERS_SHOWN})
    total = await session.fetch_one(counting, {"id": row_id})
    items = tuple((kind, found_id, name) for kind, found_id, name in map(build, rows))
    return Users(items=items, count=total["total"] if total else 0)


async def fetch_page_rows(
    session: Session,
    query: ListQuery,
    page: PageRequest,
    filters: Mapping[str, Any],
    more: Mapping[str, Any] | None = None,
) -> tuple[Sequence[Row], tuple[int, str] | None]:
    """Fetch a page's rows and the key to go on from; filters that are None do not filter.

    `more` are the parameters of the query's own conditions.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    params = {
        **(more or {}),
        **given,
        **_parse_after(query, page.after),
        "row_limit": page.limit + 1,
    }
    text = sql.build_list(query, given, resume=page.after is not None)
    rows = await session.fetch_all(text, params)
    if len(rows) <= page.limit:
        return rows, None
    shown = rows[: page.limit]
    return shown, _dump_after(query, shown[-1])


async def fetch_page(
    session: Session,
    query: ListQuery,
    page: PageRequest,
    filters: Mapping[str, Any],
    build: Callable[[Row], ValueT],
    more: Mapping[str, Any] | None = None,
) -> Page[ValueT]:
    """Fetch a page as values; `more` are the parameters of the query's own conditions."""
    rows, next_after = await fetch_page_rows(session, query, page, filters, more)
    return Page(items=build_values(build, rows), next_after=next_after)


def _dump_after(query: ListQuery, row: Row) -> tuple[int, str]:
    time, *ids = (row[column.rpartition(".")[2]] for column in query.order)
    return time, "\n".join(map(str, ids))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS


def _parse_after(query: ListQuery, after: tuple[int, str] | None) -> dict[str, Any]:
    if after is None:
        return {}
    time, text = after
    ids: list[Any] = text.split("\n", len(query.order) - 2)
    well_formed = all(map(_is_number, ids)) if query.numbered else True
    if not well_formed or len(ids) != len(query.order) - 1:
        raise InvalidValueError("The cursor is not one of this list.", field="cursor")
    if query.numbered:
        ids = [int(part) for part in ids]
    return {f"after_{place}": value for place, value in enumerate((time, *ids))}
