"""One gateway with an endpoint for each provider format, for the tests of a module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.translation.world import World, open_world

# LlamaIndex knows Anthropic's models by their names alone: here are such, of other vendors.
ALIASES = {
    "claude-sonnet-4-0": "openai",
    "claude-opus-4-0": "gemini",
    "claude-3-7-sonnet-latest": "bedrock",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with open_world(tmp_path_factory.mktemp("world") / "data", ALIASES) as world:
        yield world


@pytest.fixture
def world(shared_world: World) -> World:
    """Lend the module's gateway to one test, its provider without calls and faults."""
    shared_world.sim.calls.clear()
    shared_world.sim.clear_faults()
    shared_world.forget_failures()
    return shared_world
