"""The connections that are open: which are free for the next request, and for how long.

They are kept in lanes: one origin, one credential. So an answer that came out of step could reach
nobody but those who use the same credential.

Rule: the one that was used last is used next, so that the others grow old and are closed;
nothing that was free for longer than `IDLE_S` is ever used.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from gateway.proxy.deadline import now_s
from gateway.proxy.upstream.connection import Connection

IDLE_S: Final = 50.0  # below the 60 s after which common servers close an idle connection
_CLOSE_S: Final = 1.0  # to let the event loop see the connections off


class Pool:
    """The open connections of one set of upstreams: they share TLS settings and proxy.

    Args:
        idle_s: how long a connection may be free before it is closed.
    """

    __slots__ = ("_closed", "_emptied", "_idle", "_idle_s", "_open", "_timer")

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._idle: dict[str, dict[Connection, float]] = {}  # oldest first, with since when
        self._open: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Event | None = None
        self._closed = False

    def build(self, lane: str) -> Connection:
        """Return a connection, not yet opened, that comes back here by itself."""
        return Connection(on_free=partial(self._put, lane), on_lost=partial(self._drop, lane))

    def adopt(self, connection: Connection) -> None:
        """Take charge of a connection that was opened."""
        if self._closed:
            connection.abort()
        elif connection.is_usable:
            self._open.add(connection)

    def take(self, lane: str) -> Connection | None:
        """Return a free connection, if there is one."""
        idle = self._idle.get(lane)
        if not idle:
            return None
        oldest_s = now_s() - self._idle_s
        while idle:
            connection, since_s = idle.popitem()
            if since_s < oldest_s:  # and so are all others
                connection.abort()
            elif connection.is_usable:
                return connection
        return None

    def count_idle(self) -> int:
        """Return how many connections are free."""
        return sum(map(len, self._idle.values()))

    async def close(self) -> None:
        """Close all connections, also those in use."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._idle.clear()
        self._emptied = asyncio.Event()
        if not self._open:
            return
        for connection in list(self._open):
            connection.transport.abort()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._emptied.wait()
        except TimeoutError:
            pass  # a peer that does not let go of TLS keeps nobody waiting here

    def _put(self, lane: str, connection: Connection) -> None:
        if self._closed:
            connection.abort()
            return
        idle = self._idle.get(lane)
        if idle is None:
            idle = self._idle[lane] = {}
        idle[connection] = now_s()
        if self._timer is None:
            self._arm(self._idle_s)

    def _drop(self, lane: str, connection: Connection) -> None:
        self._open.discard(connection)
        idle = self._idle.get(lane)
        if idle is not None:
            idle.pop(connection, None)
            if not idle:
                del self._idle[lane]
        if self._emptied is not None and not self._open:
            self._emptied.set()

    def _arm(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        at_s = now_s()
        soonest_s: float | None = None
        for idle in list(self._idle.values()):
            for connection, since_s in list(idle.items()):
                if since_s + self._idle_s > at_s:
                    soonest_s = min(soonest_s or since_s, since_s)
                    break  # the others are younger
                del idle[connection]
                connection.abort()
        if soonest_s is not None:
            self._arm(soonest_s + self._idle_s - at_s)
