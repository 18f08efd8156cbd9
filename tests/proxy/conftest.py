"""Simulated providers for the tests of the data plane."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.simulator import RunningSimulator, start_simulator
from tests.proxy.rig import CANARY


@pytest.fixture
async def sim() -> AsyncIterator[RunningSimulator]:
    """A provider that takes the canary key only."""
    async with await start_simulator(key=CANARY, name="first") as running:
        yield running


@pytest.fixture
async def other() -> AsyncIterator[RunningSimulator]:
    """A second provider, to fall back to."""
    async with await start_simulator(key=CANARY, name="second") as running:
        yield running
