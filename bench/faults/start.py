"""Starts a gateway beside the upstreams, which live in the loop of the program itself.

Rule: the loop goes on while the gateway starts and stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.faults.sites import Sites
from bench.subjects import Subject, start_gateway


@asynccontextmanager
async def start_beside(
    sites: Sites,
    data: Path,
    *,
    workers: int = 1,
    env: dict[str, str],
    tree: str | None = None,
) -> AsyncIterator[Subject]:
    """Run a gateway for the length of the block; `tree` is another checkout's folder."""
    mock = Subject("sites", sites.simulator.url, None)
    starting = start_gateway(mock, data, workers=workers, env=env, tree=tree)
    gateway = await asyncio.to_thread(starting.__enter__)
    try:
        yield gateway
    finally:
        await asyncio.to_thread(starting.__exit__, None, None, None)
