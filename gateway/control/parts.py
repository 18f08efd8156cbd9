"""What the control plane is given by the composition root.

Rule: a `Sealer`, never an `Opener`: nothing in this package can read a credential back.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from gateway.control.oidc.provider import ProviderCache
from gateway.control.throttle import Throttle
from gateway.entities import AdminToken, Dialect
from gateway.ports import Clock, CredentialTrials, KeyDeriver, Sealer, Store
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


class ConfigurationSource(Protocol):
    """The file that the configuration comes from."""

    path: Path
    sections: Collection[str]
    """What it has, by the names of the configuration document."""

    def describe(self) -> dict[str, Any]:
        """Return what the operator may know of it."""
        ...


class VaultKeys(Protocol):
    """The vault's keys, as an admin may see and rotate them; no value can be read through it."""

    async def reload(self) -> None:
        """Load the keys that the database has by now."""
        ...

    async def describe(self) -> dict[str, Any]:
        """Return terms, records, processes, rotation and advice."""
        ...

    async def progress(self) -> dict[str, Any]:
        """Return how far the newest rotation is."""
        ...

    async def plan(self) -> dict[str, Any]:
        """Return what a rotation would do; opens every record, changes nothing."""
        ...

    async def rotate(
        self, *, actor: str, request_id: str, source_address: str, reencrypt: bool
    ) -> dict[str, Any]:
        """Begin or go on with a rotation; return the progress. Raises RotationError."""
        ...


# By dialect of a client, the one in which a model is asked for it; None: it cannot be.
Formats: TypeAlias = Mapping[Dialect, Dialect | None]


@dataclass(frozen=True, slots=True)
class ControlParts:
    """The control plane's surroundings.

    `publish` serves a snapshot everywhere and returns the names of workers that did not
    follow in time; `status` gives the server's own facts; `usage_flush` writes the ledger's
    waiting rows, so that a read shows what was just booked; `trials` asks providers what they say
    to a credential; `formats` tells in which dialect a provider's model is asked, by its name, the
    model's and the settings of the credential. What `source` has, if there is one, nobody else
    writes.
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
    vault: VaultKeys
    trials: CredentialTrials
    formats: Callable[[str, str, Mapping[str, Any] | None], Formats]
    source: ConfigurationSource | None = None
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
