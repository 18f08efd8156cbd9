"""A whole gateway on a free port, and MLflow's own REST store pointed at it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.secret import Secret
from gateway.server import start_server
from gateway.settings import Address, Settings, parse_origin_pattern

# Read when MLflow is imported: it would report its use to its makers.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

ADMIN_TOKEN = "test-admin-token-0123456789"
CANARY = "canary-key-of-the-provider-0001"
PATH = "/api/3.0/mlflow"


@dataclass
class Reply:
    """What came back over plain HTTP."""

    status: int
    headers: Any
    json: Any

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.json["error_code"]


@dataclass
class Server:
    """The running gateway, over plain HTTP."""

    url: str
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None, **given: Any) -> Reply:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"} | given.pop("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        if body is not None:
            given["json"] = body
        async with self.http.request(method, self.url + path, headers=headers, **given) as found:
            return Reply(found.status, found.headers, await found.json(content_type=None))

    async def ask(self, method: str, path: str, body: Any = None, **given: Any) -> Reply:
        """Call one of MLflow's methods, named without what they all begin with."""
        return await self.call(method, f"{PATH}/gateway/{path}", body, **given)

    async def own(self, method: str, path: str, body: Any = None) -> Any:
        """Call /api/v1, which must succeed."""
        found = await self.call(method, f"/api/v1{path}", body)
        assert found.status < 300, found.json
        return found.json


class Client:
    """MLflow's REST store; its methods block, so that each runs in a thread."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        async def call(*args: Any, **given: Any) -> Any:
            return await asyncio.to_thread(method, *args, **given)

        return call


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # a 500 fails at once
    for name in ("TRACKING_URI", "TRACKING_TOKEN", "TRACKING_USERNAME", "TRACKING_PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    running = await start_server(
        Settings(
            data=tmp_path / "data",
            listen=Address("127.0.0.1", 0),
            admin_token=Secret(ADMIN_TOKEN),
            allowed_private_origins=(parse_origin_pattern("http://127.0.0.1:9000"),),
        )
    )
    try:
        async with aiohttp.ClientSession() as http:
            yield Server(running.admin_url, http)
    finally:
        await running.stop()


@pytest.fixture
def make_client(server: Server) -> Callable[..., Client]:
    from mlflow.store.tracking.rest_store import RestStore
    from mlflow.utils.rest_utils import MlflowHostCreds

    def make(**creds: Any) -> Client:
        return Client(RestStore(lambda: MlflowHostCreds(server.url, **creds)))

    return make


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client(token=ADMIN_TOKEN)


@dataclass
class Made:
    """What most tests start from: a secret, two model definitions, an endpoint of the first."""

    secret_id: str
    mini: str
    large: str
    endpoint_id: str


@pytest.fixture
async def made(server: Server) -> Made:
    secret = await server.own(
        "POST",
        "/secrets",
        {"secret_name": "prod", "provider": "openai", "secret_value": {"api_key": CANARY}},
    )
    ids = []
    for name, model in (("mini", "gpt-4o-mini"), ("large", "gpt-4o")):
        body = {"name": name, "provider": "openai", "model_name": model}
        body["secret_id"] = secret["secret_id"]
        made = await server.own("POST", "/model-definitions", body)
        ids.append(made["model_definition_id"])
    endpoint = await server.own(
        "POST", "/endpoints", {"name": "chat", "model_mappings": [{"model_definition_id": ids[0]}]}
    )
    return Made(secret["secret_id"], ids[0], ids[1], endpoint["endpoint_id"])
