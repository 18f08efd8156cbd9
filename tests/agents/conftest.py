"""Agents of other vendors, as their makers ship them, against a gateway on loopback.

They are installed by `make .agents` from `node/package-lock.json` and `requirements.lock`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.translation.world import World, open_world

HERE = Path(__file__).parent
BIN = HERE / "node" / "node_modules" / ".bin"
LLM = HERE / ".llm" / "bin" / "llm"
PYTHON = HERE / ".llm" / "bin" / "python"
LIMIT_S = 90  # an agent takes two to ten seconds


@pytest.fixture(autouse=True, scope="session")
def _installed() -> None:
    missing = [path.name for path in (BIN / "claude", BIN / "codex", LLM) if not path.exists()]
    if missing:
        reason = f"not installed: {', '.join(missing)}; `make .agents` does it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with open_world(tmp_path_factory.mktemp("world") / "data") as world:
        yield world


@pytest.fixture
def world(shared_world: World) -> World:
    """Lend the module's gateway to one test, its provider without calls."""
    shared_world.sim.calls.clear()
    shared_world.sim.clear_faults()
    return shared_world


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended."""

    status: int
    out: str


async def run(command: list[str | Path], home: Path, environ: dict[str, str]) -> Ran:
    """Run a program in a home of its own; its working directory is `home/work`."""
    work = home / "work"
    work.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=work,
        env=kept | {"HOME": str(home), "NO_PROXY": "*", "CI": "true"} | environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), LIMIT_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what an agent has started ends with it
        await process.wait()
    return Ran(process.returncode or 0, out.decode(errors="replace"))
