"""The parent process of `lockgate serve`: control plane, ledger, supervision.

Rule: a stop drops nothing: listeners close first, workers finish what runs, the ledger is flushed
when all of them have ended.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from gateway.app import build_gateway
from gateway.clock import SystemClock
from gateway.process import harden_process, raise_descriptor_limit
from gateway.running import Gateway
from gateway.server import (
    Traffic,
    bind_all,
    bind_beside,
    build_protocol,
    close_all,
    leave,
    listen,
    open_runner,
    run_loop,
    stop_event,
    with_real_ports,
)
from gateway.settings import Settings
from gateway.telemetry.logs import configure_logging
from gateway.workers.cores import count_cores
from gateway.workers.handover import Reception
from gateway.workers.supervisor import Supervisor

logger = logging.getLogger("lockgate.server")

_CONTROL_DRAIN_S = 5.0  # for an admin's request; a write waits that long for the workers


@dataclass(slots=True)
class RunningParent:
    """A parent whose workers all serve."""

    gateway: Gateway
    supervisor: Supervisor
    runners: list[web.AppRunner]
    traffic: Traffic

    @property
    def url(self) -> str:
        """Base URL of the data plane."""
        return f"http://{self.gateway.settings.listen}"

    @property
    def admin_url(self) -> str:
        """Base URL of the control plane."""
        settings = self.gateway.settings
        return f"http://{settings.admin_listen or settings.listen}"

    async def stop(self) -> None:
        """Close the listeners, let workers and control plane finish, close everything else."""
        self.traffic.draining.set()
        for runner in self.runners:
            for site in list(runner.sites):
                await site.stop()
        try:
            await self.supervisor.stop(self.gateway.settings.drain_timeout_ms / 1000)
            for runner in self.runners:
                if runner.server is not None:
                    runner.server.pre_shutdown()
            await self.traffic.end(_CONTROL_DRAIN_S)
            await asyncio.gather(*(runner.cleanup() for runner in self.runners))
        finally:  # the threads of a database left open would keep the process for ever
            await self.gateway.close()


def run_parent(settings: Settings, announce: Callable[[RunningParent], None]) -> None:
    """Serve until SIGTERM or SIGINT, then end the process with 0.

    SIGHUP has the configuration file read again, if there is one, and replaces the workers.

    `announce` is called once all workers serve.

    Raises:
        StartError: the gateway could not start.
    """
    configure_logging(settings.log_level)
    harden_process()
    raise_descriptor_limit()
    run_loop(_serve(settings, announce))


async def _serve(settings: Settings, announce: Callable[[RunningParent], None]) -> None:
    supervisors: list[Supervisor] = []

    def kill_workers() -> None:
        for supervisor in supervisors:
            supervisor.kill()

    def reload() -> None:
        # Workers follow whatever the file changes, new ones and old ones alike.
        if running is not None and running.gateway.file is not None:
            running.gateway.file.wake()
        for supervisor in supervisors:
            supervisor.reload()

    running: RunningParent | None = None
    stopped = stop_event(kill_workers)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    starting = asyncio.create_task(start_parent(settings, supervisors))
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not starting.done():  # it may wait for workers that never come
        starting.cancel()
        await asyncio.wait({starting})
        leave(0)
    running = starting.result()
    try:
        announce(running)  # fails where nobody reads stdout
        await stopped.wait()
        logger.info("stopping: listeners close, running requests finish")
    finally:
        await running.stop()
    leave(0)


async def start_parent(settings: Settings, supervisors: list[Supervisor]) -> RunningParent:
    """Open listeners and installation, start the workers.

    `supervisors` gets the one that is made, as soon as it may have processes.

    Raises:
        StartError: with one sentence that says what and how to mend it.
    """
    addresses = [settings.listen]
    if settings.admin_listen is not None:
        addresses.append(settings.admin_listen)
    sockets = bind_all(addresses)  # first: a taken port must leave no new installation behind
    listeners: list[socket.socket] = []
    try:
        listeners += _open_listeners(sockets[0], settings.workers or count_cores())
        supervisor = Supervisor(listeners, SystemClock())
        gateway = await build_gateway(with_real_ports(settings, sockets), supervisor)
    except BaseException:
        close_all([*sockets, *listeners])
        raise
    running = RunningParent(gateway, supervisor, [], Traffic())
    supervisors.append(supervisor)
    try:
        await _open(running, sockets[1:])
    except BaseException:
        close_all(sockets)
        await running.stop()
        raise
    return running


def _open_listeners(first: socket.socket, count: int) -> list[socket.socket]:
    if sys.platform == "linux":
        listeners = bind_beside(first, count)
    else:  # the kernel does not spread over several
        listeners = [first] * count
    return listeners


async def _open(running: RunningParent, admin_sockets: list[socket.socket]) -> None:
    gateway, supervisor = running.gateway, running.supervisor
    gateway.metrics.watch("workers", "Worker processes that serve", supervisor.count_live)
    gateway.metrics.watch_total(
        "worker_restarts", "Worker processes that had to be replaced", lambda: supervisor.restarts
    )
    # A client's next request goes to a worker: a connection is answered here once.
    handed = await open_runner(gateway.apps[0], running.traffic, running.runners, close=True)
    for app, opened in zip(gateway.apps[1:], admin_sockets, strict=True):
        await listen(await open_runner(app, running.traffic, running.runners, close=False), opened)
    assert handed.server is not None  # noqa: S101  it was set up
    await supervisor.start(
        gateway.settings,
        gateway.installation.keyring.pick_keks,
        gateway.usage,
        Reception(partial(build_protocol, handed.server)).take,
        gateway.healths,
    )
