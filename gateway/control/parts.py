"""What the control plane is given by the composition root.

Rule: a `Sealer`, never an `Opener`: nothing in this package can read a credential back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.ports import Clock, CredentialTrials, KeyDeriver, Sealer, Store
from gateway.routing.snapshot import Snapshot, SnapshotHolder
from gateway.settings import Settings

BASE_PATH = "/api/v1"  # where the application is mounted


@dataclass(slots=True)
class TokenCache:
    """The admin tokens of the database as (name, digest), and when they were read."""

    known: tuple[tuple[str, bytes], ...] | None = None
    read_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ControlParts:
    """The control plane's surroundings.

    `publish` serves a snapshot everywhere and returns the names of workers that did not
    follow in time; `status` gives the server's own facts; `usage_flush` writes the ledger's
    waiting rows, so that a read shows what was just booked; `trials` asks providers what they say
    to a credential.
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
    trials: CredentialTrials
    tokens: TokenCache = field(default_factory=TokenCache)
