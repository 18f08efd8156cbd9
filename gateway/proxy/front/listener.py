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

from gateway.errors import LockgateError, OverloadedError
from gateway.proxy.admission import RETRY_AFTER_S, SENTENCES, Admission
from gateway.proxy.deadline import now_s
from gateway.proxy.front.connection import ClientConnection
from gateway.proxy.front.head import Head
from gateway.routing.limits import Refusal

PassOn = Callable[[asyncio.Transport, bytes], None]
Handle = Callable[[ClientConnection], Coroutine[Any, Any, None]]
Render = Callable[[LockgateError, bytes], tuple[int, bytes, bytes]]
RenderRefusal = Callable[[Head, Refusal], tuple[bytes, bytes]]

KEEPALIVE_S: Final = 75.0  # longer than the 60 s that load balancers commonly keep an idle one
HEAD_LIMIT_S: Final = 10.0  # for all of a request's head
BODY_IDLE_S: Final = 10.0  # silence of a client in the middle of its body
_TICK_S: Final = 0.25  # limits are of seconds: this late is early enough
_RESERVE: Final = 64  # connections beyond the limit: whoever watches or steers must get through
_SLEPT_S: Final = 1.0  # this late no turn of the loop is: the process was stopped, or nearly so
_CUT_S: Final = 3.0  # what is cut at the end of the drain books its row and says its last word


class Front:
    """Makes a protocol for each connection of a listener: give it to `create_server`.

    Attributes:
        draining: each answer is its connection's last. Set it before `drain`, for the requests
            that are under way on kept connections.
        closes_idle: connections without a request are closed.
        on_count: told the number of open connections whenever it changes.
        max_connections: open at the same time; 0: any number.
        max_connections_per_source: of one address; 0: any number. Set both before the start.
        late_s: how late the last look at the connections was: how long a turn of the loop took.

    Args:
        handle: serves one request; catches its own errors.
        render: makes status, header lines and body of an error that is no request's, given what
            there is of the head.
        pass_on: takes a connection whose request is not the data plane's, with all its bytes.
        admission: tells who is refused for want of room.
        render_refusal: makes header lines and body of such a refusal.
    """

    def __init__(
        self,
        handle: Handle,
        render: Render,
        pass_on: PassOn,
        *,
        admission: Admission | None = None,
        render_refusal: RenderRefusal | None = None,
        keepalive_s: float = KEEPALIVE_S,
        head_limit_s: float = HEAD_LIMIT_S,
        body_idle_s: float = BODY_IDLE_S,
    ) -> None:
        self.handle = handle
        self.render = render
        self.pass_on = pass_on
        self.admission = admission or Admission()
        self.render_refusal = render_refusal or self._render_refusal
        self.max_connections = self.max_connections_per_source = 0
        self.keepalive_s = keepalive_s
        self.head_limit_s = head_limit_s
        self.body_idle_s = body_idle_s
        self.draining = False
        self.closes_idle = False
        self.at_s = now_s()
        self.late_s = 0.0
        self.starts: dict[int, bytes] = {}  # status lines with the Date of this second
        self.on_count: Callable[[int], None] | None = None
        self._connections: set[ClientConnection] = set()
        self._sources: dict[str, int] = {}
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
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
        self._look()

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
        self.admission.close()
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
        """Take charge of a connection; one beyond the limits is not kept."""
        self._connections.add(connection)
        count = len(self._connections)
        if self.on_count is not None:
            self.on_count(count)
        if self.max_connections and count > self.max_connections:
            connection.is_surplus = True
            if count > self.max_connections + _RESERVE:
                self.admission.note_refused(Refusal.CONNECTIONS)
                connection.abort()
                return
        if self.max_connections_per_source:
            self._count_source(connection)

    def find_refusal(self, connection: ClientConnection) -> Refusal | None:
        """Tell whether a request is to be refused for want of room, before all else."""
        route = connection.head.route
        if route is None or route.operation is None:
            return None  # a list costs less than it does to explain that there is none
        if connection.is_surplus:
            if len(self._connections) > self.max_connections:
                self.admission.note_refused(Refusal.CONNECTIONS)
                return Refusal.CONNECTIONS
            connection.is_surplus = False
        if not self.admission.alert:
            return None
        refusal = self.admission.find_refusal(connection.head.digest)
        if refusal is not None:
            self.admission.note_refused(refusal)
        return refusal

    def discard(self, connection: ClientConnection) -> None:
        """Let go of a connection."""
        self._connections.discard(connection)
        if connection.source:
            self._forget_source(connection)
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

    def _count_source(self, connection: ClientConnection) -> None:
        peer = connection.transport.get_extra_info("peername")
        if not peer or not isinstance(peer, tuple):
            return  # a Unix socket, or gone already
        source = connection.source = str(peer[0])
        count = self._sources[source] = self._sources.get(source, 0) + 1
        if count > self.max_connections_per_source:
            self.admission.note_refused(Refusal.SOURCE)
            if count > self.max_connections_per_source + _RESERVE:
                connection.abort()  # it has been told often enough
            else:
                connection.refuse(_build_error(Refusal.SOURCE))

    def _forget_source(self, connection: ClientConnection) -> None:
        source, connection.source = connection.source, ""
        count = self._sources[source] - 1
        if count:
            self._sources[source] = count
        else:
            del self._sources[source]

    def _render_refusal(self, head: Head, refusal: Refusal) -> tuple[bytes, bytes]:  # noqa: ARG002
        return self.render(_build_error(refusal), b"")[1:]

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
        at_s = now_s()
        passed_s = at_s - self.at_s
        self.late_s = max(0.0, passed_s - _TICK_S)
        if self.late_s > _SLEPT_S:
            for connection in self._connections:
                connection.forgive(self.late_s)
        self._look()
        self.admission.tick(at_s, passed_s, self.late_s)

    def _look(self) -> None:
        at_s = self.at_s = now_s()
        self.starts.clear()
        for connection in list(self._connections):
            connection.look(at_s)


def _build_error(refusal: Refusal) -> OverloadedError:
    return OverloadedError(SENTENCES[refusal], retry_after_s=RETRY_AFTER_S)


def _find_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"  # a provider's own, such as 529: the phrase says nothing to a program
