"""`lockgate doctor`: is this machine, and what is stored on it, fit to serve?

Rule: changes nothing, works with and without a running server, and ends with 1
exactly when a check failed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import click

from gateway.cli import checks
from gateway.cli.checks import Finding, Verdict
from gateway.cli.options import with_output
from gateway.cli.output import print_json
from gateway.cli.refusal import Refused, clean
from gateway.errors import LockgateError, SettingsError
from gateway.settings import Settings, parse_settings

_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}
_CHECKS: tuple[tuple[str, Callable[[Settings], Iterator[Finding]]], ...] = (
    ("data directory", checks.check_directory),
    ("database", checks.check_database),
    ("ledger", checks.check_spool),
    ("vault", checks.check_vault),
    ("disk", checks.check_disk),
    ("ports", checks.check_ports),
)


@click.command(epilog="Example: lockgate doctor --data /var/lib/lockgate")
@click.option("--data", metavar="DIR", help="Data directory; else LOCKGATE_DATA.")
@click.option("--listen", metavar="HOST:PORT", help="Address that serve will use.")
@click.option("--admin-listen", metavar="HOST:PORT", help="Control plane's own address.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file with a settings: section.",
)
@with_output
def doctor(
    data: str | None,
    listen: str | None,
    admin_listen: str | None,
    config: Path | None,
    output: str,
) -> None:
    """Check the machine, the settings, the data directory, the database and the vault.

    Each line is ok, warn or FAIL, with what to do about it. Nothing is changed.
    """
    flags = {"data": data, "listen": listen, "admin_listen": admin_listen}
    findings = _tell(run_checks(flags, config), output)
    failed = sum(finding.verdict is Verdict.FAIL for finding in findings)
    if failed:
        raise Refused(f"{failed} of {len(findings)} checks failed")


def run_checks(flags: dict[str, str | None], config: Path | None) -> Iterator[Finding]:
    """Yield what each check finds, as it is found."""
    yield from checks.check_python()
    try:
        settings = parse_settings(flags, os.environ, config)
    except SettingsError as error:
        yield Finding("settings", Verdict.FAIL, error.detail, "see docs/settings.md")
        return
    yield Finding("settings", Verdict.OK, "all known, all well-formed")
    for name, check in _CHECKS:
        try:
            yield from check(settings)
        except (LockgateError, OSError) as error:
            yield Finding(name, Verdict.FAIL, _explain(error))


def _explain(error: LockgateError | OSError) -> str:
    if isinstance(error, LockgateError):
        return error.detail
    return f"{error.filename or 'the system'}: {error.strerror or type(error).__name__}"


def _tell(findings: Iterable[Finding], output: str) -> list[Finding]:
    told = []
    for finding in findings:
        told.append(finding)
        if output == "table":
            click.echo(_dump(finding))
    if output == "json":
        print_json([asdict(finding) for finding in told])
    return told


def _dump(finding: Finding) -> str:
    verdict = click.style(f"{finding.verdict:<4}", fg=_COLOURS[finding.verdict])
    mend = f" -> {finding.mend}" if finding.mend else ""
    return f"{verdict} {finding.check}: {clean(finding.detail + mend)}"
