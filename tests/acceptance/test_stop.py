"""A stop through a real server: what still runs finishes, what does not is cut, all is booked."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from gateway.simulator import RunningSimulator
from tests.acceptance.conftest import Serve, Start, build_environ, set_up

# A gateway that gets SIGTERM while one of its threads is stuck, as in a name that no name server
# resolves.
STUCK = """
import asyncio, os, signal, sys, threading
from pathlib import Path
from gateway.server import run_server
from gateway.settings import Address, Settings

def announce(server):
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    print("up")
    os.kill(os.getpid(), signal.SIGTERM)

run_server(Settings(data=Path(sys.argv[1]), listen=Address("127.0.0.1", 0)), announce)
"""


async def begin_to_stop(serve: Serve) -> None:
    serve.process.send_signal(signal.SIGTERM)
    while not any("stopping" in line for line in serve.log):
        await asyncio.sleep(0.01)


async def wait_for_calls(provider: RunningSimulator, calls: int) -> None:
    while len(provider.calls) < calls:
        await asyncio.sleep(0.01)


def read_ledger(data: Path) -> dict[str, tuple[int, str | None]]:
    with closing(sqlite3.connect(data / "lockgate.db")) as database:
        rows = database.execute(
            "SELECT endpoint_name, status, error_code FROM usage JOIN usage_facets USING (facet_id)"
        )
        return {name: (status, code) for name, status, code in rows}


async def test_a_stream_finishes_after_sigterm_and_is_booked(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    serve = await start(LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url)
    made = await set_up(serve, provider, {"slow": "gpt-x+slow-chunk-ms=100,chunks=20"})
    await serve.create(
        "/endpoints",
        {"name": "slow", "model_mappings": [{"model_definition_id": made.models["slow"]}]},
    )
    asked = asyncio.create_task(serve.ask("slow", made.key, stream=True))
    await wait_for_calls(provider, 1)

    await begin_to_stop(serve)

    status, _, body = await asked
    assert status == 200
    assert body.rstrip().endswith(b"data: [DONE]")
    assert await serve.process.wait() == 0
    assert read_ledger(tmp_path / "data") == {"slow": (200, None)}


async def test_what_never_ends_is_cut_after_the_drain_time_and_booked(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    serve = await start(
        LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url, LOCKGATE_DRAIN_TIMEOUT_MS="100"
    )
    made = await set_up(serve, provider, {"hang": "gpt-x+hang", "stall": "gpt-x+stall-after=3"})
    for name, model in made.models.items():
        await serve.create(
            "/endpoints", {"name": name, "model_mappings": [{"model_definition_id": model}]}
        )
    asked = [
        asyncio.create_task(serve.ask("hang", made.key)),
        asyncio.create_task(serve.ask("stall", made.key, stream=True)),
    ]
    await wait_for_calls(provider, 2)

    assert await serve.stop() == 0

    await asyncio.gather(*asked, return_exceptions=True)
    cut = [int(count) for count in re.findall(r"(\d+) requests are cut", "".join(serve.log))]
    assert sum(cut) == 2
    assert set(read_ledger(tmp_path / "data")) == {"hang", "stall"}


async def test_two_signals_at_once_are_one_wish_and_a_later_one_ends_it_now(
    start: Start, provider: RunningSimulator, tmp_path: Path
) -> None:
    serve = await start(LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url)
    made = await set_up(serve, provider, {"hang": "gpt-x+hang"})
    await serve.create(
        "/endpoints",
        {"name": "hang", "model_mappings": [{"model_definition_id": made.models["hang"]}]},
    )
    asked = asyncio.create_task(serve.ask("hang", made.key))
    await wait_for_calls(provider, 1)
    serve.process.send_signal(signal.SIGTERM)
    await begin_to_stop(serve)
    await asyncio.sleep(1.0)  # the least that makes a third one a wish of its own
    assert serve.process.returncode is None

    assert await serve.stop() == 130

    await asyncio.gather(asked, return_exceptions=True)


async def test_a_start_that_nobody_reads_ends(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", "serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"),
        env=build_environ(),
        stdout=writer,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(writer)
    assert await process.wait() == 1


async def test_a_thread_that_is_stuck_does_not_hold_up_the_end(tmp_path: Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", STUCK, str(tmp_path / "data")],
        env=build_environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "up\n")
