"""``python -m bench.dependencies``: what a database that fails costs requests and the ledger.

A real gateway under load, once per fault: the database locked, frozen, read-only, its disk full,
its files moved away and back, and the whole gateway killed while rows wait on the disk. Each
request has an id of its own, so that each row is known: what is lost, what is there twice. Exit 1
on a fault.

Frozen, read-only and full need a file system of their own, hence root and Linux; they are left out,
and named, where there is none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import loops
from bench import rest as control
from bench.figures import table
from bench.processes import list_tree
from bench.rest import TOKEN
from bench.session import Session
from bench.subjects import NotThereError, Subject, start_gateway, start_mock, with_key
from bench.wire import Target, dump_body

_ENDPOINT = "dependencies"
_CLIENTS = 16
_RATE = 300.0  # requests a second: the parent's share of two cores is small, the spool's is seen
_WARM_S = 2.0
_RECOVER_LIMIT_S = 120.0
_ADMIN_LIMIT_S = 5.0  # slower is a fault
_DISK_MIB = 64
_INSIDE = "LOCKGATE_BENCH_INSIDE"  # set in a mount namespace of our own

Fault = Callable[[Path], Any]  # of the database's file: a context within which it fails


@dataclass(slots=True)
class Load:
    """Clients that ask at a steady rate until they are told to stop."""

    target: Target
    stopping: bool = False
    answered: set[str] = field(default_factory=set)
    failures: Counter[str] = field(default_factory=Counter)
    asked: int = 0

    async def run(self) -> None:
        """Ask on all connections until `stopping`."""
        await asyncio.gather(*(self._ask_on() for _ in range(_CLIENTS)))

    async def _ask_on(self) -> None:
        session, body = Session(self.target), dump_body(_ENDPOINT, stream=False)
        while not self.stopping:
            self.asked += 1
            name = f"r{self.asked:08d}"
            answer = await session.ask(body, headers=(f"x-lockgate-request-id: {name}",))
            if answer.status == 200 and answer.whole:
                self.answered.add(name)
            elif not self.stopping:
                self.failures[f"{answer.status}"] += 1
            await asyncio.sleep(_CLIENTS / _RATE)
        session.close()


@dataclass(slots=True)
class Admin:
    """An admin who writes once a second, and somebody who looks at the status."""

    gateway: Subject
    path: str
    writes: list[tuple[float, int]] = field(default_factory=list)
    lives: Counter[int] = field(default_factory=Counter)
    faults: set[str] = field(default_factory=set)
    spooled: int = 0

    async def run(self, seconds: float) -> None:
        """Write and look for so long."""
        end_at = time.monotonic() + seconds
        while time.monotonic() < end_at:
            self.writes.append(await asyncio.to_thread(self.write))
            await asyncio.to_thread(self.look)
            await asyncio.sleep(0.5)

    def write(self) -> tuple[float, int]:
        """Change a tag; return how long that took and its status."""
        began = time.monotonic()
        status, _ = self._call("PUT", f"{self.path}/tags/turn", b'{"value":"%d"}' % int(began * 10))
        return time.monotonic() - began, status

    def look(self) -> dict[str, Any]:
        """Read the status."""
        self.lives[self._call("GET", "/livez")[0]] += 1
        status, raw = self._call("GET", "/api/v1/status")
        found: dict[str, Any] = json.loads(raw) if status == 200 else {}
        self.spooled = max(self.spooled, found.get("ledger_spool_rows", 0))
        if found.get("database_fault"):
            self.faults.add(found["database_fault"])
        return found

    def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        asked = urllib.request.Request(
            self.gateway.url + path, body, headers=headers, method=method
        )
        try:
            with urllib.request.urlopen(asked, timeout=90) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""


# --- faults -------------------------------------------------------------------------------


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the database's lock as another process does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 10000")
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def freeze(path: Path) -> Iterator[None]:
    """Let every write to the file system hang in the kernel."""
    _run("fsfreeze", "-f", str(path.parent))
    try:
        yield
    finally:
        _run("fsfreeze", "-u", str(path.parent))


@contextmanager
def forbid(path: Path) -> Iterator[None]:
    """Make the files read-only for everybody, also through descriptors that are open."""
    files = [str(path), f"{path}-wal"]
    _run("chattr", "+i", *files)
    try:
        yield
    finally:
        _run("chattr", "-i", *files)


@contextmanager
def fill(path: Path) -> Iterator[None]:
    """Leave no byte of the disk free."""
    ballast = path.with_name("ballast")
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while file.write(b"x" * size):
                    pass
    yield
    ballast.unlink()


@contextmanager
def move(path: Path) -> Iterator[None]:
    """Take the files away, and put them back."""
    away = path.with_name("away")
    away.mkdir()
    names = [file.name for file in path.parent.glob(f"{path.name}*")]
    for name in names:
        (path.parent / name).rename(away / name)
    yield
    for name in names:
        (away / name).rename(path.parent / name)


FAULTS: dict[str, tuple[Fault, bool]] = {  # with: needs a file system of its own
    "locked": (lock, False),
    "moved away": (move, False),
    "frozen": (freeze, True),
    "read-only": (forbid, True),
    "disk full": (fill, True),
}


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def own_disk(folder: Path) -> Iterator[Path]:
    """Mount a small file system. Raises NotThereError where that may not be."""
    image, place = folder / "disk.img", folder / "disk"
    place.mkdir()
    try:
        with image.open("wb") as file:
            file.truncate(_DISK_MIB << 20)
        _run("mkfs.ext4", "-q", "-m", "0", str(image))
        _run("mount", "-o", "loop", str(image), str(place))
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotThereError(f"no file system of our own: {error}") from None
    try:
        yield place
    finally:
        _run("umount", str(place))


# --- parts --------------------------------------------------------------------------------


def set_up(gateway: Subject, mock: Subject) -> tuple[Subject, str]:
    """Create the endpoint; return the gateway with a client's key, and the endpoint's path."""
    secret = control.create_secret(gateway.rest, "dependencies", mock.url, "bench-provider-key")
    model = control.create_model(gateway.rest, "echo", secret, "echo-one")
    control.create_endpoint(gateway.rest, _ENDPOINT, {model: 1})
    found = gateway.rest.call("GET", f"/api/v1/endpoints?name={_ENDPOINT}")
    path = f"/api/v1/endpoints/{found['items'][0]['endpoint_id']}"
    return with_key(gateway, control.create_key(gateway.rest, "dependencies")), path


async def _wait_until_stored(admin: Admin) -> float | None:
    """Return after how long a write succeeds and no row waits on the disk; None: never."""
    began = time.monotonic()
    while time.monotonic() < began + _RECOVER_LIMIT_S:
        _, status = await asyncio.to_thread(admin.write)
        found = await asyncio.to_thread(admin.look)
        if status < 300 and found and not found["ledger_spool_rows"]:
            return time.monotonic() - began
        await asyncio.sleep(0.1)
    return None


async def fail(load: Load, admin: Admin, fault: Any, seconds: float) -> dict[str, Any]:
    """Run the load, let the database fail and come back."""
    running = asyncio.create_task(load.run())
    await asyncio.sleep(_WARM_S)
    with fault:
        await admin.run(seconds)
    recovered_s = await _wait_until_stored(admin)
    await asyncio.sleep(1)
    load.stopping = True
    await running
    return {"recovered after s": recovered_s, **_describe_admin(admin)}


async def fail_and_kill(load: Load, admin: Admin, fault: Any, seconds: float) -> dict[str, Any]:
    """Run the load, let the database fail, kill all processes in the middle of that."""
    running = asyncio.create_task(load.run())
    await asyncio.sleep(_WARM_S)
    with fault:
        await admin.run(seconds)
        load.stopping = True
        # At once: workers whose parent is gone would finish what runs.
        for pid in list_tree(admin.gateway.pid or 0):
            os.kill(pid, signal.SIGKILL)
    await running
    return _describe_admin(admin)


def _describe_admin(admin: Admin) -> dict[str, Any]:
    slowest = max(admin.writes, default=(0.0, 0))
    return {
        "slowest admin write s": slowest[0],
        "its status": slowest[1],
        "admin writes by status": dict(Counter(status for _, status in admin.writes)),
        "rows on the disk, at most": admin.spooled,
        "livez": dict(admin.lives),
        "told": "; ".join(sorted(admin.faults)) or "nothing",
    }


def compare(path: Path, load: Load, mock: Subject, before: int) -> dict[str, Any]:
    """Compare the ledger with what the clients heard and what the provider saw."""
    with closing(sqlite3.connect(path)) as database:
        rows = [row[0] for row in database.execute("SELECT request_id FROM usage")]
    stored = set(rows)
    return {
        "requests": load.asked,
        "failed": sum(load.failures.values()),
        "upstream calls": count_calls(mock) - before,
        "ledger rows": len(rows),
        "lost": len(load.answered - stored),
        "doubled": len(rows) - len(stored),
    }


def count_calls(mock: Subject) -> int:
    """Return how many requests the provider has seen."""
    with urllib.request.urlopen(f"{mock.url}/stats", timeout=10) as response:
        return int(json.loads(response.read())["seen"].get("attempts", 0))


def run_part(name: str, place: Path, database: Path, mock: Subject, given: Any) -> dict[str, Any]:
    """Run one fault against a gateway of its own."""
    killed = name == "kill -9"
    fault = lock if killed else FAULTS[name][0]
    env = {"LOCKGATE_DATABASE_URL": f"sqlite:///{database}", "LOCKGATE_LOG_LEVEL": "INFO"}
    before = count_calls(mock)
    with start_gateway(mock, place, workers=given.workers, env=env) as bare:
        gateway, path = set_up(bare, mock)
        load, admin = Load(gateway.target()), Admin(gateway, path)
        run = fail_and_kill if killed else fail
        found = loops.run(run(load, admin, fault(database), given.seconds))
    if killed:
        began = time.monotonic()
        with start_gateway(mock, place, workers=given.workers, env=env) as again:
            after = Admin(again, path)
            loops.run(_wait_until_stored(after))
            found["recovered after s"] = time.monotonic() - began
    return {**compare(database, load, mock, before), **found}


def find_faults(name: str, found: dict[str, Any]) -> list[str]:
    """Return what must not be."""
    bound = _RATE if name == "kill -9" else 0  # a second's
    checks = (
        (found["failed"] > 0, f"{found['failed']} requests failed"),
        (found["lost"] > bound, f"{found['lost']} rows are lost"),
        (found["doubled"] > 0, f"{found['doubled']} rows are there twice"),
        (found["recovered after s"] is None, "it did not recover"),
        (found["slowest admin write s"] > _ADMIN_LIMIT_S, "an admin's write hung"),
        (set(found["livez"]) != {200}, "the liveness probe failed"),
    )
    return [f"{name}: {what}" for is_wrong, what in checks if is_wrong]


def run_all(given: Any) -> list[str]:
    """Run and print all parts; return what must not be."""
    faults = []
    names = [*FAULTS, "kill -9"]
    for name in given.only.split(",") if given.only else names:
        with tempfile.TemporaryDirectory() as text, start_mock("bench.witness") as mock:
            folder = Path(text)
            own = name in FAULTS and FAULTS[name][1]
            try:
                with own_disk(folder) if own else _plain(folder) as place:
                    database = place / "lockgate.db"
                    found = run_part(name, folder / "data", database, mock, given)
            except NotThereError as error:
                print(f"\n{name}: left out: {error}", flush=True)
                continue
            print(
                f"\n{name}, {given.seconds:.0f} s\n\n" + table(("", ""), found.items()), flush=True
            )
            faults += find_faults(name, found)
    return faults


@contextmanager
def _plain(folder: Path) -> Iterator[Path]:
    place = folder / "disk"
    place.mkdir()
    yield place


def main() -> None:
    """Parse the arguments, run, print; exit 1 where something is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m bench.dependencies", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each fault")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", help=f"some of: {', '.join([*FAULTS, 'kill -9'])}")
    given = parser.parse_args()
    if sys.platform == "linux" and os.geteuid() == 0 and _INSIDE not in os.environ:
        # Mounts of our own are seen by nobody else, and go with us.
        words = [sys.executable, "-m", "bench.dependencies", *sys.argv[1:]]
        with suppress(OSError):
            os.execvpe("unshare", ["unshare", "-m", *words], {**os.environ, _INSIDE: "1"})
    os.environ.pop(_INSIDE, None)
    faults = run_all(given)
    for fault in faults:
        print(f"\nFAULT: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
