"""`lockgate crypto`: the vault's keys and records, on the data directory itself.

What changes keys is in `gateway.cli.keychange`.

Rule: names, numbers and reasons come out, never a value.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.keychange import change_passphrase, retire_term, rotate_kek
from gateway.cli.offline import run_on_installation
from gateway.cli.options import with_output, with_settings
from gateway.cli.output import (
    Column,
    column,
    dump_time,
    number,
    print_entity,
    print_json,
    print_line,
    print_rows,
)
from gateway.cli.progress import show_progress
from gateway.cli.refusal import Refused
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.installation import CryptoStatus, VerifyReport

_DAY_MS = 86_400_000
_TERM_COLUMNS = (
    number("TERM", "term"),
    column("STATE", "state"),
    number("RECORDS", "records"),
    number("WRAPS", "wraps"),
    Column("CREATED", lambda row: dump_time(row["created_at"])),
    Column("AGE", lambda row: f"{row['age_ms'] // _DAY_MS} d", right=True),
    column("FAULT", "fault"),
)


_PROCESS_COLUMNS = (
    column("HOST", "host"),
    number("PID", "pid"),
    number("WORKERS", "workers"),
    number("LOADED TERM", "loaded_term"),
    Column("SEEN", lambda row: dump_time(row["seen_at"])),
)


@click.group()
def crypto() -> None:
    """Look at the vault, rotate its keys, change what protects them.

    All of it works on the data directory itself, with or without a running gateway.
    """


for _command in (rotate_kek, change_passphrase, retire_term):
    crypto.add_command(_command)


@crypto.command(epilog="Example: lockgate crypto status --data /var/lib/lockgate")
@with_output
@with_settings
def status(settings: Settings, output: str) -> None:
    """Show the root key's kind, the key terms, how much stands under each, and advice."""
    # Late: loads the vault.
    from gateway.installation import crypto_status

    found = run_on_installation(settings, crypto_status)
    if output == "json":
        print_json(asdict(found))
        return
    print_entity(_describe(found))
    click.echo()
    print_rows([asdict(term) for term in found.terms], _TERM_COLUMNS, "table")
    if found.processes:
        click.echo()
        print_rows([asdict(process) for process in found.processes], _PROCESS_COLUMNS, "table")
    for sentence in found.advice:
        print_entity([("advice", sentence)])


def _describe(found: CryptoStatus) -> list[tuple[str, str]]:
    params = " ".join(f"{name}={value}" for name, value in sorted(found.kdf_params.items()))
    return [
        ("installation", found.installation_id),
        ("root key", found.root_kind.replace("_", " ")),
        ("derivation", f"{found.kdf} {params}" if found.kdf else "-"),
        ("active term", str(found.active_term)),
        ("records", str(found.records)),
        ("rotation", _describe_rotation(found.rotation)),
    ]


def _describe_rotation(row: dict[str, Any]) -> str:
    if row["phase"] == "idle":
        return "none yet"
    text = f"to term {row['to_term']}: {row['phase']}, {row['moved']} of {row['total']} moved"
    if row["failed"]:
        text += f", {row['failed']} do not open"
    if row["running"]:
        return f"{text}; runs in {row['holder']}"
    if row["finished_at"] is not None:
        return f"{text}; ended {dump_time(row['finished_at'])}"
    return f"{text}; nobody is at it"


@crypto.command(epilog="Example: lockgate crypto verify && lockgate backup nightly.db")
@with_output
@with_settings
def verify(settings: Settings, output: str) -> None:
    """Open every stored credential in memory, and tell which do not open.

    Writes nothing; a running server is not held up.
    """
    # Late: loads the vault.
    from gateway.installation import crypto_verify

    with show_progress("opening records") as tell:
        report = run_on_installation(settings, lambda found: crypto_verify(found, tell))
    if output == "json":
        print_json({"ok": report.ok, **asdict(report)})
    else:
        _print_report(report)
    if not report.ok:
        total = report.opened + len(report.failed)
        raise Refused(
            f"{len(report.failed)} of {total} records do not open: store their values again with "
            "`lockgate secrets update NAME --new-value`, or restore a backup"
        )


def _print_report(report: VerifyReport) -> None:
    for record in report.failed:
        print_entity([("FAIL", f"{record.secret_name} ({record.secret_id}): {record.reason}")])
    total = report.opened + len(report.failed)
    print_line(f"{report.opened} of {total} records open")
