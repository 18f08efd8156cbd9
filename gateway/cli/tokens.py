"""`lockgate tokens`: who may administer the gateway, and how far.

Rule: a token's value is printed once, alone on stdout, so that a script can take it
up; what a person should know about it goes to stderr.
"""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Api, show_once
from gateway.cli.moments import Moment
from gateway.cli.offline import make_admin_token
from gateway.cli.options import (
    confirm,
    with_api,
    with_if_match,
    with_limit,
    with_output,
    with_settings,
    with_yes,
)
from gateway.cli.output import print_json, print_note, print_rows
from gateway.cli.resource import add_delete, add_get, find_id, patch_entity, print_change
from gateway.cli.resources import TOKENS
from gateway.roles import Role
from gateway.settings import Settings

_ROLES = click.Choice([role.value for role in Role])


@click.group()
def tokens() -> None:
    """Give people and programs admin tokens with a role, and take them away."""


@tokens.command("list", epilog="Example: lockgate tokens list --output json")
@with_limit
@with_output
@with_api
def list_(api: Api, limit: int | None, output: str) -> None:
    """List the admin tokens, masked."""
    print_rows(api.list_all(TOKENS.path, limit=limit), TOKENS.columns, output)


@tokens.command(epilog='Example: lockgate tokens create ci --role editor --scope "team-a-*"')
@click.argument("name")
@click.option("--role", type=_ROLES, required=True, help="What it may do.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="GLOB",
    help="Endpoints that it is confined to, as a pattern such as team-a-*; repeatable [none].",
)
@click.option("--expires", type=Moment(+1), help="When it ends, as 90d or 2027-01-31 [never].")
@with_output
@with_api
def create(
    api: Api, name: str, role: str, scopes: tuple[str, ...], expires: int | None, output: str
) -> None:
    """Make an admin token. Its value is printed on stdout, once.

    Roles: viewer reads; auditor also reads the audit log; editor reads and changes the
    configuration; admin may do everything.
    """
    body: dict[str, Any] = {"name": name, "role": role, "expires_at": expires}
    if scopes:
        body["scopes"] = list(scopes)
    entity = api.call("POST", TOKENS.path, body=body).body
    if output == "json":
        print_json(entity)
    else:
        click.echo(entity["value"])
    print_note(
        f"admin token {entity['name']} created: {entity['token_id']}, role {entity['role']}. "
        "Its value is shown only now: give it as LOCKGATE_ADMIN_TOKEN, or log in to the page."
    )


@tokens.command(epilog="Example: lockgate tokens update ci --disable")
@click.argument("reference", metavar="NAME")
@click.option("--name", help="New name.")
@click.option("--role", type=_ROLES, help="What it may do.")
@click.option(
    "--scope", "scopes", multiple=True, metavar="GLOB", help="Scopes in place of the present."
)
@click.option("--no-scope", is_flag=True, help="Let it reach everything.")
@click.option("--expires", type=Moment(+1), help="When it ends, as 90d or 2027-01-31.")
@click.option("--never-expires", is_flag=True, help="Let it not end.")
@click.option("--disable/--enable", "disabled", default=None, help="Refuse or accept it.")
@with_if_match
@with_output
@with_api
def update(
    api: Api,
    reference: str,
    name: str | None,
    role: str | None,
    scopes: tuple[str, ...],
    no_scope: bool,
    expires: int | None,
    never_expires: bool,
    disabled: bool | None,
    if_match: str | None,
    output: str,
) -> None:
    """Change what an admin token may do; its value cannot change."""
    if never_expires and expires is not None:
        raise click.UsageError("give --expires or --never-expires, not both")
    if no_scope and scopes:
        raise click.UsageError("give --scope or --no-scope, not both")
    given: dict[str, Any] = {
        "name": name,
        "role": role,
        "scopes": ["*"] if no_scope else list(scopes) or None,
        "expires_at": expires,
        "disabled": disabled,
    }
    body = {key: value for key, value in given.items() if value is not None}
    if never_expires:
        body["expires_at"] = None
    entity_id = find_id(api, TOKENS, reference)
    print_change(TOKENS, patch_entity(api, TOKENS, entity_id, body, if_match), "updated", output)


@tokens.command(epilog="Example: lockgate tokens recover --data /var/lib/lockgate")
@with_yes
@with_settings
def recover(settings: Settings, yes: bool) -> None:
    """Make a new admin token on the data directory itself, when none is at hand any more.

    Needs the root key, not a token; works with and without a running gateway, which takes the
    token up at once. The tokens there are stay; the audit log says that this was done.
    """
    confirm(f"Make a new admin token for {settings.data}?", yes=yes)
    name, value = make_admin_token(settings)
    click.echo(show_once(value))
    print_note(f"admin token {name} created. Its value is shown only now.")


add_get(tokens, TOKENS)
add_delete(tokens, TOKENS)
