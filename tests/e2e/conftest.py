"""A whole gateway, set up by its own REST, with the vendors' SDKs pointed at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.routing import HealthEvent, HealthTable
from gateway.secret import Secret
from gateway.server import start_server
from gateway.settings import Address, Settings, parse_origin_pattern
from gateway.simulator import RunningSimulator, start_simulator

CANARY = "canary-key-0123456789-of-the-provider"
TOKEN = "admin-token-of-the-tests"


@dataclass(frozen=True, slots=True)
class GatewayServer:
    """A running gateway with endpoints `gpt`, `embed`, `claude`, `gem`, `gem-embed`."""

    url: str
    key: str
    sim: RunningSimulator
    healths: HealthTable

    def forget_failures(self) -> None:
        """Let every target be asked again, as if it had been mended."""
        for health in self.healths.list_blocked(0):
            self.healths.hear(HealthEvent(health.key, "clear"), 0)


# What breaks a stream behind its first content, and the code that its client reads.
BREAKS = [
    ("cut-after={n}", "upstream_truncated"),
    ("reset-after={n}", "upstream_truncated"),
    ("stall-after={n}", "upstream_stalled"),
]

MODELS = {
    "gpt": ("openai", "gpt-4o-mini"),
    "embed": ("openai", "text-embedding-3-small"),
    "claude": ("anthropic", "claude-sonnet-4-6"),
    "gem": ("gemini", "gemini-2.5-flash"),
    "gem-embed": ("gemini", "text-embedding-004"),
}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def gateway_server(running_gateway: GatewayServer) -> Iterator[GatewayServer]:
    """Lend the module's gateway to one test, its provider without calls and faults."""
    running_gateway.sim.calls.clear()
    yield running_gateway
    running_gateway.sim.clear_faults()
    running_gateway.forget_failures()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_gateway(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[GatewayServer]:
    """Start a gateway on its own data directory; everything in it was made through REST."""
    async with await start_simulator(key=CANARY, name="sim") as sim:
        server = await start_server(
            Settings(
                data=tmp_path_factory.mktemp("gateway") / "data",
                listen=Address("127.0.0.1", 0),
                admin_token=Secret(TOKEN),
                allowed_private_origins=(parse_origin_pattern(sim.url),),
                idle_timeout_ms=500,
            )
        )
        try:
            key = await _set_up(server.admin_url, sim.url)
            yield GatewayServer(server.url, key, sim, server.gateway.healths)
        finally:
            await server.stop()


async def _set_up(url: str, upstream: str) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def create(path: str, body: dict[str, Any]) -> dict[str, Any]:
            async with session.post(f"{url}/api/v1{path}", json=body) as response:
                made: dict[str, Any] = await response.json()
                assert response.status == 201, made
                return made

        secrets = {}
        for provider in ("openai", "anthropic", "gemini"):
            base = upstream + ("/v1" if provider == "openai" else "")
            made = await create(
                "/secrets",
                {
                    "secret_name": f"{provider}-secret",
                    "provider": provider,
                    "secret_value": {"api_key": CANARY},
                    "auth_config": {"api_base": base},
                },
            )
            secrets[provider] = made["secret_id"]
        for name, (provider, model) in MODELS.items():
            definition = await create(
                "/model-definitions",
                {
                    "name": f"{name}-model",
                    "provider": provider,
                    "model_name": model,
                    "secret_id": secrets[provider],
                },
            )
            mapping = {"model_definition_id": definition["model_definition_id"]}
            await create("/endpoints", {"name": name, "model_mappings": [mapping]})
        made = await create("/api-keys", {"name": "app"})
        return str(made["value"])
