"""A worker's data plane on aiohttp's server.

The first line of a connection's first request tells whether it is the data plane's; if not, the
connection is passed on.

Rule: counts its connections at once: the spread over the workers hangs on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp import hdrs, web

from gateway.proxy import ProxyParts, add_proxy_routes, find_renderer
from gateway.web import build_rescue

PassOn = Callable[[asyncio.Transport, bytes], None]

_OURS: Final = (b"/v1/", b"/v1beta/", b"/anthropic/", b"/gemini/", b"/gateway/")
_KEEPALIVE_S: Final = 75.0
_CLOSE_S: Final = 0.5
_MAX_LINE_BYTES: Final = 8 << 10


class Front:
    """The connections of a worker's clients.

    Args:
        parts: what the data plane is made of.
        pass_on: takes connections whose request is not the data plane's.
        on_count: told the number of open connections whenever it changes.
    """

    def __init__(self, parts: ProxyParts, pass_on: PassOn, on_count: Callable[[int], None]) -> None:
        app = web.Application(
            middlewares=[build_rescue(lambda request: find_renderer(request))],  # noqa: PLW0108  types
            client_max_size=1 << 40,
        )
        add_proxy_routes(app, parts)
        app.on_response_prepare.append(self._finish_headers)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            auto_decompress=False,
            keepalive_timeout=_KEEPALIVE_S,
            shutdown_timeout=_CLOSE_S,
        )
        self.pass_on = pass_on
        self._on_count = on_count
        self._open: set[_Connection] = set()
        self._empty = asyncio.Event()
        self.draining = False

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _Connection(self)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    async def start(self) -> None:
        """Open the data plane."""
        await self._runner.setup()

    def build_handler(self) -> Any:
        """Return aiohttp's protocol of one connection."""
        assert self._runner.server is not None  # noqa: S101  tells mypy
        return self._runner.server()

    async def drain(self, limit_s: float) -> int:
        """Let running requests finish; cut those that still run after `limit_s` seconds."""
        self.draining = True
        if self._runner.server is not None:
            self._runner.server.pre_shutdown()
        if self._open:
            self._empty.clear()
            try:
                async with asyncio.timeout(limit_s):
                    await self._empty.wait()
            except TimeoutError:
                pass
        cut = len(self._open)
        await self._runner.cleanup()
        return cut

    def add(self, connection: _Connection) -> None:
        """Take charge of a connection."""
        self._open.add(connection)
        self._on_count(len(self._open))

    def discard(self, connection: _Connection) -> None:
        """Let go of a connection."""
        self._open.discard(connection)
        self._on_count(len(self._open))
        if not self._open:
            self._empty.set()

    async def _finish_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers[hdrs.SERVER] = "lockgate"
        if self.draining:
            response.headers[hdrs.CONNECTION] = "close"
            response.force_close()


class _Connection(asyncio.Protocol):
    """Reads the first line, then gives everything to aiohttp's handler."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._head = b""
        self._inner: Any = None
        self._transport: asyncio.Transport | None = None
        self._passed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._front.add(self)

    def data_received(self, data: bytes) -> None:
        """Look at the first line, or give on."""
        if self._inner is not None:
            if not self._is_idle() or is_data_plane(data):
                self._inner.data_received(data)
                return
            self._head = b""
        self._head += data
        if b"\n" not in self._head and len(self._head) < _MAX_LINE_BYTES:
            return
        assert self._transport is not None  # noqa: S101  tells mypy
        if is_data_plane(self._head):
            self._inner = self._front.build_handler()
            self._inner.connection_made(self._transport)
            self._inner.data_received(self._head)
        else:
            self._passed = True
            self._front.discard(self)
            self._front.pass_on(self._transport, self._head)

    def _is_idle(self) -> bool:
        """Tell whether what comes now is the beginning of a request."""
        return self._inner._current_request is None and not self._inner._messages  # noqa: SLF001  no other sign

    def eof_received(self) -> bool | None:
        """Give on."""
        return None if self._inner is None else self._inner.eof_received()

    def pause_writing(self) -> None:
        """Give on."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Give on."""
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give on."""
        if not self._passed:
            self._front.discard(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)


def is_data_plane(head: bytes) -> bool:
    """Tell by the first line whether a request is the data plane's."""
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    return path.startswith(_OURS) or (
        method == b"HEAD" and path in (b"/", b"/anthropic", b"/gemini")
    )
