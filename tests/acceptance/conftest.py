"""A real `lockgate serve` in a process of its own, and simulated providers beside it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.simulator import RunningSimulator, start_simulator

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "acceptance-admin-token"
STARTED = re.compile(r"serves at (http://[0-9.]+:[0-9]+)")


def build_environ(**more: str) -> dict[str, str]:
    """Take the environment without any setting of Lockgate's or a proxy's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LOCKGATE_") and not name.lower().endswith("_proxy")
    }
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@dataclass
class Serve:
    """A running `lockgate serve`; `log` collects everything it has printed."""

    process: asyncio.subprocess.Process
    url: str
    session: aiohttp.ClientSession
    log: list[str] = field(default_factory=list)
    _readers: list[asyncio.Task[None]] = field(default_factory=list)

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Call the control plane as an admin."""
        async with self.session.request(
            method,
            f"{self.url}/api/v1{path}",
            json=body,
            headers={"authorization": f"Bearer {TOKEN}", **(headers or {})},
        ) as response:
            raw = await response.read()
            return response.status, (await response.json(content_type=None)) if raw else None

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create one thing that must succeed."""
        status, made = await self.call("POST", path, body)
        assert status == 201, made
        return dict(made)

    async def ask(
        self, model: str, key: str, *, headers: dict[str, str] | None = None, **body: Any
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one chat completion as an application."""
        async with self.session.post(
            f"{self.url}/v1/chat/completions",
            json={"model": model, "messages": [{"role": "user", "content": "hi"}], **body},
            headers={"authorization": f"Bearer {key}", **(headers or {})},
        ) as response:
            try:
                raw = await response.read()
            except aiohttp.ClientPayloadError:
                raw = b""
            return response.status, dict(response.headers), raw

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process and wait for it."""
        with suppress(ProcessLookupError):
            self.process.send_signal(how)
        code = await self.process.wait()
        await asyncio.gather(*self._readers)
        return code


Start = Callable[..., Awaitable[Serve]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start `lockgate serve` on a free port, as often as a test likes."""
    running: list[Serve] = []
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=60), connector=aiohttp.TCPConnector(limit=64)
    ) as session:

        async def begin(*arguments: str, data: Path | None = None, **environ: str) -> Serve:
            serve = await _start(session, data or tmp_path / "data", arguments, environ)
            running.append(serve)
            return serve

        yield begin
        for serve in running:
            if serve.process.returncode is None:
                await serve.stop(signal.SIGKILL)


async def _start(
    session: aiohttp.ClientSession, data: Path, arguments: tuple[str, ...], environ: dict[str, str]
) -> Serve:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", "serve", "--data", str(data), "--listen", "127.0.0.1:0"),
        *arguments,
        env=build_environ(LOCKGATE_ADMIN_TOKEN=TOKEN, **environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    serve = Serve(process, "", session)
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        serve._readers.append(asyncio.create_task(_collect(stream, serve.log, found)))
    ended = asyncio.create_task(process.wait())
    await asyncio.wait({found, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not found.done():
        await asyncio.gather(*serve._readers)
        pytest.fail("lockgate serve did not start: " + "".join(serve.log))
    ended.cancel()
    serve.url = found.result()
    return serve


async def _collect(
    stream: asyncio.StreamReader, log: list[str], found: asyncio.Future[str]
) -> None:
    async for line in stream:
        log.append(line.decode())
        if (match := STARTED.search(log[-1])) and not found.done():
            found.set_result(match[1])


@pytest.fixture
async def provider() -> AsyncIterator[RunningSimulator]:
    """A simulated provider that wants the canary key."""
    running = await start_simulator(key="canary-key-do-not-leak-0123456789")
    yield running
    await running.close()


@dataclass(frozen=True)
class Set:
    """What `set_up` created."""

    secret_id: str
    models: dict[str, str]
    key: str


async def set_up(
    serve: Serve, provider: RunningSimulator, models: dict[str, str] | None = None
) -> Set:
    """Create a secret for the provider, model definitions (name to model) and an api key."""
    secret = await serve.create(
        "/secrets",
        {
            "secret_name": "canary",
            "provider": "openai",
            "secret_value": {"api_key": provider.key},
            "auth_config": {"api_base": f"{provider.url}/v1"},
        },
    )
    made = {}
    for name, model in (models or {"one": "gpt-4o-mini"}).items():
        row = await serve.create(
            "/model-definitions",
            {
                "name": name,
                "provider": "openai",
                "model_name": model,
                "secret_id": secret["secret_id"],
            },
        )
        made[name] = row["model_definition_id"]
    key = await serve.create("/api-keys", {"name": "app"})
    return Set(secret["secret_id"], made, key["value"])
