"""Closed-loop load: a fixed number of requests over a fixed number of kept connections.

Run as ``python -m bench.load URL KEY MODEL --requests N --connections C``; prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from bench import loops
from bench.figures import percentile
from bench.wire import CHAT_PATH, AnswerEnd, Target, dump_body, dump_request

_LIMIT_S = 600  # a run that hangs is a failed run


@dataclass(slots=True)
class Tally:
    """What came back."""

    left: int
    ok: int = 0
    failed: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    first_bytes_s: list[float] = field(default_factory=list)

    def count(self, status: int, took_s: float, first_s: float) -> None:
        """Count one answer."""
        self.latencies_s.append(took_s)
        self.first_bytes_s.append(first_s)
        if status == 200:
            self.ok += 1
        else:
            self.failed += 1
            self.statuses[status] = self.statuses.get(status, 0) + 1


class Client(asyncio.Protocol):
    """One connection that sends its next request as soon as the last answer is complete."""

    def __init__(self, request: bytes, tally: Tally, done: asyncio.Future[None]) -> None:
        self._request = request
        self._tally = tally
        self._done = done
        self._answer = AnswerEnd()
        self._busy = False
        self._started = 0.0
        self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if self._tally.left <= 0:
            self._transport.close()
            return
        self._tally.left -= 1
        self._answer.reset()
        self._first = 0.0
        self._busy = True
        self._started = perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._first:
            self._first = perf_counter()
        if not self._answer.feed(data):
            return
        self._busy = False
        started = self._started
        self._tally.count(self._answer.status, perf_counter() - started, self._first - started)
        if self._answer.closes:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, _: Exception | None) -> None:
        if self._busy:
            self._tally.failed += 1
            self._tally.statuses[0] = self._tally.statuses.get(0, 0) + 1
        if not self._done.done():
            self._done.set_result(None)


async def _keep(target: Target, request: bytes, tally: Tally) -> None:
    """Keep one connection going until no request is left; open it again where it was closed."""
    loop = asyncio.get_running_loop()
    while tally.left > 0:
        done = loop.create_future()
        try:
            await loop.create_connection(lambda: Client(request, tally, done), *target.place)  # noqa: B023
        except OSError:
            if tally.left > 0:  # another connection may have taken the last one meanwhile
                tally.left -= 1
                tally.failed += 1
            continue
        await done


async def run_load(
    target: Target, requests: int, connections: int, *, stream: bool, size: int
) -> dict[str, Any]:
    """Send `requests` over `connections` and return what came back."""
    request = dump_request(target, dump_body(target.model, stream=stream, size=size))
    tally = Tally(left=requests)
    gc.disable()  # a pause of the generator would be booked as the server's
    started = perf_counter()
    keeping = (_keep(target, request, tally) for _ in range(min(connections, requests)))
    await asyncio.wait_for(asyncio.gather(*keeping), _LIMIT_S)
    took_s = perf_counter() - started
    return _summarize(tally, took_s)


def _summarize(tally: Tally, took_s: float) -> dict[str, Any]:
    latencies, firsts = sorted(tally.latencies_s), sorted(tally.first_bytes_s)
    found: dict[str, Any] = {
        "ok": tally.ok,
        "failed": tally.failed,
        "requests_per_s": tally.ok / took_s,
        "first_byte_p50_ms": percentile(firsts, 0.50) * 1000,
    }
    for share in (0.50, 0.99):
        found[f"p{share * 100:.0f}_ms"] = percentile(latencies, share) * 1000
    if tally.statuses:
        found["statuses"] = {str(status): count for status, count in tally.statuses.items()}
    return found


def load(
    target: Target, requests: int, connections: int, *, stream: bool = False, size: int = 600
) -> dict[str, Any]:
    """Run one load in a process of its own."""
    command = [sys.executable, "-m", "bench.load", target.url, target.key, target.model]
    command += ["--requests", str(requests), "--connections", str(connections)]
    command += ["--size", str(size), "--path", target.path]
    for header in target.headers:
        command += ["--header", header]
    if stream:
        command.append("--stream")
    return json.loads(subprocess.check_output(command, text=True))


def add_target_arguments(parser: argparse.ArgumentParser, *, needed: bool = True) -> None:
    """Add what a request is: the same words for every kind of load."""
    for name in ("url", "key", "model"):
        parser.add_argument(name, nargs=None if needed else "?")
    parser.add_argument("--path", default=CHAT_PATH)
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'")
    parser.add_argument("--size", type=int, default=600, help="bytes of a request's body")
    parser.add_argument("--stream", action="store_true")


def read_target(arguments: argparse.Namespace) -> Target:
    """Return the target that the arguments name."""
    return Target(
        arguments.url, arguments.key, arguments.model, arguments.path, tuple(arguments.header)
    )


def main() -> None:
    """Parse the arguments, load, print JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    add_target_arguments(parser)
    parser.add_argument("--requests", type=positive, default=1000)
    parser.add_argument("--connections", type=positive, default=8)
    arguments = parser.parse_args()
    result = loops.run(
        run_load(
            read_target(arguments),
            arguments.requests,
            arguments.connections,
            stream=arguments.stream,
            size=arguments.size,
        )
    )
    print(json.dumps(result))


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    main()
