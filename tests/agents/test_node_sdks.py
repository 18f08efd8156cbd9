"""The official Node SDKs, unmodified, on models of every provider format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agents.conftest import HERE, run
from tests.translation.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


# One for each format: what single servers of them refuse, they refuse from any client.
CORE = ("openai", "responses", "anthropic", "gemini", "bedrock", "cohere", "ollama", "azure")


@pytest.mark.parametrize("endpoint", CORE)
async def test_node_sdks(endpoint: str, world: World, tmp_path: Path) -> None:
    command: list[str | Path] = ["node", HERE / "node" / "sdk.mjs", world.url, endpoint]
    ran = await run(command, tmp_path, {"LOCKGATE_KEY": world.key})
    assert ran.status == 0, ran.out[-2000:]
    checks = [json.loads(line) for line in ran.out.splitlines() if line.startswith("{")]
    assert len(checks) > 20
    failed = {check["check"]: check["error"] for check in checks if check["error"]}
    assert not failed, json.dumps(failed, indent=2)
