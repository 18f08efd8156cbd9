"""The short form of `make faults`: a fault or two of each line, in every form of answer.

A real gateway is asked from outside; what it shall do is in `bench/faults/rows.py`. Time is left
out, and the limits are longer than there: what is compared is what the client gets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from bench.faults.matrix import list_cells, run_matrix, sum_up
from bench.faults.sites import open_sites
from bench.faults.stage import Stage
from bench.faults.start import start_beside

LIMITS = {
    "connect_timeout_ms": 2_000,
    "first_byte_timeout_ms": 5_000,
    "idle_timeout_ms": 4_000,
}
NAMES = (
    "refused",
    "untrusted",
    "swallowed",
    "reset",
    "pooled, once",
    "hang",
    "drip",
    "stall after content",
    "end after content",
    "reset after content",
    "error event first: 429",
    "error event after content",
    "nothing",
    "cut chunking",
    "cut chunking before content",
    "HTML",
    "1 MB of headers",
    "429",
    "500",
    "408",
    "404",
    "422",
    "model not found",
    "401",
    "402",
    "context window",
    "307",
)


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A gateway with every kind of upstream behind it."""
    async with open_sites() as sites:
        env = {"LOCKGATE_ALLOWED_PRIVATE_ORIGINS": sites.origins, "NO_PROXY": "*"}
        async with (
            start_beside(sites, tmp_path / "data", env=env) as gateway,
            aiohttp.ClientSession() as session,
        ):
            stage = Stage(gateway.url, sites, session, limits=LIMITS)
            await stage.open()
            yield stage


@pytest.mark.slow
async def test_faults_have_the_outcomes_that_are_promised(stage: Stage) -> None:
    cells = [cell for cell in list_cells() if cell.row.name in NAMES]
    assert {cell.row.name for cell in cells} == set(NAMES)
    results = await run_matrix(stage, cells, parallel=48)
    found = {one.cell.name: dict(one.deviations) for one in results if one.deviations}
    assert not found
    totals = sum_up(results)
    assert totals["runs"] == len(cells)
    assert not totals["silent truncations"]
    assert not totals["duplicated or mixed text"]
