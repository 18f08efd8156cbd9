"""``python -m bench.rotation``: a rotation of the vault's key under load, and one that is killed.

Without ``--kills``: a gateway of two workers with 2,000 secrets under steady load over all of
their endpoints, an admin who writes secrets meanwhile, and one rotation after another: what fails,
what does not open, how long it takes, what it adds to a request. With ``--kills N``: see
`rotation_kills`. Exit 1 where anything failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import loops
from bench import rest as control
from bench.figures import percentile, table
from bench.many import fill_secrets
from bench.processes import raise_file_limit
from bench.rest import Rest
from bench.rotation_kills import find_faults, run_kills
from bench.session import Session
from bench.subjects import NotThereError, Subject, start_gateway, start_mock, with_key
from bench.wire import dump_body

_CLIENTS = 32
_QUIET_S = 10.0
_PAUSE_S = 0.5
_ROTATION_LIMIT_S = 120.0


@dataclass(slots=True)
class Load:
    """Requests at a steady rate over all endpoints, each with its time and outcome."""

    gateway: Subject
    endpoints: int
    rate: float
    stopping: bool = False
    seen: list[tuple[float, int, float]] = field(default_factory=list)  # sent, status, seconds

    async def run(self) -> None:
        """Ask until `stopping`."""
        draw = random.Random(5)
        await asyncio.gather(*(self._ask_on(draw, place) for place in range(_CLIENTS)))

    async def _ask_on(self, draw: random.Random, place: int) -> None:
        session = Session(self.gateway.target())
        gap_s = _CLIENTS / self.rate
        due_s = time.monotonic() + gap_s * place / _CLIENTS
        while not self.stopping:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            due_s += gap_s
            sent_s = time.monotonic()
            body = dump_body(f"endpoint-{draw.randrange(self.endpoints)}", stream=False)
            found = await session.ask(body)
            status = found.status if found.whole else 0
            self.seen.append((sent_s, status, time.monotonic() - sent_s))
        session.close()

    def describe(self, name: str, spans: list[tuple[float, float]]) -> dict[str, Any]:
        """Return what requests sent within the spans came to."""
        found = [
            (status, took_s)
            for sent_s, status, took_s in self.seen
            if any(begin_s <= sent_s < end_s for begin_s, end_s in spans)
        ]
        taken_ms = sorted(took_s * 1000 for _, took_s in found)
        return {
            "": name,
            "requests": len(found),
            "failed": sum(status != 200 for status, _ in found),
            "p50 ms": percentile(taken_ms, 0.5),
            "p99 ms": percentile(taken_ms, 0.99),
            "worst ms": taken_ms[-1] if taken_ms else 0.0,
        }


@dataclass(slots=True)
class Admin:
    """An admin who stores and changes credentials all the while."""

    rest: Rest
    url: str
    stopping: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Write until `stopping`."""
        number = 0
        while not self.stopping:
            number += 1
            await asyncio.to_thread(self._write, number)
            await asyncio.sleep(0.02)

    def _write(self, number: int) -> None:
        try:
            made = control.create_secret(self.rest, f"late-{number}", self.url, f"key-{number}")
            value = {"secret_value": {"api_key": f"key-{number}-again"}}
            self.rest.call("PATCH", f"/api/v1/secrets/{made}", value)
        except (RuntimeError, OSError) as error:
            self.outcomes[str(error)] += 1
        else:
            self.outcomes["stored"] += 1


async def rotate(rest: Rest, *, reencrypt: bool) -> tuple[float, float, dict[str, Any]]:
    """Rotate over REST; return when it began and ended, and how."""
    began_s = time.monotonic()
    body = {"reencrypt": reencrypt}
    found = await asyncio.to_thread(rest.call, "POST", "/api/v1/vault/rotation", body)
    while found["running"]:
        if time.monotonic() - began_s > _ROTATION_LIMIT_S:
            raise RuntimeError(f"the rotation does not end: {json.dumps(found)}")
        await asyncio.sleep(0.1)
        found = await asyncio.to_thread(rest.call, "GET", "/api/v1/vault/rotation")
    return began_s, time.monotonic(), found


@asynccontextmanager
async def _stage(secrets: int) -> AsyncIterator[tuple[Subject, Subject, Path]]:
    with tempfile.TemporaryDirectory() as name, start_mock() as mock:
        data = Path(name) / "data"
        await fill_secrets(data, mock.url, secrets)
        with start_gateway(mock, data, workers=2) as gateway:
            yield mock, with_key(gateway, control.create_key(gateway.rest, "rotation")), data


async def run_load(secrets: int, rate: float, rotations: int) -> list[str]:
    """Rotate under load; print, and return what failed."""
    async with _stage(secrets) as (mock, gateway, data):
        load = Load(gateway, secrets // 2, rate)
        running = asyncio.create_task(load.run())
        await asyncio.sleep(_QUIET_S / 2)  # every credential was opened by then, or most
        quiet = [(time.monotonic(), time.monotonic() + _QUIET_S)]
        await asyncio.sleep(_QUIET_S)
        admin = Admin(gateway.rest, mock.url)
        writing = asyncio.create_task(admin.run())
        written = [(time.monotonic(), time.monotonic() + _QUIET_S)]
        await asyncio.sleep(_QUIET_S)
        ended = []
        for number in range(rotations):
            ended.append(await rotate(gateway.rest, reencrypt=number % 2 == 1))
            await asyncio.sleep(_PAUSE_S)
        admin.stopping = load.stopping = True
        await asyncio.gather(running, writing)
        vault = gateway.rest.call("GET", "/api/v1/vault")
        status = gateway.rest.call("GET", "/api/v1/status")
        unopened = await find_faults(data)
    spans = [(began_s, ended_s) for began_s, ended_s, _ in ended]
    rows = [
        load.describe("no rotation", quiet),
        load.describe("no rotation, an admin writes", written),
        load.describe("while a rotation runs, an admin writes", spans),
    ]
    print(table(list(rows[0]), [list(row.values()) for row in rows]))
    took_s = sorted(ended_s - began_s for began_s, ended_s in spans)
    stuck = [found for _, _, found in ended if found["phase"] != "done" or found["failed"]]
    print(
        f"\n{rotations} rotations of {vault['records']} records: median "
        f"{percentile(took_s, 0.5):.2f} s, longest {took_s[-1]:.2f} s; admin writes "
        f"{dict(admin.outcomes)}; records that do not open {len(unopened)}"
    )
    faults = [f"{row['failed']} requests failed: {row['']}" for row in rows if row["failed"]]
    faults += [f"a rotation ended as {found}" for found in stuck] + unopened
    faults += [f"an admin's write: {what}" for what in admin.outcomes if what != "stored"]
    faults += [f"quarantined: {row['secret_name']}" for row in status["quarantined"]]
    return faults


def main() -> None:
    """Parse the arguments, run, print; exit 1 on a fault."""
    parser = argparse.ArgumentParser(prog="python -m bench.rotation", description=__doc__)
    parser.add_argument("--secrets", type=int, default=2_000)
    parser.add_argument("--rate", type=float, default=400.0, help="requests a second")
    parser.add_argument("--rotations", type=int, default=10)
    parser.add_argument("--kills", type=int, default=0, help="kill so often instead")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    given = parser.parse_args()
    if not (2 <= given.secrets <= 100_000 and 0 < given.rate <= 5_000):
        parser.error("--secrets must be within 2..100000 and --rate within 0..5000")
    if not (1 <= given.rotations <= 1_000 and 0 <= given.kills <= 10_000):
        parser.error("--rotations must be within 1..1000 and --kills within 0..10000")
    raise_file_limit()
    try:
        if given.kills:
            faults = loops.run(run_kills(given.kills, random.Random(given.seed)))
        else:
            faults = loops.run(run_load(given.secrets, given.rate, given.rotations))
    except NotThereError as error:
        sys.exit(f"bench: {error}")
    for fault in faults:
        print(f"fault: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
