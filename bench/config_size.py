"""``python -m bench.config_size``: what the size of the configuration costs, as a Markdown table.

A data directory is filled with N secrets, model definitions, endpoints and api keys through the
store. Then, in this process with a gateway on it: a whole build of the snapshot, the longest
pause of the event loop meanwhile, and admin writes over REST, median of five. Credentials of N
endpoints are opened before, as after a while of traffic. On a machine that is busy with other work
the pauses are mostly that work's: compare the CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import io
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from gateway.app import build_gateway
from gateway.entities import (
    ApiKeyId,
    EndpointId,
    EndpointLimits,
    GatewayApiKey,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    GatewayModelDefinition,
    GatewaySecretInfo,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    SealedSecret,
    SecretId,
    StoredApiKey,
)
from gateway.installation import Installation
from gateway.ports import Transaction
from gateway.providers import allowed_origin
from gateway.running import Gateway
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.snapshots import read_snapshot
from gateway.vault.envelope import check_wraps, secret_context

TOKEN = "bench-admin-token-of-this-run"
TICK_S = 0.001  # what the event loop is asked for; what it takes longer is a pause
ROUNDS = 5
_FILLED_AT_MS = 1_700_000_000_000  # before now: what is new stands behind what was there
SIZES = (10, 1_000, 10_000)

Body = dict[str, Any]


# --- filling ------------------------------------------------------------------------------


def stamps(n: int) -> dict[str, Any]:
    return {
        "created_at": _FILLED_AT_MS + n,
        "last_updated_at": _FILLED_AT_MS + n,
        "created_by": "bench",
        "last_updated_by": "bench",
    }


async def add_secret(tx: Transaction, installation: Installation, n: int) -> GatewaySecretInfo:
    info = GatewaySecretInfo(
        secret_id=SecretId(f"s-{n:032x}"),
        secret_name=f"secret-{n}",
        masked_values={"api_key": "***"},
        provider="openai",
        auth_config=None,
        **stamps(n),
    )
    term = installation.sealer.active_term
    sealed = SealedSecret(
        secret_id=info.secret_id,
        secret_name=info.secret_name,
        provider=info.provider,
        auth_config=None,
        secret_version=1,
        kek_term=term,
        record=b"",
    )
    check_wraps(await tx.vault.add_wraps(term, 1))
    context = secret_context(sealed, allowed_origin("openai", None))
    record = installation.sealer.seal(context, Secret(f'{{"api_key": "bench-key-{n}"}}'))
    await tx.secrets.insert(info, replace(sealed, record=record))
    return info


async def add_model(tx: Transaction, secret: GatewaySecretInfo, n: int) -> GatewayModelDefinition:
    row = GatewayModelDefinition(
        model_definition_id=ModelDefinitionId(f"d-{n:032x}"),
        name=f"model-{n}",
        secret_id=secret.secret_id,
        secret_name=secret.secret_name,
        provider="openai",
        model_name="gpt-4o-mini",
        **stamps(n),
    )
    await tx.model_definitions.insert(row)
    return row


async def add_endpoint(tx: Transaction, models: tuple[GatewayModelDefinition, ...], n: int) -> None:
    endpoint_id = EndpointId(f"e-{n:032x}")
    mappings = tuple(
        GatewayEndpointModelMapping(
            mapping_id=MappingId(f"m-{n * 10 + place:032x}"),
            endpoint_id=endpoint_id,
            model_definition_id=model.model_definition_id,
            model_definition=model,
            weight=80.0 if place == 0 else 20.0,
            linkage_type=LinkageType.PRIMARY if place < 2 else LinkageType.FALLBACK,
            fallback_order=None if place < 2 else 0,
            created_at=_FILLED_AT_MS + n,
            created_by="bench",
        )
        for place, model in enumerate(models)
    )
    await tx.endpoints.insert(
        GatewayEndpoint(
            endpoint_id=endpoint_id,
            name=f"endpoint-{n}",
            model_mappings=mappings,
            tags={"team": f"team-{n % 50}"},
            routing_strategy=None,
            fallback_config=None,
            usage_tracking=True,
            limits=EndpointLimits(),
            **stamps(n),
        )
    )


async def add_key(tx: Transaction, n: int) -> None:
    key = GatewayApiKey(
        key_id=ApiKeyId(f"k-{n:032x}"),
        name=f"key-{n}",
        masked_value="lg-...0001",
        allowed_endpoints=("*",) if n % 2 else (f"endpoint-{n}", "endpoint-1*"),
        expires_at=None,
        disabled=False,
        **stamps(n),
    )
    await tx.api_keys.insert(
        StoredApiKey(key=key, digest=hashlib.sha256(f"lg-bench-{n}".encode()).digest())
    )


async def fill(installation: Installation, count: int) -> None:
    """Store `count` of each; every endpoint has two models of its own and a shared fallback."""
    async with installation.store.write() as tx:
        models = []
        for n in range(count):
            models.append(await add_model(tx, await add_secret(tx, installation, n), n))
            await add_key(tx, n)
        for n in range(count):
            await add_endpoint(tx, (models[n], models[n - 1], models[n // 100 - 5]), n)
        await tx.bump_epoch()


# --- measuring ----------------------------------------------------------------------------


class LoopWatch:
    """Asks the event loop for its turn all the time and keeps the longest wait."""

    def __init__(self) -> None:
        self.longest_ms = 0.0

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[LoopWatch]:
        self.longest_ms = 0.0
        task = asyncio.create_task(self._run())
        await asyncio.sleep(0)
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        asked_s = time.perf_counter()
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.perf_counter()
            self.longest_ms = max(self.longest_ms, (now_s - asked_s - TICK_S) * 1_000)
            asked_s = now_s


async def timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Return the milliseconds that `work` takes, and the longest pause of the loop meanwhile."""
    async with LoopWatch().watching() as watch:
        started_s = time.perf_counter()
        await work()
        taken_ms = (time.perf_counter() - started_s) * 1_000
        await asyncio.sleep(TICK_S)
    return taken_ms, watch.longest_ms


def open_credentials(gateway: Gateway) -> None:
    """Open what all targets need, as their first requests would."""
    snapshot = gateway.serving.snapshots.current
    for route in snapshot.endpoints.values():
        for target in route.targets:
            sealed = snapshot.sealed[target.secret_id]
            origin = allowed_origin(sealed.provider, sealed.auth_config)
            gateway.serving.configs.get(snapshot.epoch, sealed, target.mapping, origin)


class Admin:
    """The control plane over HTTP."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def call(self, method: str, path: str, body: Body | None = None) -> Body:
        url = f"{self._url}/api/v1{path}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self._http.request(method, url, json=body, headers=headers) as answer:
            if answer.status >= 300:
                raise SystemExit(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json() if answer.status != 204 else {}

    async def send(self, method: str, path: str, data: io.BytesIO | None) -> None:
        """Send bytes of JSON; the answer is read, not parsed."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        url = f"{self._url}/api/v1{path}"
        async with self._http.request(method, url, data=data, headers=headers) as answer:
            raw = await answer.read()
            if answer.status >= 300:
                raise SystemExit(f"{method} {path}: {answer.status} {raw[:500]!r}")


@asynccontextmanager
async def run_admin(gateway: Gateway) -> AsyncIterator[Admin]:
    runner = web.AppRunner(gateway.apps[0])
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as http:
            yield Admin(http, f"http://127.0.0.1:{port}")
    finally:
        await runner.cleanup()


async def measure_writes(admin: Admin) -> dict[str, tuple[float, float]]:
    """Make writes of each kind; return the median time and the longest pause of each kind."""
    found: dict[str, list[tuple[float, float]]] = {}
    made: Body = {}

    async def act(kind: str, method: str, path: str, body: Body | None = None) -> Body:
        answer: Body = {}

        async def work() -> None:
            answer.update(await admin.call(method, path, body))

        found.setdefault(kind, []).append(await timed(work))
        return answer

    for n in range(ROUNDS):
        value = {"secret_value": {"api_key": f"bench-new-{n}"}}
        secret = {"secret_name": f"new-{n}", "provider": "openai", **value}
        made = await act("create secret", "POST", "/secrets", secret)
        secret_path = f"/secrets/{made['secret_id']}"
        model = {"name": f"new-{n}", "provider": "openai", "model_name": "m"}
        model["secret_id"] = made["secret_id"]
        made = await act("create model definition", "POST", "/model-definitions", model)
        model_path = f"/model-definitions/{made['model_definition_id']}"
        models = (f"d-{n:032x}", made["model_definition_id"])
        mappings = [{"model_definition_id": model} for model in models]
        body = {"name": f"new-{n}", "model_mappings": mappings}
        endpoint = await act("create endpoint", "POST", "/endpoints", body)
        path = f"/endpoints/{endpoint['endpoint_id']}"
        key = await act("create api key", "POST", "/api-keys", {"name": f"new-{n}"})
        await act("change weight", "PATCH", mapping_path(endpoint), {"weight": 3})
        await act("rename endpoint", "PATCH", path, {"name": f"renamed-{n}"})
        await act("put tag", "PUT", f"{path}/tags/team", {"value": "search"})
        await act("change model definition", "PATCH", model_path, {"model_name": "n"})
        await act("change secret's value", "PATCH", secret_path, value)
        await act("disable api key", "PATCH", f"/api-keys/{key['key_id']}", {"disabled": True})
        await act("delete secret, detaching", "DELETE", f"{secret_path}?force=true")
        await act("delete endpoint", "DELETE", path)
        await act("delete api key", "DELETE", f"/api-keys/{key['key_id']}")
    return {
        kind: (statistics.median(ms for ms, _ in runs), max(pause for _, pause in runs))
        for kind, runs in found.items()
    }


def mapping_path(endpoint: Body) -> str:
    mapping = endpoint["model_mappings"][0]
    return f"/endpoints/{endpoint['endpoint_id']}/mappings/{mapping['mapping_id']}"


async def measure(count: int, folder: Path) -> dict[str, tuple[float, float]]:
    settings = Settings(data=folder, admin_token=Secret(TOKEN))
    gateway = await build_gateway(settings)
    await fill(gateway.installation, count)
    await gateway.close()
    started_s = time.perf_counter()
    gateway = await build_gateway(settings)
    found = {"start on it": ((time.perf_counter() - started_s) * 1_000, 0.0)}
    used_s = time.process_time()
    found["whole build of the snapshot"] = await timed(lambda: build_whole(gateway))
    found["whole build, CPU of the process"] = ((time.process_time() - used_s) * 1_000, 0.0)
    open_credentials(gateway)
    try:
        async with run_admin(gateway) as admin:
            await admin.call("GET", "/status")
            gc.collect()
            found.update(await measure_writes(admin))
    finally:
        await gateway.close()
    return found


async def build_whole(gateway: Gateway) -> None:
    """Build as when too much has changed for a patch: nobody knows what changed since then."""
    long_ago = replace(gateway.serving.snapshots.current, epoch=-1_000_000)
    async with gateway.installation.store.read() as tx:
        await read_snapshot(tx, long_ago)


def print_table(results: dict[int, dict[str, tuple[float, float]]]) -> None:
    heads = " | ".join(f"N = {count:,} | pause" for count in results)
    print(f"| milliseconds | {heads} |")
    print("| --- |" + " --- | --- |" * len(results))
    for kind in next(iter(results.values())):
        cells = " | ".join(
            f"{found[kind][0]:.1f} | {found[kind][1]:.1f}" for found in results.values()
        )
        print(f"| {kind} | {cells} |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.config_size", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    results = {}
    for count in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as folder:
            results[count] = asyncio.run(measure(count, Path(folder) / "data"))
    print_table(results)


if __name__ == "__main__":
    main()
