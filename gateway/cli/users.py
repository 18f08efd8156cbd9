"""`users`: what leads to a credential or a model, and what would break without it.

Rule: read before anything is deleted; it changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

import click

from gateway.cli.client import Api
from gateway.cli.options import with_api, with_output
from gateway.cli.output import Row, column, print_json, print_note, print_rows
from gateway.cli.resource import Resource, find_id

_LOSSES: Final = {
    "last_primary": "loses its last PRIMARY",
    "primary": "loses a PRIMARY",
    "fallback": "loses a FALLBACK",
}
_COLUMNS: Final = (column("KIND", "kind"), column("NAME", "name"), column("EFFECT", "effect"))


def add_users(group: click.Group, resource: Resource) -> None:
    """Add the command that lists what leads to one thing."""

    @group.command(
        "users",
        help=f"Show what leads to one {resource.noun}, and what would break without it.",
        epilog=f"Example: lockgate {group.name} users NAME",
    )
    @click.argument("reference", metavar="NAME")
    @with_output
    @with_api
    def users(api: Api, reference: str, output: str) -> None:
        found = api.get(f"{resource.path}/{find_id(api, resource, reference)}/users").body
        if output == "json":
            print_json(found)
            return
        rows = _list_rows(found)
        print_rows(rows, _COLUMNS, output)
        counts = found["counts"]
        total = sum(counts[kind] for kind in _KINDS)
        if total > len(rows):
            print_note(f"note: {total - len(rows)} more are not listed")


_KINDS: Final = ("model_definitions", "endpoints", "bindings", "api_keys")


def _list_rows(found: dict[str, Any]) -> list[Row]:
    rows: list[Row] = [
        {"kind": "model definition", "name": row["name"], "effect": "cannot be called"}
        for row in found["model_definitions"]
    ]
    rows += [
        {"kind": "endpoint", "name": row["name"], "effect": _LOSSES.get(row["loses"], "")}
        for row in found["endpoints"]
    ]
    rows += [
        {
            "kind": "binding",
            "name": row["display_name"] or f"{row['resource_type']}/{row['resource_id']}",
            "effect": f"uses {row['endpoint_name']}",
        }
        for row in found["bindings"]
    ]
    rows += [
        {"kind": "api key", "name": row["name"], "effect": "may call one of the endpoints"}
        for row in found["api_keys"]
    ]
    return rows
