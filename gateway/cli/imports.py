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
from gateway.cli.options import connect, with_yes
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


@click.group(name="import")
def import_() -> None:
    """Take over the configuration of another gateway."""


def with_target(command: F) -> F:
    """Add the options that say what becomes of the imported document."""
    for option in (
        click.option("--token-file", type=_FILE, help="With --apply: file with the admin token."),
        click.option("--url", metavar="URL", help="With --apply: the control plane."),
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


@import_.command(epilog="Example: lockgate import mlflow config.yaml -o lockgate.yaml")
@click.argument("file")
@with_target
def mlflow(file: str, **target: Any) -> None:
    """Map the YAML file of MLflow's AI Gateway; - is standard input."""
    raw, name = read_bytes(file)
    deliver(import_mlflow(parse_yaml(raw, name), name), name, **target)


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
