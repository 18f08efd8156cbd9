"""How a reply goes over the wire, well or badly.

Rule: what a fault changes in the bytes is decided before the first of them is sent
(``plan_delivery``, pure); what it does to the connection happens in ``deliver``.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from gateway.simulator.exchange import Reply
from gateway.simulator.faults import Fault

_PIECE_BYTES = 64
"""An "event" of a plain answer, for the faults that count events."""
_FLUSH_PAUSE_S = 0.02
"""Before a reset: what was sent shall be read first, since a reset may discard it."""
_WATCH_S = 0.05
"""How often a silent call looks whether its client is still there."""
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


class Ending(StrEnum):
    """What happens behind the last frame that is sent."""

    END = "end"
    STALL = "stall"
    RESET = "reset"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The frames to send and what follows; ``length`` None means chunked."""

    frames: tuple[bytes, ...]
    ending: Ending
    length: int | None


def plan_delivery(reply: Reply, fault: Fault, error_event: bytes) -> tuple[Reply, Delivery]:
    """Apply a fault to a reply: its frames, how many are sent, and what comes then.

    Args:
        reply: the reply of the wire format.
        fault: what goes wrong.
        error_event: the vendor's error as an event, for faults that put one into the stream.
    """
    reply = _compress(_spoil(reply, fault)) if fault.gzip else _spoil(reply, fault)
    frames = reply.frames if reply.streamed else tuple(_split_plain(b"".join(reply.frames), fault))
    length = None if reply.streamed else sum(map(len, frames))
    count, name = _choose_stop(fault, len(frames), streamed=reply.streamed)
    sent = frames[:count]
    if name == "error_event":
        sent = (*sent, error_event)
    if name in {"cut", "error_event"}:
        length = None
    return reply, Delivery(sent, _ENDINGS.get(name, Ending.END), length)


_ENDINGS = {"stall": Ending.STALL, "reset": Ending.RESET, "truncate": Ending.CLOSE}


def _choose_stop(fault: Fault, count: int, *, streamed: bool) -> tuple[int, str]:
    """Choose how many frames are sent and why it stops there; the earliest stop wins."""
    stops = [
        (fault.stall_after, "stall"),
        (fault.cut_after, "cut"),
        (fault.reset_after, "reset"),
        (fault.error_event_after if streamed else None, "error_event"),
        ((count + 1) // 2 if fault.truncate else None, "truncate"),
    ]
    wanted = [(min(at, count), name) for at, name in stops if at is not None]
    return min(wanted, default=(count, "end"))


def _spoil(reply: Reply, fault: Fault) -> Reply:
    """Replace or damage the frames as the fault says."""
    if fault.empty:
        return dataclasses.replace(reply, frames=())
    if fault.malformed == "html":
        return dataclasses.replace(reply, frames=(_HTML,), content_type="text/html", streamed=False)
    if fault.malformed == "json":
        middle = len(reply.frames) // 2
        frame = reply.frames[middle]
        broken = frame[: len(frame) // 2] + b"\n\n" * reply.streamed
        frames = (*reply.frames[:middle], broken, *reply.frames[middle + 1 :])
        return dataclasses.replace(reply, frames=frames)
    return reply


def _compress(reply: Reply) -> Reply:
    """Compress frame by frame, each flushed, so that a stream stays a stream."""
    packer = zlib.compressobj(wbits=31)
    frames = [packer.compress(frame) + packer.flush(zlib.Z_SYNC_FLUSH) for frame in reply.frames]
    headers = {**reply.headers, "content-encoding": "gzip"}
    return dataclasses.replace(reply, frames=(*frames, packer.flush()), headers=headers)


def _split_plain(body: bytes, fault: Fault) -> Iterable[bytes]:
    """Split a plain body into pieces if the fault counts or paces them."""
    stops = (fault.stall_after, fault.cut_after, fault.reset_after)
    if not (fault.slow_chunk_ms or fault.truncate or any(stop is not None for stop in stops)):
        return (body,)
    return (body[at : at + _PIECE_BYTES] for at in range(0, len(body), _PIECE_BYTES))


async def deliver(
    request: web.Request,
    reply: Reply,
    fault: Fault,
    *,
    error_event: bytes,
    stopping: asyncio.Event,
) -> web.StreamResponse:
    """Send a reply with its faults.

    Args:
        request: the call to answer.
        reply: what to answer.
        fault: what goes wrong with it.
        error_event: the vendor's error as an event of this stream.
        stopping: set when the simulator stops; it ends every silence.

    Raises:
        ConnectionError: the client is gone.
    """
    await _wait(fault.delay_ms / 1000, stopping)
    if fault.hang:
        await _wait_for_end(request, stopping)
        return web.Response()
    if fault.reset:
        reset_connection(request)
        return web.Response()
    reply, delivery = plan_delivery(reply, fault, error_event)
    headers = {**reply.headers, "content-type": reply.content_type}
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = delivery.length
    await response.prepare(request)
    for frame in delivery.frames if request.method != "HEAD" else ():
        await _wait(fault.slow_chunk_ms / 1000, stopping)
        await _write(response, frame, byte_by_byte=fault.byte_by_byte)
    await _end(request, response, delivery.ending, stopping)
    return response


async def _write(response: web.StreamResponse, frame: bytes, *, byte_by_byte: bool) -> None:
    if not byte_by_byte:
        await response.write(frame)
        return
    for at in range(len(frame)):
        await response.write(frame[at : at + 1])
        await asyncio.sleep(0)


async def _end(
    request: web.Request, response: web.StreamResponse, ending: Ending, stopping: asyncio.Event
) -> None:
    if ending is Ending.END:
        await response.write_eof()
    elif ending is Ending.STALL:
        await _wait_for_end(request, stopping)
    elif ending is Ending.RESET:
        await asyncio.sleep(_FLUSH_PAUSE_S)
        reset_connection(request)
    if request.transport is not None and ending is not Ending.END:
        request.transport.close()


def reset_connection(request: web.Request) -> None:
    """Close the connection with a TCP reset: SO_LINGER of zero seconds, then abort."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _wait(seconds: float, stopping: asyncio.Event) -> None:
    """Sleep, but no longer than the simulator runs."""
    if seconds > 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)


async def _wait_for_end(request: web.Request, stopping: asyncio.Event) -> None:
    """Be silent until the simulator stops.

    Raises:
        ConnectionResetError: the client left first.
    """
    while request.transport is not None and not request.transport.is_closing():
        if stopping.is_set():
            request.transport.close()
            return
        await _wait(_WATCH_S, stopping)
    raise ConnectionResetError
