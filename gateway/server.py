"""Listeners, signals and the drain of one process.

Rule: a stop drops nothing: listeners close first, answers on kept connections
say `Connection: close`, running work gets the drain time, the ledger is flushed last.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from aiohttp import hdrs, web

from gateway.app import build_gateway, build_plane
from gateway.errors import InstallationError, MalformedRequestError
from gateway.process import harden_process, raise_descriptor_limit
from gateway.proxy import PassOn, ProxyPlane, render_error
from gateway.running import Gateway
from gateway.settings import Address, Settings
from gateway.telemetry.logs import configure_logging
from gateway.web import Handler

logger = logging.getLogger("lockgate.server")

# Connections that a peer is opening at this moment still reach the closed listener's backlog;
# with this wait a rolling restart dropped none of 71,966 requests, without it some.
_SETTLE_S = 1.0
_BACKLOG = 4096  # connections waiting for accept(); the kernel has a limit of its own
_KEEPALIVE_S = 75.0  # longer than the 60 s that load balancers commonly keep an idle connection
_CANCEL_S = 3.0  # what is cut at the end of the drain books its row and says its last word, 1 s
_AGAIN_S = 0.5  # timeout(1) and others signal the process and its group: twice, for one wish
_SERVER_ERROR = 500
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
# Beside the data plane's own cap. Each has one request, answered in milliseconds; those of whoever
# does not send or read what follows are counted in seconds.
_MOST_PASSED_ON = 1024
_LINGER_S = 2.0  # to read on after a refusal, as on the data plane
_CLOSE_S = 0.5  # for connections without a request; the library takes it twice


@dataclass(frozen=True, slots=True)
class Traffic:
    """The requests that are being answered now, and whether new ones are still wanted."""

    requests: set[asyncio.Task[Any]] = field(default_factory=set)
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    async def end(self, limit_s: float) -> None:
        """Wait until no request runs; after `limit_s` seconds cut what still does."""
        loop = asyncio.get_running_loop()
        end_at = loop.time() + limit_s
        while self.requests and (left_s := end_at - loop.time()) > 0:
            await asyncio.wait(self.requests, timeout=left_s)
        if not self.requests:
            return
        logger.warning("%d requests are cut: the drain time is over", len(self.requests))
        cut = set(self.requests)
        for task in cut:
            task.cancel()
        await asyncio.wait(cut, timeout=_CANCEL_S)


@dataclass(slots=True)
class RunningServer:
    """A gateway with its listeners open."""

    gateway: Gateway
    address: Address
    admin_address: Address
    _plane: ProxyPlane
    _listener: asyncio.Server
    _runners: list[web.AppRunner]
    _traffic: Traffic

    @property
    def url(self) -> str:
        """Base URL of the data plane."""
        return f"http://{self.address}"

    @property
    def admin_url(self) -> str:
        """Base URL of the control plane."""
        return f"http://{self.admin_address}"

    async def stop(self) -> None:
        """Close the listeners, let running work finish, close everything else."""
        self._traffic.draining.set()
        self._plane.front.draining = True
        self._listener.close()
        for runner in self._runners:
            for site in list(runner.sites):
                await site.stop()
        servers = [runner.server for runner in self._runners if runner.server is not None]
        if self._plane.front.connections or any(server.connections for server in servers):
            await asyncio.sleep(_SETTLE_S)
        for server in servers:
            server.pre_shutdown()  # idle connections close now, busy ones with their answer
        limit_s = self.gateway.settings.drain_timeout_ms / 1000
        cut, _ = await asyncio.gather(self._plane.drain(limit_s), self._traffic.end(limit_s))
        if cut:
            logger.warning("%d requests are cut: the drain time is over", cut)
        try:
            await asyncio.gather(*(runner.cleanup() for runner in self._runners))
            await self._plane.close()
        finally:  # the threads of a database left open would keep the process for ever
            await self.gateway.close()


async def start_server(settings: Settings) -> RunningServer:
    """Open the listeners and the installation.

    Raises:
        StartError: with one sentence that says what and how to mend it.
    """
    addresses = [settings.listen]
    if settings.admin_listen is not None:
        addresses.append(settings.admin_listen)
    sockets = bind_all(addresses)  # first: a taken port must leave no new installation behind
    try:
        gateway = await build_gateway(with_real_ports(settings, sockets))
    except BaseException:
        close_all(sockets)
        raise
    traffic = Traffic()
    runners: list[web.AppRunner] = []
    try:
        plane, listener = await _listen_all(gateway, sockets, traffic, runners)
    except BaseException:
        for runner in runners:
            await runner.cleanup()
        close_all(sockets)
        await gateway.close()
        raise
    bound = [
        Address(address.host, opened.getsockname()[1])
        for address, opened in zip(addresses, sockets, strict=True)
    ]
    return RunningServer(gateway, bound[0], bound[-1], plane, listener, runners, traffic)


async def _listen_all(
    gateway: Gateway, sockets: list[socket.socket], traffic: Traffic, runners: list[web.AppRunner]
) -> tuple[ProxyPlane, asyncio.Server]:
    data_app, *admin_apps = gateway.apps
    shared = await open_runner(data_app, traffic, runners, close=True)
    plane = build_plane(gateway, build_pass_on(shared))
    for app, opened in zip(admin_apps, sockets[1:], strict=True):
        await listen(await open_runner(app, traffic, runners, close=False), opened)
    listener = await asyncio.get_running_loop().create_server(
        plane.front, sock=sockets[0], backlog=_BACKLOG
    )
    plane.start()
    return plane, listener


class _PassedOn(web.RequestHandler):
    """The library's reader of a connection; what it cannot read is refused in our words.

    Its own would name the library and its version, and quote what was sent: that may be a key.
    """

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, if there are not too many: they are counted nowhere else."""
        super().connection_made(transport)
        if self._manager is not None and len(self._manager.connections) > _MOST_PASSED_ON:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be read; a fault of ours stays the library's to tell."""
        theirs = super().handle_error(request, status, exc, message)  # logs, and may raise
        if status >= _SERVER_ERROR:
            return theirs
        ours = render_error(MalformedRequestError("the request is no valid HTTP/1.1"), request)
        ours.headers[hdrs.CONNECTION] = "close"
        ours.force_close()
        return ours


def build_protocol(server: web.Server) -> web.RequestHandler:
    """Return what reads a connection that was passed on."""
    protocol = server()
    protocol.__class__ = _PassedOn  # the library has no place to choose the class
    return protocol


def build_pass_on(runner: web.AppRunner) -> PassOn:
    """Return what gives a connection, with the bytes that have come on it, to an application."""

    def pass_on(transport: asyncio.Transport, data: bytes) -> None:
        server = runner.server
        if server is None:  # it has been stopped
            transport.abort()
            return
        protocol = build_protocol(server)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    return pass_on


def with_real_ports(settings: Settings, sockets: list[socket.socket]) -> Settings:
    """Put the ports that the kernel gave in place of 0: the Host allow-list hangs on them."""
    ports = [opened.getsockname()[1] for opened in sockets]
    changed = replace(settings, listen=replace(settings.listen, port=ports[0]))
    if settings.admin_listen is None:
        return changed
    return replace(changed, admin_listen=replace(settings.admin_listen, port=ports[-1]))


def bind_all(addresses: list[Address]) -> list[socket.socket]:
    """Open a listening socket per address.

    Raises:
        InstallationError: an address cannot be taken; none is then.
    """
    sockets: list[socket.socket] = []
    for address in addresses:
        try:
            sockets.append(_bind(address))
        except OSError as error:
            close_all(sockets)
            raise InstallationError(_explain_bind(address, error), field="listen") from None
    return sockets


def _bind(address: Address) -> socket.socket:
    found = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, place = found[0]
    opened = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere the option would let two servers share a port
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(place)
        opened.listen(_BACKLOG)  # tells a taken port now; early callers wait in the backlog
    except BaseException:
        opened.close()
        raise
    opened.setblocking(False)
    return opened


def bind_beside(first: socket.socket, count: int) -> list[socket.socket]:
    """Return `first` and `count` - 1 more listening sockets of the same address.

    Linux spreads the connections over them. `first` was bound without the option that allows
    this, so an address that another process has was refused.

    Raises:
        InstallationError: the system does not give as many; none but `first` is open then.
    """
    if count > 1:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        first.listen(_BACKLOG)
    beside: list[socket.socket] = []
    try:
        while len(beside) < count - 1:
            opened = socket.socket(first.family, first.type, first.proto)
            beside.append(opened)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            opened.bind(first.getsockname())
            opened.listen(_BACKLOG)
            opened.setblocking(False)
    except OSError as error:
        close_all(beside)
        raise InstallationError(
            f"the sockets of {count} workers cannot be opened: {error.strerror}", field="workers"
        ) from None
    return [first, *beside]


def close_all(sockets: list[socket.socket]) -> None:
    """Close listening sockets."""
    for opened in sockets:
        opened.close()


async def listen(runner: web.AppRunner, opened: socket.socket) -> None:
    """Serve the connections of a listening socket."""
    await web.SockSite(runner, opened, backlog=_BACKLOG).start()


async def open_runner(
    app: web.Application,
    traffic: Traffic,
    runners: list[web.AppRunner],
    *,
    close: bool,
) -> web.AppRunner:
    """Start an application, without a listener; `runners` gets its runner before it starts.

    With `close` each answer is its connection's last: the next request may be the data plane's.
    """

    @web.middleware
    async def note_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        task = asyncio.current_task()  # the request's own, which also writes its answer
        if task is not None:
            traffic.requests.add(task)
            task.add_done_callback(traffic.requests.discard)
        return await handler(request)

    async def finish_headers(_: web.Request, response: web.StreamResponse) -> None:
        response.headers[hdrs.SERVER] = "lockgate"  # not which library in which version
        if close or traffic.draining.is_set():
            response.headers[hdrs.CONNECTION] = "close"
            response.force_close()

    app.middlewares.insert(0, note_request)  # before all others: no request goes unseen
    app.on_response_prepare.append(finish_headers)
    runner = web.AppRunner(
        app,
        access_log=None,  # the proxy writes its own line, with the facts that matter
        handle_signals=False,
        handler_cancellation=True,  # else a client that hangs up goes unnoticed
        auto_decompress=False,  # compressed bodies are refused with 415, by name, unread
        keepalive_timeout=_KEEPALIVE_S,
        lingering_time=_LINGER_S,
        # By then `Traffic.end` has waited. The library's own wait would come once more before
        # it cancels: a stop took twice the drain time.
        shutdown_timeout=_CLOSE_S,
    )
    runners.append(runner)
    await runner.setup()
    return runner


def _explain_bind(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{address} is taken by another process: stop it, or choose --listen HOST:PORT"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{address} may not be opened by this user: choose a port of 1024 or more"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine: choose --listen HOST:PORT"
    if isinstance(error, socket.gaierror):
        return f"{address.host} is no name that resolves: choose --listen HOST:PORT"
    return f"{address} cannot be opened: {error.strerror}"


def run_server(settings: Settings, announce: Callable[[RunningServer], None]) -> None:
    """Serve until SIGTERM or SIGINT, then end the process with 0.

    `announce` is called once the listeners are open.

    Raises:
        StartError: the server could not start.
    """
    configure_logging(settings.log_level)
    harden_process()
    raise_descriptor_limit()
    run_loop(_serve(settings, announce))


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on uvloop where it exists, else on asyncio's own loop."""
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop  # not there on Windows

    uvloop.run(main)


async def _serve(settings: Settings, announce: Callable[[RunningServer], None]) -> None:
    stopped = stop_event()
    server = await start_server(settings)
    try:
        announce(server)  # fails where nobody reads stdout
        await stopped.wait()
        logger.info("stopping: listeners close, running requests finish")
    finally:
        await server.stop()
    leave(0)


def leave(code: int) -> NoReturn:
    """End the process now; the interpreter would first wait for its threads.

    One that resolves a name while no name server answers sits there for minutes, one of a
    database that was not closed for ever.
    """
    logging.shutdown()
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(code)


def stop_event(before_leaving: Callable[[], None] | None = None) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; a later signal ends the process at once.

    `before_leaving` is called before that end.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    first_at = 0.0

    def stop() -> None:
        nonlocal first_at
        if not stopped.is_set():
            first_at = loop.time()
            stopped.set()
        elif loop.time() - first_at > _AGAIN_S:
            if before_leaving is not None:
                before_leaving()
            leave(_INTERRUPTED)

    for name in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop))
        else:
            loop.add_signal_handler(name, stop)
    return stopped
