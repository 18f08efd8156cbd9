"""Several worker processes behave as one gateway, whatever becomes of one of them."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from gateway.simulator import RunningSimulator
from tests.acceptance.conftest import (
    ROOT,
    TOKEN,
    Serve,
    Set,
    Start,
    build_environ,
    set_up,
)
from tests.acceptance.test_bad_start import run_serve

WORKERS = 2
LIMIT_S = 60  # of waiting for what comes within a second: a busy machine is no failure


async def wait_until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not await holds():
            await asyncio.sleep(0.05)


async def list_workers(serve: Serve) -> list[dict[str, Any]]:
    status, facts = await serve.call("GET", "/status")
    assert status == 200
    return list(facts["worker_processes"])


async def list_pids(serve: Serve) -> set[int]:
    return {row["pid"] for row in await list_workers(serve) if not row["draining"]}


async def read_metric(serve: Serve, name: str) -> float:
    async with serve.session.get(
        f"{serve.url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}
    ) as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


class Client:
    """One kept connection of an application."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def list_models(self, key: str) -> list[str]:
        self._writer.write(
            f"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n".encode()
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        length = next(
            int(line.split(b":")[1])
            for line in head.splitlines()
            if line.lower().startswith(b"content-length:")
        )
        body = orjson.loads(await self._reader.readexactly(length))
        return [model["id"] for model in body["data"]]

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


@asynccontextmanager
async def connect(serve: Serve, count: int) -> AsyncIterator[list[Client]]:
    host, port = serve.url.removeprefix("http://").split(":")
    clients = [Client(*await asyncio.open_connection(host, int(port))) for _ in range(count)]
    yield clients
    await asyncio.gather(*(client.close() for client in clients))


@pytest.fixture
async def serve(start: Start, provider: RunningSimulator) -> Serve:
    return await start("--workers", str(WORKERS), LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url)


@pytest.fixture
async def made(serve: Serve, provider: RunningSimulator) -> Set:
    """An endpoint `chat`."""
    made = await set_up(serve, provider, {"one": "gpt-4o-mini"})
    await create_endpoint(serve, made, "chat")
    return made


async def create_endpoint(serve: Serve, made: Set, name: str) -> None:
    await serve.create(
        "/endpoints",
        {"name": name, "model_mappings": [{"model_definition_id": made.models["one"]}]},
    )


async def test_connections_are_spread_evenly(serve: Serve, made: Set) -> None:
    async with connect(serve, 8) as clients:
        for client in clients:
            assert await client.list_models(made.key) == ["chat"]

        async def is_even() -> bool:
            open_ones = [row["connections"] for row in await list_workers(serve)]
            return len(open_ones) == WORKERS and all(3 <= count <= 5 for count in open_ones)

        await wait_until(is_even)
        epochs = {row["epoch"] for row in await list_workers(serve)}
        _, facts = await serve.call("GET", "/status")
        assert epochs == {facts["epoch"]}


async def test_an_acknowledged_write_is_served_by_every_worker(serve: Serve, made: Set) -> None:
    async with connect(serve, 8) as clients:
        for turn in range(10):
            await create_endpoint(serve, made, f"more-{turn}")
            for client in clients:
                assert f"more-{turn}" in await client.list_models(made.key)


async def test_a_kept_connection_may_ask_for_anything(serve: Serve, made: Set) -> None:
    """Data plane, then a path of the parent's, on one connection."""
    for path, expected in (("/livez", 200), ("/readyz", 200), ("/ui/", 200), ("/nowhere", 404)):
        async with connect(serve, 1) as (client,):
            assert await client.list_models(made.key) == ["chat"]
            client._writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            answer = await client._reader.read()  # the parent ends the connection
            assert answer.startswith(b"HTTP/1.1 %d " % expected)
            assert b"connection: close" in answer.lower()


async def test_a_killed_worker_is_replaced_and_its_numbers_stay(serve: Serve, made: Set) -> None:
    before = await list_pids(serve)
    assert len(before) == WORKERS
    for _ in range(20):
        assert (await serve.ask("chat", made.key, headers={"connection": "close"}))[0] == 200
    assert await read_metric(serve, "lockgate_requests_total") == 20
    _, usage = await serve.call("GET", "/usage?group_by=endpoint")
    assert sum(row["attempts"] for row in usage["items"]) == 20

    killed = before.pop()
    os.kill(killed, signal.SIGKILL)

    async def is_replaced() -> bool:
        now = await list_pids(serve)
        return len(now) == WORKERS and killed not in now

    for _ in range(20):  # none is refused meanwhile: they wait for the replacement
        assert (await serve.ask("chat", made.key, headers={"connection": "close"}))[0] == 200
    await wait_until(is_replaced)
    assert any(f"(pid {killed}) ended with signal SIGKILL" in line for line in serve.log)
    assert await read_metric(serve, "lockgate_requests_total") == 40
    assert await read_metric(serve, "lockgate_worker_restarts_total") == 1
    assert await read_metric(serve, "lockgate_workers") == WORKERS
    _, usage = await serve.call("GET", "/usage?group_by=endpoint")
    assert sum(row["attempts"] for row in usage["items"]) == 40


async def test_a_hangup_replaces_all_workers_and_fails_no_request(serve: Serve, made: Set) -> None:
    before = await list_pids(serve)
    done = asyncio.Event()
    answered: list[int] = []

    async def load() -> None:
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            caller = Serve(serve.process, serve.url, session)
            while not done.is_set():
                answered.append((await caller.ask("chat", made.key))[0])

    loads = [asyncio.create_task(load()) for _ in range(4)]
    serve.process.send_signal(signal.SIGHUP)

    async def is_replaced() -> bool:
        workers = await list_workers(serve)
        return len(workers) == WORKERS and before.isdisjoint(row["pid"] for row in workers)

    turn = 0
    while not await is_replaced():  # admin writes are acknowledged all the while
        await create_endpoint(serve, made, f"during-{turn}")
        turn += 1
    done.set()
    await asyncio.gather(*loads)
    assert set(answered) == {200}
    _, usage = await serve.call("GET", "/usage?group_by=endpoint")
    assert sum(row["attempts"] for row in usage["items"]) == len(answered)


async def test_workers_leave_when_the_parent_is_killed(serve: Serve, made: Set) -> None:
    pids = await list_pids(serve)
    assert made.key
    serve.process.send_signal(signal.SIGKILL)
    await serve.process.wait()

    async def are_gone() -> bool:
        return not any(Path(f"/proc/{pid}/cmdline").exists() or is_alive(pid) for pid in pids)

    await wait_until(are_gone)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_worker_that_hangs_holds_up_no_write_for_ever(serve: Serve, made: Set) -> None:
    stopped = (await list_pids(serve)).pop()
    os.kill(stopped, signal.SIGSTOP)

    async def write(name: str) -> tuple[int, Any]:
        mappings = [{"model_definition_id": made.models["one"]}]
        return await serve.call("POST", "/endpoints", {"name": name, "model_mappings": mappings})

    # Those whose connection waits at the hanging worker are answered after its replacement.
    answers = await asyncio.gather(*(write(f"late-{number}") for number in range(16)))

    assert {status for status, _ in answers} <= {201, 202}
    told = [answer["stragglers"] for status, answer in answers if status == 202]
    assert told
    assert all(f"(pid {stopped})" in names[0] for names in told)

    async def is_replaced() -> bool:
        now = await list_pids(serve)
        return len(now) == WORKERS and stopped not in now

    await wait_until(is_replaced)
    assert any("has not answered" in line for line in serve.log)
    async with connect(serve, 4) as clients:
        for client in clients:
            names = await client.list_models(made.key)
            assert {f"late-{number}" for number in range(16)} <= set(names)


async def test_a_worker_is_told_nothing_secret_in_the_open(serve: Serve) -> None:
    for pid in await list_pids(serve):
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
            environ = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            pytest.skip("this system does not show them")
        assert TOKEN.encode() not in arguments + environ
        assert b"LOCKGATE_" not in environ


def test_workers_that_never_come_up_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif 'gateway.workers' in sys.orig_argv:\n    os._exit(3)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = run_serve(tmp_path / "data", "--workers", "2", PYTHONPATH=path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: worker ")
    assert "failed 5 times before it served" in last
    assert "exit code 3" in last
    assert "Traceback" not in done.stderr


async def test_a_replacement_that_comes_before_the_restart_is_the_only_one(
    start: Start, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        f"if 'gateway.workers' in sys.orig_argv and os.path.exists({str(broken)!r}):\n"
        "    os._exit(3)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    serve = await start("--workers", "1", PYTHONPATH=path)
    (killed,) = await list_pids(serve)
    broken.touch()
    os.kill(killed, signal.SIGKILL)

    async def waits_long() -> bool:
        return sum("exit code 3" in line for line in serve.log) >= 6

    await wait_until(waits_long)
    broken.unlink()
    serve.process.send_signal(signal.SIGHUP)  # well within the 3.2 s that it waits now
    (only,) = await list_pids(serve)
    await asyncio.sleep(4.0)
    assert await list_pids(serve) == {only}


async def test_workers_may_open_what_the_system_allows(start: Start) -> None:
    resource = pytest.importorskip("resource")
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 512), most))
    try:
        serve = await start("--workers", "1")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
    (pid,) = await list_pids(serve)
    limits = Path(f"/proc/{pid}/limits")
    if not limits.exists():
        pytest.skip("this system does not show them")
    (line,) = [line for line in limits.read_text().splitlines() if line.startswith("Max open f")]
    assert line.split()[3] == line.split()[4]


def test_a_system_without_descriptors_is_one_sentence(tmp_path: Path) -> None:
    limited = "import resource, runpy, sys; sys.argv[0] = 'gateway'; "
    limited += "resource.setrlimit(resource.RLIMIT_NOFILE, (%d, %d)); "
    limited += "runpy.run_module('gateway', run_name='__main__', alter_sys=True)"
    for files, reason in ((64, "the sockets of 100 workers"), (180, "failed 5 times before")):
        done = subprocess.run(
            [
                *(sys.executable, "-c", limited % (files, files), "serve", "--workers", "100"),
                *("--data", str(tmp_path / str(files)), "--listen", "127.0.0.1:0"),
            ],
            env=build_environ(),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 1, done
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("error: ")
        assert reason in last
        assert "Too many open files" in last


async def test_a_credential_that_does_not_open_is_told_to_the_operator(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    arguments = ("--workers", str(WORKERS))
    environ = {"LOCKGATE_ALLOWED_PRIVATE_ORIGINS": provider.url}
    first = await start(*arguments, **environ)
    made = await set_up(first, provider, {"one": "gpt-4o-mini"})
    await create_endpoint(first, made, "chat")
    assert await first.stop() == 0
    with closing(sqlite3.connect(tmp_path / "data" / "lockgate.db")) as database, database:
        database.execute("UPDATE secrets SET secret_name = 'another'")

    serve = await start(*arguments, **environ)
    assert (await serve.ask("chat", made.key))[0] >= 500

    async def is_told() -> bool:
        _, facts = await serve.call("GET", "/status")
        return [row["secret_id"] for row in facts["quarantined"]] == [made.secret_id]

    await wait_until(is_told)
    assert await read_metric(serve, "lockgate_quarantined_credentials") == 1
