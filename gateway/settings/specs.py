"""The table of settings: name, variable, parser, meaning.

Rule: docs/settings.md is compared with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.roles import parse_role_rules
from gateway.secret import Secret
from gateway.settings.values import (
    parse_address,
    parse_bool,
    parse_choice,
    parse_database_url,
    parse_int,
    parse_origins,
    parse_path,
    parse_ports,
    parse_token,
    parse_url,
    parse_word,
    parse_words,
)

ENV_PREFIX = "LOCKGATE_"

_DAY_MS = 86_400_000

_GIB = 1 << 30

_MANY = 1_000_000  # of requests or connections: more than a process can have


@dataclass(frozen=True, slots=True)
class Spec:
    """One setting: name in `Settings` and in the file, parser, meaning, secret or not."""

    name: str
    parse: Callable[[str], Any]
    meaning: str
    secret: bool = False

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return ENV_PREFIX + self.name.upper()


SPECS: tuple[Spec, ...] = (
    Spec("data", parse_path, "data directory; created with mode 0700"),
    Spec("listen", parse_address, "address of the data plane"),
    Spec("admin_listen", parse_address, "own address of the control plane; else the data plane's"),
    Spec(
        "workers", parse_int(1, 256), "worker processes; else as many as there are processor cores"
    ),
    Spec("database_url", parse_database_url, "database; else SQLite in the data directory", True),
    Spec("redis_url", str, "shared counters of many replicas", True),
    Spec("admin_token", parse_token, "an admin token; for client commands, the one to send", True),
    Spec("key_file", parse_path, "file of the root key; else root.key in the data directory"),
    Spec("passphrase", Secret, "passphrase in place of a key file", True),
    Spec("passphrase_file", parse_path, "file whose first line is the passphrase"),
    Spec(
        "kdf",
        parse_choice("argon2id", "scrypt", "pbkdf2_sha256"),
        "key derivation for a new passphrase",
    ),
    Spec(
        "allowed_private_origins",
        parse_origins,
        "origins that an upstream may have although private, loopback or plain http; "
        "comma-separated, a host may begin with *.",
    ),
    Spec(
        "allowed_ports",
        parse_ports,
        "more ports that a public upstream may have, besides 443 and 8443; comma-separated",
    ),
    Spec("url", parse_url, "where client commands find the control plane"),
    Spec(
        "hosts",
        parse_words,
        "more Host values that the control plane answers to; comma-separated host:port",
    ),
    Spec("metrics_public", parse_bool, "serve /metrics without a token"),
    Spec("oidc_issuer", parse_url, "identity provider whose people may log in to the page"),
    Spec("oidc_client_id", parse_word, "what the identity provider calls this gateway"),
    Spec("oidc_client_secret", Secret, "the identity provider's secret for it", True),
    Spec("oidc_client_secret_file", parse_path, "file whose first line is that secret"),
    Spec(
        "oidc_roles",
        parse_role_rules,
        "who gets which role: claim:value=role, comma-separated; the first that fits counts",
    ),
    Spec("oidc_scopes", parse_words, "scopes asked of the identity provider; comma-separated"),
    Spec(
        "oidc_redirect_url",
        parse_url,
        "where the identity provider sends people back to; else made of the request's Host",
    ),
    Spec("log_level", parse_choice("DEBUG", "INFO", "WARNING", "ERROR"), "least level logged"),
    Spec("max_body_bytes", parse_int(1024, _GIB), "largest request body"),
    Spec("connect_timeout_ms", parse_int(1, _DAY_MS), "limit of connecting to an upstream"),
    Spec(
        "first_byte_timeout_ms",
        parse_int(1, _DAY_MS),
        "limit until an upstream's first content",
    ),
    Spec("idle_timeout_ms", parse_int(1, _DAY_MS), "limit of silence within an answer"),
    Spec("total_timeout_ms", parse_int(1, _DAY_MS), "limit of a whole request"),
    Spec("max_attempts", parse_int(1, 20), "upstream calls per request over all targets"),
    Spec(
        "max_in_flight_per_target",
        parse_int(1, 1_000_000),
        "calls under way to one model definition, per worker; beyond it others are asked",
    ),
    Spec(
        "circuit_open_ms",
        parse_int(10, _DAY_MS),
        "how long a target that fails is not asked; doubled each time, up to ten times this",
    ),
    Spec(
        "quarantine_ms",
        parse_int(10, _DAY_MS),
        "how long a target whose credential, account or model fails is not asked; "
        "doubled each time, up to ten times this",
    ),
    Spec("drain_timeout_ms", parse_int(0, _DAY_MS), "time that running requests get at a stop"),
    Spec(
        "ledger_spool_bytes",
        parse_int(0, 1 << 40),
        "disk that usage rows may take in the data directory while the database is away; 0 is none",
    ),
    Spec("max_in_flight", parse_int(0, _MANY), "requests served at the same time per worker"),
    Spec(
        "max_in_flight_per_key",
        parse_int(0, _MANY),
        "requests of one api key served at the same time per worker",
    ),
    Spec("max_queued", parse_int(0, _MANY), "requests that wait for a place per worker"),
    Spec("queue_timeout_ms", parse_int(1, 60_000), "limit of waiting for a place"),
    Spec(
        "max_lag_ms",
        parse_int(0, 60_000),
        "how long a worker may be busy before requests that waited meanwhile are refused",
    ),
    Spec(
        "max_connections",
        parse_int(0, _MANY),
        "clients' connections per worker; 0: half of the files that it may open",
    ),
    Spec(
        "max_connections_per_source",
        parse_int(0, _MANY),
        "clients' connections of one address per worker",
    ),
)

BY_NAME = {spec.name: spec for spec in SPECS}

BY_VARIABLE = {spec.variable: spec for spec in SPECS}
