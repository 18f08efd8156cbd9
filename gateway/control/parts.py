"""What the control plane is given by the composition root.

Rule: a `Sealer`, never an `Opener`: nothing in this package can read a credential back.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.control.oidc.provider import ProviderCache
from gateway.control.throttle import Throttle
from gateway.entities import AdminToken
from gateway.ports import Clock, KeyDeriver, Sealer, Store
from gateway.routing.snapshot import Snapshot, SnapshotHolder
from gateway.settings import Settings

BASE_PATH = "/api/v1"  # where the application is mounted


@dataclass(slots=True)
class TokenCache:
    """The admin tokens of the database and the ended sessions, as of an epoch."""

    known: tuple[AdminToken, ...] | None = None
    ended: frozenset[str] = frozenset()
    epoch: int = -1
    read_at_s: float = 0.0
    asked_at_s: float = 0.0
    used_at: dict[str, int] = field(default_factory=dict)  # by token, in milliseconds


@dataclass(slots=True)
class Gate:
    """Those who wait because of wrong credentials; `sleep` waits for seconds."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    held: int = 0


@dataclass(frozen=True, slots=True)
class ControlParts:
    """The control plane's surroundings.

    `publish` serves a snapshot everywhere and returns the names of workers that did not
    follow in time; `status` gives the server's own facts; `usage_flush` writes the ledger's
    waiting rows, so that a read shows what was just booked.
    """

    store: Store
    sealer: Sealer
    deriver: KeyDeriver
    snapshots: SnapshotHolder
    settings: Settings
    clock: Clock
    publish: Callable[[Snapshot], Awaitable[Sequence[str]]]
    status: Callable[[], Awaitable[dict[str, Any]]]
    usage_flush: Callable[[], Awaitable[None]]
    tokens: TokenCache = field(default_factory=TokenCache)
    throttle: Throttle = field(default_factory=Throttle)
    gate: Gate = field(default_factory=Gate)
    oidc: ProviderCache = field(default_factory=ProviderCache)

    @property
    def oidc_fingerprint(self) -> str:
        """A name for the settings of OIDC: sessions made under others have ended."""
        found = self.settings
        parts = [found.oidc_issuer, found.oidc_client_id, *map(str, found.oidc_roles)]
        return hashlib.sha256(repr(parts).encode()).hexdigest()
