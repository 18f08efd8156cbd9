"""What `lockgate doctor` looks at.

Rule: a check changes nothing, never raises for what it was made to find, and says
beside every fault how to mend it.
"""

from __future__ import annotations

import errno
import http.client
import os
import platform
import shutil
import socket
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.cli.offline import run_on_installation
from gateway.cli.output import dump_time
from gateway.entities import WARN_MS, ExpiringSecret, PageRequest
from gateway.errors import LockgateError
from gateway.settings import Address, Settings

if TYPE_CHECKING:
    from gateway.installation import CryptoStatus, Installation, VerifyReport
    from gateway.store.audit_check import AuditReport

_OLDEST_PYTHON: Final = (3, 11)
_FAIL_FREE_BYTES: Final = 100 << 20  # a write-ahead log and one backup of a usual database
_WARN_FREE_BYTES: Final = 1 << 30  # months of ledger at a request a second
_EARLIEST_MS: Final = 1_767_225_600_000  # 2026-01-01: no machine that runs this is older
_CLOCK_SLACK_MS: Final = 300_000  # what two machines of one installation may differ by
_EXPIRING_SHOWN: Final = 20
_AUDIT_ROWS: Final = 1_000  # 20 ms; `lockgate audit verify` reads them all
_PROBE_TIMEOUT_S: Final = 2.0  # a Lockgate on this machine answers in milliseconds
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_ANSWER_HEADER: Final = "x-lockgate-request-id"


class Verdict(StrEnum):
    """What came of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `mend` says what to do."""

    check: str
    verdict: Verdict
    detail: str
    mend: str | None = None


Findings = Iterator[Finding]


def check_python() -> Findings:
    """Check the interpreter and the platform."""
    version = platform.python_version()
    if sys.version_info[:2] < _OLDEST_PYTHON:
        yield Finding("python", Verdict.FAIL, version, "install Python 3.11 or newer")
    else:
        yield Finding("python", Verdict.OK, version)
    if os.name == "posix":
        yield Finding("platform", Verdict.OK, f"{platform.system()} {platform.machine()}")
        return
    yield Finding(
        "platform",
        Verdict.WARN,
        f"{platform.system()}: file modes do not protect the root key here, and a stop may drop "
        "requests; nobody tests it",
        "run Lockgate in WSL 2 or in a Linux container",
    )


def check_directory(settings: Settings) -> Findings:
    """Check the data directory: there, a directory, ours, closed to others."""
    path = settings.data
    if not path.exists():
        yield Finding(
            "data directory",
            Verdict.WARN,
            f"{path} is not there yet",
            "`lockgate serve` makes it, or name another with --data",
        )
        return
    if not path.is_dir():
        yield Finding(
            "data directory", Verdict.FAIL, f"{path} is not a directory", "name one with --data"
        )
        return
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            "data directory",
            Verdict.FAIL,
            f"{path} is not writable for this user",
            f"change its owner, or run as the user that owns {path}",
        )
        return
    yield _check_mode("data directory", path, 0o700)


def _check_mode(check: str, path: Path, wanted: int) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & _OTHERS:
        return Finding(
            check,
            Verdict.WARN,
            f"{path} is open to other users (mode {mode:04o})",
            f"chmod {wanted:o} {path}",
        )
    return Finding(check, Verdict.OK, str(path))


def check_database(settings: Settings) -> Findings:
    """Check the database file: mode, integrity, schema."""
    # Late: loads the database.
    from gateway.installation import get_database_path
    from gateway.store.sqlite import check_database as find_faults

    path = get_database_path(settings)
    if not path.is_file():
        yield Finding(
            "database",
            Verdict.WARN,
            f"there is none at {path}",
            "`lockgate serve` makes it, or `lockgate restore` puts a backup there",
        )
        return
    yield _check_mode("database file", path, 0o600)
    faults = find_faults(path)
    for fault in faults:
        yield Finding("database", Verdict.FAIL, fault, "lockgate restore FILE --replace")
    if not faults:
        log = path.with_name(f"{path.name}-wal")  # what was written last may be there alone
        size = path.stat().st_size + (log.stat().st_size if log.is_file() else 0)
        yield Finding("database", Verdict.OK, f"sound, {size} bytes")


def check_spool(settings: Settings) -> Findings:
    """Check for usage rows that have waited for the database, and still do."""
    # Late: loads what a fit machine need not.
    from gateway.store.spool_file import count_rows, list_spools

    for path in list_spools(settings.data):
        rows = count_rows(path)
        if rows is None:
            yield Finding("ledger", Verdict.WARN, f"{path} is no spool", "move it away")
        elif rows:
            yield Finding(
                "ledger",
                Verdict.WARN,
                f"up to {rows} usage rows wait in {path}",
                "keep the file: `lockgate serve` stores them as soon as the database takes them",
            )


@dataclass(frozen=True, slots=True)
class _Vault:
    """What one opening of the installation shows."""

    status: CryptoStatus
    report: VerifyReport
    audit: AuditReport
    newest_at: int
    expiring: tuple[ExpiringSecret, ...]


def check_vault(settings: Settings) -> Findings:
    """Check root key, key terms and records, and the clock against what is stored."""
    from gateway.installation import get_database_path  # late, as above

    if not get_database_path(settings).is_file():
        return
    try:
        seen = run_on_installation(settings, _look, older=True)
    except LockgateError as error:
        yield Finding("root key", Verdict.FAIL, error.detail)
        return
    if seen is None:
        yield Finding("root key", Verdict.OK, "check values right")
        yield Finding(
            "schema",
            Verdict.WARN,
            "an older Lockgate wrote this database: nothing else of it is checked",
            "keep a backup; the next `lockgate serve` brings it up to date",
        )
        return
    yield Finding(
        "root key", Verdict.OK, f"{seen.status.root_kind.replace('_', ' ')}, check values right"
    )
    yield from _check_terms(seen.status)
    yield from _check_records(seen.report)
    yield _check_audit(seen.audit)
    yield from _check_expiry(seen.expiring)
    yield _check_clock(seen.newest_at)


async def _look(installation: Installation) -> _Vault | None:
    # Late, as above.
    from gateway.installation import crypto_status, crypto_verify
    from gateway.store.audit_chain import AUDIT_CHAIN_PURPOSE, AuditChain
    from gateway.store.audit_read import check_audit_end

    if not installation.is_current:
        return None
    status = await crypto_status(installation)
    report = await crypto_verify(installation)
    chain = AuditChain(installation.keyring.derive(AUDIT_CHAIN_PURPOSE))
    ended = await check_audit_end(installation.store, chain, _AUDIT_ROWS)
    async with installation.store.read() as transaction:
        audit = await transaction.admin.list_audit(PageRequest(limit=1))
        soon_ms = time.time_ns() // 1_000_000 + WARN_MS
        expiring = await transaction.secrets.list_expiring(soon_ms, _EXPIRING_SHOWN)
    times = [term.created_at for term in status.terms] + [row.at for row in audit.items]
    return _Vault(status, report, ended, max(times, default=0), expiring)


def _check_terms(status: CryptoStatus) -> Findings:
    broken = bool(status.missing_terms) or any(
        term.fault is not None and term.records for term in status.terms
    )
    for sentence in status.advice:
        yield Finding("key terms", Verdict.FAIL if broken else Verdict.WARN, sentence)
    if not status.advice:
        yield Finding("key terms", Verdict.OK, f"{len(status.terms)}, active: {status.active_term}")


def _check_records(report: VerifyReport) -> Findings:
    for record in report.failed:
        yield Finding(
            "records",
            Verdict.FAIL,
            f"{record.secret_name} ({record.secret_id}): {record.reason}",
            f"lockgate secrets update {record.secret_name} --new-value, or restore a backup",
        )
    if report.ok:
        yield Finding("records", Verdict.OK, f"all {report.opened} open")


def _check_audit(report: AuditReport) -> Finding:
    if report.ok:
        return Finding("audit log", Verdict.OK, f"the last {report.rows} rows are as written")
    first, more = report.findings[0], len(report.findings) + report.more_findings - 1
    return Finding(
        "audit log",
        Verdict.FAIL,
        f"row {first.row}: {first.detail}" + (f"; and {more} more findings" if more else ""),
        "`lockgate audit verify` checks all of it; docs/audit.md says what is to be done",
    )


def _check_expiry(expiring: tuple[ExpiringSecret, ...]) -> Findings:
    for row in expiring:
        word = "expired" if row.expires_at <= time.time() * 1000 else "expires"
        yield Finding(
            "expiry",
            Verdict.WARN,
            f"{row.secret_name} {word} {dump_time(row.expires_at)}",
            f"lockgate secrets rotate {row.secret_name}",
        )
    if not expiring:
        yield Finding("expiry", Verdict.OK, "no secret expires within 14 days")


def _check_clock(newest_at: int) -> Finding:
    now_ms = time.time_ns() // 1_000_000
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_ms / 1000))
    if now_ms < max(_EARLIEST_MS, newest_at - _CLOCK_SLACK_MS):
        return Finding(
            "clock",
            Verdict.FAIL,
            f"{shown} is before what is stored already",
            "set the machine's clock (NTP): expiry of api keys and TLS depend on it",
        )
    return Finding("clock", Verdict.OK, shown)


def check_disk(settings: Settings) -> Findings:
    """Check the space that is left where the data directory is or will be."""
    place = settings.data.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    detail = f"{free >> 20} MiB free at {place}"
    if free < _FAIL_FREE_BYTES:
        yield Finding("disk", Verdict.FAIL, detail, "make room: writes are refused when it is full")
    elif free < _WARN_FREE_BYTES:
        yield Finding("disk", Verdict.WARN, detail, "make room soon")
    else:
        yield Finding("disk", Verdict.OK, detail)


def check_ports(settings: Settings) -> Findings:
    """Check that each address is free, or answered by a Lockgate."""
    yield _check_port("listen", settings.listen, "/v1/models")
    if settings.admin_listen is not None:
        yield _check_port("admin listen", settings.admin_listen, "/api/v1/status")


def _check_port(check: str, address: Address, path: str) -> Finding:
    fault = _find_bind_fault(address)
    if fault is None:
        return Finding(check, Verdict.OK, f"{address} is free")
    if fault.errno == errno.EADDRINUSE:
        if _is_lockgate(address, path):
            return Finding(check, Verdict.OK, f"{address} is answered by a Lockgate")
        return Finding(
            check,
            Verdict.FAIL,
            f"{address} is taken by another program",
            "stop it, or choose another with --listen or --admin-listen",
        )
    return Finding(
        check,
        Verdict.FAIL,
        f"{address} cannot be opened: {fault.strerror or 'its name does not resolve'}",
        "choose an address of this machine and a port of 1024 or more",
    )


def _find_bind_fault(address: Address) -> OSError | None:
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, place = found[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":  # else a connection that just closed counts as taken
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            probe.listen(1)
    except OSError as error:
        return error
    return None


def _is_lockgate(address: Address, path: str) -> bool:
    # An address that stands for all of the machine's is reached through loopback.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104  no bind
    connection = http.client.HTTPConnection(host, address.port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().getheader(_ANSWER_HEADER) is not None
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
