"""A whole control plane over HTTP: real store, real vault, a clock that tests set."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.control import BASE_PATH, ControlParts, build_control_app
from gateway.control.throttle import Throttle, Turn
from gateway.entities import SealedSecret, Trial, TrialOutcome
from gateway.installation import Installation, open_installation
from gateway.installation.service import VaultService
from gateway.proxy.translation.formats import list_formats
from gateway.routing import Snapshot, SnapshotHolder, build_snapshot
from gateway.secret import Secret
from gateway.settings import Settings, parse_origin_pattern

ADMIN_TOKEN = "test-admin-token-0123456789"
CANARY = "canary-key-of-the-provider-0001"


class SettableClock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000


class FakeTrials:
    """Notes what is tried; every credential works."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, Any]] = []
        self.outcome = TrialOutcome.WORKS

    async def try_stored(self, sealed: SealedSecret, provider: str) -> Trial:
        self.tried.append((provider, sealed))
        return self._answer()

    async def try_value(self, provider: str, value: Secret, auth_config: Any) -> Trial:
        self.tried.append((provider, (value, auth_config)))
        return self._answer()

    def _answer(self) -> Trial:
        return Trial(outcome=self.outcome, status=200, latency_ms=1.25, detail="as told")


@dataclass
class Reply:
    status: int
    headers: Any
    raw: bytes
    json: Any


@dataclass
class Control:
    """The running control plane and a client of it."""

    installation: Installation
    parts: ControlParts
    clock: SettableClock
    server: TestServer
    http: aiohttp.ClientSession
    trials: FakeTrials
    published: list[Snapshot] = field(default_factory=list)
    stragglers: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    async def call(self, method: str, path: str, body: Any = None, **given: Any) -> Reply:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"} | given.pop("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        if body is not None:
            given["json"] = body
        url = str(self.server.make_url("/")).rstrip("/") + BASE_PATH + path
        async with self.http.request(method, url, headers=headers, **given) as response:
            raw = await response.read()
            is_json = response.content_type.endswith(("/json", "+json"))
            loaded = await response.json(content_type=None) if raw and is_json else None
            return Reply(response.status, response.headers, raw, loaded)

    async def get(self, path: str, **given: Any) -> Reply:
        return await self.call("GET", path, **given)

    async def add_secret(self, name: str = "openai-prod", **given: Any) -> dict[str, Any]:
        body = {"secret_name": name, "provider": "openai", "secret_value": {"api_key": CANARY}}
        return await self._add("/secrets", body | given)

    async def add_model(self, name: str = "mini", **given: Any) -> dict[str, Any]:
        if "secret_id" not in given:
            given["secret_id"] = (await self.add_secret(f"secret of {name}"))["secret_id"]
        body = {"name": name, "provider": "openai", "model_name": "gpt-4o-mini"}
        return await self._add("/model-definitions", body | given)

    async def add_endpoint(self, name: str = "chat", **given: Any) -> dict[str, Any]:
        if "model_mappings" not in given:
            model = await self.add_model(f"model of {name}")
            given["model_mappings"] = [{"model_definition_id": model["model_definition_id"]}]
        return await self._add("/endpoints", {"name": name} | given)

    async def add_key(self, name: str = "app", **given: Any) -> dict[str, Any]:
        return await self._add("/api-keys", {"name": name} | given)

    async def _add(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.clock.ms += 1  # lists are ordered by creation, which then differs
        reply = await self.call("POST", path, body)
        assert reply.status == 201, reply.json
        return reply.json


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path / "data",
        admin_token=Secret(ADMIN_TOKEN),
        allowed_private_origins=(parse_origin_pattern("http://127.0.0.1:9000"),),
    )


class Patient(Throttle):
    """For input that is made up by the thousand, wrong credentials too, while the clock stands."""

    def plan(self, source: str, now_s: float) -> Turn:
        return Turn(0.0)


@asynccontextmanager
async def run_control(
    settings: Settings, throttle: Throttle | None = None
) -> AsyncIterator[Control]:
    clock = SettableClock()
    installation = await open_installation(settings, clock)
    async with installation.store.read() as tx:
        holder = SnapshotHolder(build_snapshot(await tx.read_configuration()))
    running: Control

    async def publish(snapshot: Snapshot) -> Sequence[str]:
        holder.swap(snapshot)
        running.published.append(snapshot)
        return tuple(running.stragglers)

    async def status() -> dict[str, Any]:
        return dict(running.facts)

    async def usage_flush() -> None:
        running.facts["flushes"] = running.facts.get("flushes", 0) + 1

    async def follow() -> None:
        running.facts["followed"] = running.facts.get("followed", 0) + 1

    vault = VaultService(installation, follow)
    trials = FakeTrials()
    parts = ControlParts(
        store=installation.store,
        sealer=installation.sealer,
        deriver=installation.keyring,
        snapshots=holder,
        settings=settings,
        clock=clock,
        publish=publish,
        status=status,
        usage_flush=usage_flush,
        vault=vault,
        trials=trials,
        formats=list_formats,
        throttle=Throttle() if throttle is None else throttle,
    )
    app = web.Application()
    app.add_subapp(BASE_PATH, build_control_app(parts))
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        running = Control(installation, parts, clock, server, http, trials)
        yield running
    await vault.stop()
    await installation.store.close()


@pytest.fixture
async def control(settings: Settings) -> AsyncIterator[Control]:
    async with run_control(settings) as running:
        yield running


class ThreadedControl:
    """A control plane on a loop of its own, for clients that block; `base_url` ends in /api/v1."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.base_url = ""
        self.token = ADMIN_TOKEN

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with run_control(self._settings, Patient()) as running:
                self.base_url = str(running.server.make_url(BASE_PATH))
                self._ready.set()
                await self._stop.wait()
        finally:
            self._ready.set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        assert self.base_url, "the control plane did not start"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@pytest.fixture
def threaded_control(settings: Settings) -> Iterator[ThreadedControl]:
    with ThreadedControl(settings) as running:
        yield running
