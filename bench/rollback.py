"""``python -m bench.rollback``: a rollback loses nothing, and ends the errors of a bad change.

Steady load on kept connections against two workers. First an endpoint's model is changed and rolled
back, some times: no request may fail, and after each acknowledgement no connection may see the
other model. Then all of the weight moves to a target where nothing listens, and back: no request
that begins after the rollback's acknowledgement may fail. Exit 1 where that is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import loops
from bench import rest as control
from bench.figures import table
from bench.load import positive
from bench.processes import free_port, raise_file_limit
from bench.rest import Rest
from bench.session import Session
from bench.subjects import NotThereError, Subject, start_gateway, start_mock, with_key
from bench.wire import Target, dump_body

_ENDPOINT = "rollback"
_CLIENTS = 16
_LOOKS = 6  # fresh connections that look for an acknowledged rollback
_SETTLE_S = 0.3  # of load between two changes


@dataclass(slots=True)
class Load:
    """Clients that ask until they are told to stop; begin and end of each failed request."""

    target: Target
    stopping: bool = False
    requests: int = 0
    failures: list[tuple[float, float, int]] = field(default_factory=list)

    async def run(self) -> None:
        """Ask on all connections until `stopping`."""
        await asyncio.gather(*(self._ask() for _ in range(_CLIENTS)))

    async def _ask(self) -> None:
        session, body = Session(self.target), dump_body(_ENDPOINT, stream=False)
        while not self.stopping:
            began_s = time.monotonic()
            answer = await session.ask(body)
            self.requests += 1
            if answer.status != 200 or not answer.whole:
                self.failures.append((began_s, time.monotonic(), answer.status))
            await asyncio.sleep(0.005)  # so that writes do not wait behind a full queue
        session.close()


@dataclass(frozen=True, slots=True)
class Scene:
    """The endpoint under load, its models, and the epoch to come back to."""

    rest: Rest
    target: Target
    path: str
    models: list[str]

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the control plane."""
        return await asyncio.to_thread(self.rest.call, method, f"/api/v1{path}", body)

    async def move(self, place: int) -> int:
        """Move all of the traffic to one model; return the epoch before."""
        epoch = (await self.call("GET", "/configuration"))["epoch"]
        body = {"model_mappings": [{"model_definition_id": self.models[place], "weight": 1}]}
        await self.call("PATCH", self.path, body)
        return epoch

    async def roll_back(self, epoch: int) -> float:
        """Roll back and return how long the acknowledgement took, in milliseconds."""
        started_s = time.monotonic()
        await self.call("POST", f"/history/{epoch}/rollback", {})
        return (time.monotonic() - started_s) * 1_000

    async def look(self) -> str:
        """Return the model that answers on a fresh connection."""
        session = Session(self.target)
        answer = await session.ask(dump_body(_ENDPOINT, stream=False))
        session.close()
        return answer.find_header("x-lockgate-model")


async def roll_back_harmless(scene: Scene, load: Load, times: int) -> dict[str, Any]:
    """Change the model and roll back; both models answer."""
    first, failed, stale, longest_ms = load.requests, len(load.failures), 0, 0.0
    for _ in range(times):
        epoch = await scene.move(1)
        await asyncio.sleep(_SETTLE_S)
        longest_ms = max(longest_ms, await scene.roll_back(epoch))
        looks = await asyncio.gather(*(scene.look() for _ in range(_LOOKS)))
        stale += sum(look != "model-0" for look in looks)
        await asyncio.sleep(_SETTLE_S)
    return {
        "rollbacks": times,
        "looks": times * _LOOKS,
        "stale": stale,
        "longest acknowledgement ms": round(longest_ms, 1),
        "requests": load.requests - first,
        "failed": len(load.failures) - failed,
    }


async def roll_back_broken(scene: Scene, load: Load, times: int) -> dict[str, Any]:
    """Move all of the weight to where nothing listens, and roll back."""
    first, failed, after, longest_ms = load.requests, len(load.failures), 0, 0.0
    for _ in range(times):
        epoch = await scene.move(2)
        await asyncio.sleep(_SETTLE_S)
        longest_ms = max(longest_ms, await scene.roll_back(epoch))
        acknowledged_s = time.monotonic()
        await asyncio.sleep(2 * _SETTLE_S)
        after += sum(began_s > acknowledged_s for began_s, _, _ in load.failures)
    return {
        "rollbacks": times,
        "longest acknowledgement ms": round(longest_ms, 1),
        "requests": load.requests - first,
        "failed by the bad change": len(load.failures) - failed,
        "failed, begun after the acknowledgement": after,
    }


def set_up(gateway: Subject, mock: Subject, dead_url: str) -> Scene:
    """Create one endpoint with two models that answer and one that does not."""
    rest = gateway.rest
    secret = control.create_secret(rest, "sound", mock.url, "rollback-provider-key")
    dead = control.create_secret(rest, "dead", dead_url, "rollback-provider-key")
    models = [
        control.create_model(rest, f"model-{place}", owner, f"echo-{place}")
        for place, owner in enumerate((secret, secret, dead))
    ]
    endpoint_id = control.create_endpoint(rest, _ENDPOINT, {models[0]: 1})
    keyed = with_key(gateway, control.create_key(rest, "rollback"))
    return Scene(rest, keyed.target(_ENDPOINT), f"/endpoints/{endpoint_id}", models)


async def run_all(scene: Scene, times: int) -> dict[str, dict[str, Any]]:
    """Run both parts under one load."""
    load = Load(scene.target)
    running = asyncio.create_task(load.run())
    await asyncio.sleep(_SETTLE_S)
    try:
        return {
            "a harmless change": await roll_back_harmless(scene, load, times),
            "a bad change": await roll_back_broken(scene, load, times),
        }
    finally:
        load.stopping = True
        await asyncio.wait_for(running, 60)


def find_faults(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return what must not be."""
    harmless, bad = found["a harmless change"], found["a bad change"]
    faults = []
    if harmless["failed"]:
        faults.append(f"{harmless['failed']} requests failed with no bad change")
    if harmless["stale"]:
        faults.append(f"{harmless['stale']} looks saw what was rolled back")
    if bad["failed, begun after the acknowledgement"]:
        faults.append("requests failed that began after the rollback was acknowledged")
    if not bad["failed by the bad change"]:
        faults.append("the bad change did no harm: nothing was shown")
    return faults


def main() -> None:
    """Parse the arguments, run, print; exit 1 where something failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.rollback", description=__doc__)
    parser.add_argument("--times", type=positive, default=10, help="rollbacks of each kind")
    parser.add_argument("--workers", type=positive, default=2)
    arguments = parser.parse_args()
    raise_file_limit()
    dead_url = f"http://127.0.0.1:{free_port()}"
    try:
        with tempfile.TemporaryDirectory() as folder, start_mock("bench.witness") as mock:
            allowed = {"LOCKGATE_ALLOWED_PRIVATE_ORIGINS": f"{mock.url},{dead_url}"}
            data = Path(folder) / "data"
            with start_gateway(mock, data, workers=arguments.workers, env=allowed) as gateway:
                scene = set_up(gateway, mock, dead_url)
                found = loops.run(run_all(scene, arguments.times))
    except NotThereError as error:
        parser.exit(1, f"bench.rollback: {error}\n")
    for part, row in found.items():
        print(f"\n{part}\n\n" + table(("", ""), row.items()))
    faults = find_faults(found)
    for fault in faults:
        print(f"\nFAULT: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
