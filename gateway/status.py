"""What an operator may know of a running gateway: its status, its metrics, whether it is ready.

Rule: reads what is in memory; nothing here waits for the database.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gateway import __version__
from gateway.control import (
    ControlParts,
)
from gateway.control.upkeep import Upkeep
from gateway.fleet import Alone
from gateway.routing.health_table import (
    TargetState,
    list_states,
)
from gateway.running import MAX_STALE_S, Gateway
from gateway.vault.configs import Quarantined


def watch_metrics(gateway: Gateway, control: ControlParts, upkeep: Upkeep) -> None:
    """Let /metrics show what the parts of a gateway know of themselves."""
    _watch_ledger(gateway)
    _watch_configuration(gateway)
    _watch_targets(gateway)
    _watch_control(gateway, control, upkeep)


def _watch_ledger(gateway: Gateway) -> None:
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


def _watch_configuration(gateway: Gateway) -> None:
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


def _watch_targets(gateway: Gateway) -> None:
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
    gateway.metrics.watch_table(
        "secret_refused",
        "Secrets whose new value the provider refuses while the former one serves",
        ("secret",),
        lambda: [((name,), 1.0) for name in _list_refused(gateway)],
    )


def _watch_control(gateway: Gateway, control: ControlParts, upkeep: Upkeep) -> None:
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
    gateway.metrics.watch_table(
        "secret_expires_seconds",
        "Until the provider lets a credential end; below 0: since it has",
        ("secret",),
        lambda: [
            ((row.secret_name,), (row.expires_at - gateway.clock.now_ms()) / 1000)
            for row in upkeep.expiring
        ],
    )


def describe(gateway: Gateway) -> dict[str, Any]:
    """Return the server's own part of /status."""
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


async def list_faults(gateway: Gateway) -> list[str]:
    """Return one sentence for each reason not to send traffic here."""
    if gateway.refresher.stale_s > MAX_STALE_S:
        return ["the database has not answered for longer than a snapshot may be served"]
    return gateway.fleet.list_faults()
