from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.entities import PageRequest, UsageRow
from gateway.errors import StoreUnavailableError
from gateway.proxy import UsageWriter
from gateway.store.sqlite import open_sqlite
from tests.proxy.rig import Clock


def row(number: int) -> UsageRow:
    return UsageRow(
        request_id=f"r{number}",
        attempt=1,
        endpoint_id="e-1",
        endpoint_name="chat",
        model_definition_id="d-1",
        model_definition_name="mini",
        provider="openai",
        api_key_id="k-1",
        client_dialect="openai_chat",
        upstream_dialect="openai_chat",
        started_at=number,
    )


class Shelf:
    """A store that can be told to fail, to hang, and to refuse a row for good."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.batches: list[int] = []
        self.failing = 0
        self.poison: str | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        if self.failing:
            self.failing -= 1
            raise StoreUnavailableError("away")
        yield SimpleNamespace(usage=self)
        await self.gate.wait()

    async def insert_numbered(self, writer: str, first: int, rows: Sequence[UsageRow]) -> None:
        if any(item.request_id == self.poison for item in rows):
            raise ValueError("a row of the wrong kind")
        self.batches.append(len(rows))
        self.stored.extend(item.request_id for item in rows)

    async def pass_over(self, writer: str, rows_stored: int, at_ms: int) -> None:
        """Keep no numbers: this shelf has no memory."""


def writer(shelf: Any, **more: Any) -> UsageWriter:
    return UsageWriter(shelf, Clock(), interval_s=0.001, retry_s=0.001, **more)


async def test_rows_are_written_in_batches_in_order() -> None:
    shelf = Shelf()
    usage = writer(shelf)
    usage.start()
    for number in range(4800):
        usage.record(row(number))
    assert usage.backlog == 4800
    async with asyncio.timeout(5):
        while usage.backlog:
            await asyncio.sleep(0.001)
    assert shelf.stored == [f"r{number}" for number in range(4800)]
    assert shelf.batches == [2000, 2000, 800]
    await usage.stop()


async def test_rows_that_come_while_writing_are_not_forgotten() -> None:
    shelf = Shelf()
    usage = writer(shelf)
    usage.start()
    shelf.gate.clear()
    usage.record(row(1))
    async with asyncio.timeout(5):
        while not shelf.stored:
            await asyncio.sleep(0.001)
    usage.record(row(2))
    shelf.gate.set()
    async with asyncio.timeout(5):
        while usage.backlog:
            await asyncio.sleep(0.001)
    usage.record(row(3))
    async with asyncio.timeout(5):
        while usage.backlog:
            await asyncio.sleep(0.001)
    assert shelf.stored == ["r1", "r2", "r3"]
    await usage.stop()


class Busy(Shelf):
    """A store during whose every write another row comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.usage: UsageWriter | None = None

    async def insert_numbered(self, writer: str, first: int, rows: Sequence[UsageRow]) -> None:
        await super().insert_numbered(writer, first, rows)
        if self.usage is not None and len(self.batches) < 100:
            self.usage.record(row(1000 + len(self.batches)))


async def test_a_flush_leaves_what_came_meanwhile_to_the_next_batch() -> None:
    shelf = Busy()
    usage = writer(shelf)
    shelf.usage = usage
    usage.record(row(0))
    usage.record(row(1))
    await usage.flush()
    assert shelf.batches == [2]
    assert usage.backlog == 1
    usage.start()
    await usage.flush()
    await usage.stop()
    assert usage.backlog == 0


async def test_a_store_that_is_away_loses_no_row(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    shelf = Shelf()
    shelf.failing = 3
    usage = writer(shelf)
    usage.start()
    usage.record(row(1))
    async with asyncio.timeout(5):
        while usage.backlog:
            await asyncio.sleep(0.001)
    assert shelf.stored == ["r1"]
    assert [message for message in caplog.messages if "wait" in message] == [
        "usage rows wait: away"
    ]
    await usage.stop()


async def test_stop_writes_everything_even_without_a_start() -> None:
    shelf = Shelf()
    shelf.failing = 2
    usage = writer(shelf)
    for number in range(10):
        usage.record(row(number))
    await usage.stop()
    assert len(shelf.stored) == 10


async def test_a_stop_in_the_middle_of_a_write_stores_nothing_twice() -> None:
    shelf = Shelf()
    usage = writer(shelf)
    usage.start()
    shelf.gate.clear()
    usage.record(row(1))
    async with asyncio.timeout(5):
        while not shelf.stored:
            await asyncio.sleep(0.001)
    stopping = asyncio.ensure_future(usage.stop())
    await asyncio.sleep(0.01)
    shelf.gate.set()
    await stopping
    assert shelf.stored == ["r1"]


async def test_flush_raises_what_the_store_says_and_keeps_the_rows() -> None:
    shelf = Shelf()
    shelf.failing = 1
    usage = writer(shelf)
    usage.record(row(1))
    with pytest.raises(StoreUnavailableError):
        await usage.flush()
    assert usage.backlog == 1
    await usage.flush()
    assert shelf.stored == ["r1"]


async def test_the_backlog_is_bounded_while_the_store_hangs() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    usage = writer(shelf, max_backlog=5)
    usage.start()
    for number in range(8):
        usage.record(row(number))
    async with asyncio.timeout(5):
        while not shelf.stored:
            await asyncio.sleep(0.001)
        for number in range(8, 11):
            usage.record(row(number))
        while usage.dropped < 6:
            await asyncio.sleep(0.001)
    assert usage.backlog == 5
    shelf.gate.set()
    await usage.stop()
    assert shelf.stored == [f"r{number}" for number in range(5)]


async def test_the_backlog_is_bounded_while_the_store_is_away() -> None:
    shelf = Shelf()
    shelf.failing = 1
    usage = writer(shelf, max_backlog=5)
    for number in range(8):
        usage.record(row(number))
    with pytest.raises(StoreUnavailableError):
        await usage.flush()
    assert (usage.backlog, usage.dropped) == (5, 3)


async def test_a_batch_that_cannot_be_stored_does_not_block_the_ledger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shelf = Shelf()
    shelf.poison = "r0"
    usage = writer(shelf)
    usage.record(row(0))
    usage.start()
    async with asyncio.timeout(5):
        while usage.backlog:
            await asyncio.sleep(0.001)
    usage.record(row(1))
    async with asyncio.timeout(5):
        while not shelf.stored:
            await asyncio.sleep(0.001)
    assert shelf.stored == ["r1"]
    assert usage.dropped == 1
    await usage.stop()


async def test_rows_at_fault_are_found_by_halves_not_one_by_one() -> None:
    shelf = Shelf()
    shelf.poison = "r700"
    usage = writer(shelf)
    for number in range(2000):
        usage.record(row(number))
    await usage.flush()
    assert shelf.stored == [f"r{number}" for number in range(2000) if number != 700]
    assert usage.dropped == 1
    assert len(shelf.batches) < 15


async def test_a_row_that_no_database_holds_costs_none_of_those_beside_it(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "ledger.db", clock=Clock())
    usage = UsageWriter(store, Clock())
    for number in range(1, 6):
        usage.record(row(number))
    usage.record(row(6)._replace(input_tokens=2**63))
    usage.record(row(7))
    await usage.flush()
    assert (usage.backlog, usage.dropped) == (0, 1)
    async with store.read() as tx:
        page = await tx.usage.list_page(PageRequest(limit=50))
    await store.close()
    assert {item["request_id"] for item in page.items} == {f"r{n}" for n in (1, 2, 3, 4, 5, 7)}


async def test_rows_reach_a_real_database(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "ledger.db", clock=Clock())
    usage = UsageWriter(store, Clock())
    usage.record(row(7))
    await usage.stop()
    async with store.read() as tx:
        found = await tx.usage.summarize("endpoint", limit=5)
    await store.close()
    assert found[0]["attempts"] == 1
