"""The move of a whole MLflow AI Gateway out of its own database.

Rule: nothing is written before every secret has been opened and the server has found the whole
document right; no value of a secret is printed, and the foreign database is only read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote

import click

from gateway.cli.client import Api
from gateway.cli.output import column, is_error_terminal, print_json, print_note, print_rows
from gateway.cli.refusal import Refused

if TYPE_CHECKING:
    from gateway.cli.mlflow_document import Draft
    from gateway.cli.mlflow_secrets import Opened

F = TypeVar("F", bound=Callable[..., Any])
_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_SQLITE: Final = "sqlite:///"
_TABLES: Final = "secrets, model_definitions, endpoints, endpoint_*"
_COLUMNS: Final = (
    column("KIND", "kind"),
    column("NAME", "name"),
    column("WHAT", "action"),
    column("WHY", "reason"),
)
_SHOWN: Final = 10  # names in one line


def with_database(command: F) -> F:
    """Add the options that say what is moved, and how MLflow's secrets open."""
    for option in (
        click.option("--overwrite", is_flag=True, help="Change what has the same name here."),
        click.option(
            "--skip",
            "skipped",
            multiple=True,
            metavar="SECRET",
            help="Leave out this secret and what needs it; repeatable.",
        ),
        click.option("--workspace", metavar="NAME", help="MLflow's workspace, if it has several."),
        click.option(
            "--passphrase-file",
            type=_FILE,
            help="File with MLflow's passphrase; else MLFLOW_CRYPTO_KEK_PASSPHRASE, else a prompt.",
        ),
        click.option("--dry-run", is_flag=True, help="Open everything, show all, change nothing."),
        click.option(
            "--database",
            metavar="URL",
            help="MLflow's backend store: sqlite:///mlflow.db or sqlite:////absolute/mlflow.db.",
        ),
    ):
        command = option(command)
    return command


def move_gateway(
    api: Api,
    *,
    database: str,
    dry_run: bool,
    passphrase_file: Path | None,
    workspace: str | None,
    skipped: Sequence[str],
    overwrite: bool,
    output: str,
) -> None:
    """Read, open, compare, and move.

    Raises:
        Refused: the passphrase is wrong, or names here are taken by something else.
        LockgateError: the database cannot be read.
    """
    # Late: the vault and the schema take longer to load than --help takes to print.
    from gateway.cli.mlflow_document import build_draft
    from gateway.cli.mlflow_secrets import open_secrets, read_passphrase
    from gateway.process import harden_process
    from gateway.store.mlflow_tables import read_gateway

    harden_process()  # keys are in memory from here on
    gateway = read_gateway(parse_database(database), workspace)
    unknown = set(skipped) - {secret.name for secret in gateway.secrets}
    if unknown:
        raise click.BadParameter(f"there is no secret {min(unknown)!r}", param_hint="--skip")
    passphrase = read_passphrase(passphrase_file) if gateway.secrets else None
    if is_error_terminal():
        print_note(f"Opening {len(gateway.secrets)} secrets ...")
    opened = open_secrets(
        (secret for secret in gateway.secrets if secret.name not in skipped), passphrase
    )
    _require_open(opened, is_given=passphrase is not None)
    draft = build_draft(gateway, opened.values, frozenset(skipped))
    plan = _ask(api, "plan", draft, overwrite=overwrite)
    taken = _list_taken(plan, overwrite=overwrite)
    if not taken and not dry_run:
        _ask(api, "apply", draft, overwrite=overwrite)
    _show(plan, taken, draft, opened, output)
    if taken:
        raise Refused(
            f"nothing was written: {_dump_names(taken)} {'is' if len(taken) == 1 else 'are'} here "
            "already and different; rename or delete what is here, or give --overwrite"
        )
    print_note(_conclude(plan, draft, dry_run=dry_run))


def parse_database(url: str) -> Path:
    """Return the file that a SQLAlchemy URL of SQLite names.

    Raises:
        click.BadParameter: another database, or no URL; the message holds nothing of it.
    """
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        return Path(unquote(url.removeprefix(_SQLITE).partition("?")[0]))
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme in ("postgresql", "postgres", "mysql", "mssql"):
        raise click.BadParameter(
            f"only SQLite is read here, not {scheme}: copy MLflow's tables {_TABLES} into a SQLite "
            "file and give that (docs/moving-from-mlflow.md shows how)",
            param_hint="--database",
        )
    raise click.BadParameter(
        "give MLflow's backend store as sqlite:///mlflow.db (three slashes, four before an "
        "absolute path)",
        param_hint="--database",
    )


def _require_open(opened: Opened, *, is_given: bool) -> None:
    if not opened.closed:
        return
    if not opened.values or (len(opened.leaked) == len(opened.values) and is_given):
        what = (
            "the passphrase is wrong: it opens"
            if is_given
            else "MLFLOW_CRYPTO_KEK_PASSPHRASE is not set, and MLflow's default passphrase opens"
        )
        raise Refused(f"{what} none of {_dump_names(opened.closed)}; nothing was written")
    raise Refused(
        f"{_dump_names(opened.closed)} cannot be opened: sealed with another passphrase than the "
        "others, or changed; give --skip for each to leave it out; nothing was written"
    )


def _ask(api: Api, step: str, draft: Draft, *, overwrite: bool) -> Mapping[str, Any]:
    body = {"document": draft.build(), "overwrite": overwrite}
    answer: Mapping[str, Any] = api.call("POST", f"/configuration/{step}", body=body).body
    return answer


def _list_taken(plan: Mapping[str, Any], *, overwrite: bool) -> list[str]:
    """List what stands here under a name of MLflow's and is something else."""
    if overwrite:
        return []
    rows = [row for row in plan["changes"] if row["action"] != "create"]
    return sorted({f"{row['kind']} {row['name']!r}" for row in (*rows, *plan["conflicts"])})


def _show(
    plan: Mapping[str, Any], taken: list[str], draft: Draft, opened: Opened, output: str
) -> None:
    rows = [
        {"kind": row["kind"], "name": row["name"], "action": action, "reason": reason}
        for row in plan["changes"]
        for action, reason in [_describe(row, is_taken=bool(taken))]
    ]
    rows += [
        {"kind": item.kind, "name": item.name, "action": "left out", "reason": item.reason}
        for item in draft.left_out
    ]
    if output == "json":
        print_json({"items": rows, "unchanged": plan["unchanged"], "leaked": opened.leaked})
    elif rows:
        print_rows(rows, _COLUMNS, output)
    if opened.leaked:
        print_note(
            "LEAKED: MLflow's default passphrase, which everybody can read in its source, has "
            f"opened {_dump_names(opened.leaked)}: whoever had a copy of that database has these "
            "keys. Make new ones at the providers, and put them in with `lockgate secrets update`."
        )


def _describe(row: Mapping[str, Any], *, is_taken: bool) -> tuple[str, str]:
    fields = ", ".join(part["field"] for part in row["fields"])
    if row["action"] == "create":
        return "create", ""
    return ("conflict" if is_taken else "update"), f"here already, with another {fields}"


def _conclude(plan: Mapping[str, Any], draft: Draft, *, dry_run: bool) -> str:
    done = "nothing was written: to be made are" if dry_run else "made:"
    return (
        f"{done} {len(plan['changes'])}, here already {plan['unchanged']}, "
        f"left out {len(draft.left_out)}"
    )


def _dump_names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    rest = len(names) - _SHOWN
    return shown + (f" and {rest} more" if rest > 0 else "")
