"""A whole gateway with an endpoint for each provider format, all behind one strict simulator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.entities import Dialect
from gateway.routing import HealthEvent, HealthTable
from gateway.secret import Secret
from gateway.server import RunningServer, start_server
from gateway.settings import Address, Settings, parse_origin_pattern
from gateway.simulator import RunningSimulator, start_simulator

PAIR = ("AKIASIMULATED0000001", "secret-of-the-simulated-access-key-0001")
KEY = "sim-key-0123456789-of-the-provider"
TOKEN = "admin-token-of-the-tests"


# What an account of Google Cloud stands for in a secret.
ACCOUNT = "{account}"
_KEYS = {"access_key_id": PAIR[0], "secret_access_key": PAIR[1]}
# Of a second endpoint for one format: its failures wait for their turn like the first one's.
_WAITING = frozenset({"error 500"})


@dataclass(frozen=True, slots=True)
class Upstream:
    """One endpoint: `{sim}` in its settings is the simulator's URL.

    Attributes:
        lacks: tasks for which the vendor has nothing: no refusal, no such status.
        knows_schemas: whether it follows a schema; else its answer is any JSON object.
    """

    name: str
    dialect: Dialect
    provider: str
    model: str
    config: dict[str, str]
    secret: dict[str, str] = field(default_factory=lambda: {"api_key": KEY})
    lacks: frozenset[str] = frozenset()
    knows_schemas: bool = True


UPSTREAMS = (
    Upstream("openai", Dialect.OPENAI_CHAT, "openai", "gpt-4o", {"api_base": "{sim}/v1"}),
    Upstream(
        "responses",
        Dialect.OPENAI_RESPONSES,
        "openai",
        "gpt-5",
        {"api_base": "{sim}/v1", "api": "responses"},
    ),
    Upstream(
        "anthropic",
        Dialect.ANTHROPIC_MESSAGES,
        "anthropic",
        "claude-sonnet-4-6",
        {"api_base": "{sim}"},
    ),
    Upstream("gemini", Dialect.GEMINI, "gemini", "gemini-3-flash-preview", {"api_base": "{sim}"}),
    Upstream(
        "bedrock",
        Dialect.BEDROCK_CONVERSE,
        "bedrock",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        {"api_base": "{sim}", "region": "us-east-1"},
        lacks=frozenset({"error 529"}),
    ),
    Upstream(
        "cohere",
        Dialect.COHERE_CHAT,
        "cohere",
        "command-a-03-2025",
        {"api_base": "{sim}"},
        lacks=frozenset({"refusal"}),
    ),
    Upstream(
        "ollama",
        Dialect.OLLAMA_CHAT,
        "ollama",
        "qwen3:8b",
        {"api_base": "{sim}"},
        lacks=frozenset({"refusal", "cache"}),
    ),
    Upstream(
        "azure",
        Dialect.OPENAI_CHAT,
        "azure",
        "gpt-4o",
        {"api_base": "{sim}", "api_version": "2025-04-01-preview"},
        lacks=_WAITING,
    ),
    Upstream(
        "mistral",
        Dialect.OPENAI_CHAT,
        "mistral",
        "mistral-small-latest",
        {"api_base": "{sim}/v1"},
        lacks=_WAITING | {"refusal"},
    ),
    Upstream(
        "deepseek",
        Dialect.OPENAI_CHAT,
        "deepseek",
        "deepseek-chat",
        {"api_base": "{sim}"},
        lacks=_WAITING,
        knows_schemas=False,
    ),
    Upstream(
        "openrouter",
        Dialect.OPENAI_CHAT,
        "openrouter",
        "vendor/model-1",
        {"api_base": "{sim}/api/v1"},
        lacks=_WAITING,
    ),
    Upstream(
        "vertex",
        Dialect.GEMINI,
        "vertex",
        "gemini-3-flash-preview",
        {"api_base": "{sim}", "project": "proj-1", "location": "us-central1"},
        {"service_account": ACCOUNT},
        lacks=_WAITING,
    ),
    Upstream(
        "vertex-claude",
        Dialect.ANTHROPIC_MESSAGES,
        "vertex",
        "claude-sonnet-4-6",
        {"api_base": "{sim}", "project": "proj-1", "location": "us-central1"},
        {"service_account": ACCOUNT},
        lacks=_WAITING,
    ),
    Upstream(
        "bedrock-keys",
        Dialect.BEDROCK_CONVERSE,
        "bedrock",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        {"api_base": "{sim}", "region": "us-east-1", "auth_mode": "access_keys"},
        _KEYS,
        lacks=_WAITING | {"error 529"},
    ),
)


def dump_account(sim: str) -> str:
    """Return the key file of an account that gets its tokens at the simulator."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = {
        "type": "service_account",
        "project_id": "proj-1",
        "private_key_id": "kid-1",
        "private_key": pem.decode(),
        "client_email": "app@proj-1.iam.gserviceaccount.com",
        "token_uri": f"{sim}/token",
    }
    return json.dumps(file)


@dataclass(frozen=True, slots=True)
class World:
    """A running gateway: an endpoint for each of `UPSTREAMS`, under its name."""

    url: str
    admin_url: str
    key: str
    sim: RunningSimulator
    healths: HealthTable

    def forget_failures(self) -> None:
        """Let every target be asked again, as if it had been mended."""
        for health in self.healths.list_blocked(0):
            self.healths.hear(HealthEvent(health.key, "clear"), 0)


@asynccontextmanager
async def open_world(
    data: Path,
    upstreams: Sequence[Upstream] = UPSTREAMS,
    key_pair: tuple[str, str] | None = PAIR,
) -> AsyncIterator[World]:
    """Start a simulator and a gateway in front of it, set up by the gateway's own REST."""
    async with (
        await start_simulator(key=KEY, name="sim", key_pair=key_pair) as sim,
        open_gateway(data, sim.url, upstreams) as (server, key),
    ):
        yield World(server.url, server.admin_url, key, sim, server.gateway.healths)


@asynccontextmanager
async def open_gateway(
    data: Path, url: str, upstreams: Sequence[Upstream]
) -> AsyncIterator[tuple[RunningServer, str]]:
    """Start a gateway with an endpoint for each upstream, all at `url`; yields it and a key."""
    settings = Settings(
        data=data,
        listen=Address("127.0.0.1", 0),
        admin_token=Secret(TOKEN),
        allowed_private_origins=(parse_origin_pattern(url),),
    )
    server = await start_server(settings)
    try:
        yield server, await _set_up(server.admin_url, url, upstreams)
    finally:
        await server.stop()


async def _set_up(url: str, sim: str, upstreams: Sequence[Upstream]) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(f"{url}/api/v1/", headers=headers) as session:

        async def create(path: str, body: dict[str, Any]) -> dict[str, Any]:
            async with session.post(path, json=body) as response:
                made: dict[str, Any] = await response.json()
                assert response.status == 201, made
                return made

        account = dump_account(sim)
        for upstream in upstreams:
            config = {name: value.format(sim=sim) for name, value in upstream.config.items()}
            secret = {
                "secret_name": upstream.name,
                "provider": upstream.provider,
                "secret_value": {
                    name: account if value == ACCOUNT else value.replace("{sim}", sim)
                    for name, value in upstream.secret.items()
                },
                "auth_config": config,
            }
            made = await create("secrets", secret)
            model = {
                "name": upstream.name,
                "provider": upstream.provider,
                "model_name": upstream.model,
                "secret_id": made["secret_id"],
            }
            made = await create("model-definitions", model)
            mapping = {"model_definition_id": made["model_definition_id"]}
            await create("endpoints", {"name": upstream.name, "model_mappings": [mapping]})
        made = await create("api-keys", {"name": "app"})
        return str(made["value"])
