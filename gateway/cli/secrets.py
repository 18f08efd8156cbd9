"""`lockgate secrets`: the providers' credentials.

Rule: a value is read from a hidden prompt, a file or stdin, never from argv, and
is never printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.cli.client import Api
from gateway.cli.inputs import choose_fields, parse_pairs, read_secret_value
from gateway.cli.moments import Moment
from gateway.cli.options import with_api, with_if_match, with_limit, with_output, with_value
from gateway.cli.output import print_rows
from gateway.cli.resource import add_delete, add_get, get_entity, patch_entity, print_change
from gateway.cli.resources import SECRETS
from gateway.cli.rotation import end_grace, rotate
from gateway.cli.trial import test
from gateway.cli.users import add_users
from gateway.secret import Secret

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def secrets() -> None:
    """Store the credentials that Lockgate calls model providers with.

    Values are encrypted when they arrive and are never shown again.
    """


def _with_content(command: F) -> F:
    for option in (
        with_value,
        click.option(
            "--set",
            "config",
            multiple=True,
            metavar="KEY=VALUE",
            help="Setting that is not secret (organization=..., region=...); repeatable.",
        ),
        click.option("--api-base", metavar="URL", help="Base URL; else the vendor's own."),
    ):
        command = option(command)
    return command


def _with_expiry(command: F) -> F:
    return click.option(
        "--expires",
        type=Moment(+1),
        help="When the provider lets the value end, as 90d or 2027-01-31: a reminder.",
    )(command)


@secrets.command("list", epilog="Example: lockgate secrets list --provider openai")
@click.option("--provider", help="Only those of this provider.")
@with_limit
@with_output
@with_api
def list_(api: Api, provider: str | None, limit: int | None, output: str) -> None:
    """List the stored credentials, masked."""
    rows = api.list_all(SECRETS.path, {"provider": provider}, limit=limit)
    print_rows(rows, SECRETS.columns, output)


@secrets.command(
    epilog="Example: lockgate secrets create openai-prod --provider openai --value-file key.txt"
)
@click.argument("name")
@click.option("--provider", help="Provider that it is for (see `lockgate providers`).")
@_with_expiry
@_with_content
@with_output
@with_api
def create(
    api: Api,
    name: str,
    provider: str | None,
    api_base: str | None,
    config: tuple[str, ...],
    fields: tuple[str, ...],
    value_file: Path | None,
    value_stdin: bool,
    expires: int | None,
    output: str,
) -> None:
    """Store a credential; its value comes from a hidden prompt, a file or stdin."""
    auth_config = {**_parse_config(config), **({"api_base": api_base} if api_base else {})}
    body = {
        "secret_name": name,
        "provider": provider,
        "auth_config": auth_config or None,
        "expires_at": expires,
        "secret_value": _read_value(fields, provider, auth_config, value_file, value_stdin),
    }
    print_change(SECRETS, api.call("POST", SECRETS.path, body=body), "created", output)


@secrets.command(epilog="Example: lockgate secrets update openai-prod --value-stdin < new-key.txt")
@click.argument("reference", metavar="NAME")
@click.option("--provider", help="Other provider; the value is then needed again.")
@click.option("--new-value", is_flag=True, help="Ask for a new value.")
@click.option("--unset", multiple=True, metavar="KEY", help="Remove a setting; repeatable.")
@_with_expiry
@click.option("--never-expires", is_flag=True, help="Forget when the value ends.")
@_with_content
@with_if_match
@with_output
@with_api
def update(
    api: Api,
    reference: str,
    provider: str | None,
    new_value: bool,
    unset: tuple[str, ...],
    api_base: str | None,
    config: tuple[str, ...],
    fields: tuple[str, ...],
    value_file: Path | None,
    value_stdin: bool,
    expires: int | None,
    never_expires: bool,
    if_match: str | None,
    output: str,
) -> None:
    """Change a credential: its value, provider or settings.

    Its name cannot change. Another provider or base URL needs the value again,
    so that nobody can send a stored credential to a place of their own.
    A new value is used at once and the old one is gone; see rotate for a
    change with a grace.
    """
    if never_expires and expires is not None:
        raise click.UsageError("give --expires or --never-expires, not both")
    changed = {**_parse_config(config), **({"api_base": api_base} if api_base else {})}
    current = get_entity(api, SECRETS, reference)
    body: dict[str, Any] = {} if provider is None else {"provider": provider}
    if changed or unset:
        body["auth_config"] = _merge(current.body.get("auth_config"), changed, unset)
    if new_value or fields or value_file is not None or value_stdin:
        merged = {**current.body, **body}
        body["secret_value"] = _read_value(
            fields, merged.get("provider"), merged.get("auth_config"), value_file, value_stdin
        )
    if expires is not None or never_expires:
        body["expires_at"] = expires
    answer = patch_entity(api, SECRETS, current.body["secret_id"], body, if_match or current.etag)
    print_change(SECRETS, answer, "updated", output)


def _read_value(
    given: tuple[str, ...],
    provider: str | None,
    settings: Mapping[str, Any] | None,
    file: Path | None,
    from_stdin: bool,
) -> dict[str, Secret]:
    has_text = file is not None or from_stdin
    fields = choose_fields(given, provider, settings, has_text=has_text)
    return read_secret_value(fields, file, from_stdin)


def _parse_config(texts: tuple[str, ...]) -> dict[str, str]:
    return parse_pairs(texts, "--set")


def _merge(
    current: Mapping[str, Any] | None, changed: Mapping[str, str], unset: tuple[str, ...]
) -> dict[str, Any] | None:
    merged = {**(current or {}), **changed}
    for key in unset:
        if key not in merged:
            raise click.BadParameter(f"there is no setting {key!r}", param_hint="--unset")
        del merged[key]
    return merged or None


add_get(secrets, SECRETS)
add_users(secrets, SECRETS)
for command in (rotate, end_grace, test):
    secrets.add_command(command)
add_delete(
    secrets,
    SECRETS,
    force_help="Delete it although model definitions use it; they and their mappings go too.",
)
