"""An upstream of plain sockets, for what no HTTP server would do: breaks, noise, wrong framing.

The script stands behind the `+` of the model's name, as the simulator's faults do.

Rule: where an answer is needed it is the simulator's, in the vendor's real format.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from bench.faults.calls import Calls
from gateway.simulator.exchange import Inquiry, Reply
from gateway.simulator.faults import HEALTHY
from gateway.simulator.routes import Match, find_match

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n"
_TLS_HANDSHAKE = b"\x16"  # RFC 8446 section 5.1
_NO_TLS = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_PAUSE_S = 0.02  # before a break: what was sent shall be read first
_JUNK_LINES = 1 << 10  # of 1 KB each


@dataclass(slots=True)
class Call:
    """One request, and how many of its connection came before it."""

    writer: asyncio.StreamWriter
    match: Match
    model: str
    script: str
    reply: Reply
    before: int

    def send(self, data: bytes) -> None:
        """Write to the client."""
        self.writer.write(data)

    async def break_off(self, *, hard: bool = False) -> bool:
        """Close the connection; False, as every script returns that keeps none."""
        with suppress(OSError):
            await self.writer.drain()
        await asyncio.sleep(_PAUSE_S)
        if hard:
            connection = self.writer.get_extra_info("socket")
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writer.transport.abort()
        self.writer.close()
        return False

    def build_head(self, *more: bytes) -> bytes:
        """Return the head of a good answer."""
        lines = b"".join(line + b"\r\n" for line in more)
        return _OK % self.reply.content_type.encode() + lines + b"\r\n"

    def answer(self) -> bool:
        """Send the whole answer; True, since the connection is kept."""
        body = b"".join(self.reply.frames)
        if self.reply.streamed:
            body = b"".join(map(_chunk, self.reply.frames)) + b"0\r\n\r\n"
            self.send(self.build_head(b"Transfer-Encoding: chunked") + body)
        else:
            self.send(self.build_head(b"Content-Length: %d" % len(body)) + body)
        return True


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _close(call: Call) -> bool:
    return await call.break_off()


async def _half_head(call: Call) -> bool:
    call.send(_OK[:20])
    return await call.break_off(hard=True)


async def _reset_when_used_again(call: Call) -> bool:
    return await call.break_off(hard=True) if call.before else call.answer()


async def _reset_after_first(call: Call) -> bool:
    """Answer the first call of the model, then no other, on whatever connection."""
    if call.model in _ANSWERED:
        return await call.break_off(hard=True)
    _ANSWERED.add(call.model)
    return call.answer()


_ANSWERED: set[str] = set()


async def _short(call: Call) -> bool:
    body = b"".join(call.reply.frames)
    call.send(call.build_head(b"Content-Length: %d" % (len(body) + 7)) + body)
    return await call.break_off()


async def _cut_chunking(call: Call) -> bool:
    body = b"".join(call.reply.frames)
    call.send(call.build_head(b"Transfer-Encoding: chunked") + _chunk(body))
    return await call.break_off()


async def _cut_chunking_early(call: Call) -> bool:
    head = call.build_head(b"Transfer-Encoding: chunked", b"Connection: close")
    call.send(head + _chunk(call.reply.frames[0])[:20])
    return await call.break_off()


async def _cut_within_event(call: Call) -> bool:
    """Send content and half an event more, then the end of a body in order."""
    frames = call.reply.frames
    sent = b"".join(frames[:7]) + frames[7][: len(frames[7]) // 2]
    head = call.build_head(b"Transfer-Encoding: chunked", b"Connection: close")
    call.send(head + _chunk(sent) + b"0\r\n\r\n")
    return await call.break_off()


async def _broken_first(call: Call) -> bool:
    """Send a first event that is no JSON, and end in order."""
    in_array = call.reply.content_type.startswith("application/json")
    body = b'[{"candidates": oops}]' if in_array else b'data: {"choices": oops}\n\n'
    head = call.build_head(b"Transfer-Encoding: chunked", b"Connection: close")
    call.send(head + _chunk(body) + b"0\r\n\r\n")
    return await call.break_off()


async def _mute_error(call: Call) -> bool:
    """Send an error event that tells no status."""
    surface = call.match.surface
    if call.reply.content_type.startswith("application/json"):
        body = b'[{"error": {"message": "boom"}}]'
    elif surface.vendor.name == "anthropic":
        body = b'event: error\ndata: {"type":"error","error":{"message":"boom"}}\n\n'
    elif call.reply.frames[0].startswith(b"event:"):
        body = b'event: error\ndata: {"type":"error","message":"boom","sequence_number":0}\n\n'
    else:
        body = b'data: {"error": {"message": "boom"}}\n\n'
    head = call.build_head(b"Transfer-Encoding: chunked", b"Connection: close")
    call.send(head + _chunk(body) + b"0\r\n\r\n")
    return await call.break_off()


async def _noise(call: Call) -> bool:
    call.send(b"220 mail.example ESMTP ready\r\n\r\n")
    return await call.break_off()


async def _big_head(call: Call) -> bool:
    junk = b"".join(b"X-Junk-%d: %b\r\n" % (number, b"j" * 1000) for number in range(_JUNK_LINES))
    call.send(_OK % b"text/plain" + junk + b"Content-Length: 2\r\n\r\n{}")
    return await call.break_off()


async def _no_route(call: Call) -> bool:
    """Answer that something else than the model is not there."""
    vendor = call.match.surface.vendor
    problem = vendor.build_problem("no-route", method="POST", path="/elsewhere")
    body = vendor.dump_problem(problem, "req_1", None)
    head = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
    call.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return True


_SCRIPTS: dict[str, Callable[[Call], Awaitable[bool]]] = {
    "close": _close,
    "half-head": _half_head,
    "reset-when-used-again": _reset_when_used_again,
    "reset-after-first": _reset_after_first,
    "short": _short,
    "cut-chunking": _cut_chunking,
    "cut-chunking-early": _cut_chunking_early,
    "cut-within-event": _cut_within_event,
    "broken-first": _broken_first,
    "mute-error": _mute_error,
    "noise": _noise,
    "big-head": _big_head,
    "no-route": _no_route,
}


class RawUpstream:
    """Serves scripts; `calls` counts what it was asked."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        before = 0
        try:
            while await self._serve_one(reader, writer, before):
                await writer.drain()
                before += 1
        except (OSError, EOFError, ValueError):
            pass  # the gateway hung up, or spoke TLS
        finally:
            writer.close()

    async def _serve_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, before: int
    ) -> bool:
        start = await reader.readexactly(1)
        if start == _TLS_HANDSHAKE:
            writer.write(_NO_TLS)
            return False
        head = (start + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = first.split(" ")
        call = _build_call(writer, method, target, headers, body, before)
        self._calls.note(call.model, body)
        return await _SCRIPTS[call.script](call)


def _build_call(
    writer: asyncio.StreamWriter,
    method: str,
    target: str,
    headers: dict[str, str],
    raw: bytes,
    before: int,
) -> Call:
    parts, body = urlsplit(target), orjson.loads(raw)
    query = dict(parse_qsl(parts.query))
    match = find_match(method, unquote(parts.path), headers, query)
    if match is None:
        raise ValueError("no such path")
    model, _, script = (match.model or body["model"]).partition("+")
    inquiry = Inquiry(
        "sim", model, body, HEALTHY, match.version, match.action, query=query, headers=headers
    )
    reply = match.surface.answer(inquiry)
    if not isinstance(reply, Reply):
        raise ValueError("not answered")  # noqa: TRY004 - a call that cannot be, like the other
    return Call(writer, match, model, script, reply, before)
