"""A database that fails under a real server: requests are served, rows wait, nothing hangs."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gateway.simulator import RunningSimulator
from tests.acceptance.conftest import Serve, Start, build_environ, set_up


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 10000")
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


async def begin(start: Start, provider: RunningSimulator, **environ: str) -> tuple[Serve, str]:
    serve = await start("--workers", "1", LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url, **environ)
    made = await set_up(serve, provider)
    await serve.create(
        "/endpoints",
        {"name": "chat", "model_mappings": [{"model_definition_id": made.models["one"]}]},
    )
    return serve, made.key


async def ask(serve: Serve, key: str, names: list[str]) -> None:
    for name in names:
        status, _, _ = await serve.ask("chat", key, headers={"x-lockgate-request-id": name})
        assert status == 200


async def wait_for_status(serve: Serve, **wanted: Any) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            status, found = await serve.call("GET", "/status")
            if status == 200 and all(found[name] == value for name, value in wanted.items()):
                return dict(found)
            await asyncio.sleep(0.05)


def read_ids(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return sorted(row[0] for row in database.execute("SELECT request_id FROM usage"))


async def test_while_the_database_is_locked_requests_are_served_and_rows_wait(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "lockgate.db"
    serve, key = await begin(start, provider)
    names = [f"locked-{n}" for n in range(6)]
    with locked(path):
        await ask(serve, key, names[:3])
        found = await wait_for_status(serve, ledger_spool_rows=3)
        assert found["ledger_spool_bytes"] > 0
        await wait_for_status(serve, database_fault="The database is busy with another writer.")
        status, problem = await serve.call("POST", "/api-keys", {"name": "later"})
        assert (status, problem["code"]) == (503, "store_unavailable")
        await ask(serve, key, names[3:])
        await wait_for_status(serve, ledger_spool_rows=6)
        for probe in ("livez", "readyz"):
            async with serve.session.get(f"{serve.url}/{probe}") as response:
                assert response.status == 200
    await wait_for_status(serve, ledger_spool_rows=0, ledger_backlog=0, database_fault=None)
    await serve.create("/api-keys", {"name": "later"})
    assert read_ids(path) == names
    await serve.stop()
    assert not list((tmp_path / "data").glob("*.spool"))


async def test_kill_in_the_middle_of_an_outage_loses_and_doubles_nothing_that_was_spooled(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "lockgate.db"
    serve, key = await begin(start, provider)
    names = [f"killed-{n}" for n in range(4)]
    await ask(serve, key, names[:1])
    await serve.call("GET", "/usage")  # stores what is booked
    with locked(path):
        await ask(serve, key, names[1:])
        await wait_for_status(serve, ledger_spool_rows=len(names) - 1, ledger_backlog=0)
        await serve.stop(signal.SIGKILL)
        assert "usage rows wait in" in await run_doctor(tmp_path / "data")
    again = await start("--workers", "1")
    await wait_for_status(again, ledger_spool_rows=0)
    await again.stop()
    assert read_ids(path) == names


async def run_doctor(data: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "doctor", "--data", str(data)),
        env=build_environ(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return output.decode()


async def test_a_stop_with_a_dead_database_keeps_the_rows(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "lockgate.db"
    serve, key = await begin(start, provider)
    with locked(path):
        await ask(serve, key, ["last"])
        async with asyncio.timeout(30):
            assert await serve.stop() == 0
        assert any("wait on the disk for the next start" in line for line in serve.log)
    again = await start("--workers", "1")
    await wait_for_status(again, ledger_spool_rows=0)
    await again.stop()
    assert read_ids(path) == ["last"]


async def test_a_database_that_is_moved_away_is_not_made_anew(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    serve, key = await begin(start, provider)
    files = sorted(data.glob("lockgate.db*"))
    for file in files:
        file.rename(tmp_path / file.name)
    await ask(serve, key, ["away"])
    found = await wait_for_status(serve, ledger_spool_rows=1)
    assert "gone" in found["database_fault"]
    status, _ = await serve.call("POST", "/api-keys", {"name": "later"})
    assert status == 503
    assert not (data / "lockgate.db").exists()
    await serve.stop(signal.SIGKILL)

    refused = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve", "--data", str(data)),
        *("--listen", "127.0.0.1:0"),
        env=build_environ(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await refused.communicate()
    assert refused.returncode == 1
    assert "usage rows wait for it" in errors.decode()
    assert not (data / "lockgate.db").exists()

    for file in files:
        (tmp_path / file.name).replace(file)
    again = await start("--workers", "1")
    await wait_for_status(again, ledger_spool_rows=0)
    await again.stop()
    assert read_ids(data / "lockgate.db") == ["away"]


async def test_a_damaged_page_costs_what_needs_it_and_no_request(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "lockgate.db"
    serve, key = await begin(start, provider)
    await ask(serve, key, ["before"])
    await serve.call("GET", "/usage")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA wal_checkpoint(FULL)")
        database.execute("PRAGMA writable_schema = ON")
        root, size = (
            database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'audit'").fetchone()[
                0
            ],
            database.execute("PRAGMA page_size").fetchone()[0],
        )
        with path.open("r+b") as file:
            file.seek((root - 1) * size)
            file.write(b"\xff" * size)
        database.execute("CREATE TABLE other (a)")  # others read their pages again
        database.execute("DROP TABLE other")
    status, problem = await serve.call("GET", "/audit")
    assert (status, problem["code"]) == (503, "database_damaged")
    await ask(serve, key, ["after"])
    _, found = await serve.call("GET", "/status")
    assert "damaged" in found["database_fault"]
    async with serve.session.get(f"{serve.url}/readyz") as response:
        assert response.status == 200
    assert any("damaged" in line for line in serve.log)
    await serve.stop()
