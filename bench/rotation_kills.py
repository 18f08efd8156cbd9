"""Rotations that are killed with SIGKILL at every step and at random moments, and run again.

After each kill, before anything else: one term is active, each record names the term that its row
names, that term has its key, every record opens to the value that was stored. Then the rotation is
run to its end and the old term must be empty. A gateway serves from the database meanwhile; at the
end it is killed itself while it rotates.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bench import rest as control
from bench.many import FORMER_EVERY, fill_secrets
from bench.rotating import STEPS, run
from bench.session import Session
from bench.subjects import Subject, start_gateway, start_mock, with_key
from bench.wire import dump_body
from gateway.clock import SystemClock
from gateway.entities import KekState, KekTerm, PageRequest, RotationPhase, SealedSecret
from gateway.errors import LockgateError, VaultIntegrityError
from gateway.installation import Installation, open_installation
from gateway.providers import allowed_origin
from gateway.settings import Settings
from gateway.vault.envelope import secret_context
from gateway.vault.format import parse_record

_SECRETS = 230  # three batches, the last one short, and one of the former values
_GATEWAY_KILLS = 10
_MOVING_SHARE = 0.7
_RATE = 40.0  # requests a second beside the kills
_OLD_LEASE_S = 16.0  # of a gateway that was killed


async def find_faults(data: Path, expected: Mapping[str, bytes] | None = None) -> list[str]:
    """Look at the state of all keys and records; `expected` are digests of values by name."""
    installation = await open_installation(Settings(data=data), SystemClock(), read_only=True)
    try:
        return await _look(installation, expected)
    finally:
        await installation.close()


async def _look(installation: Installation, expected: Mapping[str, bytes] | None) -> list[str]:
    async with installation.store.read() as tx:
        terms = {term.term: term for term in await tx.vault.list_terms()}
        page = await tx.secrets.list_sealed(PageRequest(limit=100_000))
    faults = []
    active = [term.term for term in terms.values() if term.state is KekState.ACTIVE]
    if len(active) != 1:
        faults.append(f"active terms: {active}")
    named = {row.secret_name: row for row in page.items}
    for row in page.items:
        if row.previous is not None:
            named[_name_former(row.secret_name)] = row.previous.sealed
    if expected is not None and named.keys() != expected.keys():
        faults.append("a record is gone, or one is new")
    for name, row in named.items():
        faults += [f"{name}: {fault}" for fault in _look_at(installation, terms, row)]
        if expected is not None and _find_digest(installation, row) != expected.get(name):
            faults.append(f"{name}: opens to another value, or not at all")
    return faults


def _look_at(
    installation: Installation, terms: Mapping[int, KekTerm], row: SealedSecret
) -> list[str]:
    faults = []
    term = terms.get(row.kek_term)
    if parse_record(row.record).term != row.kek_term:
        faults.append("row and record name different terms")
    if term is None or term.state in (KekState.PENDING, KekState.RETIRED):
        faults.append("stands under a term that is not in use")
    if _find_digest(installation, row) is None:
        faults.append("does not open")
    return faults


def _find_digest(installation: Installation, row: SealedSecret) -> bytes | None:
    context = secret_context(row, allowed_origin(row.provider, row.auth_config))
    try:
        return installation.opener.open(context, row.record).digest()
    except VaultIntegrityError:
        return None


def _name_former(secret_name: str) -> str:
    return f"{secret_name}, the former value"


def _build_expected() -> dict[str, bytes]:
    values = {}
    for number in range(_SECRETS):
        values[f"secret-{number}"] = f"bench-key-{number}"
        if number % FORMER_EVERY == 0:
            values[_name_former(f"secret-{number}")] = f"bench-key-{number}-former"
    return {
        name: hashlib.sha256(json.dumps({"api_key": key}).encode()).digest()
        for name, key in values.items()
    }


async def run_kills(kills: int, draw: random.Random) -> list[str]:
    """Kill so often; print, and return the faults."""
    expected, counts = _build_expected(), Counter[str]()
    with tempfile.TemporaryDirectory() as name, start_mock() as mock:
        data = Path(name) / "data"
        await fill_secrets(data, mock.url, _SECRETS)
        with start_gateway(mock, data, workers=2) as gateway:
            keyed = with_key(gateway, control.create_key(gateway.rest, "rotation"))
            stopping = asyncio.Event()
            asking = asyncio.create_task(_ask_on(keyed, stopping, counts))
            plan = _plan(kills - _GATEWAY_KILLS, draw)
            faults = await _kill_runners(data, plan, draw, expected, counts)
            stopping.set()
            await asking
        faults += await _kill_gateways(mock, data, draw, expected, counts)
    failed = sum(count for what, count in counts.items() if what.startswith("request "))
    print(f"{dict(counts)}")
    if failed > counts["request 200"]:
        faults.append(f"{failed - counts['request 200']} requests failed")
    return faults


def _plan(kills: int, draw: random.Random) -> list[tuple[str | None, int, bool]]:
    """Return for each kill its step (None: a random moment), the how manieth time, the kind."""
    steps: list[tuple[str | None, int, bool]] = [
        (step, time, reencrypt)
        for reencrypt in (False, True)
        for step in STEPS
        for time in ((1, 2, 3, 4) if step.startswith("batch") else (1,))
    ]
    rest = [(None, 1, draw.random() < 0.3) for _ in range(kills - len(steps))]
    return (steps + rest)[:kills]


async def _kill_runners(
    data: Path,
    plan: list[tuple[str | None, int, bool]],
    draw: random.Random,
    expected: Mapping[str, bytes],
    counts: Counter[str],
) -> list[str]:
    faults = []
    plan = list(plan)
    for step, times, reencrypt in plan:
        killed = await asyncio.to_thread(_run_killed, data, step, times, reencrypt, draw.random())
        where = f"{step or 'a random moment'} ({times})"
        counts["killed" if killed else "ended before the kill"] += 1
        if not killed:
            plan.append((None, 1, False))  # another in its place
        faults += [f"after {where}: {fault}" for fault in await find_faults(data, expected)]
        # One in four is not finished: the next kill meets what is left of it.
        if draw.random() < 0.25 and step is None:
            counts["left unfinished"] += 1
            continue
        faults += await _finish(data, where, expected)
    return faults + await _finish(data, "all", expected)


def _run_killed(data: Path, step: str | None, times: int, reencrypt: bool, moment: float) -> bool:
    """Run until it is killed; False where it ended before."""
    words = [sys.executable, "-m", "bench.rotating", str(data)]
    words += ["--at", step, "--time", str(times)] if step else []
    words += ["--reencrypt"] if reencrypt else []
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        if step is None and process.stdout.readline():
            time.sleep(moment * 0.25)  # a whole rotation takes about that long
            process.send_signal(signal.SIGKILL)
        return process.wait(60) == -signal.SIGKILL


async def _finish(data: Path, where: str, expected: Mapping[str, bytes]) -> list[str]:
    try:
        row = await run(data, reencrypt=False, step=lambda _: None)
    except LockgateError as error:
        return [f"after {where}: run again, {error.detail}"]
    faults = [f"after {where}, finished: {one}" for one in await find_faults(data, expected)]
    if row.phase is not RotationPhase.DONE or row.failed:
        faults.append(f"after {where}: the next run ended as {row}")
    return faults


async def _kill_gateways(
    mock: Subject,
    data: Path,
    draw: random.Random,
    expected: Mapping[str, bytes],
    counts: Counter[str],
) -> list[str]:
    """Kill a gateway that rotates by itself, start another, let it finish."""
    faults = []
    for _ in range(_GATEWAY_KILLS):
        with start_gateway(mock, data, workers=2) as gateway:
            await _start_rotation(gateway)
            if draw.random() < _MOVING_SHARE:  # else it waits for the one that was killed before
                await _wait_until_moving(gateway)
            await asyncio.sleep(draw.random() * 0.2)
            assert gateway.pid is not None
            os.kill(gateway.pid, signal.SIGKILL)
        counts["gateways killed"] += 1
        faults += [f"after a gateway: {one}" for one in await find_faults(data, expected)]
    with start_gateway(mock, data, workers=2) as gateway:
        await _start_rotation(gateway)
        while gateway.rest.call("GET", "/api/v1/vault/rotation")["running"]:
            await asyncio.sleep(0.1)
        vault = gateway.rest.call("GET", "/api/v1/vault")
    if vault["rotation"]["phase"] != "done" or vault["advice"]:
        faults.append(f"after gateways: {vault['rotation']}, {vault['advice']}")
    return faults + await find_faults(data, expected)


async def _wait_until_moving(gateway: Subject) -> None:
    while gateway.rest.call("GET", "/api/v1/vault/rotation")["phase"] == "loading":
        await asyncio.sleep(0.02)


async def _start_rotation(gateway: Subject) -> None:
    """Rotate as soon as the lease of the one that was killed has ended."""
    end_s = time.monotonic() + _OLD_LEASE_S
    while True:
        try:
            gateway.rest.call("POST", "/api/v1/vault/rotation", {})
        except RuntimeError:
            if time.monotonic() > end_s:
                raise
            await asyncio.sleep(0.2)
        else:
            return


async def _ask_on(gateway: Subject, stopping: asyncio.Event, counts: Counter[str]) -> None:
    draw, session = random.Random(3), Session(gateway.target())
    while not stopping.is_set():
        body = dump_body(f"endpoint-{draw.randrange(_SECRETS // 2)}", stream=False)
        found = await session.ask(body)
        counts[f"request {found.status}"] += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), 1 / _RATE)
    session.close()
