"""``python -m bench.rollover``: nothing is lost while workers are replaced, changed or killed.

Steady load on kept and fresh connections. Meanwhile SIGHUP goes to the parent several times, then
an endpoint's model changes some times a second and each acknowledged change is looked for on fresh
connections, then one worker is killed. Exit 1 where a request fails that should not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import loops
from bench import rest as control
from bench.figures import table
from bench.load import positive
from bench.processes import list_tree, raise_file_limit
from bench.session import Session
from bench.subjects import NotThereError, Subject, start_gateway, start_mock, with_key
from bench.wire import Target, dump_body

_ENDPOINT = "rollover"
_CLIENTS = 32
_FRESH_EVERY = 50  # requests on one connection before a new one is opened
_LOOKS = 6  # fresh connections that look for an acknowledged change
_PAUSE_S = 0.05  # while there are changes: a write must not wait behind a full queue
_BACK_LIMIT_S = 10.0
_ROLL_LIMIT_S = 60.0  # of one signal: a drain waits for running answers


@dataclass(slots=True)
class Load:
    """Clients that ask until they are told to stop; what came back, and when it did not."""

    target: Target
    stopping: bool = False
    pause_s: float = 0.0  # between two requests of a client
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[float, str]] = field(default_factory=list)

    async def run(self) -> None:
        """Ask on all connections until `stopping`."""
        await asyncio.gather(*map(self._ask_on, range(_CLIENTS)))

    async def _ask_on(self, number: int) -> None:
        session, body = Session(self.target), dump_body(_ENDPOINT, stream=False)
        stream = dump_body(_ENDPOINT, stream=True, content="streamed " * 20)
        draw = random.Random(number)
        for turn in range(sys.maxsize):
            if self.stopping:
                break
            if turn % _FRESH_EVERY == 0:
                session.close()
            streamed = draw.random() < 0.05
            answer = await session.ask(stream if streamed else body)
            self.counts["requests"] += 1
            if answer.status != 200 or not answer.whole:
                what = (
                    "no byte" if not answer.began else f"{answer.status}, cut: {not answer.whole}"
                )
                self.failures.append((time.monotonic(), what))
            if self.pause_s:
                await asyncio.sleep(self.pause_s)
        session.close()


async def _wait_for(load: Load, more: int, limit_s: float = 300.0) -> None:
    """Wait until so many further requests have been made."""
    goal, end_at = load.counts["requests"] + more, time.monotonic() + limit_s
    while load.counts["requests"] < goal and time.monotonic() < end_at:
        await asyncio.sleep(0.05)


async def roll(gateway: Subject, load: Load, requests: int, times: int) -> dict[str, Any]:
    """Replace the workers several times under load, each time whole before the next signal."""
    pid = gateway.pid or 0
    first, failed = load.counts["requests"], len(load.failures)
    replaced, longest_s = 0, 0.0
    for _ in range(times):
        old, started = set(list_tree(pid)[1:]), time.monotonic()
        os.kill(pid, signal.SIGHUP)
        while old & set(list_tree(pid)[1:]) and time.monotonic() < started + _ROLL_LIMIT_S:
            await asyncio.sleep(0.05)
        replaced += len(old - set(list_tree(pid)[1:]))
        longest_s = max(longest_s, time.monotonic() - started)
    await _wait_for(load, requests - (load.counts["requests"] - first))
    return {
        "signals": times,
        "workers replaced": replaced,
        "longest s": longest_s,
        "requests": load.counts["requests"] - first,
        "failed": len(load.failures) - failed,
    }


async def change(gateway: Subject, load: Load, models: list[str], seconds: float) -> dict[str, Any]:
    """Change the endpoint's model and look for each acknowledged change on fresh connections."""
    rest = gateway.rest
    found = await asyncio.to_thread(rest.call, "GET", f"/api/v1/endpoints?name={_ENDPOINT}")
    path = f"/api/v1/endpoints/{found['items'][0]['endpoint_id']}"
    first, failed = load.counts["requests"], len(load.failures)
    counts: Counter[str] = Counter()
    end_at = time.monotonic() + seconds
    while time.monotonic() < end_at:
        started = time.monotonic()
        place = counts["writes"] % len(models)
        body = {"model_mappings": [{"model_definition_id": models[place], "weight": 1}]}
        await asyncio.to_thread(rest.call, "PATCH", path, body)
        counts["writes"] += 1
        looks = await asyncio.gather(*(_look(load.target) for _ in range(_LOOKS)))
        counts["looks"] += len(looks)
        counts["stale"] += sum(look != f"model-{place}" for look in looks)
        await asyncio.sleep(max(0.0, 0.1 - (time.monotonic() - started)))
    return {
        "writes": counts["writes"],
        "looks": counts["looks"],
        "stale": counts["stale"],
        "requests": load.counts["requests"] - first,
        "failed": len(load.failures) - failed,
    }


async def _look(target: Target) -> str:
    """Return the model that answers on a fresh connection."""
    session = Session(target)
    answer = await session.ask(dump_body(_ENDPOINT, stream=False, content="look"))
    session.close()
    return answer.find_header("x-lockgate-model")


async def kill(gateway: Subject, load: Load) -> dict[str, Any]:
    """Kill one worker; count what fails and how long until there are as many as before."""
    pid = gateway.pid or 0
    before = list_tree(pid)[1:]
    first, failed = load.counts["requests"], len(load.failures)
    started = time.monotonic()
    os.kill(before[0], signal.SIGKILL)
    await asyncio.sleep(0)
    back_s = await _wait_until_back(pid, before, started)
    await _wait_for(load, 2_000, 20)
    failures = load.failures[failed:]
    return {
        "failed": len(failures),
        "last failure after s": max((at - started for at, _ in failures), default=0.0),
        "new worker after s": back_s,
        "requests": load.counts["requests"] - first,
    }


async def _wait_until_back(pid: int, before: list[int], started: float) -> float | None:
    """Return when a new worker process is there; None where none came."""
    while time.monotonic() < started + _BACK_LIMIT_S:
        workers = list_tree(pid)[1:]
        if len(workers) >= len(before) and before[0] not in workers:
            return time.monotonic() - started
        await asyncio.sleep(0.01)
    return None


def set_up(gateway: Subject, mock: Subject) -> tuple[Subject, list[str]]:
    """Create one endpoint and several models for it."""
    secret = control.create_secret(gateway.rest, "rollover", mock.url, "rollover-provider-key")
    models = [
        control.create_model(gateway.rest, f"model-{place}", secret, f"echo-{place}")
        for place in range(4)
    ]
    control.create_endpoint(gateway.rest, _ENDPOINT, {models[0]: 1})
    return with_key(gateway, control.create_key(gateway.rest, "rollover")), models


async def run_all(
    gateway: Subject, models: list[str], arguments: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Run the parts one after the other under one load."""
    load = Load(gateway.target())
    running = asyncio.create_task(load.run())
    found: dict[str, dict[str, Any]] = {}
    await _wait_for(load, 1_000)
    try:
        if arguments.workers > 1:
            found["SIGHUP"] = await roll(gateway, load, arguments.requests, arguments.times)
        load.pause_s = _PAUSE_S
        found["changes"] = await change(gateway, load, models, arguments.seconds)
        load.pause_s = 0.0
        if arguments.workers > 1:
            found["kill -9"] = await kill(gateway, load)
    finally:
        load.stopping = True
        with suppress(TimeoutError):
            await asyncio.wait_for(running, 60)
    examples = Counter(what for _, what in load.failures)
    found["load"] = {"requests": load.counts["requests"], "failures": dict(examples)}
    return found


def find_faults(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return what must not be. A killed worker may take the requests that it had, no more."""
    faults = [
        f"{part}: {found[part]['failed']} requests failed"
        for part in ("SIGHUP", "changes")
        if part in found and found[part]["failed"]
    ]
    if found["changes"]["stale"]:
        faults.append(f"changes: {found['changes']['stale']} looks saw an older model")
    rolled = found.get("SIGHUP")
    if rolled and rolled["workers replaced"] < rolled["signals"]:
        faults.append("SIGHUP: workers were not replaced")
    killed = found.get("kill -9")
    if killed and killed["failed"] > _CLIENTS:
        faults.append(f"kill -9: {killed['failed']} requests failed, in flight were {_CLIENTS}")
    if killed and killed["new worker after s"] is None:
        faults.append("kill -9: no new worker came")
    return faults


def main() -> None:
    """Parse the arguments, run, print; exit 1 where something failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollover", description=__doc__)
    parser.add_argument("--requests", type=positive, default=50_000, help="under SIGHUP")
    parser.add_argument("--times", type=positive, default=5, help="signals")
    parser.add_argument("--seconds", type=float, default=20.0, help="of changes, 10 a second")
    parser.add_argument("--workers", type=positive, default=2, help="1 leaves the signals out")
    arguments = parser.parse_args()
    raise_file_limit()
    try:
        with tempfile.TemporaryDirectory() as folder, start_mock("bench.witness") as mock:
            data = Path(folder) / "data"
            with start_gateway(mock, data, workers=arguments.workers) as bare:
                gateway, models = set_up(bare, mock)
                found = loops.run(run_all(gateway, models, arguments))
    except NotThereError as error:
        parser.exit(1, f"bench.rollover: {error}\n")
    for part, row in found.items():
        print(f"\n{part}\n\n" + table(("", ""), row.items()))
    faults = find_faults(found)
    for fault in faults:
        print(f"\nFAULT: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
