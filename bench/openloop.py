"""Open-loop load: requests leave at a fixed rate, whether or not earlier ones have been answered.

Latency counts from the moment at which a request was meant to leave, so a server that stands still
is charged for all who waited meanwhile.

Run as ``python -m bench.openloop --rate R --seconds S [--poisson]``: a table, against a gateway of
its own; ``URL KEY MODEL`` before the options name another and print JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any

from bench import loops
from bench.figures import percentile, table
from bench.load import add_target_arguments, read_target
from bench.processes import raise_file_limit
from bench.wire import AnswerEnd, Target, dump_body, dump_request

_SLICE_S = 0.001  # the loop's own resolution
_REFUSALS = frozenset({429, 503})
USEFUL_S = 1.0  # an answer that comes later is no longer waited for


@dataclass(slots=True)
class Outcome:
    """What became of the requests."""

    latencies_s: list[float] = field(default_factory=list)  # of the good answers
    refusals_s: list[float] = field(default_factory=list)
    refused: int = 0
    unsent: int = 0
    failed: int = 0
    statuses: dict[int, int] = field(default_factory=dict)

    def count(self, status: int, took_s: float) -> None:
        """Count one answer; 0 is a connection that broke."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200:
            self.latencies_s.append(took_s)
        elif status in _REFUSALS:
            self.refused += 1
            self.refusals_s.append(took_s)
        else:
            self.failed += 1


class Driver:
    """Hands due requests to idle connections, opens more up to a limit, lets the rest wait."""

    def __init__(
        self,
        target: Target,
        request: bytes,
        outcome: Outcome,
        most: int,
        patience_s: float = inf,
    ) -> None:
        self.target = target
        self.request = request
        self.outcome = outcome
        self.most = most
        self.patience_s = patience_s  # a request that found no connection by then is given up
        self.open = 0
        self.unanswered = 0
        self.idle: list[Channel] = []
        self.waiting: deque[float] = deque()
        self._opening: set[asyncio.Task[None]] = set()

    def begin(self, due: float) -> None:
        """Send the request that was due at that moment."""
        self.unanswered += 1
        if self.idle:
            self.idle.pop().send(due)
            return
        self.waiting.append(due)
        if self.open < self.most:
            self.open += 1
            task = asyncio.create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: Channel(self), *self.target.place)
        except OSError:
            self.open -= 1
            if self.waiting:
                self.answered(0, self.waiting.popleft())

    def free(self, channel: Channel) -> None:
        """Give an idle connection the request that has waited longest."""
        limit = perf_counter() - self.patience_s
        while self.waiting:
            due = self.waiting.popleft()
            if due >= limit:
                channel.send(due)
                return
            self.unanswered -= 1
            self.outcome.unsent += 1
        self.idle.append(channel)

    def answered(self, status: int, due: float) -> None:
        """Book one answer."""
        self.unanswered -= 1
        self.outcome.count(status, perf_counter() - due)


class Channel(asyncio.Protocol):
    """One connection; at most one request at a time."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._answer = AnswerEnd()
        self._due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._driver.free(self)

    def send(self, due: float) -> None:
        self._due = due
        self._answer.reset()
        self._transport.write(self._driver.request)

    def data_received(self, data: bytes) -> None:
        if self._due is None or not self._answer.feed(data):
            return
        due, self._due = self._due, None
        self._driver.answered(self._answer.status, due)
        if self._answer.closes:
            self._transport.close()
        else:
            self._driver.free(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._driver.open -= 1
        with suppress(ValueError):
            self._driver.idle.remove(self)
        if self._due is not None:
            self._driver.answered(0, self._due)


def iter_arrivals(rate: float, seconds: float, *, poisson: bool) -> Iterator[float]:
    """Yield the seconds since the start at which requests are due."""
    at = 0.0
    draw = random.Random(1)  # the same arrivals for everyone that is compared
    while at < seconds:
        yield at
        at += draw.expovariate(rate) if poisson else 1 / rate


async def run_openloop(  # noqa: PLR0913  one load has as many sides
    target: Target,
    rate: float,
    seconds: float,
    *,
    poisson: bool = False,
    stream: bool = False,
    size: int = 600,
    most: int = 1024,
    grace_s: float = 10.0,
    patience_s: float = inf,
) -> dict[str, Any]:
    """Send at the rate for some seconds, wait at most `grace_s` for the last answers."""
    request = dump_request(target, dump_body(target.model, stream=stream, size=size))
    outcome = Outcome()
    driver = Driver(target, request, outcome, most, patience_s)
    arrivals = list(iter_arrivals(rate, seconds, poisson=poisson))
    gc.disable()
    started = perf_counter()
    for at in arrivals:
        while (wait_s := started + at - perf_counter()) > 0:
            await asyncio.sleep(max(wait_s, _SLICE_S))
        driver.begin(started + at)
    sent_s = perf_counter() - started
    sent_s = max(sent_s, seconds)
    while driver.unanswered and perf_counter() < started + seconds + grace_s:
        await asyncio.sleep(0.01)
    # A queue that is worked off after the last request has left is no goodput of those seconds.
    took_s = max(sent_s, perf_counter() - started)
    return {
        "offered": len(arrivals),
        "offered_per_s": len(arrivals) / sent_s,
        "goodput_per_s": len(outcome.latencies_s) / took_s,
        "useful_per_s": sum(took <= USEFUL_S for took in outcome.latencies_s) / took_s,
        **_summarize(outcome, driver),
    }


def _summarize(outcome: Outcome, driver: Driver) -> dict[str, Any]:
    ordered = sorted(outcome.latencies_s)
    return {
        "p50_ms": percentile(ordered, 0.50) * 1000,
        "p99_ms": percentile(ordered, 0.99) * 1000,
        "max_ms": ordered[-1] * 1000 if ordered else 0.0,
        "refused": outcome.refused,
        "refused_p50_ms": percentile(sorted(outcome.refusals_s), 0.50) * 1000,
        "refused_p99_ms": percentile(sorted(outcome.refusals_s), 0.99) * 1000,
        "unsent": outcome.unsent,
        "failed": outcome.failed + driver.unanswered,
        "unanswered": driver.unanswered,
        "connections": driver.open,
        "statuses": {str(status): count for status, count in outcome.statuses.items()},
    }


def open_load(target: Target, rate: float, seconds: float, *, poisson: bool = True) -> dict:
    """Run one open load in a process of its own."""
    with start_open_load(target, rate, seconds, poisson=poisson) as running:
        return json.loads(running.communicate()[0])


def start_open_load(
    target: Target,
    rate: float,
    seconds: float,
    *,
    poisson: bool = True,
    more: Sequence[str] = (),
) -> subprocess.Popen[str]:
    """Start one in a process of its own; it prints JSON when it ends."""
    command = [sys.executable, "-m", "bench.openloop", target.url, target.key, target.model]
    command += ["--rate", str(rate), "--seconds", str(seconds), "--path", target.path, *more]
    for header in target.headers:
        command += ["--header", header]
    if poisson:
        command.append("--poisson")
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def main() -> None:
    """Parse the arguments, load, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.openloop", description=__doc__)
    add_target_arguments(parser, needed=False)
    parser.add_argument("--rate", required=True, help="requests a second; several with commas")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--poisson", action="store_true", help="random gaps in place of even ones")
    parser.add_argument("--most", type=int, default=1024, help="connections at the same time")
    parser.add_argument("--workers", type=int, default=1, help="of the gateway, without a URL")
    arguments = parser.parse_args()
    try:
        rates = [float(rate) for rate in arguments.rate.split(",")]
    except ValueError:
        parser.error("--rate takes numbers, with commas between them")
    if not all(0 < rate <= 100_000 for rate in rates) or not 0 < arguments.seconds <= 3600:
        parser.error("--rate must be within 0..100000 and --seconds within 0..3600")
    if arguments.url and not arguments.model:
        parser.error("a URL comes with a key and a model")
    raise_file_limit()
    if arguments.url is None:
        _run_against_own(arguments, rates)
        return
    for rate in rates:
        print(json.dumps(_run_here(read_target(arguments), rate, arguments)))


def _run_here(target: Target, rate: float, arguments: argparse.Namespace) -> dict[str, Any]:
    run = run_openloop(
        target,
        rate,
        arguments.seconds,
        poisson=arguments.poisson,
        stream=arguments.stream,
        size=arguments.size,
        most=arguments.most,
    )
    return loops.run(run)


def _run_against_own(arguments: argparse.Namespace, rates: Sequence[float]) -> None:
    """Start mock and gateway for the run, and print a table."""
    from bench.subjects import set_up, start_gateway, start_mock

    names = ("offered_per_s", "goodput_per_s", "p50_ms", "p99_ms", "max_ms", "refused", "failed")
    rows = []
    with tempfile.TemporaryDirectory() as folder, start_mock() as mock:
        data = Path(folder) / "data"
        with start_gateway(mock, data, workers=arguments.workers) as bare:
            target = set_up(bare, mock).target()
            for rate in rates:
                found = _run_here(target, rate, arguments)
                rows.append([found[name] for name in names])
    print(table([name.replace("_", " ") for name in names], rows))


if __name__ == "__main__":
    main()
