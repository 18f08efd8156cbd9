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
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

from gateway import __version__
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
from gateway.errors import DatabaseDamagedError, GatewayError, LockgateError, ManifestError
from gateway.fleet import Alone, Fleet
from gateway.installation import Installation, Seat, open_installation, take_seat
from gateway.installation.heartbeat import Heartbeat, Held
from gateway.installation.keys import KeyLoader
from gateway.installation.service import VaultService
from gateway.ports import Clock, Store
from gateway.proxy import (
    PassOn,
    ProxyParts,
    ProxyPlane,
    UpstreamTrials,
    UsageWriter,
    add_operation_routes,
    find_renderer,
)
from gateway.routing.health_table import (
    HealthTable,
    TargetState,
    build_health_table,
    list_states,
)
from gateway.routing.snapshot import Snapshot, SnapshotHolder
from gateway.secret import Secret
from gateway.settings import Settings
from gateway.snapshots import read_snapshot
from gateway.store.spool import Spool
from gateway.telemetry.metrics import Metrics
from gateway.vault.configs import ModelConfigCache, Quarantined
from gateway.web import Renderer, build_rescue

logger = logging.getLogger("lockgate.app")

POLL_INTERVAL_S = 0.2  # how soon a change made by another process is served
MAX_STALE_S = 300.0  # how old a snapshot may be before /readyz refuses
# An admin's write answers within a second while another process keeps the database locked. Batches
# of a gateway beside this one hold it for 17 ms.
LOCK_WAIT_S = 0.7
_FLUSH_LIMIT_S = 1.0  # who reads the ledger gets what is stored, should the rest not come soon


@dataclass(slots=True)
class Gateway:
    """One running gateway: its applications and what has to be stopped in the end."""

    settings: Settings
    installation: Installation
    serving: Serving
    usage: UsageWriter
    metrics: Metrics
    healths: HealthTable
    clock: SystemClock
    refresher: Refresher
    heartbeat: Heartbeat
    vault: VaultService
    started_at: int
    fleet: Fleet
    seat: Seat
    file: ConfigurationFile | None = None
    declared: DeclaredConfiguration | None = None
    apps: tuple[web.Application, ...] = ()  # data plane first; then the control plane's own

    @property
    def admin_token(self) -> Secret | None:
        """The token made at the first start, to be printed once."""
        return self.installation.admin_token

    async def close(self) -> None:
        """Stop the background work, flush the ledger, close the database."""
        if self.file is not None:
            await self.file.stop()
        await self.vault.stop()
        await self.refresher.stop()
        await self.heartbeat.stop()
        await self.usage.stop()
        await self.installation.store.close()
        self.seat.leave()


@dataclass(frozen=True, slots=True)
class Serving:
    """What requests are served from: the snapshot and the opened credentials of its epoch."""

    snapshots: SnapshotHolder
    configs: ModelConfigCache
    fleet: Fleet

    def swap(self, snapshot: Snapshot) -> None:
        """Serve a newer snapshot from the next request on; forget credentials of older ones."""
        if self.snapshots.swap(snapshot):
            self.configs.advance(snapshot.epoch, snapshot.sealed)
            self.fleet.offer(snapshot)


class Refresher:
    """Serves changes that other processes commit: looks at the database's version, follows it."""

    def __init__(self, store: Store, keys: KeyLoader, serving: Serving, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._serving = serving
        self._clock = clock
        self._seen_at_s = clock.monotonic_s()
        self._is_behind = False
        self._task: asyncio.Task[None] | None = None
        self.fault: str | None = None

    @property
    def stale_s(self) -> float:
        """Seconds since the database last answered."""
        return self._clock.monotonic_s() - self._seen_at_s

    def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.create_task(self._run(), name="snapshot refresher")

    async def stop(self) -> None:
        """End the polling."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def follow(self) -> None:
        """Look whether anything was committed, and serve it; what cannot be read is read again."""
        self._is_behind = await self._store.changed() or self._is_behind
        if self._is_behind:  # the store tells of a change once, read or not
            await self.refresh()
            self._is_behind = False
        self._seen_at_s = self._clock.monotonic_s()

    async def refresh(self) -> None:
        """Read what has changed and serve it, if the database is ahead; keys come first."""
        current = self._serving.snapshots.current
        async with self._keys.read() as tx:
            if await tx.get_epoch() <= current.epoch:
                return  # our own commit, or a batch of the ledger
            snapshot = await read_snapshot(tx, current)
        self._serving.swap(snapshot)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(POLL_INTERVAL_S)
            try:
                await self.follow()
                self._report(None)
            except LockgateError as error:
                self._report(error.detail)

    def _report(self, fault: str | None) -> None:
        if fault != self.fault:
            logger.warning("database: %s", fault or "answers again")
            self.fault = fault


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
            seat=_take_seat(settings),
        )
        _build_apps(gateway)
        await _load_file(gateway)
    except BaseException:
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
    gateway.metrics.watch(
        "ledger_backlog", "Usage rows in memory, not yet stored", lambda: gateway.usage.backlog
    )
    gateway.metrics.watch(
        "ledger_spool_rows",
        "Usage rows that wait on the disk for the database",
        lambda: gateway.usage.spooled,
    )
    gateway.metrics.watch(
        "ledger_spool_bytes",
        "Disk that waiting usage rows take",
        lambda: gateway.usage.spool_bytes,
    )
    gateway.metrics.watch_total(
        "ledger_dropped", "Usage rows given up since the start", lambda: gateway.usage.dropped
    )
    gateway.metrics.watch(
        "snapshot_epoch",
        "Number of the snapshot served",
        lambda: gateway.serving.snapshots.current.epoch,
    )
    gateway.metrics.watch(
        "quarantined_credentials",
        "Stored credentials that do not open",
        lambda: len(_list_quarantined(gateway)),
    )
    gateway.metrics.watch(
        "configuration_file_faults",
        "What is wrong with the newest version of the configuration file",
        lambda: 0 if gateway.file is None else len(gateway.file.faults),
    )
    gateway.metrics.watch_table(
        "target_blocked",
        "Targets that are not asked, or by single requests only",
        ("model", "state"),
        lambda: [
            ((found.model_definition_name, found.state), 1.0) for found in _list_states(gateway)
        ],
    )
    gateway.metrics.watch_total(
        "target_blocks",
        "How often a target was taken out: circuit, cooling, quarantine",
        lambda: gateway.healths.blocks,
    )
    gateway.metrics.watch_total(
        "admin_wrong_credentials",
        "Wrong credentials of admins since the start",
        lambda: control.throttle.failures,
    )
    gateway.metrics.watch_total(
        "admin_refused_attempts",
        "Credentials of admins that were not looked at, because of too many wrong ones",
        lambda: control.throttle.refusals,
    )
    add_operation_routes(
        data_app,
        ready=lambda: _list_faults(gateway),
        render_metrics=lambda: _render_metrics(gateway),
        may_read_metrics=lambda request: may_read_metrics(control, request),
    )
    gateway.metrics.watch_table(
        "secret_expires_seconds",
        "Until the provider lets a credential end; below 0: since it has",
        ("secret",),
        lambda: [
            ((row.secret_name,), (row.expires_at - gateway.clock.now_ms()) / 1000)
            for row in upkeep.expiring
        ],
    )
    gateway.metrics.watch_table(
        "secret_refused",
        "Secrets whose new value the provider refuses while the former one serves",
        ("secret",),
        lambda: [((name,), 1.0) for name in _list_refused(gateway)],
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
        return _describe(gateway)

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
        source=gateway.file,
    )


def _describe(gateway: Gateway) -> dict[str, Any]:
    workers = gateway.fleet.describe()
    return {
        "version": __version__,
        "started_at": gateway.started_at,
        "uptime_ms": gateway.clock.now_ms() - gateway.started_at,
        "workers": 1 if isinstance(gateway.fleet, Alone) else len(workers),
        "worker_processes": workers,
        "ledger_backlog": gateway.usage.backlog,
        "ledger_spool_rows": gateway.usage.spooled,
        "ledger_spool_bytes": gateway.usage.spool_bytes,
        "ledger_dropped": gateway.usage.dropped,
        "database_fault": _find_database_fault(gateway),
        "quarantined": [asdict(found) for found in _list_quarantined(gateway)],
        "targets": _describe_targets(gateway),
    }


def _describe_targets(gateway: Gateway) -> list[dict[str, Any]]:
    """Return the targets that are not simply asked, and from when on they are."""
    now_ms = gateway.clock.now_ms()
    return [
        {
            "model_definition_id": found.model_definition_id,
            "model_definition_name": found.model_definition_name,
            "state": found.state,
            "until": now_ms + int(found.wait_s * 1000),
            "reason": found.reason,
            "times": found.times,
            "secret_name": found.secret_name,
            "former_until": found.former_until,
        }
        for found in _list_states(gateway)
    ]


def _list_states(gateway: Gateway) -> list[TargetState]:
    snapshot = gateway.serving.snapshots.current
    return list_states(gateway.healths, snapshot, gateway.clock.monotonic_s())


def _list_refused(gateway: Gateway) -> list[str]:
    states = _list_states(gateway)
    return sorted({found.secret_name for found in states if found.former_until is not None})


def _find_database_fault(gateway: Gateway) -> str | None:
    return gateway.refresher.fault or gateway.usage.fault or gateway.installation.store.fault


def _list_quarantined(gateway: Gateway) -> list[Quarantined]:
    """Return the credentials that do not open, here or in a worker."""
    found = (*gateway.serving.configs.quarantined(), *gateway.fleet.quarantined())
    return list({row.secret_id: row for row in found}.values())


async def _render_metrics(gateway: Gateway) -> bytes:
    return gateway.metrics.render(await gateway.fleet.collect())


async def _list_faults(gateway: Gateway) -> list[str]:
    if gateway.refresher.stale_s > MAX_STALE_S:
        return ["the database has not answered for longer than a snapshot may be served"]
    return gateway.fleet.list_faults()


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
