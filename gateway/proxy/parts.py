"""What the data plane is made of, handed over by the composition root.

Rule: nothing in the data plane looks anything up elsewhere.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.ports import Clock, UsageSink
from gateway.routing.health_table import HealthTable
from gateway.routing.snapshot import SnapshotHolder
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics
from gateway.vault.configs import ModelConfigCache


@dataclass(frozen=True, slots=True)
class ProxyParts:
    """The data plane's parts.

    Args:
        draw: returns a random float in [0, 1).
        healths: of the targets; shared with other processes by whoever made it.
        sleep: waits that many seconds.
        ssl_context: for upstreams that the system's certificate store does not know.
    """

    snapshots: SnapshotHolder
    configs: ModelConfigCache
    usage: UsageSink
    settings: Settings
    clock: Clock
    metrics: Metrics
    healths: HealthTable
    draw: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ssl_context: ssl.SSLContext | None = None
