"""`lockgate keys`: the credentials of applications.

Rule: a key's value is printed once, alone on stdout, so that a script can take it
up; what a person should know about it goes to stderr.
"""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Api
from gateway.cli.moments import Moment
from gateway.cli.options import with_api, with_if_match, with_limit, with_output
from gateway.cli.output import print_json, print_note, print_rows
from gateway.cli.resource import add_delete, add_get, find_id, patch_entity, print_change
from gateway.cli.resources import KEYS


@click.group()
def keys() -> None:
    """Give applications api keys, and take them away."""


@keys.command("list", epilog="Example: lockgate keys list --output json")
@with_limit
@with_output
@with_api
def list_(api: Api, limit: int | None, output: str) -> None:
    """List the api keys, masked."""
    print_rows(api.list_all(KEYS.path, limit=limit), KEYS.columns, output)


@keys.command(epilog='Example: lockgate keys create app-1 --allow "chat*" --expires 90d')
@click.argument("name")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="GLOB",
    help="Endpoints that it may call, as a pattern such as chat*; repeatable [all].",
)
@click.option("--expires", type=Moment(+1), help="When it ends, as 90d or 2027-01-31 [never].")
@with_output
@with_api
def create(api: Api, name: str, allowed: tuple[str, ...], expires: int | None, output: str) -> None:
    """Make an api key. Its value is printed on stdout, once."""
    body: dict[str, Any] = {"name": name, "expires_at": expires}
    if allowed:
        body["allowed_endpoints"] = list(allowed)
    entity = api.call("POST", KEYS.path, body=body).body
    if output == "json":
        print_json(entity)
    else:
        click.echo(entity["value"])
    print_note(
        f"api key {entity['name']} created: {entity['key_id']}. "
        "Its value is shown only now: store it where the application finds it."
    )


@keys.command(epilog="Example: lockgate keys update app-1 --disable")
@click.argument("reference", metavar="NAME")
@click.option("--name", help="New name.")
@click.option(
    "--allow", "allowed", multiple=True, metavar="GLOB", help="Endpoints in place of the present."
)
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
    allowed: tuple[str, ...],
    expires: int | None,
    never_expires: bool,
    disabled: bool | None,
    if_match: str | None,
    output: str,
) -> None:
    """Change what an api key may do; its value cannot change."""
    if never_expires and expires is not None:
        raise click.UsageError("give --expires or --never-expires, not both")
    given: dict[str, Any] = {
        "name": name,
        "allowed_endpoints": list(allowed) or None,
        "expires_at": expires,
        "disabled": disabled,
    }
    body = {key: value for key, value in given.items() if value is not None}
    if never_expires:
        body["expires_at"] = None
    entity_id = find_id(api, KEYS, reference)
    print_change(KEYS, patch_entity(api, KEYS, entity_id, body, if_match), "updated", output)


add_get(keys, KEYS)
add_delete(keys, KEYS)
