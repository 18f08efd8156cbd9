"""The health of all targets that one process knows of.

Rule: one object per key, as long as anybody holds it or it is blocked; what is clear and held by
nobody is forgotten, so that changes of the configuration leave nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary
from zlib import crc32

from gateway.entities import SealedSecret
from gateway.routing.health import HealthEvent, HealthTimes, TargetHealth
from gateway.routing.snapshot import Snapshot, Target
from gateway.settings import Settings

# A block whose time has been over for so long without a request belongs to nobody any more.
_FORGOTTEN_S: Final = 900.0
_MOST_BLOCKED: Final = 20_000  # twice the targets of the largest configuration that is measured


def build_health_table(settings: Settings) -> HealthTable:
    """Return an empty table with the installation's intervals."""
    return HealthTable(HealthTimes(settings.circuit_open_ms / 1000, settings.quarantine_ms / 1000))


def build_health_key(target: Target, sealed: SealedSecret) -> str:
    """Return what names a target's health: its model definition, and the state that it is in.

    Whatever an admin changes of the definition or the credential makes another key: a target that
    was mended is asked at once. All processes make the same key of the same rows.
    """
    state = repr(
        (
            target.provider,
            target.upstream_model,
            target.secret_id,
            sealed.secret_version,
            sorted((sealed.auth_config or {}).items()),
        )
    )
    return f"{target.model_definition_id}.{crc32(state.encode()):08x}"


class HealthTable:
    """Health by key.

    Attributes:
        on_event: told every change that this process has seen itself.
        may_probe: decides between processes which one probes the target with a key.
    """

    def __init__(self, times: HealthTimes) -> None:
        self._times = times
        self._known: WeakValueDictionary[str, TargetHealth] = WeakValueDictionary()
        self._blocked: dict[str, TargetHealth] = {}
        self.on_event: Callable[[HealthEvent], None] | None = None
        self.may_probe: Callable[[str], bool] = lambda _: True
        self.blocks = 0  # how often a target was blocked

    def get(self, key: str) -> TargetHealth:
        """Return the health of a target; it is made where there is none yet."""
        health = self._known.get(key)
        if health is None:
            health = self._known[key] = TargetHealth(
                key, self._times, self._on_event, self.may_probe
            )
        return health

    def find(self, key: str) -> TargetHealth | None:
        """Return the health of a target that is blocked; None: it is not."""
        return self._blocked.get(key)

    def hear(self, event: HealthEvent, now_s: float) -> None:
        """Take in what another process has seen."""
        health = self.get(event.key)
        health.hear(event, now_s)
        self._count(event)
        self._keep(health)

    def list_blocked(self, now_s: float) -> list[TargetHealth]:
        """List the targets that are not simply asked, and forget those that nobody asks for."""
        for health in list(self._blocked.values()):
            if now_s > health.until_s + _FORGOTTEN_S:
                del self._blocked[health.key]
        return list(self._blocked.values())

    def _on_event(self, health: TargetHealth, event: HealthEvent) -> None:
        self._count(event)
        self._keep(health)
        if self.on_event is not None:
            self.on_event(event)

    def _count(self, event: HealthEvent) -> None:
        if event.kind not in ("probe", "clear"):
            self.blocks += 1

    def _keep(self, health: TargetHealth) -> None:
        blocked = self._blocked
        if health.is_clear:
            blocked.pop(health.key, None)
            return
        if len(blocked) >= _MOST_BLOCKED and health.key not in blocked:
            del blocked[next(iter(blocked))]  # if it is in use, whoever uses it holds it
        blocked[health.key] = health


@dataclass(frozen=True, slots=True)
class TargetState:
    """What the operator may know of a target that is not simply asked."""

    model_definition_id: str
    model_definition_name: str
    state: str  # open, half_open, cooling, quarantined
    wait_s: float  # until a request may try it again
    reason: str  # the code of the error that blocked it
    times: int  # in a row
    secret_name: str
    former_until: int | None  # it is served with the former value of its credential until then


def list_states(table: HealthTable, snapshot: Snapshot, now_s: float) -> list[TargetState]:
    """List the targets of a snapshot that are not simply asked, by name."""
    blocked = {health.key: health for health in table.list_blocked(now_s)}
    if not blocked:
        return []
    states: dict[str, TargetState] = {}
    # Making the keys of ten thousand targets would take tens of milliseconds.
    model_ids = {key.rpartition(".")[0] for key in blocked}
    for route in snapshot.endpoints.values():
        for target in route.targets:
            if target.model_definition_id not in model_ids:
                continue
            key = build_health_key(target, snapshot.sealed[target.secret_id])
            if (health := blocked.get(key)) is not None and key not in states:
                sealed = snapshot.sealed[target.secret_id]
                states[key] = _describe(health, target, sealed, now_s)
    return sorted(states.values(), key=lambda state: state.model_definition_name)


def _describe(
    health: TargetHealth, target: Target, sealed: SealedSecret, now_s: float
) -> TargetState:
    wait_s = health.wait_s(now_s)
    graced = sealed.previous if health.is_refused else None
    return TargetState(
        model_definition_id=target.model_definition_id,
        model_definition_name=target.model_definition_name,
        state=health.block.value if health.block is not None and wait_s > 0 else "half_open",
        wait_s=wait_s,
        reason=health.reason,
        times=health.step,
        secret_name=sealed.secret_name,
        former_until=None if graced is None else graced.grace_until,
    )
