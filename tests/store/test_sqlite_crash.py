"""kill -9 while writing: what was acknowledged is there, the rest is whole or absent."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from gateway.store.sqlite import check_database, open_sqlite
from tests.store.samples import SetClock

KILLS = 10
# Each write is a secret, a model definition and a bump of the epoch in one transaction; the
# number is printed when the commit has returned.
WRITER = """
import asyncio, sys
from pathlib import Path
from gateway.store.sqlite import open_sqlite
from tests.store import samples

async def main(path, first):
    store = await open_sqlite(Path(path), clock=samples.SetClock())
    n = first
    while True:
        async with store.write() as tx:
            info = await samples.add_secret(tx, n)
            await tx.model_definitions.insert(samples.model(n, info))
            await tx.bump_epoch()
        print(n, flush=True)
        n += 1

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""

# Each write is a batch of ledger rows: some of a combination that is new, some of one that is not.
LEDGER_WRITER = """
import asyncio, sys
from pathlib import Path
from gateway.store.sqlite import open_sqlite
from tests.store import samples

async def main(path, first):
    store = await open_sqlite(Path(path), clock=samples.SetClock())
    n = first
    while True:
        keys = ["k-known"] * 10 + [f"k-{n}"] * 10
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(n, api_key_id=key) for key in keys])
        print(n, flush=True)
        n += 1

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def _write_until_killed(path: Path, first: int, life_s: float, program: str = WRITER) -> list[int]:
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline())]  # it has begun
        time.sleep(life_s)
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
    return acknowledged


async def test_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "lockgate.db"
    choose = random.Random(7)
    acknowledged: list[int] = []
    for _ in range(KILLS):
        first = acknowledged[-1] + 2 if acknowledged else 0  # one may be stored but not printed
        acknowledged += _write_until_killed(path, first, choose.uniform(0, 0.05))
        store = await open_sqlite(path, clock=SetClock())
        async with store.read() as tx:
            read = await tx.read_configuration()
            stored = {int(row.secret_id.removeprefix("s-"), 16) for row in read.secrets}
            models = [await tx.secrets.users(row.secret_id) for row in read.secrets]
        await store.close()
        assert stored >= set(acknowledged)
        assert read.epoch == len(stored)
        assert all(users.count == 1 for users in models)
        assert check_database(path) == ()


async def test_killed_ledger_has_whole_batches_and_every_row_has_its_facet(tmp_path: Path) -> None:
    path = tmp_path / "lockgate.db"
    choose = random.Random(7)
    acknowledged: list[int] = []
    for _ in range(KILLS // 2):
        first = acknowledged[-1] + 2 if acknowledged else 0
        acknowledged += _write_until_killed(path, first, choose.uniform(0, 0.05), LEDGER_WRITER)
        store = await open_sqlite(path, clock=SetClock())
        async with store.read() as tx:
            groups = await tx.usage.summarize("api_key", limit=10_000)
        await store.close()
        attempts = {group["key"]: group["attempts"] for group in groups}
        known = attempts.pop("k-known")
        assert attempts.keys() >= {f"k-{n}" for n in acknowledged}
        assert set(attempts.values()) == {10}
        assert known == 10 * len(attempts)
        assert check_database(path) == ()
