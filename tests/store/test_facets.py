"""Numbers of facets: what is remembered, what is not, and that rows come back as they were."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.entities import UsageRow
from gateway.errors import InvalidValueError
from gateway.store.facets import Facet, KnownFacets, SqlFacets
from gateway.store.sqlite import SqliteStore, open_sqlite
from gateway.store.usage import get_facet
from gateway.store.usage_sql import FACET_COLUMNS
from tests.store import samples
from tests.store.samples import ALL, SetClock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "lockgate.db", clock=SetClock())
    yield store
    await store.close()


def facet(n: int) -> Facet:
    return get_facet(samples.usage(0, api_key_id=f"k-{n}"))


def test_a_usage_row_has_its_facet_where_it_is_sought() -> None:
    row = UsageRow(*UsageRow._fields)  # type: ignore[arg-type]
    assert get_facet(row) == FACET_COLUMNS


async def test_only_what_is_committed_is_remembered(store: SqliteStore) -> None:
    known = KnownFacets()
    async with store.write_session() as session:
        facets = SqlFacets(session, known)
        one, two = await facets.get_ids([facet(1), facet(2)])
        assert await facets.get_ids([facet(1), facet(1)]) == [one, one]
        assert not known.ids
    async with store.write_session() as session:
        assert await SqlFacets(session, known).get_ids([facet(2), facet(3)]) == [two, two + 1]
    assert known.ids == {facet(2): two}


async def test_what_is_known_asks_the_database_nothing(store: SqliteStore) -> None:
    known = KnownFacets()
    known.keep({facet(1): 7})
    async with store.write_session() as session:
        facets = SqlFacets(session, known)
    assert await facets.get_ids([facet(1)]) == [7]  # a session that is over refuses


async def test_memory_is_bounded_and_forgetting_costs_only_a_query(store: SqliteStore) -> None:
    known = KnownFacets(most=3)
    numbers: dict[Facet, int] = {}
    for first in (0, 0, 0, 2, 2, 2, 0):
        wanted = [facet(n) for n in range(first, first + 4)]
        async with store.write_session() as session:
            ids = await SqlFacets(session, known).get_ids(wanted)
        assert [
            numbers.setdefault(one, number) for one, number in zip(wanted, ids, strict=True)
        ] == ids
        assert len(known.ids) <= 4  # those of one batch at the most
    assert len(set(numbers.values())) == 6


async def test_a_text_that_is_not_unicode_is_refused(store: SqliteStore) -> None:
    with pytest.raises(InvalidValueError):
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1, endpoint_name="\ud800")])


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
COUNTS = st.none() | st.integers(0, 2**62)
ROWS = st.builds(
    samples.usage,
    n=st.integers(0, 3),
    endpoint_name=st.sampled_from(["chat", "search"]) | TEXTS,
    model_definition_id=st.none() | st.sampled_from(["d-1", ""]),
    model_definition_name=st.none() | TEXTS,
    provider=st.none() | TEXTS,
    api_key_id=st.none() | st.sampled_from(["k-1", "k-2"]),
    upstream_dialect=st.none() | st.just("gemini"),
    status=st.sampled_from([0, 200, 429, 500]),
    error_code=st.none() | st.just("upstream_dns"),
    first_byte_ms=st.none() | st.floats(0, 1e6),
    input_tokens=COUNTS,
    cache_read_tokens=COUNTS,
    cache_write_tokens=COUNTS,
    reasoning_tokens=COUNTS,
    estimated=st.booleans(),
    streamed=st.booleans(),
    client_gone=st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(ROWS, max_size=8), max_size=4), two=st.booleans())
def test_rows_come_back_as_they_were(batches: list[list[UsageRow]], two: bool) -> None:
    """Whatever is null, whatever repeats, through one store or through two by turns."""

    async def store_and_read() -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "lockgate.db")
            stores = [await open_sqlite(path, clock=SetClock()) for _ in range(2 if two else 1)]
            for place, batch in enumerate(batches):
                async with stores[place % len(stores)].write() as tx:
                    await tx.usage.insert_many(batch)
            async with stores[0].read() as tx:
                items = (await tx.usage.list_page(ALL)).items
            for store in stores:
                await store.close()
            ordered = sorted(items, key=lambda item: item["usage_id"])
            return [{k: v for k, v in item.items() if k != "usage_id"} for item in ordered]

    assert asyncio.run(store_and_read()) == [row._asdict() for batch in batches for row in batch]
