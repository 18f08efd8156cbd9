"""Sealed credentials, and the keys that they are sealed under.

Rule: nothing here is readable without a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from gateway.entities.names import SecretId


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """A credential as it is stored, with what its record is bound to.

    `secret_version` counts values, `version` of the row counts changes of any kind. `value_mac`
    tells whether a given value is the stored one (keyed; null for what is older than it).
    """

    secret_id: SecretId
    secret_name: str
    provider: str | None
    auth_config: Mapping[str, Any] | None
    secret_version: int
    kek_term: int
    record: bytes = field(repr=False)
    value_mac: bytes | None = field(default=None, repr=False)
    previous: GracedSecret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GracedSecret:
    """The value before the current one as it is stored: good until `grace_until`."""

    sealed: SealedSecret
    grace_until: int


WARN_MS: Final = 14 * 86_400_000  # before an expiry: who renews keys may be away for a week


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringSecret:
    """A credential whose value the provider ends, or has ended."""

    secret_id: SecretId
    secret_name: str
    expires_at: int


class TrialOutcome(StrEnum):
    """What a provider says to a credential."""

    WORKS = "works"
    REFUSED = "refused"  # it does not know it, or no longer
    FORBIDDEN = "forbidden"  # it knows it, and does not let it ask for this
    LIMITED = "limited"  # it knows it, and has no room or quota for it now
    UNREACHABLE = "unreachable"  # no answer came
    UNKNOWN = "unknown"  # an answer came that says nothing about it


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of trying a credential at its provider."""

    outcome: TrialOutcome
    status: int | None
    latency_ms: float
    detail: str  # a sentence of ours, nothing of the provider's


class KekState(StrEnum):
    """Life of a key-encryption-key term."""

    PENDING = "pending"
    ACTIVE = "active"
    DECRYPT_ONLY = "decrypt_only"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultMeta:
    """How the root key of this installation is made; one row, no secret in it."""

    installation_id: str  # 32 hex digits, bound into every wrap of a KEK
    root_kind: str  # "key_file" or "passphrase"
    kdf: str | None  # "argon2id", "scrypt", "pbkdf2_sha256"; null with a key file
    kdf_params: Mapping[str, int]
    salt: bytes
    root_check: bytes  # key-check value of the root key
    wrapped_root: bytes = field(repr=False)  # the root key under the key file's or passphrase's key
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KekTerm:
    """One key-encryption key, wrapped by the root key."""

    term: int  # 1..n
    state: KekState
    wrapped_key: bytes = field(repr=False)
    check_value: bytes = field(repr=False)
    wraps: int = 0  # DEKs wrapped under it so far
    created_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SealContext:
    """What a sealed record is bound to; all of it is authenticated."""

    table: str
    row_id: str
    name: str
    field: str
    version: int  # of the value
    provider: str  # "" where the secret has none
    origin: str  # scheme://host:port that the credential may go to, "" where only a vendor's own


class RotationPhase(StrEnum):
    """How far a rotation of the key-encryption key has come."""

    IDLE = "idle"  # none yet
    LOADING = "loading"  # the new term is stored, not every process has its key yet
    MOVING = "moving"  # the new term is active, records go over to it
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The newest rotation, and who may run it; one row. Times in ms since the epoch.

    A runner writes only while `token` is the one that it got with its lease.
    """

    token: int = 0
    holder: str = ""  # host and process, for the operator
    lease_until: int = 0
    phase: RotationPhase = RotationPhase.IDLE
    to_term: int | None = None
    reencrypt: bool = False
    total: int = 0  # records that stood under other terms when the new one became active
    moved: int = 0
    failed: int = 0  # records that do not open and stay where they are
    started_at: int | None = None
    finished_at: int | None = None
    started_by: str = ""

    @property
    def is_unfinished(self) -> bool:
        """Whether running it again has something to finish."""
        return self.phase in (RotationPhase.LOADING, RotationPhase.MOVING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingProcess:
    """A gateway (parent and workers) on this database, as of its last heartbeat.

    `loaded_term` and `served_epoch` are the lowest of it and all its live workers.
    """

    process_id: str
    host: str
    pid: int
    workers: int
    started_at: int
    seen_at: int
    lease_until: int  # after it, the process counts as gone
    loaded_term: int  # it has the keys of all terms up to this one
    served_epoch: int

    @property
    def name(self) -> str:
        """What an operator finds it by."""
        return f"{self.host}, pid {self.pid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedSecret:
    """A sealed credential with the version of its row, to be replaced only if it is still that."""

    sealed: SealedSecret
    version: int | None  # None: a former value, which has no row of its own kind
