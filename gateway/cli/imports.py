"""`lockgate import`: configurations of other gateways.

Rule: the document goes to stdout or a file, what was not mapped to stderr with line and reason;
nothing is lost without a word.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from gateway.cli.configuration import apply_manifest
from gateway.cli.files import write_whole
from gateway.cli.import_mlflow import move_gateway, with_database
from gateway.cli.options import connect, with_output, with_yes
from gateway.cli.output import print_note
from gateway.cli.refusal import Refused
from gateway.manifest import parse_manifest, parse_yaml
from gateway.manifest.draft import Draft
from gateway.manifest.dump import dump_yaml
from gateway.manifest.litellm import import_litellm
from gateway.manifest.mlflow import import_mlflow
from gateway.manifest.sources import STDIN, read_bytes

F = TypeVar("F", bound=Callable[..., Any])
_FILE: Final = click.Path(path_type=Path, dir_okay=False)
# What `import mlflow` takes of a file only, and of a database only.
_OF_FILE: Final = ("out", "apply_", "strict", "yes")
_OF_DATABASE: Final = ("dry_run", "passphrase_file", "workspace", "skipped", "overwrite")


@click.group(name="import")
def import_() -> None:
    """Take over the configuration of another gateway."""


def with_target(command: F) -> F:
    """Add the options that say what becomes of the imported document."""
    for option in (
        click.option("--token-file", type=_FILE, help="File with the admin token, to apply."),
        click.option("--url", metavar="URL", help="The control plane, to apply."),
        with_yes,
        click.option("--strict", is_flag=True, help="Fail if anything was not mapped."),
        click.option("--apply", "apply_", is_flag=True, help="Apply the result at once."),
        click.option("--out", "-o", type=_FILE, help="Write the result there; else to stdout."),
    ):
        command = option(command)
    return command


@import_.command(epilog="Example: lockgate import litellm config.yaml -o lockgate.yaml")
@click.argument("file")
@with_target
def litellm(file: str, **target: Any) -> None:
    """Map a config.yaml of LiteLLM's proxy; - is standard input."""
    raw, name = read_bytes(file)
    deliver(import_litellm(parse_yaml(raw, name), name, os.environ), name, **target)


@import_.command(epilog="Example: lockgate import mlflow --database sqlite:///mlflow.db --dry-run")
@click.argument("file", required=False)
@with_database
@with_output
@with_target
def mlflow(file: str | None, database: str | None, output: str, **given: Any) -> None:
    """Take over MLflow's AI Gateway: its YAML file, or all that its database holds.

    A FILE (- is standard input) is mapped and printed. Of a database the secrets are opened with
    MLflow's passphrase, from MLFLOW_CRYPTO_KEK_PASSPHRASE, a file or a hidden prompt, and sealed
    anew here; model definitions, endpoints, tags and bindings follow. All of it is made in one
    step, or nothing is.

    --out, --apply, --strict and --yes go with a FILE, the other options but --url and
    --token-file with --database.
    """
    if (file is None) == (database is None):
        raise click.UsageError("give either a FILE or --database URL")
    of_file = {name: given.pop(name) for name in _OF_FILE}
    of_database = {name: given.pop(name) for name in _OF_DATABASE}
    if database is not None:
        _refuse_given(of_file, "does not go with --database")
        api = connect(given["url"], given["token_file"])
        move_gateway(api, database=database, output=output, **of_database)
    elif file is not None:
        _refuse_given(of_database | {"output": output != "table"}, "needs --database")
        raw, name = read_bytes(file)
        deliver(import_mlflow(parse_yaml(raw, name), name), name, **of_file, **given)


def _refuse_given(options: dict[str, Any], why: str) -> None:
    for name, value in options.items():
        if value:
            option = "skip" if name == "skipped" else name.strip("_").replace("_", "-")
            raise click.UsageError(f"--{option} {why}")


def deliver(
    draft: Draft,
    name: str,
    *,
    out: Path | None,
    apply_: bool,
    strict: bool,
    yes: bool,
    url: str | None,
    token_file: Path | None,
) -> None:
    """Tell what was not mapped, then print, write or apply the rest.

    Raises:
        Refused: nothing could be mapped, or not everything with `strict`.
    """
    document = draft.build()
    notes = sorted(draft.notes, key=lambda note: note.line)
    for note in notes:
        print_note(note.dump(name))
    rest = f"{len(notes)} not mapped, or not as they were" if notes else "everything was mapped"
    counts = ", ".join(
        f"{len(document[section])} {section.replace('_', ' ')}"
        for section in ("endpoints", "model_definitions", "secrets")
    )
    print_note(f"{name}: {counts}; {rest}")
    if not document["endpoints"]:
        raise Refused(f"{name}: nothing in it could be mapped")
    if strict and notes:
        raise Refused(
            f"{name}: {len(notes)} not mapped, or not as they were, and --strict was given"
        )
    text = dump_yaml(document)
    manifest = parse_manifest(text.encode(), f"{name}, mapped")
    if out is not None:
        write_whole(out, text)
    elif not apply_:
        click.echo(text, nl=False)
    if apply_:
        options = {"prune": False, "overwrite": False}
        apply_manifest(connect(url, token_file), manifest, STDIN, options, yes=yes)
