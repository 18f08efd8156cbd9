"""Passes open sockets between processes: file descriptors over a socketpair of datagrams.

Each datagram is one descriptor with a note of a few bytes. What a descriptor has to say at length
goes over the channel.

Rule: a descriptor that was given here is sent, or closed when this ends; it is never both used
here and there.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

logger = logging.getLogger("lockgate.workers")

_NOTE_BYTES: Final = 16
_PER_TURN: Final = 32  # of the event loop, so that others have their turn
_RETRY_S: Final = 0.01
# The kernel has too many descriptors under way, and tells no readiness.
_PASSING: Final = frozenset({errno.ENOBUFS, errno.ETOOMANYREFS})

# Notes: one byte that says what the descriptor is, and a number.
_NOTE: Final = struct.Struct(">cQ")
FRESH: Final = b"f"  # a connection just accepted; the number is the seat that it is for
BEGUN: Final = b"b"  # a connection whose first bytes come by the channel under this token

OnDescriptor = Callable[[bytes, int, int], None]  # kind, number, descriptor


class Descriptors:
    """One end of the pair.

    Args:
        end: the socket; owned from here on.
        on_descriptor: takes each one that arrives, and owns it.
    """

    def __init__(self, end: socket.socket, on_descriptor: OnDescriptor) -> None:
        end.setblocking(False)
        self._end = end
        self._on_descriptor = on_descriptor
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._sent = asyncio.Event()
        self._sent.set()
        self._is_writing = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to receive."""
        asyncio.get_running_loop().add_reader(self._end.fileno(), self.receive)

    def send(self, kind: bytes, number: int, descriptor: int) -> None:
        """Send one descriptor and close it here."""
        if self._closed:
            os.close(descriptor)
            return
        self._waiting.append((_NOTE.pack(kind, number), descriptor))
        self._sent.clear()
        if len(self._waiting) == 1:
            self._write()

    async def flush(self) -> None:
        """Wait until everything was sent."""
        await self._sent.wait()

    def receive(self) -> None:
        """Take in some of what has arrived."""
        for _ in range(_PER_TURN):
            if not self._receive_one():
                return

    def receive_all(self) -> None:
        """Take in all that has arrived."""
        while self._receive_one():
            pass

    def _receive_one(self) -> bool:
        if self._closed:
            return False
        try:
            received = _receive(self._end)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:  # the other process is gone: the channel tells it too
            logger.debug("no more descriptors: %s", error.strerror)
            self._forget_reader()
            return False
        if received is not None:
            self._on_descriptor(*received)
        return True

    def withdraw(self) -> list[tuple[bytes, int, int]]:
        """Return what was not sent yet, as (kind, number, descriptor); it is the caller's."""
        unsent = [(*_NOTE.unpack(note), descriptor) for note, descriptor in self._waiting]
        self._waiting.clear()
        self._forget_writer()
        self._sent.set()
        return unsent

    def close(self) -> None:
        """End it; what was not sent is closed."""
        if self._closed:
            return
        self._closed = True
        self._forget_reader()
        self._forget_writer()
        if self._timer is not None:
            self._timer.cancel()
        while self._waiting:
            os.close(self._waiting.popleft()[1])
        self._sent.set()
        self._end.close()

    def _write(self) -> None:
        self._timer = None
        while self._waiting:
            note, descriptor = self._waiting[0]
            try:
                socket.send_fds(self._end, [note], [descriptor])
            except (BlockingIOError, InterruptedError):
                self._wait_for_room()
                return
            except OSError as error:
                if error.errno in _PASSING:
                    self._timer = asyncio.get_running_loop().call_later(_RETRY_S, self._write)
                    return
                logger.warning("a connection cannot be passed on: %s", error.strerror)
            self._waiting.popleft()
            os.close(descriptor)
        self._forget_writer()
        self._sent.set()

    def _wait_for_room(self) -> None:
        if not self._is_writing:
            self._is_writing = True
            asyncio.get_running_loop().add_writer(self._end.fileno(), self._write)

    def _forget_writer(self) -> None:
        if self._is_writing:
            self._is_writing = False
            asyncio.get_running_loop().remove_writer(self._end.fileno())

    def _forget_reader(self) -> None:
        if self._end.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._end.fileno())


def read_left(end: socket.socket) -> list[tuple[bytes, int, int]]:
    """Return what lies unread at an end whose process is gone: (kind, number, descriptor)."""
    left: list[tuple[bytes, int, int]] = []
    while True:
        try:
            received = _receive(end)
        except OSError:  # nothing is left
            return left
        if received is not None:
            left.append(received)


def _receive(end: socket.socket) -> tuple[bytes, int, int] | None:
    """Return one descriptor with its note; None where it was not of our making."""
    note, found, _, _ = socket.recv_fds(end, _NOTE_BYTES, 1)
    if not note:
        raise ConnectionResetError  # datagrams of ours are never empty: the pair has ended
    if len(note) == _NOTE.size and len(found) == 1:
        kind, number = _NOTE.unpack(note)
        return kind, number, found[0]
    for descriptor in found:  # cut short: the process has too many open files
        os.close(descriptor)
    return None
