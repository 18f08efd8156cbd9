"""``python -m bench.slowloris``: 1,000 clients that never finish a request's head.

Each opens a connection, sends half a head and then a byte a second; who is closed comes again.
Meanwhile a good client sends at a fixed rate. Its latency is taken without them, with them, and
without them again, on one gateway.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench import loops
from bench.figures import table
from bench.openloop import open_load
from bench.processes import raise_file_limit, start_module
from bench.subjects import set_up, start_gateway, start_mock

_DRIP_S = 1.0
_SETTLE_S = 3.0  # until all are connected
_HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: "
_NAMES = ("p50_ms", "p99_ms", "max_ms", "refused", "failed")


async def drip(host: str, port: int, count: int) -> None:
    """Hold that many connections until standard input ends."""
    held = [asyncio.create_task(_hold(host, port, index / count)) for index in range(count)]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in held:
        task.cancel()


async def _hold(host: str, port: int, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.write(_HEAD)
            while not writer.is_closing():
                await asyncio.sleep(_DRIP_S)
                writer.write(b"x")
                await writer.drain()
        await asyncio.sleep(_DRIP_S)


@contextmanager
def start_drip(host: str, port: int, count: int) -> Iterator[None]:
    """Run the slow clients in a process of their own."""
    with start_module("bench.slowloris", "--drip", f"{host}:{port}", "--count", str(count)):
        yield


def measure(count: int, rate: float, seconds: float) -> dict[str, Any]:
    """Return the good client's figures without and with the slow ones."""
    with (
        tempfile.TemporaryDirectory() as name,
        start_mock() as mock,
        start_gateway(mock, Path(name) / "data") as bare,
    ):
        target = set_up(bare, mock).target()
        open_load(target, rate, 2)
        found = {"without": open_load(target, rate, seconds)}
        with start_drip(*target.place, count):
            loops.run(asyncio.sleep(_SETTLE_S))
            found["with"] = open_load(target, rate, seconds)
        loops.run(asyncio.sleep(_SETTLE_S))
        found["without again"] = open_load(target, rate, seconds)
    return found


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.slowloris", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="slow connections")
    parser.add_argument("--rate", type=float, default=200, help="of the good client, a second")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--json", action="store_true", help="print all that was found")
    parser.add_argument("--drip", metavar="HOST:PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    raise_file_limit()
    if arguments.drip:
        host, _, port = arguments.drip.rpartition(":")
        loops.run(drip(host, int(port), arguments.count))
        return
    found = measure(arguments.count, arguments.rate, arguments.seconds)
    if arguments.json:
        print(json.dumps(found))
        return
    rows = [[when, *(row[name] for name in _NAMES)] for when, row in found.items()]
    print(table(["slow clients", *(name.replace("_", " ") for name in _NAMES)], rows))


if __name__ == "__main__":
    main()
