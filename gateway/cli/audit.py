"""`lockgate audit`: who changed what, a copy to keep elsewhere, and whether it is all there.

Rule: `list` and `export` ask the running gateway; `verify` reads the data directory itself, or an
export, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.audit_file import check_file, receive_export
from gateway.cli.client import Api
from gateway.cli.moments import Moment
from gateway.cli.offline import run_on_installation
from gateway.cli.options import with_api, with_output, with_settings
from gateway.cli.output import (
    Column,
    column,
    dump_time,
    is_error_terminal,
    number,
    print_entity,
    print_json,
    print_line,
    print_note,
    print_rows,
)
from gateway.cli.refusal import Refused
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.installation import Installation
    from gateway.store.audit_chain import AuditChain
    from gateway.store.audit_check import AuditReport

_USUAL_ROWS = 50
_PATH = click.Path(path_type=Path, dir_okay=False)
_COLUMNS = (
    number("ROW", "audit_id"),
    Column("WHEN", lambda row: dump_time(row["at"])),
    column("WHO", "actor"),
    column("FROM", "source_address"),
    column("ACTION", "action"),
    column("KIND", "entity_type"),
    column("NAME", "entity_name"),
    Column("CHANGED", lambda row: _name_changes(row["before"], row["after"])),
    column("REQUEST", "request_id"),
)


def _name_changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    if before is None or after is None:
        return "-"
    names = sorted(name for name in before | after if before.get(name) != after.get(name))
    return ", ".join(name for name in names if not name.startswith("last_updated_")) or "-"


@click.group()
def audit() -> None:
    """Read the audit log, copy it, and check that nobody has changed it."""


@audit.command("list", epilog="Example: lockgate audit list --type secret --since 7d")
@click.option("--actor", help="Only what this one did.")
@click.option("--action", help="Only these, such as create, update, delete, login.")
@click.option("--type", "entity_type", help="Only this kind, such as secret or endpoint.")
@click.option("--id", "entity_id", help="Only the thing with this id.")
@click.option("--name", "entity_name", help="Only what had this name.")
@click.option("--request-id", help="Only what this request did.")
@click.option("--address", "source_address", help="Only what came from this address.")
@click.option("--since", type=Moment(-1), help="From then on, as 24h or 2027-01-31.")
@click.option("--until", type=Moment(-1), help="Until then, as 1h or 2027-01-31.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=_USUAL_ROWS,
    show_default=True,
    help="List at most N.",
)
@with_output
@with_api
def list_(api: Api, limit: int, output: str, **filters: Any) -> None:
    """List changes, newest first."""
    print_rows(api.list_all("/audit", filters, limit=limit), _COLUMNS, output)


@audit.command(epilog="Example: lockgate audit export -f audit-2027-01.jsonl --since 2027-01-01")
@click.option("-f", "--file", type=_PATH, help="Write to this file (0600); else to stdout.")
@click.option("--since", type=Moment(-1), help="From the first row of then on, as 30d.")
@click.option("--after", type=click.IntRange(0), metavar="ROW", help="Only rows after this one.")
@with_api
def export(api: Api, file: Path | None, since: int | None, after: int | None) -> None:
    """Write the audit log as lines of JSON, oldest first, with its chain.

    `lockgate audit verify --file` checks it, anywhere; docs/audit.md says how others can.
    """
    end = receive_export(api, file, {"since": since, "after": after})
    if file is not None:
        print_line(f"{end.rows} rows written: {file}")
    if end.fault is not None:
        raise Refused(f"{end.fault}: run `lockgate audit verify`")
    print_note(f"checkpoint {end.checkpoint}")


@audit.command(epilog="Example: lockgate audit verify --data /var/lib/lockgate")
@click.option("-f", "--file", type=_PATH, help="Check an export in place of the database.")
@click.option("--without-key", is_flag=True, help="Check an export's hashes and order alone.")
@click.option(
    "--checkpoint",
    metavar="NUMBER:HASH:MAC",
    help="From the log or an earlier check: its row has to be there, unchanged.",
)
@with_output
@with_settings
def verify(
    settings: Settings, file: Path | None, without_key: bool, checkpoint: str | None, output: str
) -> None:
    """Check that no row of the audit log was changed, removed, added or moved.

    Works on the data directory with its root key, also while a server runs.
    """
    if without_key and file is None:
        raise click.UsageError("--without-key is for an export: give --file")
    if file is None:
        report, end = _verify_database(settings, checkpoint)
    else:
        report, end = _verify_file(settings, file, checkpoint, without_key=without_key)
    if output == "json":
        facts = {name: value for name, value in asdict(report).items() if name != "last_hash"}
        print_json({"ok": report.ok, **facts, "checkpoint": end})
    else:
        _print_report(report, end)
    if not report.ok:
        total = len(report.findings) + report.more_findings
        raise Refused(f"the audit log was tampered with: {total} finding(s)")


def _verify_database(settings: Settings, checkpoint: str | None) -> tuple[AuditReport, str | None]:
    # Late: loads the database.
    from gateway.store.audit_read import check_audit

    async def check(found: Installation) -> tuple[AuditReport, str | None]:
        chain = _build_chain(found)
        kept = None if checkpoint is None else chain.parse_checkpoint(checkpoint)
        report, head = await check_audit(found.store, chain, checkpoint=kept, progress=tell)
        is_right = report.ok and head is not None
        return report, chain.dump_checkpoint(head) if head is not None and is_right else None

    with _progress() as tell:
        return run_on_installation(settings, check)


def _verify_file(
    settings: Settings, file: Path, checkpoint: str | None, *, without_key: bool
) -> tuple[AuditReport, str | None]:
    from gateway.installation import get_database_path  # late, as above

    chain = None
    if without_key or not get_database_path(settings).exists():
        print_note("note: checked without the root key: hashes and order alone")
    else:
        chain = run_on_installation(settings, _find_chain)
    with _progress() as tell:
        return check_file(file, chain, checkpoint, tell)


async def _find_chain(found: Installation) -> AuditChain:
    return _build_chain(found)


def _build_chain(found: Installation) -> AuditChain:
    from gateway.store.audit_chain import AUDIT_CHAIN_PURPOSE, AuditChain  # late, as above

    return AuditChain(found.keyring.derive(AUDIT_CHAIN_PURPOSE))


def _print_report(report: AuditReport, end: str | None) -> None:
    for finding in report.findings:
        print_entity([("FAIL", f"row {finding.row}: {finding.detail}")])
    if report.more_findings:
        print_entity([("FAIL", f"and {report.more_findings} more findings")])
    if report.before_chain:
        count = report.before_chain
        print_note(f"note: {count} rows are from before the log was a chain, as they were then")
    result = "right" if report.ok else "wrong"
    print_line(f"{report.rows} rows checked, up to row {report.verified_to}: {result}")
    if end is not None:
        print_line(f"checkpoint {end}")


@contextmanager
def _progress() -> Iterator[Any]:
    """Show a bar on a terminal's stderr; elsewhere nothing."""
    if not is_error_terminal():
        yield lambda _done, _total: None
        return
    # Late: rich takes longer to load than most commands take to run.
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("checking rows", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
