"""A worker's connections: accepts them, keeps its share, passes the rest to who has fewer.

Rule: a connection is answered here or passed on, once; what another worker passed here is kept,
so that none wanders.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from gateway.workers.spread import Seat, now_ms

logger = logging.getLogger("lockgate.workers")

_PER_TURN: Final = 64  # of the event loop: running requests have their turn between
_LATE_S: Final = 0.05  # of a beat: turns are so long that 64 in each would keep others for seconds
_PER_LATE_BEAT: Final = 1024  # they are to be told at least that there is no room
_PAUSE_S: Final = 1.0  # when the process has no descriptor left, as asyncio's own server does
_BEAT_S: Final = 0.1
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Accepts connections of one listening socket.

    Args:
        listener: owned from here on.
        seat: this worker's place on the board.
        build_protocol: makes the protocol of a connection.
        count: returns how many connections are open.
        pass_to: sends a fresh connection to the worker in that seat.
    """

    def __init__(
        self,
        listener: socket.socket,
        seat: Seat,
        build_protocol: Callable[[], asyncio.BaseProtocol],
        count: Callable[[], int],
        pass_to: Callable[[int, socket.socket], None],
    ) -> None:
        self._listener = listener
        self._seat = seat
        self._build_protocol = build_protocol
        self._count = count
        self._pass_to = pass_to
        self._opening: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._beat_at_s = 0.0
        self._is_listening = False
        self._is_paused = False

    @property
    def connections(self) -> int:
        """Open ones, and those that are being opened."""
        return self._count() + len(self._opening)

    def start(self) -> None:
        """Begin to accept."""
        self._is_listening = True
        self._loop.add_reader(self._listener.fileno(), self._accept)
        self._beat_at_s = time.monotonic()
        self._beat()
        self._seat.set_open(True)

    def stop(self) -> None:
        """Take in what waits at the listener and close it here."""
        if not self._is_listening:
            return
        self._seat.set_open(False)
        self._accept_all()
        self._is_listening = False
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()

    def take(self, connected: socket.socket) -> None:
        """Open a connection that another worker has passed here."""
        self._seat.note_received()
        self._open(connected)

    async def settle(self) -> None:
        """Wait until those that are being opened are open."""
        if self._opening:
            await asyncio.wait(set(self._opening))

    def _accept(self, most: int = _PER_TURN) -> None:
        for _ in range(most):
            if not self._accept_one():
                return

    def _accept_all(self) -> None:
        while self._accept_one():
            pass

    def _accept_one(self) -> bool:
        try:
            connected, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._pause(error)
                return False
            return True  # that connection is gone before it was accepted
        connections = self.connections
        chosen = self._seat.choose(connections, now_ms())
        if chosen is None:
            self._open(connected)
        else:
            self._seat.note_passed(chosen)
            self._pass_to(chosen, connected)
        return True

    def _open(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        task = self._loop.create_task(self._connect(connected))
        self._opening.add(task)
        task.add_done_callback(self._note_opened)
        self._seat.publish(self.connections)

    async def _connect(self, connected: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._build_protocol, connected)
        except OSError as error:
            logger.debug("a connection was lost at once: %s", error.strerror)
            connected.close()

    def _note_opened(self, task: asyncio.Task[Any]) -> None:
        self._opening.discard(task)
        self._seat.publish(self.connections)

    def _pause(self, error: OSError) -> None:
        logger.error("no connection can be accepted for now: %s", error.strerror)
        self._is_paused = True
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(_PAUSE_S, self._resume)

    def _resume(self) -> None:
        self._is_paused = False
        if self._is_listening:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _beat(self) -> None:
        self._seat.beat(now_ms(), self.connections)
        at_s, last_at_s = time.monotonic(), self._beat_at_s
        self._beat_at_s = at_s
        is_late = at_s - last_at_s > _BEAT_S + _LATE_S
        if is_late and self._is_listening and not self._is_paused:
            self._accept(_PER_LATE_BEAT)
        self._timer = self._loop.call_later(_BEAT_S, self._beat)
