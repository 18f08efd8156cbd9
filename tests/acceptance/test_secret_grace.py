"""The grace of a rotated secret over the real program: two workers, a provider with keys."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bench.rest import TOKEN
from bench.subjects import Subject, start_gateway

OLD, NEW = "canary-key-before-the-rotation", "canary-key-after-the-rotation"
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}]}


class Provider:
    def __init__(self) -> None:
        self.known = {OLD}
        self.keys: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        self.keys.append(key)
        if key in self.known:
            return web.json_response({"data": []} if request.method == "GET" else ANSWER)
        return web.json_response({"error": {"code": "invalid_api_key"}}, status=401)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    app = web.Application()
    app.router.add_route("*", "/v1/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


class Admin:
    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self._http.request(
            method, self._url + path, json=body, headers=headers
        ) as response:
            assert response.status < 300, await response.text()
            is_json = "json" in response.headers.get("Content-Type", "")
            return await (response.json() if is_json else response.text())

    async def set_up(self, base: str) -> tuple[str, str]:
        """Create all that a request needs; return the secret's id and a client's key."""
        body: dict[str, Any] = {"secret_name": "s", "provider": "openai"}
        body |= {"secret_value": {"api_key": OLD}, "auth_config": {"api_base": f"{base}/v1"}}
        secret = (await self.call("POST", "/api/v1/secrets", body))["secret_id"]
        body = {"name": "m", "provider": "openai", "model_name": "m", "secret_id": secret}
        model = await self.call("POST", "/api/v1/model-definitions", body)
        mapping = {"model_definition_id": model["model_definition_id"]}
        await self.call("POST", "/api/v1/endpoints", {"name": "chat", "model_mappings": [mapping]})
        key = await self.call("POST", "/api/v1/api-keys", {"name": "app"})
        return secret, key["value"]

    async def ask(self, key: str) -> tuple[int, str]:
        """Ask a chat completion on a fresh connection: status and number of attempts."""
        headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
        body = {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}
        async with self._http.post(
            f"{self._url}/v1/chat/completions", json=body, headers=headers
        ) as response:
            return response.status, response.headers.get("x-lockgate-attempts", "")

    async def read_target(self) -> dict[str, Any] | None:
        """Return the one target that is blocked, as the parent has heard of it."""
        targets = (await self.call("GET", "/api/v1/status"))["targets"]
        return targets[0] if targets else None


async def wait_for(condition: Any) -> Any:
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        if found := await condition():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come")


async def test_a_refused_value_is_stood_in_for_until_the_grace_is_over(
    provider: Provider, tmp_path: Path
) -> None:
    mock = Subject("provider", provider.url, None)
    with start_gateway(mock, tmp_path / "data", workers=2) as gateway:
        async with aiohttp.ClientSession() as http:
            await play(Admin(http, gateway.url), provider)


async def play(admin: Admin, provider: Provider) -> None:
    secret, key = await admin.set_up(provider.url)
    assert await admin.ask(key) == (200, "1")
    trial = await admin.call("POST", f"/api/v1/secrets/{secret}/test")
    assert trial["outcome"] == "works"
    body = {"secret_value": {"api_key": NEW}, "grace_ms": 3_600_000}
    await admin.call("POST", f"/api/v1/secrets/{secret}/rotate", body)
    trial = await admin.call("POST", f"/api/v1/secrets/{secret}/test")
    assert trial["outcome"] == "refused"
    assert {await admin.ask(key) for _ in range(10)} == {(200, "1"), (200, "2")}
    target = await wait_for(admin.read_target)
    assert (target["state"], target["reason"]) == ("quarantined", "credential_rejected")
    assert target["former_until"]
    metrics = await admin.call("GET", "/metrics")
    assert 'lockgate_secret_refused{secret="s"} 1.0' in metrics

    await admin.call("PATCH", f"/api/v1/secrets/{secret}", {"secret_value": {"api_key": OLD}})
    body["grace_ms"] = 1_000
    await admin.call("POST", f"/api/v1/secrets/{secret}/rotate", body)

    async def is_over() -> bool:
        return (await admin.call("GET", f"/api/v1/secrets/{secret}"))["previous_value"] is None

    await wait_for(is_over)
    provider.keys.clear()
    assert {(await admin.ask(key))[0] for _ in range(4)} == {502}
    assert OLD not in provider.keys
    audit = (await admin.call("GET", "/api/v1/audit?entity_type=secret"))["items"]
    assert audit[0]["actor"] == "lockgate"

    async def is_used() -> bool:
        return (await admin.call("GET", f"/api/v1/secrets/{secret}"))["last_used_at"] is not None

    assert await wait_for(is_used)


async def test_a_former_value_stands_in_while_its_record_moves_and_after(
    provider: Provider, tmp_path: Path
) -> None:
    mock, data = Subject("provider", provider.url, None), tmp_path / "data"
    with start_gateway(mock, data, workers=2) as gateway:
        async with aiohttp.ClientSession() as http:
            await rotate_keys(Admin(http, gateway.url), provider, data)


async def rotate_keys(admin: Admin, provider: Provider, data: Path) -> None:
    secret, key = await admin.set_up(provider.url)
    body = {"secret_value": {"api_key": NEW}, "grace_ms": 600_000}
    await admin.call("POST", f"/api/v1/secrets/{secret}/rotate", body)
    stopping, statuses = asyncio.Event(), list[int]()

    async def ask_on() -> None:
        while not stopping.is_set():
            statuses.append((await admin.ask(key))[0])

    async def is_done() -> bool:
        return (await admin.call("GET", "/api/v1/vault/rotation"))["phase"] == "done"

    asking = asyncio.create_task(ask_on())
    for reencrypt in (False, True):
        await admin.call("POST", "/api/v1/vault/rotation", {"reencrypt": reencrypt})
        await wait_for(is_done)
    for term in ("1", "2"):
        words = ("-m", "gateway", "crypto", "retire-term", term, "--destroy", "--data", str(data))
        ended = await asyncio.create_subprocess_exec(sys.executable, *words)
        assert await asyncio.wait_for(ended.wait(), 60) == 0
    provider.keys.clear()
    statuses.append((await admin.ask(key))[0])
    stopping.set()
    await asking
    assert set(statuses) == {200}
    assert OLD in provider.keys
    vault = await admin.call("GET", "/api/v1/vault")
    assert [term["records"] for term in vault["terms"]] == [0, 0, 2]
