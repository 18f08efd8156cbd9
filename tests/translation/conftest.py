"""One gateway with an endpoint for each provider format, for the tests of a module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.translation.world import World, open_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with open_world(tmp_path_factory.mktemp("world") / "data") as world:
        yield world


@pytest.fixture
def world(shared_world: World) -> World:
    """Lend the module's gateway to one test, its provider without calls and faults."""
    shared_world.sim.calls.clear()
    shared_world.sim.clear_faults()
    shared_world.forget_failures()
    return shared_world
