"""``python -m bench.hangups``: clients that hang up while their upstream is busy with them.

In each phase of a request as many clients as asked for wait, and hang up at the same moment. Exit 1
where an upstream connection is open a second later, a request is in flight, a row is missing, or
where the gateway, in Python's development mode, has a word to say about it on stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import re
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import loops
from bench import rest as control
from bench.figures import table
from bench.load import positive
from bench.mock import FIRST, PLAIN, STREAM_HEAD, Provider, answer, event
from bench.processes import raise_file_limit, read_tree_rss_mib
from bench.soak import read_ledger
from bench.subjects import NotThereError, Subject, start_gateway, with_key
from bench.wire import Target, dump_body, dump_request

# What the provider does when the clients hang up.
PHASES = {
    "connect": "swallows the connect",
    "tls": "says nothing in the handshake",
    "silent": "sends no headers",
    "body": "sends half of an answer",
    "headers": "sends the headers of a stream",
    "preamble": "sends a role, no content",
    "content": "sends content, then nothing",
    "flood": "sends more than the client reads",
    "retry": "has answered 500; the second try is due",
}
_FAILURES = 4  # of one model: the fifth in a row opens its circuit
_LIMIT_S = 1.0
_GIVE_UP_S = 10.0
_READY_S = 30.0
_FLOOD = event('"content":"%s"' % ("x" * 16_000))
_NOISE = re.compile(r"ResourceWarning|never retrieved|never awaited|Traceback|was destroyed")


@dataclass(slots=True, eq=False)
class Upstream:
    """The providers of all phases: where they are, and who is connected to them."""

    urls: dict[str, str] = field(default_factory=dict)
    calls: int = 0
    sent: int = 0  # writes of the flood
    busy: set[asyncio.Protocol] = field(default_factory=set)


class _Busy(Provider):
    """Begins an answer as the model's name says, and never ends it."""

    def __init__(self, upstream: Upstream) -> None:
        super().__init__()
        self._upstream = upstream
        self._paused = False
        self._floods = False

    def reply(self, _head: bytes, body: bytes) -> None:
        """Take one request."""
        self._upstream.calls += 1
        self._upstream.busy.add(self)
        phase = body.partition(b'"model":"hang-')[2].partition(b'"')[0].decode()
        if phase == "retry":
            self._upstream.busy.discard(self)
            self.transport.write(answer(b"{}", status="500 Internal Server Error"))
        elif phase == "body":
            self.transport.write(PLAIN[:-40])
        elif phase != "silent":
            parts = {"headers": b"", "preamble": FIRST}.get(phase, FIRST + event('"content":"a"'))
            self.transport.write(STREAM_HEAD + parts)
            self._floods = phase == "flood"
            self._flood()

    def _flood(self) -> None:
        while self._floods and not self._paused and not self.transport.is_closing():
            self._upstream.sent += 1
            self.transport.write(_FLOOD)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._flood()

    def connection_lost(self, exc: Exception | None) -> None:
        self._upstream.busy.discard(self)


class _Deaf(asyncio.Protocol):
    """Takes a connection and says nothing."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._upstream.calls += 1
        self._upstream.busy.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._upstream.busy.discard(self)


@contextmanager
def _swallow() -> Any:
    """Listen with a full queue: whoever connects waits."""
    with socket.socket() as listener, ExitStack() as kept:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = kept.enter_context(socket.socket())
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def open_upstream() -> AsyncIterator[Upstream]:
    """Run the providers in this process."""
    upstream = Upstream()
    loop = asyncio.get_running_loop()
    with _swallow() as swallowing:
        busy = await loop.create_server(lambda: _Busy(upstream), "127.0.0.1", 0, backlog=4096)
        deaf = await loop.create_server(lambda: _Deaf(upstream), "127.0.0.1", 0, backlog=4096)
        async with busy, deaf:
            ports = [server.sockets[0].getsockname()[1] for server in (busy, deaf)]
            upstream.urls = dict.fromkeys(PHASES, f"http://127.0.0.1:{ports[0]}")
            upstream.urls["tls"] = f"https://127.0.0.1:{ports[1]}"
            upstream.urls["connect"] = swallowing
            yield upstream


async def hang_up(
    upstream: Upstream,
    target: Target,
    phase: str,
    clients: int,
    before: Callable[[], Awaitable[None]] | None = None,
    endpoints: Sequence[str] = (),
) -> float:
    """Let clients wait in a phase and hang up; return the seconds until no upstream is busy."""
    upstream.calls = 0
    stream = phase not in ("body", "silent", "retry")
    names = endpoints or (target.model,)
    raws = [dump_request(target, dump_body(name, stream=stream)) for name in names]
    open_one = asyncio.open_connection
    pairs = [await open_one(*target.place) for _ in range(clients)]
    for (_, writer), raw in zip(pairs, itertools.cycle(raws), strict=False):
        writer.write(raw)
    if phase in ("content", "flood"):
        async with asyncio.timeout(_READY_S):
            await asyncio.gather(*(reader.readuntil(b"\r\n\r\n") for reader, _ in pairs))
    await _wait(lambda: upstream.calls >= clients or phase == "connect", _READY_S)
    await asyncio.sleep(0.02 if phase == "retry" else 0.3)
    if phase == "flood":
        await _wait_for_calm(upstream)
    if before is not None:
        await before()
    for _, writer in pairs:
        writer.transport.abort()
    hung_up_s = time.monotonic()
    await _wait(lambda: not upstream.busy, _GIVE_UP_S)
    return time.monotonic() - hung_up_s


async def _wait_for_calm(upstream: Upstream) -> None:
    """Wait until nothing more goes through: all buffers on the way are full."""
    sent = -1
    while sent != upstream.sent:
        sent = upstream.sent
        await asyncio.sleep(0.5)


async def _wait(condition: Callable[[], bool], limit_s: float) -> None:
    end_s = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end_s:
        await asyncio.sleep(0.005)


def list_names(phase: str, clients: int) -> list[str]:
    """Return the models of a phase: where each fails, so many that no circuit opens."""
    if phase != "retry":
        return [phase]
    return [f"{phase}-{number}" for number in range(clients // _FAILURES + 1)]


def set_up(gateway: Subject, upstream: Upstream, clients: int) -> Subject:
    """Create an endpoint with one target for each phase; return the gateway with a key."""
    for phase, url in upstream.urls.items():
        secret = control.create_secret(gateway.rest, phase, url, "bench-provider-key")
        for name in list_names(phase, clients):
            model = control.create_model(gateway.rest, name, secret, f"hang-{phase}")
            control.create_endpoint(gateway.rest, f"hang-{name}", {model: 1})
    return with_key(gateway, control.create_key(gateway.rest, "hangups"))


async def _run_phase(
    gateway: Subject, upstream: Upstream, phase: str, clients: int
) -> dict[str, Any]:
    rss_mib = [read_tree_rss_mib(gateway.pid or 0)]

    async def look() -> None:
        rss_mib.append(read_tree_rss_mib(gateway.pid or 0))

    names = [f"hang-{name}" for name in list_names(phase, clients)]
    took_s = await hang_up(upstream, gateway.target(names[0]), phase, clients, look, names)
    in_flight = 1.0
    end_s = time.monotonic() + _GIVE_UP_S
    while in_flight and time.monotonic() < end_s:
        found = await asyncio.to_thread(gateway.rest.read_metrics)
        in_flight = found.get("lockgate_requests_in_flight", 0.0)
    return {
        "took_s": took_s,
        "left": len(upstream.busy),
        "in_flight": int(in_flight),
        "kib_per_client": (rss_mib[1] - rss_mib[0]) * 1024 / clients,
    }


async def run_hangups(clients: int, workers: int, folder: Path) -> dict[str, Any]:
    """Run all phases; `faults` of what it returns is empty where all is well."""
    async with open_upstream() as upstream:
        origins = {
            "LOCKGATE_ALLOWED_PRIVATE_ORIGINS": ",".join(sorted(set(upstream.urls.values()))),
            "LOCKGATE_CONNECT_TIMEOUT_MS": "30000",
            "LOCKGATE_MAX_LAG_MS": "0",  # 500 handshakes at once are no overload to be refused here
            "PYTHONDEVMODE": "1",
            "PYTHONWARNINGS": "default",
        }
        mock = Subject("direct", upstream.urls["silent"], None)
        data = folder / "data"
        with start_gateway(mock, data, workers=workers, env=origins) as bare:
            gateway = await asyncio.to_thread(set_up, bare, upstream, clients)
            phases = {
                phase: await _run_phase(gateway, upstream, phase, clients) for phase in PHASES
            }
            await asyncio.sleep(1.0)  # the ledger writes within half a second
            booked = await asyncio.to_thread(read_ledger, gateway)
        log = (folder / "data.log").read_text()
    for phase, found in phases.items():
        found["booked"] = sum(booked.get(name, 0) for name in list_names(phase, clients))
    return {"phases": phases, "faults": judge(phases, clients, log)}


def judge(phases: dict[str, dict[str, Any]], clients: int, log: str) -> list[str]:
    """Return what is wrong."""
    faults = [f"stderr: {line[:200]}" for line in log.splitlines() if _NOISE.search(line)]
    for phase, found in phases.items():
        if found["left"] or found["took_s"] > _LIMIT_S:
            faults.append(f"{phase}: {found['left']} upstream connections were left")
        if found["in_flight"]:
            faults.append(f"{phase}: {found['in_flight']} requests are in flight")
        if found["booked"] < clients:
            faults.append(f"{phase}: {found['booked']} rows of {clients}")
    return faults


def main() -> None:
    """Parse the arguments, run, print; exit 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.hangups", description=__doc__)
    parser.add_argument("--clients", type=positive, default=500)
    parser.add_argument("--workers", type=positive, default=1)
    arguments = parser.parse_args()
    raise_file_limit()
    with tempfile.TemporaryDirectory() as name:
        try:
            found = loops.run(run_hangups(arguments.clients, arguments.workers, Path(name)))
        except NotThereError as error:
            parser.exit(1, f"bench.hangups: {error}\n")
    heads = ("the provider", "closed after ms", "left", "in flight", "rows", "KiB per client")
    rows = [
        (
            PHASES[phase],
            round(row["took_s"] * 1000),
            row["left"],
            row["in_flight"],
            row["booked"],
            round(row["kib_per_client"]),
        )
        for phase, row in found["phases"].items()
    ]
    print(table(heads, rows))
    for fault in found["faults"]:
        print(f"FAULT: {fault}")
    sys.exit(1 if found["faults"] else 0)


if __name__ == "__main__":
    main()
