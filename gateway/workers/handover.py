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
from collections.abc import Callable
from itertools import count
from typing import Any, Final, cast

from gateway.workers.channel import Channel, Kind
from gateway.workers.descriptors import BEGUN, Descriptors

logger = logging.getLogger("lockgate.workers")

_TOKEN: Final = struct.Struct(">Q")
_FLUSH_WAIT_S: Final = 0.005  # for the end of an answer that is still on its way to the client


class PassOn:
    """The worker's side: call it with a transport and the bytes read of the request."""

    def __init__(self, channel: Channel, descriptors: Descriptors) -> None:
        self._channel = channel
        self._descriptors = descriptors
        self._tokens = count(1)
        self._waiting = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __call__(self, transport: asyncio.Transport, data: bytes) -> None:
        """Give the connection to the parent; `transport` is closed here."""
        if transport.is_closing():
            return
        transport.pause_reading()
        self._waiting += 1
        self._idle.clear()
        self._send(transport, data)

    async def flush(self) -> None:
        """Wait until all connections are with the parent."""
        await self._idle.wait()
        await self._descriptors.flush()
        await self._channel.drain()

    def _send(self, transport: asyncio.Transport, data: bytes) -> None:
        if transport.get_write_buffer_size() and not transport.is_closing():
            loop = asyncio.get_running_loop()
            loop.call_later(_FLUSH_WAIT_S, self._send, transport, data)
            return
        self._waiting -= 1
        if not self._waiting:
            self._idle.set()
        if transport.is_closing():
            return
        token = next(self._tokens)
        # A copy of the descriptor: closing ours does not end the connection.
        descriptor = os.dup(transport.get_extra_info("socket").fileno())
        transport.abort()
        self._channel.send(Kind.PASSED, _TOKEN.pack(token) + data)
        self._descriptors.send(BEGUN, token, descriptor)


class Joined:
    """The parent's side, one per worker: joins descriptors and bytes.

    Args:
        take: takes a connection and what was read of it.
    """

    def __init__(self, take: Callable[[socket.socket, bytes], None]) -> None:
        self._take = take
        self._descriptors: dict[int, int] = {}
        self._bytes: dict[int, bytes] = {}

    def add_bytes(self, payload: bytes) -> None:
        """Take in a PASSED frame."""
        (token,) = _TOKEN.unpack_from(payload)
        data = payload[_TOKEN.size :]
        descriptor = self._descriptors.pop(token, None)
        if descriptor is None:
            self._bytes[token] = data
        else:
            self._take(socket.socket(fileno=descriptor), data)

    def add_descriptor(self, token: int, descriptor: int) -> None:
        """Take in a descriptor."""
        data = self._bytes.pop(token, None)
        if data is None:
            self._descriptors[token] = descriptor
        else:
            self._take(socket.socket(fileno=descriptor), data)

    def close(self) -> None:
        """Close what has no other half: its worker is gone."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])


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
