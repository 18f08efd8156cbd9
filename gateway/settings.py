"""Settings: flags, environment and file make one frozen `Settings`.

Flags win over ``LOCKGATE_*`` variables, those over the file's ``settings:``.

Rule: every setting is one row of `SPECS`; its name in the file, its variable,
its parser and its place in docs/settings.md all come from there. An unknown
name is an error that names the nearest known one.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.errors import ManifestError, SettingsError
from gateway.roles import RoleRule, parse_role_rules
from gateway.secret import Secret
from gateway.yaml_nodes import Node, build_plain, parse_yaml

ENV_PREFIX = "LOCKGATE_"
# Sections of a configuration file that say what the gateway routes; `gateway.manifest` reads them.
MANAGED_SECTIONS = ("secrets", "model_definitions", "endpoints", "bindings", "api_keys")
FILE_SECTIONS = ("lockgate", "base", "settings", *MANAGED_SECTIONS)
_MAX_PORT = 65535
_DAY_MS = 86_400_000
_GIB = 1 << 30
# Ports of protocols that are not HTTP, some of which obey a line of text that is put into a request
# (Fetch Standard, section 2.9 "port blocking", and the usual databases).
_NEVER_HTTP = frozenset(
    [
        *(*range(1, 80), *range(81, 443), *range(444, 800), 873, *range(989, 996)),
        *(1433, 1521, 1719, 1720, 1723, 2049, 3306, 3659, 4045, 4190, 5060, 5061, 5432),
        *(6000, 6379, 6566, *range(6665, 6670), 6679, 6697, 10080, 11211, 27017),
    ]
)
_MANY = 1_000_000  # of requests or connections: more than a process can have
_PATTERN_HOST = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")


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


# --- parsers of single values -------------------------------------------------------------


def parse_address(text: str) -> Address:
    """Parse ``HOST:PORT`` (IPv6 in brackets). Raises ValueError with the reason."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address must stand in brackets, as in [::1]:8700")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise ValueError("must be HOST:PORT with a port of 0 to 65535")
    return Address(host, int(port))


def parse_origin_pattern(text: str) -> OriginPattern:
    """Parse ``scheme://host[:port]`` where the host may begin with ``*.``."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{text!r} must begin with http:// or https://")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{text!r} must be an origin alone: scheme, host and port")
    host, port = _split_netloc(parts.netloc, text)
    default = 443 if parts.scheme == "https" else 80
    return OriginPattern(parts.scheme, host.strip("[]").lower(), default if port is None else port)


def _split_netloc(netloc: str, text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(?P<host>\[[^\]]+\]|[^:\[\]]+)(:(?P<port>[0-9]{1,5}))?", netloc)
    if match is None or not _PATTERN_HOST.fullmatch(match["host"]):
        raise ValueError(f"{text!r} has no valid host and port")
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not 0 < port <= _MAX_PORT:
        raise ValueError(f"{text!r} has a port outside of 1 to 65535")
    return match["host"], port


def _parse_origins(text: str) -> tuple[OriginPattern, ...]:
    return tuple(parse_origin_pattern(part) for part in _parse_words(text))


def _parse_ports(text: str) -> tuple[int, ...]:
    parse_port = _parse_int(1, _MAX_PORT)
    ports = tuple(parse_port(word) for word in _parse_words(text))
    odd = next((port for port in ports if port in _NEVER_HTTP), None)
    if odd is not None:
        raise ValueError(f"{odd} is a port of another protocol than HTTP")
    return ports


def _parse_words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _parse_bool(text: str) -> bool:
    words = dict.fromkeys(("true", "1", "yes", "on"), True)
    words |= dict.fromkeys(("false", "0", "no", "off"), False)
    if text.strip().lower() not in words:
        raise ValueError("must be true or false")
    return words[text.strip().lower()]


def _parse_int(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text.strip()) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _parse_choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        for choice in choices:
            if choice.lower() == text.strip().lower():
                return choice
        raise ValueError(f"must be one of {', '.join(choices)}")

    return parse


def _parse_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise ValueError("must be an http:// or https:// URL without user and password")
    return text.rstrip("/")


def _parse_path(text: str) -> Path:
    if not text.strip() or "\0" in text:
        raise ValueError("must be a path")
    return Path(text)


def _parse_database_url(text: str) -> str:
    if not re.match(r"(sqlite:///|postgresql://|postgres://)", text):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    return text


def _parse_token(text: str) -> Secret:
    least = 16  # shorter ones can be guessed online
    if len(text.strip()) < least or not text.strip().isascii():
        raise ValueError(f"must be at least {least} ASCII characters")
    return Secret(text.strip())


def _parse_word(text: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", text.strip()):
        raise ValueError("must be 1 to 255 visible ASCII characters")
    return text.strip()


# --- the table ----------------------------------------------------------------------------


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
    Spec("data", _parse_path, "data directory; created with mode 0700"),
    Spec("listen", parse_address, "address of the data plane"),
    Spec("admin_listen", parse_address, "own address of the control plane; else the data plane's"),
    Spec(
        "workers", _parse_int(1, 256), "worker processes; else as many as there are processor cores"
    ),
    Spec("database_url", _parse_database_url, "database; else SQLite in the data directory", True),
    Spec("redis_url", str, "shared counters of many replicas", True),
    Spec("admin_token", _parse_token, "an admin token; for client commands, the one to send", True),
    Spec("key_file", _parse_path, "file of the root key; else root.key in the data directory"),
    Spec("passphrase", Secret, "passphrase in place of a key file", True),
    Spec("passphrase_file", _parse_path, "file whose first line is the passphrase"),
    Spec(
        "kdf",
        _parse_choice("argon2id", "scrypt", "pbkdf2_sha256"),
        "key derivation for a new passphrase",
    ),
    Spec(
        "allowed_private_origins",
        _parse_origins,
        "origins that an upstream may have although private, loopback or plain http; "
        "comma-separated, a host may begin with *.",
    ),
    Spec(
        "allowed_ports",
        _parse_ports,
        "more ports that a public upstream may have, besides 443 and 8443; comma-separated",
    ),
    Spec("url", _parse_url, "where client commands find the control plane"),
    Spec(
        "hosts",
        _parse_words,
        "more Host values that the control plane answers to; comma-separated host:port",
    ),
    Spec("metrics_public", _parse_bool, "serve /metrics without a token"),
    Spec("oidc_issuer", _parse_url, "identity provider whose people may log in to the page"),
    Spec("oidc_client_id", _parse_word, "what the identity provider calls this gateway"),
    Spec("oidc_client_secret", Secret, "the identity provider's secret for it", True),
    Spec("oidc_client_secret_file", _parse_path, "file whose first line is that secret"),
    Spec(
        "oidc_roles",
        parse_role_rules,
        "who gets which role: claim:value=role, comma-separated; the first that fits counts",
    ),
    Spec("oidc_scopes", _parse_words, "scopes asked of the identity provider; comma-separated"),
    Spec(
        "oidc_redirect_url",
        _parse_url,
        "where the identity provider sends people back to; else made of the request's Host",
    ),
    Spec("log_level", _parse_choice("DEBUG", "INFO", "WARNING", "ERROR"), "least level logged"),
    Spec("max_body_bytes", _parse_int(1024, _GIB), "largest request body"),
    Spec("connect_timeout_ms", _parse_int(1, _DAY_MS), "limit of connecting to an upstream"),
    Spec(
        "first_byte_timeout_ms",
        _parse_int(1, _DAY_MS),
        "limit until an upstream's first content",
    ),
    Spec("idle_timeout_ms", _parse_int(1, _DAY_MS), "limit of silence within an answer"),
    Spec("total_timeout_ms", _parse_int(1, _DAY_MS), "limit of a whole request"),
    Spec("max_attempts", _parse_int(1, 20), "upstream calls per request over all targets"),
    Spec(
        "max_in_flight_per_target",
        _parse_int(1, 1_000_000),
        "calls under way to one model definition, per worker; beyond it others are asked",
    ),
    Spec(
        "circuit_open_ms",
        _parse_int(10, _DAY_MS),
        "how long a target that fails is not asked; doubled each time, up to ten times this",
    ),
    Spec(
        "quarantine_ms",
        _parse_int(10, _DAY_MS),
        "how long a target whose credential, account or model fails is not asked; "
        "doubled each time, up to ten times this",
    ),
    Spec("drain_timeout_ms", _parse_int(0, _DAY_MS), "time that running requests get at a stop"),
    Spec(
        "ledger_spool_bytes",
        _parse_int(0, 1 << 40),
        "disk that usage rows may take in the data directory while the database is away; 0 is none",
    ),
    Spec("max_in_flight", _parse_int(0, _MANY), "requests served at the same time per worker"),
    Spec(
        "max_in_flight_per_key",
        _parse_int(0, _MANY),
        "requests of one api key served at the same time per worker",
    ),
    Spec("max_queued", _parse_int(0, _MANY), "requests that wait for a place per worker"),
    Spec("queue_timeout_ms", _parse_int(1, 60_000), "limit of waiting for a place"),
    Spec(
        "max_lag_ms",
        _parse_int(0, 60_000),
        "how long a worker may be busy before requests that waited meanwhile are refused",
    ),
    Spec(
        "max_connections",
        _parse_int(0, _MANY),
        "clients' connections per worker; 0: half of the files that it may open",
    ),
    Spec(
        "max_connections_per_source",
        _parse_int(0, _MANY),
        "clients' connections of one address per worker",
    ),
)
_BY_NAME = {spec.name: spec for spec in SPECS}
_BY_VARIABLE = {spec.variable: spec for spec in SPECS}


# --- putting them together ----------------------------------------------------------------


def parse_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None = None
) -> Settings:
    """Build the settings from flags (None is absent), environment and file.

    Raises:
        SettingsError: an unknown name or a value that cannot be; `field` names where.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values.update(_read_file(file))
    values.update(_read_environ(environ))
    values.update(_read_flags(flags))
    settings = Settings(**values)
    _check(settings)
    return settings


def _read_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in flags.items() if value is not None}
    return {
        name: _parse(_BY_NAME[name], str(value), f"--{name.replace('_', '-')}")
        for name, value in given.items()
    }


def _read_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for variable, text in environ.items():
        if not variable.startswith(ENV_PREFIX) or not text:
            continue  # an empty variable is how a shell unsets one
        if variable not in _BY_VARIABLE:
            raise _unknown(variable, _BY_VARIABLE)
        spec = _BY_VARIABLE[variable]
        values[spec.name] = _parse(spec, text, variable)
    return values


def _read_file(path: Path) -> dict[str, Any]:
    root = _load_yaml(path)
    unknown = next((name for name in root.fields if name not in FILE_SECTIONS), None)
    if unknown is not None:
        nearest = difflib.get_close_matches(unknown, FILE_SECTIONS, n=1)
        known = f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(FILE_SECTIONS)}"
        where = f"{path}:{root.fields[unknown].line}: {unknown}"
        raise SettingsError(f"{where}: is no section; {known}", field=unknown)
    section = root.fields.get("settings", Node({}, root.line))
    if not isinstance(section.value, dict | None):
        raise SettingsError(f"{path}:{section.line}: settings: must be a mapping", field="settings")
    values: dict[str, Any] = {}
    if any(name in MANAGED_SECTIONS for name in root.fields):
        values["configuration_file"] = path
    for name, node in section.fields.items():
        where = f"{path}:{node.line}: settings"
        if name not in _BY_NAME:
            raise _unknown(name, _BY_NAME, where=f"{where}: ")
        spec = _BY_NAME[name]
        if spec.secret:
            raise SettingsError(
                f"{where}.{name} is a secret: give it as {spec.variable}", field=name
            )
        values[name] = _parse(spec, _to_text(build_plain(node)), f"{where}.{name}")
    return values


def _load_yaml(path: Path) -> Node:
    try:
        root = parse_yaml(path.read_bytes(), str(path))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}", field=str(path)) from None
    except ManifestError as error:
        raise SettingsError(error.detail, field=str(path)) from None
    if not isinstance(root.value, dict | None):
        raise SettingsError(f"{path}: must be a mapping at its top level", field=str(path))
    return root


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value)


def _parse(spec: Spec, text: str, where: str) -> Any:
    try:
        return spec.parse(text)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}", field=where) from None


def _unknown(name: str, known: Mapping[str, Spec], where: str = "") -> SettingsError:
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)[0]
    return SettingsError(
        f"{where}{name} is not a setting; the nearest known one is {nearest}", field=name
    )


def _check(settings: Settings) -> None:
    if settings.passphrase is not None and settings.passphrase_file is not None:
        raise SettingsError(
            "give LOCKGATE_PASSPHRASE or LOCKGATE_PASSPHRASE_FILE, not both",
            field="passphrase_file",
        )
    if settings.key_file is not None and (settings.passphrase or settings.passphrase_file):
        raise SettingsError("give a key file or a passphrase, not both", field="key_file")
    _check_oidc(settings)
    if os.name != "posix" and settings.workers not in (None, 1):
        raise SettingsError(
            "this system has one process only, as it cannot hand over sockets: set --workers 1",
            field="workers",
        )
    if settings.redis_url is not None:
        raise SettingsError(
            "this release has no use for Redis: unset LOCKGATE_REDIS_URL", field="redis_url"
        )
    if settings.database_url is not None and not settings.database_url.startswith("sqlite:///"):
        raise SettingsError(
            "this release runs on SQLite: give sqlite:///PATH or nothing", field="database_url"
        )


def _check_oidc(settings: Settings) -> None:
    needed = {
        "oidc_issuer": settings.oidc_issuer,
        "oidc_client_id": settings.oidc_client_id,
        "oidc_roles": settings.oidc_roles,
    }
    missing = [name for name, value in needed.items() if not value]
    if 0 < len(missing) < len(needed):
        variables = " and ".join(ENV_PREFIX + name.upper() for name in missing)
        raise SettingsError(f"a login with OIDC needs {variables} too", field=missing[0])
    if settings.oidc_client_secret and settings.oidc_client_secret_file:
        raise SettingsError(
            "give LOCKGATE_OIDC_CLIENT_SECRET or LOCKGATE_OIDC_CLIENT_SECRET_FILE, not both",
            field="oidc_client_secret_file",
        )
