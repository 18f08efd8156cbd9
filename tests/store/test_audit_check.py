"""Attacks on the audit log by one who writes to its database, by name; and honest histories."""

# ruff: noqa: S608 - only the test's own texts are joined

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import InvalidValueError
from gateway.store.audit_chain import FIRST_HASH, AuditChain, compute_hash
from gateway.store.sqlite import open_sqlite
from tests.store import samples
from tests.store.audit_rig import (
    CHAIN,
    ROOT,
    ROWS,
    check,
    list_kinds,
    open_log,
    read_records,
    replace_rows,
    tamper,
    write_rows,
)
from tests.store.samples import SetClock

STRANGER = AuditChain(b"x" * 32)
COPY_TO_THE_END = (
    "INSERT INTO audit SELECT 10, at, actor, action, entity_type, entity_id, entity_name, "
    "before_change, after_change, request_id, source_address, before_chain, former_hash, "
    "row_hash, row_mac FROM audit WHERE audit_id = 2"
)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    await write_rows(tmp_path / "lockgate.db")
    return tmp_path / "lockgate.db"


async def test_a_log_that_nobody_touched_is_right(path: Path) -> None:
    report = await check(path)
    assert report.ok
    assert (report.rows, report.verified_to, report.before_chain) == (ROWS, ROWS, 0)


async def test_rows_of_one_change_are_links_like_others(path: Path) -> None:
    store = await open_log(path)
    for numbers in (range(20, 25), range(25, 26), range(0), range(30, 33)):
        async with store.write() as tx:
            await tx.admin.insert_audits([samples.audit(n) for n in numbers])
    await store.close()
    await write_rows(path, 40, 1)
    report = await check(path)
    assert report.ok
    assert (report.rows, report.verified_to) == (ROWS + 10, ROWS + 10)


@pytest.mark.parametrize(
    "change",
    [
        "at = at + 1",
        "actor = 'mallory'",
        "action = 'update'",
        "entity_type = 'endpoint'",
        "entity_id = 's-99'",
        "entity_name = 'other'",
        "before_change = '{}'",
        "before_change = ''",
        "after_change = NULL",
        "after_change = after_change || ' '",
        "request_id = ''",
        "source_address = '10.0.0.1'",
        "before_chain = 1",
        "former_hash = zeroblob(32)",
        "row_hash = zeroblob(32)",
        "row_mac = zeroblob(32)",
        "row_mac = NULL",
        "row_hash = 'text'",
        "actor = CAST(actor AS BLOB)",
    ],
)
async def test_row_changed(path: Path, change: str) -> None:
    tamper(path, f"UPDATE audit SET {change} WHERE audit_id = 5")
    report = await check(path)
    assert {row for row, _ in list_kinds(report)} == {5}
    assert report.findings[0].kind in ("changed", "forged", "inserted")


async def test_every_row_changed_is_named(path: Path) -> None:
    tamper(path, "UPDATE audit SET actor = 'mallory'")
    assert list_kinds(await check(path)) == [(n, "changed") for n in range(1, ROWS + 1)]


async def test_row_deleted_in_the_middle(path: Path) -> None:
    tamper(path, "DELETE FROM audit WHERE audit_id IN (4, 5)")
    report = await check(path)
    assert list_kinds(report) == [(4, "missing")]
    assert report.findings[0].detail == "rows 4 to 5 are missing"


async def test_first_row_deleted(path: Path) -> None:
    tamper(path, "DELETE FROM audit WHERE audit_id = 1")
    assert list_kinds(await check(path)) == [(1, "missing")]


async def test_rows_deleted_at_the_end(path: Path) -> None:
    tamper(path, "DELETE FROM audit WHERE audit_id > 7")
    report = await check(path)
    assert list_kinds(report) == [(8, "cut_off")]


async def test_everything_deleted(path: Path) -> None:
    tamper(path, "DELETE FROM audit")
    assert list_kinds(await check(path)) == [(1, "cut_off")]


async def test_everything_deleted_with_the_head_is_not_begun_anew(path: Path) -> None:
    tamper(path, "DELETE FROM audit", "DELETE FROM audit_head")
    await write_rows(path, count=1)  # a start, and a change
    assert [kind for _, kind in list_kinds(await check(path))] == ["break"]


@pytest.mark.parametrize(("one", "other"), [(4, 5), (2, 8)])
async def test_rows_swapped(path: Path, one: int, other: int) -> None:
    tamper(
        path,
        f"UPDATE audit SET audit_id = 1000 WHERE audit_id = {one}",
        f"UPDATE audit SET audit_id = {one} WHERE audit_id = {other}",
        f"UPDATE audit SET audit_id = {other} WHERE audit_id = 1000",
    )
    report = await check(path)
    assert list_kinds(report) == [(one, "reordered"), (other, "reordered")]
    assert report.findings[0].detail == f"was row {other} when it was written"


async def test_rows_renumbered_over_a_removed_one(path: Path) -> None:
    tamper(path, "DELETE FROM audit WHERE audit_id = 4")
    for number in range(5, ROWS + 1):
        tamper(path, f"UPDATE audit SET audit_id = {number - 1} WHERE audit_id = {number}")
    found = {row for row, _ in list_kinds(await check(path))}
    assert found == {*range(4, ROWS + 1)}


async def test_row_inserted_without_the_chain(path: Path) -> None:
    tamper(
        path,
        "INSERT INTO audit (at, actor, action, entity_type, entity_id, entity_name, request_id, "
        "source_address) SELECT at, actor, action, entity_type, entity_id, entity_name, "
        "request_id, source_address FROM audit WHERE audit_id = 2",
    )
    assert (ROWS + 1, "inserted") in list_kinds(await check(path))


@pytest.mark.parametrize("number", [0, -7])
async def test_row_inserted_before_the_first(path: Path, number: int) -> None:
    tamper(
        path,
        f"INSERT INTO audit SELECT {number}, at, actor, action, entity_type, entity_id, "
        "entity_name, before_change, after_change, request_id, source_address, before_chain, "
        "former_hash, row_hash, row_mac FROM audit WHERE audit_id = 2",
    )
    assert (number, "inserted") in list_kinds(await check(path))


async def test_row_copied_to_the_end(path: Path) -> None:
    tamper(
        path,
        COPY_TO_THE_END,
    )
    found = await check(path)
    assert [row for row, _ in list_kinds(found)] == [10, 10]  # not its place, and behind the end


async def test_chain_recomputed_without_the_key(path: Path) -> None:
    records = await asyncio.to_thread(read_records, path)
    forged, former_hash = [], FIRST_HASH
    for record in records:
        changed = replace(record, former_hash=former_hash)
        if record.audit_id >= 4:
            changed = STRANGER.seal(replace(changed, actor="mallory"))
        forged.append(changed)
        former_hash = changed.row_hash
    replace_rows(path, forged)
    report = await check(path)
    assert [(n, "forged") for n in range(4, ROWS + 1)] == list_kinds(report)[:-1]
    assert list_kinds(report)[-1] == (ROWS, "head")


async def test_hash_recomputed_under_the_old_mac(path: Path) -> None:
    records = await asyncio.to_thread(read_records, path)
    changed = replace(records[4], actor="mallory")
    records[4] = replace(changed, row_hash=compute_hash(changed))
    replace_rows(path, records)
    assert list_kinds(await check(path)) == [(5, "forged")]


@pytest.mark.parametrize(
    "change",
    ["last_id = 7", "last_id = 99", "last_hash = zeroblob(32)", "mac = zeroblob(32)", "mac = 'x'"],
)
async def test_head_row_changed(path: Path, change: str) -> None:
    tamper(path, f"UPDATE audit_head SET {change}")
    assert [kind for _, kind in list_kinds(await check(path))] == ["head"]


async def test_head_row_removed(path: Path) -> None:
    tamper(path, "DELETE FROM audit_head")
    assert [kind for _, kind in list_kinds(await check(path))] == ["head"]


async def test_end_cut_off_with_a_head_to_fit(path: Path) -> None:
    tamper(
        path,
        "DELETE FROM audit WHERE audit_id > 7",
        "UPDATE audit_head SET last_id = 7, "
        "last_hash = (SELECT row_hash FROM audit WHERE audit_id = 7), "
        "mac = (SELECT row_mac FROM audit WHERE audit_id = 7)",
    )
    assert [kind for _, kind in list_kinds(await check(path))] == ["head"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_head SET last_id = 7",
        "DELETE FROM audit_head",
        "DELETE FROM audit WHERE audit_id > 7",
        COPY_TO_THE_END,
    ],
)
async def test_the_next_change_does_not_heal_what_was_done(path: Path, statement: str) -> None:
    tamper(path, statement)
    await write_rows(path, first=50, count=2)
    report = await check(path)
    assert "break" in [kind for _, kind in list_kinds(report)]
    assert "head" not in [kind for _, kind in list_kinds(report)]  # the chain goes on from there


async def test_an_older_head_with_its_rows_shows_by_a_checkpoint(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        old = connection.execute("SELECT last_id, last_hash, mac FROM audit_head").fetchone()
    await write_rows(path, first=20, count=3)
    store = await open_sqlite(path, clock=SetClock(), read_only=True)
    async with store.read() as tx:
        head = await tx.admin.find_audit_head()
    await store.close()
    assert head is not None
    kept = CHAIN.parse_checkpoint(CHAIN.dump_checkpoint(head))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM audit WHERE audit_id > ?", (old[0],))
        connection.execute("UPDATE audit_head SET last_id = ?, last_hash = ?, mac = ?", old)
    assert (await check(path)).ok  # the database alone cannot tell
    assert list_kinds(await check(path, checkpoint=kept)) == [(ROWS + 3, "checkpoint")]
    await write_rows(path, first=30, count=5)  # nor by writing on
    assert list_kinds(await check(path, checkpoint=kept)) == [(ROWS + 3, "checkpoint")]


async def test_the_row_of_a_checkpoint_is_gone_though_the_log_went_on(path: Path) -> None:
    kept = (ROWS, (await check(path)).last_hash)
    tamper(path, f"DELETE FROM audit WHERE audit_id = {ROWS}")
    await write_rows(path, first=30, count=2)
    assert (ROWS, "checkpoint") in list_kinds(await check(path, checkpoint=kept))
    assert "checkpoint" not in [kind for _, kind in list_kinds(await check(path))]


@pytest.mark.parametrize("part", [0, 1, 2])
def test_checkpoint_of_somebody_else_is_refused(part: int) -> None:
    parts = CHAIN.dump_checkpoint(CHAIN.build_head(7, b"h" * 32)).split(":")
    assert CHAIN.parse_checkpoint(":".join(parts)) == (7, b"h" * 32)
    parts[part] = {0: "8", 1: "00" * 32, 2: "00" * 32}[part]
    with pytest.raises(InvalidValueError):
        CHAIN.parse_checkpoint(":".join(parts))


def test_a_checkpoint_makes_no_head() -> None:
    head = CHAIN.build_head(7, b"h" * 32)
    mac = bytes.fromhex(CHAIN.dump_checkpoint(head).split(":")[2])
    assert not CHAIN.is_head_genuine(replace(head, mac=mac))


async def test_parts_join_to_the_whole(path: Path) -> None:
    tamper(path, "UPDATE audit SET actor = 'mallory' WHERE audit_id = 5")
    found: list[tuple[int, str]] = []
    after = 0
    for _ in range(ROWS + 2):
        report = await check(path, after=after, limit=2)
        found += list_kinds(report)
        after = report.verified_to
        if report.at_end:
            break
    assert (after, found) == (ROWS, [(5, "changed")])


async def test_rows_from_before_the_chain_are_taken_in_once(path: Path) -> None:
    tamper(
        path,
        "UPDATE audit SET former_hash = NULL, row_hash = NULL, row_mac = NULL",
        "DELETE FROM audit WHERE audit_id = 3",  # what was missing then is no finding now
        "DELETE FROM audit_head",
    )
    await write_rows(path, first=20, count=2)
    report = await check(path)
    assert report.ok
    assert (report.rows, report.before_chain) == (ROWS + 1, ROWS - 1)
    tamper(path, "DELETE FROM audit WHERE audit_id = 5")
    assert not (await check(path)).ok


async def test_a_rolled_back_change_leaves_no_gap(path: Path) -> None:
    store = await open_log(path)
    with pytest.raises(ZeroDivisionError):
        async with store.write() as tx:
            await tx.admin.insert_audit(samples.audit(70))
            raise ZeroDivisionError
    async with store.write() as tx:
        await tx.admin.insert_audit(samples.audit(71))
    await store.close()
    report = await check(path)
    assert report.ok
    assert report.verified_to == ROWS + 1


async def test_without_its_key_nothing_is_written(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "lockgate.db", clock=SetClock())
    with pytest.raises(RuntimeError, match="no key"):
        async with store.write() as tx:
            await tx.admin.insert_audit(samples.audit(1))
    await store.close()


# --- several processes --------------------------------------------------------------------

WRITER = """
import asyncio, sys
from pathlib import Path
from gateway.store.sqlite import open_sqlite
from tests.store import samples

async def main(path, count):
    store = await open_sqlite(Path(path), clock=samples.SetClock())
    store.chain_audit(samples.AUDIT_KEY)
    async with store.write() as tx:
        await tx.admin.begin_audit()
    for n in range(count):
        async with store.write() as tx:
            for part in range(3):
                await tx.admin.insert_audit(samples.audit(n))
            await tx.bump_epoch()
        print(n, flush=True)
    await store.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def _start_writer(path: Path, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


async def test_two_processes_make_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "lockgate.db"
    await write_rows(path, count=1)
    writers = [_start_writer(path, 25) for _ in range(2)]
    for writer in writers:
        await asyncio.to_thread(writer.communicate)
        assert writer.returncode == 0
    report = await check(path)
    assert report.ok
    assert report.rows == 1 + 2 * 25 * 3


async def test_kill_9_leaves_a_right_chain(tmp_path: Path) -> None:
    path = tmp_path / "lockgate.db"
    written = 0
    for life_s in (0.0, 0.01, 0.02, 0.04, 0.05):
        with _start_writer(path, 100_000) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(life_s)
            writer.kill()
            written += 3 * (1 + sum(line.endswith("\n") for line in writer.stdout))
        report = await check(path)
        assert report.ok, report.findings
        assert report.rows >= written
        assert report.rows % 3 == 0
