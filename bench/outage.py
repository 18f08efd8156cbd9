"""``python -m bench.outage``: what a provider's outage costs, and what a slow one.

Three parts, against a real gateway of two workers: a dead target under steady load (calls that
reach it per interval, how soon it is back), two targets that fail everything (calls per request),
two targets of which one is sometimes ten times slower, without and with hedging. Exit 1 where a
bound is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import loops
from bench import rest as control
from bench.figures import percentile, table
from bench.mock import PLAIN, Provider, answer
from bench.processes import raise_file_limit
from bench.session import Session
from bench.subjects import NotThereError, Subject, start_gateway, with_key
from bench.wire import Target, dump_body

_OPEN_MS = 1_000  # the circuit's interval of the run; the default is 30 s
_FAST_S, _SLOW_S = 0.02, 0.2
_SLOW_SHARE = 0.05
_CLIENTS = 64
_BROKEN = answer(b'{"error":{"message":"it broke"}}', status="500 Internal Server Error")


@dataclass(slots=True)
class Upstream:
    """A provider whose manners can be changed, and the calls it has seen: when, and of whom."""

    mode: str = "well"
    calls: list[tuple[float, str]] = field(default_factory=list)
    draw: random.Random = field(default_factory=lambda: random.Random(3))

    def count(self, since_s: float, model: str = "") -> int:
        """Return how many calls came since a moment, of one model or of all."""
        return sum(at_s >= since_s and model in name for at_s, name in self.calls)

    def build(self) -> Provider:
        """Return the protocol of one connection."""
        upstream = self

        class Connection(Provider):
            def reply(self, _head: bytes, body: bytes) -> None:
                upstream.reply(self, body)

        return Connection()

    def reply(self, connection: Provider, body: bytes) -> None:
        """Answer as the mode says."""
        model = "slow" if b'"mock-slow"' in body else "fast"
        self.calls.append((time.monotonic(), model))
        if self.mode == "dead":
            connection.transport.abort()
        elif self.mode == "failing":
            connection.transport.write(_BROKEN)
        elif self.mode == "paced":
            is_slow = model == "slow" and self.draw.random() < _SLOW_SHARE
            delay_s = _SLOW_S if is_slow else _FAST_S
            asyncio.get_running_loop().call_later(delay_s, _answer_late, connection)
        else:
            connection.transport.write(PLAIN)


def _answer_late(connection: Provider) -> None:
    if not connection.transport.is_closing():  # the gateway may have asked another meanwhile
        connection.transport.write(PLAIN)


@dataclass(slots=True)
class Load:
    """Requests at a steady rate on kept connections, each outcome with its time."""

    target: Target
    seen: list[tuple[float, int, float]] = field(default_factory=list)  # sent, status, seconds

    async def run(self, rate: float, seconds: float) -> None:
        """Send `rate` requests a second for some seconds."""
        sessions = [Session(self.target) for _ in range(_CLIENTS)]
        began_s = time.monotonic()
        count = int(rate * seconds)
        due = iter(range(count))

        async def work(session: Session) -> None:
            body = dump_body(self.target.model, stream=False)
            for number in due:
                wait_s = began_s + number / rate - time.monotonic()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                sent_s = time.monotonic()
                found = await session.ask(body)
                self.seen.append((sent_s, found.status, time.monotonic() - sent_s))

        await asyncio.gather(*map(work, sessions))
        for session in sessions:
            session.close()

    def count_statuses(self, since_s: float = 0.0) -> Counter[int]:
        """Return how often each status came."""
        return Counter(status for sent_s, status, _ in self.seen if sent_s >= since_s)


@contextmanager
def _run_gateway(url: str) -> Iterator[Subject]:
    mock = Subject("mock", url, None)
    env = {"LOCKGATE_CIRCUIT_OPEN_MS": str(_OPEN_MS)}
    with (
        tempfile.TemporaryDirectory() as folder,
        start_gateway(mock, Path(folder) / "data", workers=2, env=env) as gateway,
    ):
        rest = gateway.rest
        secret = control.create_secret(rest, "outage", url, "bench-provider-key")
        fast, slow = (
            control.create_model(rest, name, secret, f"mock-{name}") for name in ("fast", "slow")
        )
        control.create_endpoint(rest, "lone", {slow: 1})
        control.create_endpoint(rest, "pair", {slow: 1}, fallbacks=(fast,))
        control.create_endpoint(rest, "split", {slow: 1, fast: 1})
        control.create_endpoint(rest, "hedged", {slow: 1, fast: 1}, resilience={"hedge": True})
        yield with_key(gateway, control.create_key(rest, "outage"))


async def run_dead(gateway: Subject, upstream: Upstream, rate: float) -> dict[str, Any]:
    """A target dies under load, and comes back."""
    upstream.mode = "dead"
    load = Load(gateway.target("lone"))
    running = asyncio.create_task(load.run(rate, 12))
    await asyncio.sleep(2)  # the circuit has opened by then
    since_s = time.monotonic()
    await asyncio.sleep(6)
    dead_s = time.monotonic() - since_s
    probes = upstream.count(since_s)
    upstream.mode, back_s = "well", time.monotonic()
    await running
    last_refused_s = max(
        (sent_s for sent_s, status, _ in load.seen if status != 200), default=back_s
    )
    refusals = sorted(
        took_s for sent_s, status, took_s in load.seen if status == 503 and sent_s > since_s
    )
    return {
        "requests": len(load.seen),
        "intervals": dead_s / (_OPEN_MS / 1000),
        "probes": probes,
        "refused p99 ms": percentile(refusals, 0.99) * 1000,
        "back after s": max(0.0, last_refused_s - back_s),
    }


async def run_failing(gateway: Subject, upstream: Upstream, rate: float) -> dict[str, Any]:
    """Both targets answer 500 to everything."""
    upstream.mode, since_s = "failing", time.monotonic()
    load = Load(gateway.target("pair"))
    await load.run(rate, 6)
    calls = upstream.count(since_s)
    return {
        "requests": len(load.seen),
        "calls": calls,
        "per request": calls / len(load.seen),
        "statuses": dict(load.count_statuses()),
    }


async def run_slow(
    gateway: Subject, upstream: Upstream, endpoint: str, rate: float, seconds: float
) -> dict[str, Any]:
    """One of two targets is sometimes ten times slower."""
    upstream.mode, upstream.draw = "paced", random.Random(3)
    warm = Load(gateway.target(endpoint))
    await warm.run(rate, 3)  # so that the gateway knows what is usual
    since_s = time.monotonic()
    load = Load(gateway.target(endpoint))
    await load.run(rate, seconds)
    taken_ms = sorted(took_s * 1000 for _, _, took_s in load.seen)
    extra = upstream.count(since_s) - len(load.seen)
    return {
        "requests": len(load.seen),
        "p50 ms": percentile(taken_ms, 0.5),
        "p99 ms": percentile(taken_ms, 0.99),
        "more calls %": 100 * extra / len(load.seen),
        "not 200": len(load.seen) - load.count_statuses()[200],
    }


def _show(title: str, *rows: dict[str, Any]) -> None:
    print(f"\n{title}")
    print(table(list(rows[0]), [list(row.values()) for row in rows]), flush=True)


async def run(rate: float, seconds: float) -> list[str]:
    """Run all parts; return what missed its bound."""
    upstream = Upstream()
    server = await asyncio.get_running_loop().create_server(
        upstream.build, "127.0.0.1", 0, backlog=1024
    )
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with _run_gateway(url) as gateway:
        dead = await run_dead(gateway, upstream, rate)
        _show(f"a dead target at {rate:.0f} requests/s, probe interval 1 s", dead)
        failing = await run_failing(gateway, upstream, rate)
        _show("two targets that fail everything", failing)
        upstream.mode = "well"
        await asyncio.sleep(12 * _OPEN_MS / 1000)  # whatever is open may be probed again
        await Load(gateway.target("pair")).run(50, 1)
        await Load(gateway.target("split")).run(50, 1)
        plain = await run_slow(gateway, upstream, "split", 100, seconds)
        hedged = await run_slow(gateway, upstream, "hedged", 100, seconds)
        _show("one of two targets has 5 % slow answers: without, with hedging", plain, hedged)
    server.close()
    return _judge(dead, failing, plain, hedged)


def _judge(*parts: dict[str, Any]) -> list[str]:
    dead, failing, plain, hedged = parts
    bounds = {
        "more than one probe per interval": dead["probes"] > dead["intervals"] + 1,
        "not back within an interval": dead["back after s"] > 1.2 * _OPEN_MS / 1000,
        "more than 1.1 calls per request": failing["per request"] > 1.1,
        "p99 is not three times better": plain["p99 ms"] < 3 * hedged["p99 ms"],
        "more than 2.5 % more calls": hedged["more calls %"] > 2.5,
        "requests failed": plain["not 200"] + hedged["not 200"] > 0,
    }
    return [what for what, is_missed in bounds.items() if is_missed]


def main() -> None:
    """Parse the arguments, run, print; exit 1 where a bound is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.outage", description=__doc__)
    parser.add_argument("--rate", type=float, default=500.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each part with slow ones")
    arguments = parser.parse_args()
    if not (0 < arguments.rate <= 5_000 and 1 <= arguments.seconds <= 600):
        parser.error("--rate must be within 0..5000 and --seconds within 1..600")
    raise_file_limit()
    try:
        missed = loops.run(run(arguments.rate, arguments.seconds))
    except NotThereError as error:
        sys.exit(f"bench: {error}")
    for what in missed:
        print(f"missed: {what}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
