"""Frames over the private socketpair between parent and worker.

A frame is the payload's length (4 bytes, big-endian), its kind (1 byte) and the payload. What the
parent says may be a pickle: it comes from the process that started us, through a socket that
nobody else has. What a worker says never is: it parses the world's bytes, and the parent, which
holds the root key, must not run what a broken-into worker sends.

Rule: frames arrive whole and in the order in which they were sent, or the channel has ended.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, cast

import orjson

_HEAD: Final = struct.Struct(">IB")
MAX_FRAME_BYTES: Final = 64 << 20  # a hundred times what is ever sent: beyond it is rubbish


class Kind(IntEnum):
    """What a frame says. To the worker below 100, to the parent from 100 on."""

    SETUP = 1  # pickle of WorkerSetup
    KEYS = 2  # see `keys`
    BEGIN = 3  # JSON [epoch, whole]: slices of a configuration follow
    SLICE = 4  # pickle of a `publish.Slice`
    COMMIT = 5  # JSON of what else the snapshot holds: serve it
    OPEN = 6  # accept connections
    PING = 7
    COUNT = 8  # JSON number of the question: send your counters
    FLUSH = 9  # JSON number of the question: send your usage rows
    BOOKED = 10  # JSON number of a batch of usage rows that the parent has
    DRAIN = 11  # stop accepting, finish what runs, leave
    HEALTH = 12  # JSON [event, ...]: what other workers have seen of the targets

    SERVING = 100  # JSON epoch
    PONG = 101
    COUNTED = 102  # JSON [number of the question, counters]; number 0: unasked
    FLUSHED = 103  # JSON number of the question
    ROWS = 104  # JSON [number of the batch, rows dropped, rows]
    PASSED = 105  # token and bytes, see `handover`
    QUARANTINED = 106  # JSON [[secret id, name, reason], ...]
    KEYED = 109  # JSON highest term: the keys of the last KEYS frame are in use
    BLOCKED = 108  # JSON [event, ...]: what this one has seen of the targets
    DONE = 107  # everything was sent: the process ends now


class Channel(asyncio.Protocol):
    """One end of a channel.

    Args:
        on_frame: called for each frame, in turn.
        on_end: called once, when the other side is gone or the channel was closed.
    """

    def __init__(self, on_frame: Callable[[int, bytes], None], on_end: Callable[[], None]) -> None:
        self._on_frame = on_frame
        self._on_end = on_end
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def is_open(self) -> bool:
        """Whether anything that is sent can still arrive."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send one frame; what is sent on a channel that has ended is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_HEAD.pack(len(payload), kind) + payload)

    def send_json(self, kind: Kind, value: Any) -> None:
        """Send one frame of JSON."""
        self.send(kind, orjson.dumps(value))

    async def drain(self) -> None:
        """Wait until the other side has read most of what was sent."""
        await self._writable.wait()

    def close(self) -> None:
        """Send what is still to be sent and end the channel."""
        if self._transport is not None:
            self._transport.close()

    # --- for the event loop -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand over the frames that are complete."""
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _HEAD.size:
            size, kind = _HEAD.unpack_from(buffer, at)
            if size > MAX_FRAME_BYTES:
                self._abort()
                return
            end = at + _HEAD.size + size
            if end > len(buffer):
                break
            self._on_frame(kind, bytes(buffer[at + _HEAD.size : end]))
            at = end
        del buffer[:at]

    def pause_writing(self) -> None:
        """Let `drain` wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let `drain` go on."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the end."""
        del exc  # the other process is gone, whatever the system calls it
        self._writable.set()
        self._on_end()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def open_channel(
    connected: socket.socket, on_frame: Callable[[int, bytes], None], on_end: Callable[[], None]
) -> Channel:
    """Make a channel of one end of a socketpair; the channel owns the socket from here on."""
    loop = asyncio.get_running_loop()
    _, channel = await loop.create_unix_connection(
        lambda: Channel(on_frame, on_end), sock=connected
    )
    return channel
