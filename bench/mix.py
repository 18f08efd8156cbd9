"""``python -m bench.mix``: no answer holds a byte of another's, at full speed and with hang-ups.

Two tenants with keys, endpoints, upstream models and provider credentials of their own send
requests with unique markers, which the mock echoes. Exit 1 on any deviation.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import loops
from bench import rest as control
from bench.load import positive
from bench.processes import raise_file_limit
from bench.session import Answer, Session
from bench.subjects import NotThereError, Subject, start_gateway, start_mock, with_key
from bench.wire import Target, dump_body
from bench.witness import PROVIDER_KEY

TENANTS = "ab"
_PAD = "lorem ipsum dolor sit amet "


@dataclass(slots=True)
class Findings:
    """Counts, and what deviated."""

    counts: Counter[str] = field(default_factory=Counter)
    deviations: list[str] = field(default_factory=list)

    def note(self, what: str, marker: str) -> None:
        """Note a deviation; the first few in words."""
        self.counts["deviations"] += 1
        if len(self.deviations) < 20:
            self.deviations.append(f"{marker}: {what}")


def read_content(body: bytes, *, streamed: bool) -> str:
    """Return the text of an answer. Raises ValueError, KeyError where it is none."""
    if not streamed:
        return json.loads(body)["choices"][0]["message"]["content"]
    return "".join(value["choices"][0]["delta"].get("content", "") for value in _iter_events(body))


def _iter_events(body: bytes) -> Iterator[Any]:
    for block in body.split(b"\n\n"):
        data = block.removeprefix(b"data: ")
        if data and data != b"[DONE]":
            yield json.loads(data)


def check_answer(
    answer: Answer, tenant: str, marker: str, content: str, *, streamed: bool
) -> str | None:
    """Return what is wrong with an answer, None where nothing is."""
    if answer.status != 200 or not answer.whole:
        return f"status {answer.status}, whole: {answer.whole}"
    try:
        text = read_content(answer.body, streamed=streamed)
    except (ValueError, KeyError, TypeError) as error:
        return f"no answer that can be read: {error}"
    own = {
        "content": text == content,
        "upstream model": f'"echo-{tenant}"'.encode() in answer.body,
        "endpoint": answer.find_header("x-lockgate-endpoint") == f"mix-{tenant}",
        "request id": answer.find_header("x-lockgate-request-id") == marker,
    }
    strange = [name for name, is_own in own.items() if not is_own]
    return f"not its own: {', '.join(strange)}" if strange else None


class Mixer:
    """Spreads the requests over connections; each connection belongs to one tenant."""

    def __init__(self, targets: dict[str, Target], requests: int, aborts: int) -> None:
        self._targets = targets
        self._left = requests
        self._abort_share = aborts / requests
        self._draw = random.Random(7)
        self.findings = Findings()

    async def run(self, connections: int) -> Findings:
        """Run until no request is left."""
        tenants = (TENANTS[number % len(TENANTS)] for number in range(connections))
        await asyncio.gather(*map(self._keep_asking, tenants))
        return self.findings

    async def _keep_asking(self, tenant: str) -> None:
        session = Session(self._targets[tenant])
        while self._left > 0:
            self._left -= 1
            marker = f"{tenant}-{self._draw.getrandbits(128):032x}"
            content = f"tenant={tenant} marker={marker} " + _PAD * self._draw.randrange(1, 40)
            if self._draw.random() < self._abort_share:
                await self._abort(session, tenant, content)
            else:
                await self._ask(session, tenant, marker, content)
        session.close()

    async def _abort(self, session: Session, tenant: str, content: str) -> None:
        self.findings.counts["aborted"] += 1
        body = dump_body(f"mix-{tenant}", stream=self._draw.random() < 0.5, content=content)
        await session.abort(body, after_bytes=self._draw.choice((-300, -1, 0, 1, 200, 700)))

    async def _ask(self, session: Session, tenant: str, marker: str, content: str) -> None:
        streamed = self._draw.random() < 0.5
        body = dump_body(f"mix-{tenant}", stream=streamed, content=content)
        answer = await session.ask(body, headers=(f"x-lockgate-request-id: {marker}",))
        self.findings.counts["streamed" if streamed else "buffered"] += 1
        wrong = check_answer(answer, tenant, marker, content, streamed=streamed)
        if wrong is not None:
            self.findings.note(wrong, marker)


def set_up(gateway: Subject, mock: Subject) -> dict[str, Target]:
    """Give each tenant a credential, a model, an endpoint and a key of its own."""
    targets = {}
    for tenant in TENANTS:
        secret = control.create_secret(
            gateway.rest, f"secret-{tenant}", mock.url, f"{PROVIDER_KEY}{tenant}"
        )
        model = control.create_model(gateway.rest, f"model-{tenant}", secret, f"echo-{tenant}")
        control.create_endpoint(gateway.rest, f"mix-{tenant}", {model: 1})
        key = control.create_key(gateway.rest, f"key-{tenant}", [f"mix-{tenant}"])
        targets[tenant] = with_key(gateway, key).target(f"mix-{tenant}")
    return targets


def read_stats(mock: Subject) -> dict[str, Any]:
    """Return what the witness has counted."""
    with urllib.request.urlopen(f"{mock.url}/stats", timeout=30) as response:
        return json.load(response)


def run_mix(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run everything and return counts and deviations."""
    with tempfile.TemporaryDirectory() as name, start_mock("bench.witness") as mock:
        data = Path(name) / "data"
        with start_gateway(mock, data, workers=arguments.workers) as gateway:
            mixer = Mixer(set_up(gateway, mock), arguments.requests, arguments.aborts)
            findings = loops.run(mixer.run(arguments.connections))
            stats = read_stats(mock)
    counts = dict(findings.counts)
    return {
        "requests": arguments.requests,
        **{name: counts.get(name, 0) for name in ("buffered", "streamed", "aborted")},
        "calls of the mock": stats["seen"].get("attempts", 0),
        "deviations": counts.get("deviations", 0),
        "credentials crossed": len(stats["crossed"]),
        "examples": findings.deviations + stats["crossed"],
    }


def main() -> None:
    """Parse the arguments, run, print; exit 1 on any deviation."""
    parser = argparse.ArgumentParser(prog="python -m bench.mix", description=__doc__)
    parser.add_argument("--requests", type=positive, default=20_000)
    parser.add_argument("--aborts", type=int, default=1_000)
    parser.add_argument("--connections", type=positive, default=96)
    parser.add_argument("--workers", type=positive, default=1)
    arguments = parser.parse_args()
    if not 0 <= arguments.aborts <= arguments.requests:
        parser.error("--aborts must be within 0 and --requests")
    raise_file_limit()
    try:
        found = run_mix(arguments)
    except NotThereError as error:
        parser.exit(1, f"bench.mix: {error}\n")
    for name, value in found.items():
        print(f"{name}: {value}")
    sys.exit(1 if found["deviations"] or found["credentials crossed"] else 0)


if __name__ == "__main__":
    main()
