"""Pages and JSON columns against a session that is an ordered list in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities import PageRequest
from gateway.errors import DatabaseDamagedError, InvalidValueError
from gateway.store.rows import build_values, dump_json, fetch_page, parse_json
from gateway.store.sql import ListQuery

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.text("ab\n", max_size=3), st.text("ab", max_size=3)),
    unique=True,
    max_size=15,
)


class ListSession:
    """Serves one list query over rows that are kept sorted."""

    def __init__(self, rows: Iterable[tuple[int, str, str]]) -> None:
        self.rows = sorted(rows)

    async def fetch_all(self, sql: str, params: Mapping[str, Any]) -> Sequence[Any]:
        after = tuple(params.get(f"after_{n}") for n in range(3))
        later = [row for row in self.rows if after[0] is None or row > after]
        return [{"at": at, "b": b, "a": a} for at, a, b in later[: params["row_limit"]]]

    async def fetch_one(self, sql: str, params: Mapping[str, Any]) -> Any:
        raise NotImplementedError

    fetch_in = execute = execute_many = fetch_one  # not part of a page


def _build(row: Any) -> tuple[int, str, str]:
    return row["at"], row["a"], row["b"]


QUERY = ListQuery(select="SELECT", order=("x.at", "x.a", "x.b"))


@given(rows=ROWS, limit=st.integers(1, 6), late=ROWS)
async def test_pages_miss_and_double_nothing_while_rows_come_in(
    rows: list[tuple[int, str, str]], limit: int, late: list[tuple[int, str, str]]
) -> None:
    """Every row that was there from the start is seen once, in order, if its key can travel."""
    rows = [row for row in rows if "\n" not in row[1]]
    session = ListSession(rows)
    arriving = iter([row for row in late if "\n" not in row[1] and row not in rows])
    seen: list[tuple[int, str, str]] = []
    after = None
    while True:
        page = await fetch_page(session, QUERY, PageRequest(limit=limit, after=after), {}, _build)
        seen += page.items
        after = page.next_after
        if after is None:
            break
        session.rows = sorted(
            [*session.rows, *[row for row, _ in zip(arriving, "1", strict=False)]]
        )
    assert seen == sorted(set(seen))
    assert set(rows) <= set(seen)


@given(JSON)
def test_json_comes_back(value: Any) -> None:
    wrapped = {"value": value}
    assert parse_json(dump_json(wrapped)) == wrapped


def test_equal_values_are_equal_texts() -> None:
    assert dump_json({"b": 1, "a": MappingProxyType({"c": 2})}) == '{"a":{"c":2},"b":1}'
    assert dump_json({"a": {"c": 2}, "b": 1}) == '{"a":{"c":2},"b":1}'
    assert dump_json(None) is None
    assert parse_json(None) is None


@pytest.mark.parametrize("fault", [ValueError, TypeError, KeyError])
def test_row_that_cannot_be_built_is_damage(fault: type[Exception]) -> None:
    def build(row: Any) -> None:
        raise fault

    with pytest.raises(DatabaseDamagedError):
        build_values(build, [{}])


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "9" * 30, "¹", "1\n2"])
async def test_number_of_a_forged_cursor_is_refused(text: str) -> None:
    query = ListQuery(select="SELECT", order=("at", "number"), numbered=True)
    page = PageRequest(limit=1, after=(1, text))
    with pytest.raises(InvalidValueError) as caught:
        await fetch_page(ListSession(()), query, page, {}, _build)
    assert caught.value.field == "cursor"
