"""All settings of a process, with their defaults.

Rule: frozen; what is not given has its default here, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.roles import RoleRule
from gateway.secret import Secret


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener binds; port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class OriginPattern:
    """One entry of the allow-list of private origins; a host may begin with ``*.``."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one process. Times in milliseconds, sizes in bytes, where named so."""

    data: Path = Path("lockgate-data")
    listen: Address = Address("127.0.0.1", 8700)
    admin_listen: Address | None = None
    workers: int | None = None
    database_url: str | None = None
    redis_url: str | None = None
    admin_token: Secret | None = None
    key_file: Path | None = None
    passphrase: Secret | None = None
    passphrase_file: Path | None = None
    kdf: str = "argon2id"
    allowed_private_origins: tuple[OriginPattern, ...] = ()
    allowed_ports: tuple[int, ...] = ()
    url: str = "http://127.0.0.1:8700"
    hosts: tuple[str, ...] = ()
    metrics_public: bool = False
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: Secret | None = None
    oidc_client_secret_file: Path | None = None
    oidc_roles: tuple[RoleRule, ...] = ()
    oidc_scopes: tuple[str, ...] = ("openid", "profile", "email")
    oidc_redirect_url: str | None = None
    log_level: str = "INFO"
    max_body_bytes: int = 32 << 20
    connect_timeout_ms: int = 5_000
    first_byte_timeout_ms: int = 60_000
    idle_timeout_ms: int = 60_000
    total_timeout_ms: int = 600_000
    max_attempts: int = 3
    max_in_flight_per_target: int = 2_000
    circuit_open_ms: int = 30_000
    quarantine_ms: int = 60_000
    drain_timeout_ms: int = 30_000
    # About 350 bytes a row: 50 minutes of 1,000 requests a second, a week of 5.
    ledger_spool_bytes: int = 1 << 30
    max_in_flight: int = 4096  # a stream costs some 30 KiB: the cap stands for 128 MiB
    max_in_flight_per_key: int = 0
    max_queued: int = 1024
    queue_timeout_ms: int = 250  # with twice that a client that tries again notices nothing
    max_lag_ms: int = 250  # an answer takes about three such turns: still within a second
    max_connections: int = 0
    max_connections_per_source: int = 8192  # a load balancer is one source
    configuration_file: Path | None = None  # the file itself, where it says what is routed
