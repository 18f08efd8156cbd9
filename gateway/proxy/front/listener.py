"""All connections of clients: made here, looked after once a second, drained at a stop.

Rule: a draining listener finishes what it has begun: each answer says `Connection: close`, an
idle connection is closed, and nothing is cut before the drain time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

from gateway.errors import LockgateError
from gateway.proxy.deadline import now_s
from gateway.proxy.front.connection import ClientConnection

PassOn = Callable[[asyncio.Transport, bytes], None]
Handle = Callable[[ClientConnection], Coroutine[Any, Any, None]]
Render = Callable[[LockgateError, bytes], tuple[int, bytes, bytes]]

KEEPALIVE_S: Final = 75.0  # longer than the 60 s that load balancers commonly keep an idle one
HEAD_LIMIT_S: Final = 10.0  # for all of a request's head
BODY_IDLE_S: Final = 10.0  # silence of a client in the middle of its body
_TICK_S: Final = 0.25  # limits are of seconds: this late is early enough
_CUT_S: Final = 3.0  # what is cut at the end of the drain books its row and says its last word


class Front:
    """Makes a protocol for each connection of a listener: give it to `create_server`.

    Attributes:
        draining: each answer is its connection's last. Set it before `drain`, for the requests
            that are under way on kept connections.
        closes_idle: connections without a request are closed.
        on_count: told the number of open connections whenever it changes.

    Args:
        handle: serves one request; catches its own errors.
        render: makes status, header lines and body of an error that is no request's, given what
            there is of the head.
        pass_on: takes a connection whose request is not the data plane's, with all its bytes.
    """

    def __init__(
        self,
        handle: Handle,
        render: Render,
        pass_on: PassOn,
        *,
        keepalive_s: float = KEEPALIVE_S,
        head_limit_s: float = HEAD_LIMIT_S,
        body_idle_s: float = BODY_IDLE_S,
    ) -> None:
        self.handle = handle
        self.render = render
        self.pass_on = pass_on
        self.keepalive_s = keepalive_s
        self.head_limit_s = head_limit_s
        self.body_idle_s = body_idle_s
        self.draining = False
        self.closes_idle = False
        self.at_s = now_s()
        self.starts: dict[int, bytes] = {}  # status lines with the Date of this second
        self.on_count: Callable[[int], None] | None = None
        self._connections: set[ClientConnection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._settled: asyncio.Event | None = None

    def __call__(self) -> ClientConnection:
        """Return the protocol of a new connection."""
        return ClientConnection(self)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    @property
    def busy(self) -> int:
        """How many requests are being answered."""
        return sum(connection.is_busy for connection in self._connections)

    def start(self) -> None:
        """Begin to look after the connections."""
        self._tick()

    async def drain(self, limit_s: float, error: Callable[[], LockgateError]) -> int:
        """Let running requests finish; return how many had to be cut after `limit_s` seconds.

        `error` makes what a request is told that is cut.
        """
        self.draining = self.closes_idle = True
        await self._wait_until_empty(limit_s)
        cut = [connection for connection in self._connections if connection.is_busy]
        for connection in cut:
            connection.stop(error())
        if cut:
            await self._wait_until_empty(_CUT_S)
        return len(cut)

    def close(self) -> None:
        """Close all connections at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in list(self._connections):
            connection.abort()

    # --- for the connections ----------------------------------------------------------------

    def build_start(self, status: int) -> bytes:
        """Return the status line and Date of an answer."""
        start = self.starts.get(status)
        if start is None:
            date = formatdate(usegmt=True)
            start = f"HTTP/1.1 {status} {_find_phrase(status)}\r\nDate: {date}\r\n".encode()
            self.starts[status] = start
        return start

    def add(self, connection: ClientConnection) -> None:
        """Take charge of a connection."""
        self._connections.add(connection)
        if self.on_count is not None:
            self.on_count(len(self._connections))

    def discard(self, connection: ClientConnection) -> None:
        """Let go of a connection."""
        self._connections.discard(connection)
        if self.on_count is not None:
            self.on_count(len(self._connections))
        if not self._connections and self._settled is not None:
            self._settled.set()

    # --- within -----------------------------------------------------------------------------

    async def _wait_until_empty(self, limit_s: float) -> None:
        self._look()
        if not self._connections:
            return
        self._settled = asyncio.Event()
        try:
            async with asyncio.timeout(limit_s):
                await self._settled.wait()
        except TimeoutError:
            pass  # the caller sees what is left

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
        self._look()

    def _look(self) -> None:
        at_s = self.at_s = now_s()
        self.starts.clear()
        for connection in list(self._connections):
            connection.look(at_s)


def _find_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"  # a provider's own, such as 529: the phrase says nothing to a program
