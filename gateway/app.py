"""Composition root: builds every part of one gateway process and joins them.

Rule: nothing is constructed elsewhere and handed around by import; whoever wants
to know what talks to what reads this file.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiohttp import web

from gateway.clock import SystemClock
from gateway.configuration_file import ConfigurationFile
from gateway.control import (
    ControlParts,
    DeclaredConfiguration,
    build_control_app,
    may_read_metrics,
    render_problem,
)
from gateway.control.mlflow import (
    MLFLOW_FAMILY,
    MLFLOW_PATHS,
    build_mlflow_app,
    render_mlflow_error,
)
from gateway.control.ui import add_ui_routes
from gateway.control.upkeep import Upkeep
from gateway.errors import DatabaseDamagedError, GatewayError, ManifestError
from gateway.fleet import Alone, Fleet
from gateway.installation import Installation, Seat, open_installation, take_seat
from gateway.installation.heartbeat import Heartbeat, Held
from gateway.installation.service import VaultService
from gateway.proxy import (
    PassOn,
    ProxyParts,
    ProxyPlane,
    UpstreamTrials,
    UsageWriter,
    add_operation_routes,
    find_renderer,
)
from gateway.proxy.translation.formats import list_formats
from gateway.routing.health_table import (
    build_health_table,
)
from gateway.routing.snapshot import Snapshot, SnapshotHolder
from gateway.running import Gateway, Refresher, Serving
from gateway.settings import Settings
from gateway.snapshots import read_snapshot
from gateway.status import describe, list_faults, watch_metrics
from gateway.store.spool import Spool
from gateway.telemetry.metrics import Metrics
from gateway.vault.configs import ModelConfigCache
from gateway.web import Renderer, build_rescue

logger = logging.getLogger("lockgate.app")

# An admin's write answers within a second while another process keeps the database locked. Batches
# of a gateway beside this one hold it for 17 ms.
LOCK_WAIT_S = 0.7

_FLUSH_LIMIT_S = 1.0  # who reads the ledger gets what is stored, should the rest not come soon


async def build_gateway(settings: Settings, fleet: Fleet | None = None) -> Gateway:
    """Open the installation and build the applications.

    Args:
        settings: all of them.
        fleet: the workers, where others serve the data plane than this process.

    Raises:
        StartError: the installation cannot be opened; nothing was changed.
    """
    clock = SystemClock()
    installation = await open_installation(settings, clock)
    seat = _take_seat(settings)
    try:
        async with installation.keys.read() as tx:
            snapshot = await read_snapshot(tx)
        installation.store.limit_wait(LOCK_WAIT_S)
        fleet = fleet or Alone()
        installation.keys.on_change = fleet.offer_keys
        serving = Serving(SnapshotHolder(snapshot), ModelConfigCache(installation.opener), fleet)
        fleet.offer(snapshot)
        refresher = Refresher(installation.store, installation.keys, serving, clock)
        gateway = Gateway(
            settings=settings,
            installation=installation,
            serving=serving,
            usage=UsageWriter(installation.store, clock, _build_spool(settings)),
            metrics=Metrics(),
            healths=build_health_table(settings),
            clock=clock,
            refresher=refresher,
            heartbeat=Heartbeat(
                installation.store, clock, lambda: _look_what_is_held(installation, serving)
            ),
            vault=VaultService(installation, lambda: _follow(refresher, serving)),
            started_at=clock.now_ms(),
            fleet=fleet,
            file=_build_file(settings),
            seat=seat,
        )
        _build_apps(gateway)
        await _load_file(gateway)
    except BaseException:
        seat.leave()
        await installation.store.close()
        raise
    return gateway


def _build_file(settings: Settings) -> ConfigurationFile | None:
    path = settings.configuration_file
    return None if path is None else ConfigurationFile(path, os.environ)


async def _load_file(gateway: Gateway) -> None:
    if gateway.file is None or gateway.declared is None:
        return
    try:
        await gateway.file.load(gateway.declared, gateway.clock.now_ms())
    except ManifestError as error:
        if gateway.admin_token is None:
            raise
        hint = (
            f"{gateway.settings.data} was made by this start, and its admin token was not shown: "
            "remove it before the next one, or set LOCKGATE_ADMIN_TOKEN"
        )
        raise ManifestError((*error.faults, hint), field=error.field) from None


def _look_what_is_held(installation: Installation, serving: Serving) -> Held:
    """Return the oldest keys and configuration that this process or a worker of it has."""
    own = (installation.keyring.newest_term, serving.snapshots.current.epoch)
    theirs = serving.fleet.held() or own
    term, epoch = (min(pair) for pair in zip(own, theirs, strict=True))
    return Held(term, epoch, len(serving.fleet.describe()) or 1)


async def _follow(refresher: Refresher, serving: Serving) -> None:
    """Serve what was just committed here, in every worker."""
    await refresher.refresh()
    await serving.fleet.wait(serving.snapshots.current.epoch)


def _take_seat(settings: Settings) -> Seat:
    seat = take_seat(settings.data)
    for pid in seat.others:
        logger.warning(
            "another gateway (pid %d) serves from %s: both go on, each with limits, health and "
            "usage counters of its own; stop one unless this is a restart",
            pid,
            settings.data,
        )
    return seat


def _build_spool(settings: Settings) -> Spool | None:
    limit_bytes = settings.ledger_spool_bytes
    return Spool(settings.data, limit_bytes) if limit_bytes else None


def _build_apps(gateway: Gateway) -> None:
    control = _build_control(gateway)
    gateway.declared = DeclaredConfiguration(control)
    upkeep = Upkeep(control)
    data_app = _build_root()
    watch_metrics(gateway, control, upkeep)
    add_operation_routes(
        data_app,
        ready=lambda: list_faults(gateway),
        render_metrics=lambda: _render_metrics(gateway),
        may_read_metrics=lambda request: may_read_metrics(control, request),
    )
    data_app.cleanup_ctx.append(_background(gateway, upkeep))
    own_address = gateway.settings.admin_listen is not None
    admin_app = _build_root() if own_address else data_app
    add_ui_routes(admin_app)
    admin_app.router.add_get("/", _show_page, allow_head=False)  # HEAD / is the data plane's
    admin_app.add_subapp("/api/v1", build_control_app(control))
    for path in MLFLOW_PATHS:
        admin_app.add_subapp(path, build_mlflow_app(control))
    gateway.apps = (data_app, admin_app) if own_address else (data_app,)


async def _show_page(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/ui/")  # who opens the base URL in a browser wants the page


def _build_root() -> web.Application:
    # The body limits of both edges are their own; this one only has to be out of their way.
    return web.Application(middlewares=[build_rescue(_find_renderer)], client_max_size=1 << 40)


def _find_renderer(request: web.Request) -> Renderer:
    if request.path.startswith(MLFLOW_FAMILY):
        return render_mlflow_error
    if request.path.startswith(("/api/", "/ui")):
        return render_problem
    return find_renderer(request)


def build_plane(gateway: Gateway, pass_on: PassOn) -> ProxyPlane:
    """Build the data plane; `pass_on` takes what is none of its requests."""
    parts = ProxyParts(
        snapshots=gateway.serving.snapshots,
        configs=gateway.serving.configs,
        usage=gateway.usage,
        settings=gateway.settings,
        clock=gateway.clock,
        metrics=gateway.metrics,
        healths=gateway.healths,
        draw=random.random,
    )
    return ProxyPlane(parts, pass_on)


def _build_control(gateway: Gateway) -> ControlParts:
    async def publish(snapshot: Snapshot) -> Sequence[str]:
        gateway.serving.swap(snapshot)
        return await gateway.fleet.wait(snapshot.epoch)

    async def status() -> dict[str, Any]:
        return describe(gateway)

    async def flush() -> None:
        await gateway.fleet.flush()
        with suppress(GatewayError, DatabaseDamagedError, TimeoutError):
            async with asyncio.timeout(_FLUSH_LIMIT_S):
                await gateway.usage.flush()

    return ControlParts(
        store=gateway.installation.store,
        sealer=gateway.installation.sealer,
        deriver=gateway.installation.keyring,
        snapshots=gateway.serving.snapshots,
        settings=gateway.settings,
        clock=gateway.clock,
        publish=publish,
        status=status,
        usage_flush=flush,
        vault=gateway.vault,
        trials=UpstreamTrials(gateway.installation.opener, gateway.settings),
        formats=list_formats,
        source=gateway.file,
    )


async def _render_metrics(gateway: Gateway) -> bytes:
    return gateway.metrics.render(await gateway.fleet.collect())


def _background(gateway: Gateway, upkeep: Upkeep) -> Any:
    async def run(_: web.Application) -> Any:
        gateway.usage.start()
        gateway.refresher.start()
        if gateway.file is not None and gateway.declared is not None:
            gateway.file.start(gateway.declared, gateway.clock.now_ms)
        gateway.heartbeat.start()
        gateway.vault.start()
        upkeep.start()
        yield
        await upkeep.stop()

    return run
