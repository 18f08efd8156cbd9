"""Every text is one that SQLite takes, and no page costs more than its own rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, combinations

import pytest

from gateway.store import audit_sql, history_sql, rotation_sql, sql, usage_sql
from gateway.store.migrate import load_migrations
from gateway.store.sql import ListQuery

KNOWN = vars(sql) | vars(usage_sql) | vars(rotation_sql) | vars(history_sql) | vars(audit_sql)
LISTS = {
    name: value
    for name, value in KNOWN.items()
    if isinstance(value, ListQuery) and not name.startswith("_")
}
WHOLE_LISTS = sorted(name for name, query in LISTS.items() if query.part is None)
TEXTS = {
    name: value
    for name, value in KNOWN.items()
    if name.isupper() and not name.startswith("_") and isinstance(value, str)
}
IN_LIST = "IN (SELECT value FROM json_each(:ids))"


class _AnyValue(dict[str, object]):
    """Parameters of a statement that is only planned."""

    def __missing__(self, name: str) -> object:
        return 1


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(sql.MIGRATIONS_CREATE)
        for migration in load_migrations("sqlite"):
            connection.executescript(migration.text)
        yield connection


def _explain(database: sqlite3.Connection, text: str) -> list[str]:
    planned = "EXPLAIN QUERY PLAN " + text.replace("IN (:ids)", IN_LIST)
    return [row[3] for row in database.execute(planned, _AnyValue())]


def _subsets(query: ListQuery) -> Iterator[tuple[str, ...]]:
    names = tuple(query.filters)
    return chain.from_iterable(combinations(names, size) for size in range(min(3, len(names) + 1)))


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_text_is_valid(database: sqlite3.Connection, name: str) -> None:
    text = TEXTS[name]
    values = (1,) * text.count("?") if "?" in text else _AnyValue()
    database.execute("EXPLAIN " + text.replace("IN (:ids)", IN_LIST), values)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("name", WHOLE_LISTS)
def test_page_walks_an_index_and_sorts_nothing(
    database: sqlite3.Connection, name: str, resume: bool
) -> None:
    query = LISTS[name]
    for filters in _subsets(query):
        plan = _explain(database, sql.build_list(query, filters, resume=resume))
        # A name is of one row, a resource uses a few endpoints: sorting them costs nothing.
        if not {"name", "resource_id"} & set(filters):
            # (Sorting the right part is among rows of the same millisecond.)
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan, (filters, plan)
        scans = [step for step in plan if step.startswith("SCAN") and "INDEX" not in step]
        assert not scans, (filters, plan)


@pytest.mark.parametrize("name", WHOLE_LISTS)
def test_next_page_starts_at_its_first_row(database: sqlite3.Connection, name: str) -> None:
    """The key is a bound of the index: rows of earlier pages are not read again."""
    query = LISTS[name]
    plan = _explain(database, sql.build_list(query, (), resume=True))
    first = query.order[0].rpartition(".")[2]
    assert plan[0].startswith("SEARCH"), plan
    assert f"({first}" in plan[0], plan


@pytest.mark.parametrize(
    "name",
    ["MAPPING_OF_ENDPOINTS", "MODEL_OF_ENDPOINTS", "TAG_OF_ENDPOINTS", "ENDPOINT_USERS_COUNT",
     "SECRET_USERS", "SECRET_USERS_COUNT", "MODEL_USERS_COUNT", "ANSWER_DELETE_BEFORE",
     "CHANGE_LIST", "CHANGE_DELETE_UNTIL", "ENDPOINT_OF_IDS", "ENDPOINT_IDS_OF_MODELS",
     "SECRET_SEALED_OF_IDS", "API_KEY_OF_IDS"],
)  # fmt: skip
def test_lookup_reads_only_the_rows_it_returns(database: sqlite3.Connection, name: str) -> None:
    plan = _explain(database, TEXTS[name])
    scans = [step for step in plan if step.startswith("SCAN") and "json_each" not in step]
    assert not scans, plan


@pytest.mark.parametrize(
    "statement",
    [text for name, text in TEXTS.items() if name.endswith("_DELETE")],
)
def test_checking_foreign_keys_of_a_delete_scans_nothing(
    database: sqlite3.Connection, statement: str
) -> None:
    """A reference without an index would make each delete read the whole table."""
    database.execute("PRAGMA foreign_keys = ON")
    plan = _explain(database, statement)
    assert not [step for step in plan if step.startswith("SCAN")], plan


def test_every_foreign_key_has_an_index(database: sqlite3.Connection) -> None:
    tables = [
        row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
    ]
    for table in tables:
        leading = {
            database.execute(f"PRAGMA index_info('{index[1]}')").fetchone()[2]
            for index in database.execute(f"PRAGMA index_list('{table}')")
        }
        for reference in database.execute(f"PRAGMA foreign_key_list('{table}')"):
            assert reference[3] in leading, (table, reference[3])


@pytest.mark.parametrize("group_by", sorted(usage_sql.USAGE_GROUPS))
def test_summary_of_a_time_span_reads_only_that(
    database: sqlite3.Connection, group_by: str
) -> None:
    plan = _explain(database, usage_sql.build_summary(group_by, ("since", "until")))
    assert any("usage_by_time" in step and step.startswith("SEARCH") for step in plan), plan


def _facet_filters() -> Iterator[tuple[str, ...]]:
    names = sorted(usage_sql.FACET_FILTERS)
    for facet in chain(combinations(names, 1), combinations(names, 2)):
        for other in ((), ("since", "until"), ("sound",), ("sound", "since")):
            yield facet + other


@pytest.mark.parametrize("resume", [False, True])
def test_page_facet_by_facet_reads_a_page_of_each(
    database: sqlite3.Connection, resume: bool
) -> None:
    """What is sorted are the pages of the few facets; each is read from the index, in order."""
    for filters in _facet_filters():
        text = sql.build_list(usage_sql.USAGE_LIST_BY_FACET, filters, resume=resume)
        plan = _explain(database, text)
        assert not [step for step in plan if step.startswith("SCAN")], (filters, plan)
        assert plan[0].startswith("SEARCH f USING INDEX"), (filters, plan)
        bound = " AND started_at<?" if resume and filters[-1] != "since" else ""
        (walk,) = (step for step in plan if "usage_by_facet (facet_id=?" in step)
        assert bound in walk, (filters, plan)
        assert plan.count("USE TEMP B-TREE FOR ORDER BY") == 1, (filters, plan)
        assert plan[-1] == "USE TEMP B-TREE FOR ORDER BY", (filters, plan)


def test_facets_are_counted_without_reading_the_others(database: sqlite3.Connection) -> None:
    for name in usage_sql.FACET_FILTERS:
        plan = _explain(database, usage_sql.build_facet_count((name,)))
        assert any(step.startswith("SEARCH usage_facets") for step in plan), plan


@pytest.mark.parametrize("group_by", sorted(usage_sql.USAGE_GROUPS))
def test_summary_of_few_facets_reads_only_their_rows_of_the_time_span(
    database: sqlite3.Connection, group_by: str
) -> None:
    filters = ("endpoint_id", "since", "until")
    plan = _explain(database, usage_sql.build_summary(group_by, filters, by_facet=True))
    assert any(
        "usage_by_facet (facet_id=? AND started_at>? AND started_at<?)" in step for step in plan
    ), plan


def test_a_batch_of_a_rotation_reads_on_by_index(database: sqlite3.Connection) -> None:
    (plan,) = _explain(database, rotation_sql.SECRETS_OF_TERM)
    assert "secrets_by_kek_term (kek_term=? AND secret_id>?)" in plan
