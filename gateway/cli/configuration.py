"""`lockgate export`, `diff`, `apply`, `schema`: the configuration as a file.

Rule: a file is checked whole before anything is sent, and an error of the gateway names the line
that it is about.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from gateway.cli.client import Api, Declined
from gateway.cli.files import write_whole
from gateway.cli.options import confirm, with_api, with_output, with_yes
from gateway.cli.output import print_json, print_note
from gateway.cli.plans import print_conflicts, print_plan
from gateway.cli.refusal import Refused
from gateway.manifest import Manifest, build_document, build_schema, check_unset
from gateway.manifest.dump import dump_yaml, name_credentials
from gateway.manifest.sources import STDIN, find_folder, read_credentials, read_manifest

F = TypeVar("F", bound=Callable[..., Any])
_PATH: Final = "/configuration"
_CONFLICT: Final = "configuration_conflict"
_IN_USE: Final = "in_use"
_HINTS: Final = {
    "secret_value_required": "; set the variable, or give its value as {file: PATH}",
    "credential_rebind_required": "; set the variable, or give its value as {file: PATH}",
}


def _with_file(command: F) -> F:
    return click.option(
        "--file", "-f", required=True, metavar="FILE", help="The file; - is standard input."
    )(command)


def _with_prune(command: F) -> F:
    return click.option(
        "--prune",
        is_flag=True,
        help="Delete what is not in the file, of the sections that it has.",
    )(command)


@click.command(epilog="Example: lockgate export -f lockgate.yaml")
@click.option("--file", "-f", metavar="FILE", help="Write it there, readable by you only.")
@click.option(
    "--secrets",
    type=click.Choice(["env", "stored"]),
    default="env",
    show_default=True,
    help="Say of each credential that it is in a variable, or that the gateway has it.",
)
@with_api
def export(api: Api, file: str | None, secrets: str) -> None:
    """Print the configuration as YAML that apply takes.

    It holds no credential. With --secrets env it names the variables that apply
    reads them from, with --secrets stored apply leaves them as they are.
    """
    state = api.get(_PATH).body
    document = state["document"]
    if secrets == "env":
        document = name_credentials(document)
    text = dump_yaml(document)
    if file is None or file == STDIN:
        click.echo(text, nl=False)
    else:
        write_whole(Path(file), text)


@click.command(epilog="Example: lockgate diff -f lockgate.yaml --exit-code")
@_with_file
@_with_prune
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything would change.")
@with_output
@with_api
def diff(api: Api, file: str, prune: bool, exit_code: bool, output: str) -> None:
    """Show what apply would change, and what was changed in the gateway meanwhile."""
    manifest = read_manifest(file)
    plan = _send(api, "plan", manifest, _resolve(api, manifest, file), {"prune": prune})
    if output == "json":
        print_json(plan)
    else:
        print_conflicts(plan["conflicts"], err=False)
        print_plan(plan, done=False)
    if exit_code and (plan["changes"] or plan["conflicts"]):
        raise click.exceptions.Exit(1)


@click.command(epilog="Example: lockgate apply -f lockgate.yaml --dry-run")
@_with_file
@_with_prune
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option(
    "--overwrite",
    is_flag=True,
    help="Take the file's side where the gateway was changed meanwhile.",
)
@with_yes
@with_api
def apply(api: Api, file: str, prune: bool, dry_run: bool, overwrite: bool, yes: bool) -> None:
    """Make the gateway's configuration that of a file, all of it or nothing.

    On a terminal the changes are shown first, and you are asked. What somebody
    changed in the gateway since the file was exported, or last applied, is not
    overwritten but told, unless you say --overwrite.
    """
    manifest = read_manifest(file)
    options = {"prune": prune, "overwrite": overwrite}
    apply_manifest(api, manifest, file, options, dry_run=dry_run, yes=yes)


@click.command(epilog="Example: lockgate schema > lockgate.schema.json")
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors and checks."""
    print_json(build_schema())


def apply_manifest(
    api: Api,
    manifest: Manifest,
    file: str,
    options: Mapping[str, bool],
    *,
    dry_run: bool = False,
    yes: bool = False,
) -> None:
    """Apply a file that was read: show the changes, ask where there is somebody, send it.

    Raises:
        Refused: the gateway does not take it, or somebody changed it meanwhile.
        ManifestError: the gateway finds a field wrong.
    """
    document = _resolve(api, manifest, file)
    ask = not yes and sys.stdin.isatty()
    if dry_run or ask:
        plan = _send(api, "plan", manifest, document, options)
        _refuse_conflicts(plan["conflicts"])
        print_plan(plan, done=False)
        if dry_run or not plan["changes"]:
            return
        confirm("Apply this?", yes=yes)
    applied = _send(api, "apply", manifest, document, options)
    print_plan(applied, done=True)


def _resolve(api: Api, manifest: Manifest, file: str) -> dict[str, Any]:
    """Return the document with its credentials; unset variables keep what is stored."""
    read = read_credentials(manifest, find_folder(file), os.environ)
    if read.unset:
        for note in check_unset(manifest, read.unset, api.get(_PATH).body["document"]):
            print_note(note)
    return build_document(manifest, read.values)


def _send(
    api: Api,
    what: str,
    manifest: Manifest,
    document: Mapping[str, Any],
    options: Mapping[str, bool],
) -> Any:
    try:
        return api.call("POST", f"{_PATH}/{what}", body={"document": document, **options}).body
    except Declined as declined:
        problem = declined.problem
        if problem["code"] == _CONFLICT:
            _refuse_conflicts(problem.get("conflicts") or [])
        if problem["code"] == _IN_USE:
            raise Refused(f"{problem.get('detail')}: change or leave out both") from None
        field = problem.get("field")
        if not isinstance(field, str):
            raise
        message = f"{problem.get('detail')}{_HINTS.get(problem['code'], '')}"
        raise manifest.build_fault(field.removeprefix("document."), message) from None


def _refuse_conflicts(conflicts: list[Any]) -> None:
    if conflicts:
        print_conflicts(conflicts, err=True)
        raise Refused(
            f"{len(conflicts)} changed in the gateway since the file was exported, and nothing was "
            "applied: export again, or take the file's side with --overwrite"
        )
