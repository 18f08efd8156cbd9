"""Hands a connection whose request is not the data plane's from a worker to the parent.

The descriptor goes one way, the bytes that were already read go by the channel; a token joins
them again. They may come in either order.

Rule: nothing was written for that request before, nothing is read after: the parent sees the
connection as if it had accepted it itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterable
from itertools import count
from math import inf
from typing import Any, Final, cast

from gateway.workers.channel import Channel, Kind
from gateway.workers.descriptors import BEGUN, Descriptors

logger = logging.getLogger("lockgate.workers")

_TOKEN: Final = struct.Struct(">Q")
_FLUSH_WAIT_S: Final = 0.005  # for the end of an answer that is still on its way to the client
_UNREAD_S: Final = (
    10.0  # for the client to take it: who asks for more has to read what it asked for
)
_LAST_S: Final = 1.0  # the same when the worker leaves
# Halves of connections that wait for their other one: it comes at once, or was lost because the
# process has no descriptor left.
_MOST_HALVES: Final = 1024


class PassOn:
    """The worker's side: call it with a transport and the bytes read of the request.

    Args:
        channel: to the parent.
        descriptors: to the parent.
        unread_s: how long a client may leave an answer unread that comes first, in seconds.
    """

    def __init__(
        self, channel: Channel, descriptors: Descriptors, *, unread_s: float = _UNREAD_S
    ) -> None:
        self._channel = channel
        self._descriptors = descriptors
        self._unread_s = unread_s
        self._tokens = count(1)
        self._waiting = 0
        self._ends_at_s = inf
        self._idle = asyncio.Event()
        self._idle.set()

    def __call__(self, transport: asyncio.Transport, data: bytes) -> None:
        """Give the connection to the parent; `transport` is closed here."""
        if transport.is_closing():
            return
        transport.pause_reading()
        self._waiting += 1
        self._idle.clear()
        self._send(transport, data, asyncio.get_running_loop().time() + self._unread_s)

    async def flush(self) -> None:
        """Wait until all connections are with the parent; who still does not read is let go."""
        self._ends_at_s = asyncio.get_running_loop().time() + _LAST_S
        await self._idle.wait()
        await self._descriptors.flush()
        await self._channel.drain()

    def _send(self, transport: asyncio.Transport, data: bytes, by_s: float) -> None:
        if transport.get_write_buffer_size() and not transport.is_closing():
            loop = asyncio.get_running_loop()
            if loop.time() < min(by_s, self._ends_at_s):
                loop.call_later(_FLUSH_WAIT_S, self._send, transport, data, by_s)
                return
            transport.abort()
        if not transport.is_closing():
            self._give(transport, data)
        self._waiting -= 1
        if not self._waiting:
            self._idle.set()

    def _give(self, transport: asyncio.Transport, data: bytes) -> None:
        try:
            # A copy of the descriptor: closing ours does not end the connection.
            descriptor = os.dup(transport.get_extra_info("socket").fileno())
        except OSError as error:
            logger.warning("a connection cannot be passed on: %s", error.strerror)
            transport.abort()
            return
        token = next(self._tokens)
        transport.abort()
        self._channel.send(Kind.PASSED, _TOKEN.pack(token) + data)
        self._descriptors.send(BEGUN, token, descriptor)


class Joined:
    """The parent's side, one per worker: joins descriptors and bytes.

    Tokens rise on both ways: a half that is older than what has just come from the other way has
    lost its own, and is let go.

    Args:
        take: takes a connection and what was read of it.
    """

    def __init__(self, take: Callable[[socket.socket, bytes], None]) -> None:
        self._take = take
        self._descriptors: dict[int, int] = {}
        self._bytes: dict[int, bytes] = {}

    @property
    def waiting(self) -> int:
        """How many halves wait for their other one."""
        return len(self._descriptors) + len(self._bytes)

    def add_bytes(self, payload: bytes) -> None:
        """Take in a PASSED frame."""
        (token,) = _TOKEN.unpack_from(payload)
        data = payload[_TOKEN.size :]
        descriptor = self._descriptors.pop(token, None)
        for older in _list_older(self._descriptors, token):
            os.close(self._descriptors.pop(older))
        if descriptor is None:
            self._bytes[token] = data
            if len(self._bytes) > _MOST_HALVES:
                del self._bytes[min(self._bytes)]
        else:
            self._join(descriptor, data)

    def add_descriptor(self, token: int, descriptor: int) -> None:
        """Take in a descriptor."""
        data = self._bytes.pop(token, None)
        for older in _list_older(self._bytes, token):
            del self._bytes[older]
        if data is None:
            self._descriptors[token] = descriptor
            if len(self._descriptors) > _MOST_HALVES:
                os.close(self._descriptors.pop(min(self._descriptors)))
        else:
            self._join(descriptor, data)

    def _join(self, descriptor: int, data: bytes) -> None:
        try:
            connected = socket.socket(fileno=descriptor)
        except OSError:  # no socket at all
            os.close(descriptor)
            raise
        self._take(connected, data)

    def close(self) -> None:
        """Close what has no other half: its worker is gone."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])


def _list_older(halves: Iterable[int], token: int) -> list[int]:
    return [other for other in halves if other < token]


class Reception:
    """Gives connections to a server of this process.

    Args:
        build_protocol: makes the protocol of a connection.
    """

    def __init__(self, build_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._build_protocol = build_protocol
        self._opening: set[asyncio.Task[Any]] = set()

    def take(self, connected: socket.socket, data: bytes) -> None:
        """Serve a connection of which `data` was already read."""
        connected.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._connect(connected, data))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, connected: socket.socket, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: _Begun(self._build_protocol(), data), connected
            )
        except OSError as error:
            logger.debug("a connection was lost on its way: %s", error.strerror)
            connected.close()


class _Begun(asyncio.Protocol):
    """Gives way to the server's protocol, with the bytes that came before all others."""

    def __init__(self, protocol: asyncio.Protocol, data: bytes) -> None:
        self._protocol = protocol
        self._data = data

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand over within this call: the event loop may read more in its next turn."""
        cast("asyncio.Transport", transport).set_protocol(self._protocol)
        self._protocol.connection_made(transport)
        self._protocol.data_received(self._data)
