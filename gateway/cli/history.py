"""`lockgate history`: earlier states of the configuration, and the way back to one.

Rule: what differs and what a rollback leaves alone is the server's word; here it is only shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from gateway.cli.client import Api
from gateway.cli.inputs import read_stdin
from gateway.cli.options import confirm, read_secret_file, with_api, with_output, with_yes
from gateway.cli.output import (
    Column,
    Row,
    column,
    dump_value,
    number,
    print_json,
    print_line,
    print_note,
    print_rows,
)
from gateway.cli.refusal import Refused
from gateway.cli.resource import tell_change
from gateway.secret import Secret

_PATH = "/history"
_USUAL_ROWS = 20
_FILE = click.Path(path_type=Path, dir_okay=False)
_EPOCH = click.IntRange(0)


def _show_changes(row: Row) -> str:
    shown = [f"{found['action']} {found['kind']} {found['name']}" for found in row["changes"]]
    more = row["change_count"] - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "") or "-"


_EPOCH_COLUMNS = (
    number("EPOCH", "epoch"),
    Column("AT", lambda row: dump_value("changed_at", row["at"])),
    column("ACTOR", "actor"),
    Column("CHANGES", _show_changes),
)
_CHANGE_COLUMNS = (
    column("ACTION", "action"),
    column("KIND", "kind"),
    column("NAME", "name"),
    column("FIELD", "field"),
    column("BEFORE", "before"),
    column("AFTER", "after"),
)


@click.group()
def history() -> None:
    """Look at earlier states of the configuration, and go back to one."""


@history.command("list", epilog="Example: lockgate history list --limit 5")
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
def list_(api: Api, limit: int, output: str) -> None:
    """List the states, newest first, with who made them and what changed."""
    print_rows(api.list_all(_PATH, limit=limit), _EPOCH_COLUMNS, output)


@history.command(epilog="Example: lockgate history show 41")
@click.argument("epoch", type=_EPOCH)
@with_api
def show(api: Api, epoch: int) -> None:
    """Show the configuration as it was with EPOCH, as a JSON document."""
    print_json(api.get(f"{_PATH}/{epoch}").body["document"])


@history.command(epilog="Example: lockgate history diff 41")
@click.argument("epoch", type=_EPOCH)
@click.argument("against", type=_EPOCH, required=False)
@with_output
@with_api
def diff(api: Api, epoch: int, against: int | None, output: str) -> None:
    """Show what changed from EPOCH to AGAINST, or to what is there now."""
    found = api.get(f"{_PATH}/{epoch}/diff", {"against": against}).body
    if output == "json":
        print_json(found)
    else:
        print_rows(_list_fields(found["changes"]), _CHANGE_COLUMNS, output)


def _list_fields(changes: Sequence[Row]) -> list[dict[str, Any]]:
    """List a row for each field; what goes or comes as a whole is one row."""
    rows: list[dict[str, Any]] = []
    for change in changes:
        head = {name: change[name] for name in ("action", "kind", "name")}
        fields = change["fields"] if change["action"] == "update" else [{"field": None}]
        rows.extend(head | found for found in fields)
    return rows


@history.command(epilog="Example: lockgate history rollback 41 --dry-run")
@click.argument("epoch", type=_EPOCH)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option(
    "--values-file",
    type=_FILE,
    help="JSON file with values of secrets that were deleted since, by name and field.",
)
@click.option("--values-stdin", is_flag=True, help="Read the same from stdin.")
@with_yes
@with_output
@with_api
def rollback(
    api: Api,
    epoch: int,
    dry_run: bool,
    values_file: Path | None,
    values_stdin: bool,
    yes: bool,
    output: str,
) -> None:
    """Make the configuration what it was with EPOCH, as a new state. Asks first on a terminal.

    Values of secrets stay as they are, api keys that were deleted or disabled
    since do not come back, secrets and api keys made since stay.
    """
    body = {"secret_values": _read_values(values_file, values_stdin), "dry_run": dry_run}
    if not dry_run:
        confirm(f"Make the configuration what it was with epoch {epoch}?", yes=yes)
    answer = api.call("POST", f"{_PATH}/{epoch}/rollback", body=body)
    if output == "json":
        print_json(answer.body)
        return
    found = answer.body
    print_rows(_list_fields(found["changes"]), _CHANGE_COLUMNS, output)
    _tell_rest(found)
    if dry_run:
        print_line(f"{len(found['changes'])} change(s), none made")
    elif not found["applied"]:
        print_line("nothing to change")
    else:
        tell_change(
            answer, f"rolled back to {epoch}: this is epoch {found['epoch']} of the configuration"
        )


def _tell_rest(found: Row) -> None:
    for name, word in (("left", "stays, made since"), ("missing", "does not come back")):
        for row in found[name]:
            print_note(f"{row['kind']} {row['name']}: {word}")
    for name in found["needed"]:
        print_note(f"secret {name}: its value has to be given")


def _read_values(file: Path | None, from_stdin: bool) -> dict[str, dict[str, Secret]]:
    if file is None and not from_stdin:
        return {}
    if file is not None and from_stdin:
        raise click.UsageError("give --values-file or --values-stdin, not both")
    text = read_stdin() if file is None else read_secret_file(file, "values")
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:  # without a word of the content
        given = None
    if not isinstance(given, dict) or not all(map(_is_value, given.values())):
        raise Refused('the values must be JSON such as {"openai-prod": {"api_key": "..."}}')
    return {
        name: {field: Secret(part) for field, part in fields.items()}
        for name, fields in given.items()
    }


def _is_value(given: Any) -> bool:
    return isinstance(given, dict) and all(isinstance(part, str) for part in given.values())
