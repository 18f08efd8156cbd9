"""``python -m bench.revocation``: an acknowledged change of a credential holds from then on.

`lockgate serve --workers N` under steady load. Meanwhile one secret is changed a thousand times,
one change after the other: new values by PATCH and by rotation, and deletion with creation anew.
The provider notes which value each request came with. A request that was begun after a change was
acknowledged (200, 201 or 204; not 202) must not come with a value that the change has taken away.
A last part has each new value refused, so that the former one serves in its grace, and ends that
grace. With ``--rotations N`` the vault's key is rotated so often meanwhile. Exit 1 where a request
came with what was gone, or failed, or a rotation did not end well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench import loops
from bench import rest as control
from bench.figures import percentile, table
from bench.load import positive
from bench.mock import Provider, answer
from bench.processes import raise_file_limit
from bench.rotation import rotate
from bench.session import Session
from bench.subjects import NotThereError, Subject, start_gateway, with_key
from bench.wire import Target, dump_body

_ENDPOINT = "revocation"
_KEY = "revocation-key-of-version-"  # and the version
_STEADY = "revocation-key-that-stays"
_CLIENTS = 16
_PAUSE_S = 0.002  # of a client between two requests: generator and gateway share the machine
_FRESH_EVERY = 100  # requests on one connection: whichever worker took it is not asked for ever
_WHOLE = (
    b'{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",'
)
_WHOLE += (
    b'"content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
)
_REFUSAL = b'{"error":{"message":"Incorrect API key","type":"invalid_request_error",'
_REFUSAL += b'"code":"invalid_api_key"}}'


@dataclass(slots=True)
class Seen:
    """What came to the provider: marker of the request, version of its value, when."""

    rows: list[tuple[str, int, float]] = field(default_factory=list)
    refused_from: int | None = None  # versions from this one on are refused


def build_provider(seen: Seen) -> type[Provider]:
    """Build the provider's protocol."""

    class Recorder(Provider):
        body_bytes = 1 << 20

        def reply(self, head: bytes, body: bytes) -> None:
            at_s = time.monotonic()
            key = head.partition(b"uthorization: Bearer ")[2].split(b"\r\n", 1)[0].decode()
            version = int(key.removeprefix(_KEY)) if key.startswith(_KEY) else None
            marker = json.loads(body)["messages"][-1]["content"]
            if version is not None:
                seen.rows.append((marker, version, at_s))
                if seen.refused_from is not None and version >= seen.refused_from:
                    self.transport.write(answer(_REFUSAL, status="401 Unauthorized"))
                    return
            self.transport.write(answer(_WHOLE))

    return Recorder


@dataclass(slots=True)
class Load:
    """Clients that ask until they are told to stop.

    Attributes:
        floor: the lowest version that a request may come with that is begun now.
        begun: by marker the floor of the moment in which the request was begun, and the moment.
        allowed: statuses besides 200 that are no failure just now.
    """

    target: Target
    floor: int = 1
    begun: dict[str, tuple[int, float]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    allowed: frozenset[int] = frozenset()
    stopping: bool = False

    async def run(self) -> None:
        """Ask on all connections until `stopping`."""
        await asyncio.gather(*map(self._ask_on, range(_CLIENTS)))

    async def _ask_on(self, number: int) -> None:
        session = Session(self.target)
        turn = 0
        while not self.stopping:
            turn += 1
            if turn % _FRESH_EVERY == 0:
                session.close()
            marker = f"{number}-{turn}"
            body = dump_body(_ENDPOINT, stream=False, content=marker)
            self.begun[marker] = (self.floor, time.monotonic())  # before its first byte
            found = await session.ask(body)
            if found.status != 200 and found.status not in self.allowed:
                self.failures[f"{found.status} {found.body[:120]!r}"] += 1
            await asyncio.sleep(_PAUSE_S)
        session.close()


class Admin:
    """Changes one secret through REST and tells the load what holds from then on."""

    def __init__(self, http: aiohttp.ClientSession, url: str, load: Load, base: str) -> None:
        self._http = http
        self._url = f"{url}/api/v1"
        self._load = load
        self._config = {"api_base": f"{base}/v1"}
        self._version = 1
        self.ids: dict[str, str] = {}
        self.spent_ms: list[float] = []
        self.unacknowledged = 0

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make one call; count it where not all workers follow in time."""
        headers = {"Authorization": f"Bearer {control.TOKEN}"}
        async with self._http.request(
            method, self._url + path, json=body, headers=headers
        ) as response:
            raw = await response.read()
            if response.status >= 400:
                raise RuntimeError(f"{method} {path}: {response.status} {raw[:200]!r}")
            if response.status == 202:
                self.unacknowledged += 1
            return json.loads(raw) if raw else None

    async def _change(self, method: str, path: str, body: Any, floor: int) -> Any:
        """Make a change; from its acknowledgement on `floor` holds."""
        before, started = self.unacknowledged, time.monotonic()
        found = await self.call(method, path, body)
        self.spent_ms.append((time.monotonic() - started) * 1000)
        if self.unacknowledged == before:
            self._load.floor = floor
        return found

    def _next(self) -> dict[str, Any]:
        self._version += 1
        return {"secret_value": {"api_key": f"{_KEY}{self._version}"}}

    async def patch(self) -> None:
        """Put a new value in at once."""
        body = self._next()
        await self._change("PATCH", f"/secrets/{self.ids['secret']}", body, self._version)

    async def rotate(self) -> None:
        """Rotate without grace."""
        body = self._next() | {"grace_ms": 0}
        await self._change("POST", f"/secrets/{self.ids['secret']}/rotate", body, self._version)

    async def rotate_with_grace(self) -> None:
        """Rotate with a grace that is not needed: the former value is not used all the same."""
        body = self._next() | {"grace_ms": 3_600_000}
        await self._change("POST", f"/secrets/{self.ids['secret']}/rotate", body, self._version)

    async def replace(self) -> None:
        """Delete secret, model and mapping, and create all of them anew."""
        path = f"/secrets/{self.ids['secret']}?force=true"
        await self._change("DELETE", path, None, self._version + 1)
        await self.create()

    async def create(self) -> None:
        """Create the secret and the model of it, and map the model."""
        body = self._next() | {
            "secret_name": f"revocation-{self._version}",
            "provider": "openai_compatible",
            "auth_config": self._config,
        }
        self.ids["secret"] = (await self.call("POST", "/secrets", body))["secret_id"]
        model = {
            "name": f"revocation-{self._version}",
            "provider": "openai_compatible",
            "model_name": "m",
            "secret_id": self.ids["secret"],
        }
        self.ids["model"] = (await self.call("POST", "/model-definitions", model))[
            "model_definition_id"
        ]
        mappings = [
            {"model_definition_id": self.ids["model"], "weight": 9},
            {"model_definition_id": self.ids["steady"], "weight": 1},
        ]
        path = f"/endpoints/{self.ids['endpoint']}/mappings"
        await self.call("PUT", path, {"model_mappings": mappings})

    async def end_grace(self, seen: Seen) -> None:
        """Rotate to a value that is refused, let the former one serve, and end its grace."""
        await self.patch()  # the one before was refused: it is no value to fall back to
        seen.refused_from = self._version + 1
        body = self._next() | {"grace_ms": 3_600_000}
        path = f"/secrets/{self.ids['secret']}"
        await self.call("POST", f"{path}/rotate", body)
        await asyncio.sleep(0.05)  # requests in which the former value stands in
        await self._change("DELETE", f"{path}/previous", None, self._version)
        await asyncio.sleep(0.02)
        seen.refused_from = None


def find_violations(load: Load, seen: Seen) -> list[str]:
    """List the requests that came with a value which was gone before they were begun."""
    found = []
    for marker, version, at_s in seen.rows:
        floor, begun_s = load.begun[marker]
        if version < floor:
            late_ms = (at_s - begun_s) * 1000
            found.append(
                f"request {marker}: version {version} instead of {floor}, {late_ms:.1f} ms"
            )
    return found


async def set_up(gateway: Subject, admin: Admin, base: str) -> None:
    """Create a model that stays, the endpoint, and the secret that changes."""
    rest = gateway.rest
    steady = await asyncio.to_thread(control.create_secret, rest, "steady", base, _STEADY)
    admin.ids["steady"] = await asyncio.to_thread(control.create_model, rest, "steady", steady, "m")
    admin.ids["endpoint"] = await asyncio.to_thread(
        control.create_endpoint, rest, _ENDPOINT, {admin.ids["steady"]: 1}
    )
    await admin.create()


async def measure(changes: int, workers: int, data: Path, *, rotations: int = 0) -> dict[str, Any]:
    """Change a secret so many times under load; return counts, times and what must not be."""
    seen = Seen()
    server = await asyncio.get_running_loop().create_server(
        build_provider(seen), "127.0.0.1", 0, backlog=1024
    )
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    provider = Subject("provider", base, None)
    try:
        with start_gateway(provider, data, workers=workers) as bare:
            async with aiohttp.ClientSession() as http:
                return await _run(changes, rotations, with_steady_key(bare), http, base, seen)
    finally:
        server.close()


def with_steady_key(gateway: Subject) -> Subject:
    """Return the gateway with a client's key."""
    return with_key(gateway, control.create_key(gateway.rest, "revocation"))


async def _rotate_often(gateway: Subject, rotations: int) -> list[str]:
    """Rotate the vault's key so often; return how each rotation ended."""
    return [
        (await rotate(gateway.rest, reencrypt=bool(number % 2)))[2]["phase"]
        for number in range(rotations)
    ]


async def _run(
    changes: int,
    rotations: int,
    gateway: Subject,
    http: aiohttp.ClientSession,
    base: str,
    seen: Seen,
) -> dict[str, Any]:
    load = Load(gateway.target(_ENDPOINT))
    admin = Admin(http, gateway.url, load, base)
    await set_up(gateway, admin, base)
    running = asyncio.create_task(load.run())
    rotating = asyncio.create_task(_rotate_often(gateway, rotations))
    kinds: tuple[Callable[[], Awaitable[None]], ...] = (
        admin.patch, admin.rotate, admin.rotate_with_grace, admin.patch, admin.replace
    )  # fmt: skip
    started = time.monotonic()
    try:
        for turn in range(changes):
            await kinds[turn % len(kinds)]()
        load.allowed = frozenset({502, 503})  # of a value that is refused, and no other any more
        for _ in range(max(1, changes // 20)):
            await admin.end_grace(seen)
        stood_in = _count_stand_ins(seen)
        phases = Counter(await rotating)
    finally:
        rotating.cancel()
        load.stopping = True
        await running
    spent = sorted(admin.spent_ms)
    return {
        "changes": len(spent),
        "requests": len(load.begun),
        "requests with the changing secret": len(seen.rows),
        "served by a former value in its grace": stood_in,
        "violations": find_violations(load, seen),
        "failed": sum(load.failures.values()),
        "failures": dict(load.failures.most_common(5)),
        "rotations of the vault's key": dict(phases),
        "202 instead of an acknowledgement": admin.unacknowledged,
        "ms per change, p50": percentile(spent, 0.5),
        "ms per change, p99": percentile(spent, 0.99),
        "seconds": time.monotonic() - started,
    }


def _count_stand_ins(seen: Seen) -> int:
    """Count the requests that came with a value and then with the one before it."""
    highest: dict[str, int] = {}
    count = 0
    for marker, version, _ in seen.rows:
        count += highest.get(marker, version) > version
        highest[marker] = max(version, highest.get(marker, version))
    return count


def find_faults(found: dict[str, Any]) -> list[str]:
    """Return what must not be."""
    faults = (
        [f"{len(found['violations'])} requests came with what was gone"]
        if (found["violations"])
        else []
    )
    if found["failed"]:
        faults.append(f"{found['failed']} requests failed: {found['failures']}")
    unfinished = found["rotations of the vault's key"].keys() - {"done"}
    if unfinished:
        faults.append(f"rotations of the vault's key ended as {sorted(unfinished)}")
    if not found["served by a former value in its grace"]:
        faults.append("no request was served by a former value: the last part proves nothing")
    return faults


def main() -> None:
    """Parse the arguments, run, print; exit 1 where something failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.revocation", description=__doc__)
    parser.add_argument("--changes", type=positive, default=1_000)
    parser.add_argument("--workers", type=positive, default=4)
    parser.add_argument("--rotations", type=int, default=0, help="of the vault's key meanwhile")
    arguments = parser.parse_args()
    raise_file_limit()
    try:
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            running = measure(
                arguments.changes, arguments.workers, data, rotations=arguments.rotations
            )
            found = loops.run(running)
    except NotThereError as error:
        parser.exit(1, f"bench.revocation: {error}\n")
    shown = found | {"violations": len(found["violations"])}
    print(table(("", ""), shown.items()))
    for violation in found["violations"][:20]:
        print(violation)
    faults = find_faults(found)
    for fault in faults:
        print(f"\nFAULT: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
