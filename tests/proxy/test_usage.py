from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.entities import PageRequest, UsageRow
from gateway.errors import StoreUnavailableError
from gateway.proxy import UsageWriter
from gateway.store.spool import Spool
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


# --- with a spool -------------------------------------------------------------------------


class Cupboard(Shelf):
    """A shelf that keeps numbers, as a database does."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.numbers: dict[str, int] = {}

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        if self.down:
            raise StoreUnavailableError("away")
        async with super().write() as tx:
            yield tx

    async def insert_numbered(self, writer: str, first: int, rows: Sequence[UsageRow]) -> None:
        left = rows[max(0, self.numbers.get(writer, 0) - first) :]
        if left:
            await super().insert_numbered(writer, first, left)
            self.numbers[writer] = first + len(rows)

    async def pass_over(self, writer: str, rows_stored: int, at_ms: int) -> None:
        self.numbers[writer] = rows_stored


async def until(holds: Any) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


def names(count: int, start: int = 0) -> list[str]:
    return [f"r{number}" for number in range(start, count)]


async def test_rows_wait_on_the_disk_and_are_stored_in_order(tmp_path: Path) -> None:
    shelf, spool = Cupboard(), Spool(tmp_path, 1 << 30)
    usage = writer(shelf, spool=spool)
    usage.start()
    shelf.down = True
    for number in range(5):
        usage.record(row(number))
    await until(lambda: usage.spooled == 5)
    assert (usage.backlog, usage.fault) == (0, "away")
    shelf.down = False
    for number in range(5, 8):
        usage.record(row(number))
    await until(lambda: len(shelf.stored) == 8)
    assert shelf.stored == names(8)
    await until(lambda: not usage.spooled)
    assert usage.fault is None
    await usage.stop()
    assert list(tmp_path.iterdir()) == []


async def test_a_write_that_hangs_and_then_comes_through_stores_its_rows_once(
    tmp_path: Path,
) -> None:
    shelf = Cupboard()
    usage = writer(shelf, spool=Spool(tmp_path, 1 << 30), patience_s=0.0)
    usage.start()
    shelf.gate.clear()
    usage.record(row(0))
    await until(lambda: usage.spooled == 1)  # stored, but nobody has said so yet
    usage.record(row(1))
    await until(lambda: usage.spooled == 2)
    shelf.gate.set()
    await until(lambda: not usage.spooled)
    await usage.stop()
    assert shelf.stored == names(2)


async def test_rows_behind_those_in_the_file_go_there_too(tmp_path: Path) -> None:
    """They would wait in memory otherwise, however long the file is."""
    shelf, spool = Cupboard(), Spool(tmp_path, 1 << 30)
    await spool.append(0, [row(0)])
    usage = writer(shelf, spool=spool, patience_s=3600.0)  # slow, not away
    usage._first = 1
    shelf.gate.clear()
    usage.start()
    usage.record(row(1))
    await until(lambda: usage.spooled == 2)
    shelf.gate.set()
    await usage.stop()
    assert shelf.stored == names(2)


async def test_a_late_end_of_a_write_forgets_no_row_that_came_since(tmp_path: Path) -> None:
    shelf, spool = Cupboard(), Spool(tmp_path, 1 << 30)
    usage = writer(shelf, spool=spool)
    shelf.gate.clear()
    usage.record(row(0))
    writing = asyncio.create_task(usage.flush())
    await until(lambda: shelf.stored)
    usage.record(row(1))
    await usage._spool_rows(spool)
    for number in range(2, 5):
        usage.record(row(number))
    shelf.gate.set()
    await writing
    await usage.stop()
    assert shelf.stored == names(5)


async def test_what_a_stop_leaves_the_next_start_stores(tmp_path: Path) -> None:
    shelf = Cupboard()
    shelf.down = True
    usage = writer(shelf, spool=Spool(tmp_path, 1 << 30))
    usage.start()
    for number in range(3):
        usage.record(row(number))
    await until(lambda: usage.spooled == 3)
    usage.record(row(3))
    await usage.stop()
    assert usage.backlog == 0
    shelf.down = False
    again = writer(shelf, spool=Spool(tmp_path, 1 << 30))
    again.start()
    await until(lambda: len(shelf.stored) == 4 and not again.spooled)
    await again.stop()
    assert shelf.stored == names(4)
    assert list(tmp_path.iterdir()) == []


async def test_a_crash_between_commit_and_forgetting_stores_nothing_twice(tmp_path: Path) -> None:
    shelf, spool = Cupboard(), Spool(tmp_path, 1 << 30)
    await spool.append(0, [row(0), row(1)])
    (file,) = tmp_path.iterdir()
    left = file.read_bytes()
    await writer(shelf, spool=spool).stop()
    assert shelf.stored == names(2)
    file.write_bytes(left)  # as if the process had ended before it cut the file
    again = writer(shelf, spool=Spool(tmp_path, 1 << 30))
    again.start()
    again.record(row(2))
    await until(lambda: len(shelf.stored) == 3)
    await again.stop()  # maybe before the file was cut: then the next start brings it once more
    last = writer(shelf, spool=Spool(tmp_path, 1 << 30))
    last.start()
    await until(lambda: not list(tmp_path.iterdir()))
    await last.stop()
    assert shelf.stored == names(3)


async def test_two_writers_of_one_directory_leave_each_others_rows_alone(tmp_path: Path) -> None:
    shelf = Cupboard()
    shelf.down = True
    first, second = (writer(shelf, spool=Spool(tmp_path, 1 << 30)) for _ in range(2))
    for number, usage in enumerate((first, second)):
        usage.start()
        usage.record(row(number))
    await until(lambda: first.spooled == second.spooled == 1)
    third = Spool(tmp_path, 1 << 30)
    await third.adopt()
    assert third.rows == 0
    shelf.down = False
    await until(lambda: len(shelf.stored) == 2)
    await first.stop()
    await second.stop()
    await third.close()
    assert sorted(shelf.stored) == names(2)


async def test_a_full_spool_leaves_rows_in_memory_and_then_drops_the_newest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf, spool = Cupboard(), Spool(tmp_path, 1000)
    shelf.down = True
    usage = writer(shelf, spool=spool, max_backlog=3)
    usage.start()
    usage.record(row(0))
    await until(lambda: usage.spooled == 1)
    for number in range(1, 9):
        usage.record(row(number))
    await until(lambda: usage.dropped == 5)
    assert (usage.backlog, usage.spooled) == (3, 1)
    assert sum("usage rows stay in memory" in message for message in caplog.messages) == 1
    shelf.down = False
    await until(lambda: len(shelf.stored) == 4)
    await usage.stop()
    assert shelf.stored == names(4)


async def test_a_spool_that_cannot_be_written_leaves_rows_in_memory(tmp_path: Path) -> None:
    shelf = Cupboard()
    shelf.down = True
    usage = writer(shelf, spool=Spool(tmp_path / "not there", 1 << 30))
    usage.start()
    usage.record(row(0))
    await until(lambda: usage.fault is not None)
    await asyncio.sleep(0.01)
    assert (usage.backlog, usage.spooled) == (1, 0)
    shelf.down = False
    await until(lambda: shelf.stored)
    await usage.stop()


async def test_a_row_at_fault_in_the_spool_costs_only_itself(tmp_path: Path) -> None:
    shelf, spool = Cupboard(), Spool(tmp_path, 1 << 30)
    shelf.poison = "r1"
    await spool.append(0, [row(number) for number in range(4)])
    usage = writer(shelf, spool=spool)
    await usage.stop()
    assert (shelf.stored, usage.dropped) == (["r0", "r2", "r3"], 1)


async def test_rows_behind_a_spool_that_cannot_be_read_wait_for_it(tmp_path: Path) -> None:
    """Stored before those in the file, they would make the database pass over these."""
    shelf, spool = Cupboard(), Spool(tmp_path, 1 << 30)
    await spool.append(0, [row(0), row(1)])
    (path,) = tmp_path.iterdir()
    (held,) = (int(fd.name) for fd in Path("/proc/self/fd").iterdir() if _is_open_on(fd, path))
    kept, unreadable = os.dup(held), os.open(path, os.O_WRONLY)
    os.dup2(unreadable, held)
    usage = writer(shelf, spool=spool)
    usage._first = 2
    usage.record(row(2))
    with pytest.raises(StoreUnavailableError, match="cannot be read"):
        await usage.flush()
    assert shelf.stored == []
    os.dup2(kept, held)
    os.close(kept)
    os.close(unreadable)
    await usage.stop()
    assert shelf.stored == names(3)


def _is_open_on(descriptor: Path, path: Path) -> bool:
    try:
        return descriptor.readlink() == path
    except OSError:  # it was closed meanwhile
        return False


class Stumbling(Cupboard):
    """A cupboard with a fault of its own: with the batch, with its half, in giving a row up."""

    stumbles = 3

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        if self.stumbles:
            self.stumbles -= 1
            raise RuntimeError("nobody has thought of it")
        async with super().write() as tx:
            yield tx


async def test_a_fault_of_ours_does_not_end_the_ledger() -> None:
    shelf = Stumbling()
    usage = writer(shelf)
    usage.start()
    usage.record(row(0))
    usage.record(row(1))
    await until(lambda: len(shelf.stored) == 2)
    await usage.stop()
    assert shelf.stored == names(2)


async def test_rows_lost_on_their_way_are_counted() -> None:
    usage = writer(Shelf())
    usage.note_dropped(3)
    assert usage.dropped == 3
