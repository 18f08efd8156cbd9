"""The upstreams of a run: the simulator, the raw one, and the places that nobody can reach.

Rule: everything listens on loopback and ends with the block.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from typing import Self

import trustme

from bench.faults.calls import Calls
from bench.faults.raw import RawUpstream
from bench.faults.rows import Site
from bench.processes import free_port
from gateway.simulator import RunningSimulator, start_simulator
from gateway.simulator.calls import ReceivedCall

_DEAF_CALLS = 3  # that fill the queue of a socket with a backlog of none
_UNKNOWN = "http://nobody.invalid:8080"  # RFC 6761 section 6.4: never resolves


class _Noted(list[ReceivedCall]):
    """The simulator's list of calls, which counts what is put into it."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self._calls = calls

    def append(self, call: ReceivedCall) -> None:
        """Count a call; it is not kept."""
        model = call.path.partition("/models/")[2].rpartition(":")[0]
        if not model:
            model = str(call.json().get("model", ""))
        self._calls.note(model.partition("+")[0], call.body)


@dataclass(frozen=True, slots=True)
class Sites:
    """The places by their names, and what they were asked."""

    urls: dict[Site, str]
    calls: Calls
    simulator: RunningSimulator

    @property
    def origins(self) -> str:
        """What the operator has to allow."""
        return ",".join(self.urls.values())


@asynccontextmanager
async def open_sites() -> AsyncIterator[Sites]:
    """Open all upstreams for the length of the block."""
    async with AsyncExitStack() as stack:
        calls = Calls()
        simulator = await stack.enter_async_context(await start_simulator())
        count_calls(simulator, calls)
        raw = await asyncio.start_server(RawUpstream(calls).serve, "127.0.0.1", 0, backlog=512)
        stack.push_async_callback(_close, raw)
        raw_port = raw.sockets[0].getsockname()[1]
        secured = await start_simulator(tls=_build_context())
        await stack.enter_async_context(secured)
        count_calls(secured, calls)
        deaf_port = stack.enter_context(_Deaf()).port
        yield Sites(
            {
                Site.SIMULATOR: simulator.url,
                Site.RAW: f"http://127.0.0.1:{raw_port}",
                Site.REFUSED: f"http://127.0.0.1:{free_port()}",
                Site.SWALLOWED: f"http://127.0.0.1:{deaf_port}",
                Site.UNKNOWN_NAME: _UNKNOWN,
                Site.UNTRUSTED: secured.url,
                Site.PLAIN_TEXT: f"https://127.0.0.1:{raw_port}",
            },
            calls,
            simulator,
        )


def count_calls(simulator: RunningSimulator, calls: Calls) -> None:
    """Have a simulator's calls counted in place of being kept."""
    simulator._simulator.calls = _Noted(calls)


async def _close(server: asyncio.Server) -> None:
    server.close()


def _build_context() -> ssl.SSLContext:
    """Return the TLS of a server whose certificate nobody else trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


class _Deaf:
    """A port that takes no connection and refuses none: its queue is full."""

    def __enter__(self) -> Self:
        self._held = [socket.socket() for _ in range(1 + _DEAF_CALLS)]
        listener, *callers = self._held
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        self.port = listener.getsockname()[1]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", self.port))
        return self

    def __exit__(self, *_exc: object) -> None:
        for one in self._held:
            with closing(one):
                pass
