"""`lockgate crypto rotate-kek`, `retire-term` and `change-passphrase`.

Rule: on the data directory itself, with or without a running gateway; a passphrase comes from a
prompt, a file or stdin, and a key never from anywhere.
"""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.offline import run_on_installation, run_on_store
from gateway.cli.options import confirm, read_secret_file, with_output, with_settings, with_yes
from gateway.cli.output import print_entity, print_json, print_line, print_note
from gateway.cli.progress import show_progress
from gateway.cli.refusal import Refused
from gateway.secret import Secret
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.entities import Rotation, VaultMeta
    from gateway.installation import Installation, RotationPlan
    from gateway.installation.protection import Protected
    from gateway.installation.rotation import Actor
    from gateway.store.sqlite import SqliteStore

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("rotate-kek", epilog="Example: lockgate crypto rotate-kek --dry-run")
@click.option("--dry-run", is_flag=True, help="Open every record, change nothing, tell the plan.")
@click.option("--reencrypt", is_flag=True, help="New data keys too: for a key that leaked.")
@with_output
@with_settings
def rotate_kek(settings: Settings, output: str, dry_run: bool, reencrypt: bool) -> None:
    """Rotate the key-encryption key, or finish a rotation that has begun.

    A new key term is made; every running gateway loads it; it becomes active;
    all records move to it; the old one is retired and kept for older backups.
    Gateways go on serving meanwhile. Interrupted at any point, running it again
    goes on from there.
    """
    if dry_run:
        _print_plan(_plan(settings), output)
        return
    with show_progress("moving records") as tell:
        row = run_on_installation(
            settings, lambda found: _rotate(found, reencrypt, tell), write=True
        )
    if output == "json":
        print_json(_dump(row))
    else:
        print_line(f"key term {row.to_term} is active: {row.moved} records moved to it")
    if row.failed:
        raise Refused(
            f"{row.failed} records do not open and stay where they are: "
            "`lockgate crypto verify` names them"
        )


async def _rotate(installation: Installation, reencrypt: bool, tell: Any) -> Rotation:
    from gateway.installation.rotation import RotationParts, rotate  # late: loads the vault

    def show(row: Rotation) -> None:
        if tell is not None:
            tell(row.moved + row.failed, max(row.total, row.moved + row.failed))

    parts = RotationParts(
        store=installation.store,
        keys=installation.keys,
        clock=installation.clock,
        actor=_name_actor(),
        tell=show,
    )
    return await rotate(parts, reencrypt=reencrypt)


def _dump(row: Rotation) -> dict[str, Any]:
    names = ("phase", "to_term", "reencrypt", "total", "moved", "failed", "finished_at")
    return {name: value for name, value in asdict(row).items() if name in names}


def _plan(settings: Settings) -> RotationPlan:
    from gateway.installation import plan_rotation  # late: loads the vault

    with show_progress("opening records") as tell:
        return run_on_installation(settings, lambda found: plan_rotation(found, tell))


def _print_plan(plan: RotationPlan, output: str) -> None:
    if output == "json":
        print_json(asdict(plan))
        return
    what = "finish the rotation to" if plan.resumes else "make"
    lines = [("would", f"{what} key term {plan.to_term} and move {plan.records} records to it")]
    lines += [("waits for", process.name) for process in plan.processes]
    lines += [("stays", f"{one.secret_name}: {one.reason}") for one in plan.failed]
    print_entity(lines)


@click.command("retire-term", epilog="Example: lockgate crypto retire-term 1 --destroy")
@click.argument("term", type=click.IntRange(1))
@click.option("--destroy", is_flag=True, help="Forget its key: older backups open no more.")
@with_yes
@with_settings
def retire_term(settings: Settings, term: int, destroy: bool, yes: bool) -> None:
    """Retire a key term that nothing stands under; with --destroy, forget its key.

    A rotation retires what it has emptied by itself, and keeps the key, so that
    backups from before can still be read. Destroyed, it is gone from this
    database for ever; copies of the database from before still have it.
    """
    from gateway.installation.retirement import retire_term as retire  # late: loads the vault

    if destroy:
        confirm(f"Destroy the key of term {term}? Backups from before open no more.", yes=yes)
    run_on_installation(
        settings,
        lambda found: retire(found, term, _name_actor(), destroy=destroy),
        write=True,
    )
    print_line(f"key term {term} is {'destroyed' if destroy else 'retired'}")


@click.command("change-passphrase", epilog="Example: lockgate crypto change-passphrase")
@click.option("--new-passphrase-file", type=_FILE, help="File whose first line is the new one.")
@click.option("--new-passphrase-stdin", is_flag=True, help="Read the new one from stdin.")
@click.option("--to-key-file", is_flag=True, help="Protect with a new key file instead.")
@with_settings
def change_passphrase(
    settings: Settings,
    new_passphrase_file: Path | None,
    new_passphrase_stdin: bool,
    to_key_file: bool,
) -> None:
    """Put the root key under a new passphrase, or under a new key file.

    Works from a passphrase or a key file to either. One row is rewritten; no
    record and no key under it changes. Running gateways go on, and need what is
    new at their next start.
    """
    given = (new_passphrase_file is not None, new_passphrase_stdin, to_key_file)
    if sum(given) > 1:
        raise click.UsageError(
            "give one of --new-passphrase-file, --new-passphrase-stdin and --to-key-file"
        )
    settings = _with_current(settings)
    new = None if to_key_file else _read_new(new_passphrase_file, from_stdin=new_passphrase_stdin)

    async def change(installation: Installation) -> Protected:
        from gateway.installation import protection  # late: loads the vault

        actor = _name_actor()
        if new is None:
            return await protection.protect_with_key_file(installation, settings, actor)
        return await protection.protect_with_passphrase(installation, settings, new, actor)

    _tell(run_on_installation(settings, change, write=True))


def _with_current(settings: Settings) -> Settings:
    """Ask for the passphrase that is in use, where one is needed and nobody has given it."""
    if settings.passphrase is not None or settings.passphrase_file is not None:
        return settings

    async def find_meta(store: SqliteStore) -> VaultMeta | None:
        async with store.read() as tx:
            return await tx.vault.find_meta()

    meta = run_on_store(settings, find_meta)
    if meta is None or meta.root_kind != "passphrase" or not sys.stdin.isatty():
        return settings
    current = click.prompt("Current passphrase", hide_input=True, err=True)
    return replace(settings, passphrase=Secret(current))


def _read_new(file: Path | None, *, from_stdin: bool) -> Secret:
    if file is not None:
        return Secret(read_secret_file(file, "passphrase").partition("\n")[0].removesuffix("\r"))
    if from_stdin:
        return Secret(sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r"))
    if not sys.stdin.isatty():
        raise Refused(
            "no new passphrase: give --new-passphrase-file or --new-passphrase-stdin, "
            "or run this on a terminal"
        )
    return Secret(
        click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
    )


def _tell(done: Protected) -> None:
    if done.key_file is not None:
        print_line(f"the root key is protected by the key file {done.key_file}")
        print_note("keep a copy of it apart from the database; give no passphrase any more")
    else:
        print_line("the root key is protected by the new passphrase")
        print_note("give it as LOCKGATE_PASSPHRASE_FILE or LOCKGATE_PASSPHRASE from now on")
    print_note("running gateways go on; they need it at their next start")
    if done.kept_key is not None:
        print_note(f"backups from before need the former key file: {done.kept_key}")


def _name_actor() -> Actor:
    from gateway.installation.rotation import Actor  # late: loads the vault

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an id without a name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return Actor(name=f"lockgate crypto ({user})")
