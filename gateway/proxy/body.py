"""Reads the client's body: bounded in size and in patience.

Rule: no byte is read before the caller is known, none is kept beyond the limit,
and a client that stops sending is let go.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.errors import (
    ClientGoneError,
    MalformedRequestError,
    PayloadTooLargeError,
    RequestTimeoutError,
    UnsupportedMediaError,
)
from gateway.routing.snapshot import EndpointRoute, Snapshot

IDLE_S: Final = 10.0  # silence of a client in the middle of its body
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


async def read_body(
    request: web.Request, limit_bytes: int, *, total_s: float, idle_s: float = IDLE_S
) -> bytes:
    """Return the whole body.

    Args:
        request: whose body.
        limit_bytes: the largest size.
        total_s: how long all of it may take, in seconds.
        idle_s: how long the client may be silent in between.

    Raises:
        UnsupportedMediaError: it is compressed.
        PayloadTooLargeError: longer than `limit_bytes`, by its header or in fact.
        RequestTimeoutError: it did not come in time.
        ClientGoneError: the client went away.
        MalformedRequestError: its framing is broken.
    """
    check_body(request, limit_bytes)
    await _send_continue(request)
    try:
        return await _read(request, limit_bytes, total_s, idle_s)
    except TimeoutError:
        raise RequestTimeoutError("the body did not come in time") from None
    except (ConnectionError, web.RequestPayloadError) as error:
        if isinstance(error.__cause__, HttpProcessingError):
            raise MalformedRequestError("the body's framing is broken") from None
        raise ClientGoneError("the client went away before its body was complete") from None
    except HttpProcessingError:
        raise MalformedRequestError("the body's framing is broken") from None


def check_body(request: web.Request, limit_bytes: int) -> None:
    """Refuse a body by its headers alone.

    Raises:
        UnsupportedMediaError: it is compressed.
        PayloadTooLargeError: announced longer than `limit_bytes`.
    """
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaError("send the body without a Content-Encoding")
    announced = request.content_length
    if announced is not None and announced > limit_bytes:
        raise _too_large(limit_bytes)


async def _read(request: web.Request, limit_bytes: int, total_s: float, idle_s: float) -> bytes:
    content = request.content
    if content.is_eof() and content.exception() is None:  # small bodies come with their headers
        body = content.read_nowait()
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
        return body
    loop = asyncio.get_running_loop()
    end_s = loop.time() + total_s
    chunks: list[bytes] = []
    size = 0
    async with asyncio.timeout(min(idle_s, total_s)) as timer:
        while chunk := await content.readany():
            size += len(chunk)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
            chunks.append(chunk)
            timer.reschedule(min(loop.time() + idle_s, end_s))
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class BodyLimit:
    """How long a body may be: the installation's limit, or the endpoint's own in its place."""

    def __init__(self, default_bytes: int) -> None:
        self._default = default_bytes
        self._epoch = -1
        self._largest = default_bytes

    def of(self, endpoint: EndpointRoute) -> int:
        """Return the limit of an endpoint, in bytes."""
        own = endpoint.limits.max_body_bytes
        return self._default if own is None else own

    def largest(self, snapshot: Snapshot) -> int:
        """Return the largest limit of any endpoint: what to read while the name is in the body."""
        if snapshot.epoch != self._epoch:
            self._epoch = snapshot.epoch
            limits = (self.of(endpoint) for endpoint in snapshot.endpoints.values())
            self._largest = max(limits, default=self._default)
        return self._largest

    def check(self, endpoint: EndpointRoute, size: int) -> None:
        """Refuse a body that is longer than its endpoint takes.

        Raises:
            PayloadTooLargeError: it is.
        """
        if size > self.of(endpoint):
            raise _too_large(self.of(endpoint))


async def defer_continue(request: web.Request) -> None:
    """Leave `Expect: 100-continue` to `read_body`, so that a stranger is told 401 first."""


async def _send_continue(request: web.Request) -> None:
    if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
        return
    writer = request._payload_writer  # noqa: SLF001  aiohttp's own expect handler writes here too
    await writer.write(_CONTINUE)
    writer.output_size = 0  # the answer itself has not begun


def _too_large(limit_bytes: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"the body is larger than the limit of {limit_bytes} bytes")
