"""What all stored things have in common on the command line: list, get, delete, by id or name.

Rule: a resource is one row of data; its commands are built from it, so that every
group answers alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from gateway.cli.client import Answer, Api
from gateway.cli.options import confirm, with_api, with_if_match, with_output, with_yes
from gateway.cli.output import (
    Column,
    Row,
    describe,
    print_entity,
    print_json,
    print_line,
    print_note,
)
from gateway.cli.refusal import Refused

_ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of stored thing."""

    noun: str
    path: str
    id_prefix: str
    id_field: str
    name_field: str
    columns: Sequence[Column]
    describe: Callable[[Row], list[tuple[str, str]]] = describe

    def looks_like_id(self, text: str) -> bool:
        """Tell whether `text` has the form of an id of this kind."""
        return re.fullmatch(rf"{self.id_prefix}-[0-9a-f]{{32}}", text) is not None


def find_id(api: Api, resource: Resource, reference: str) -> str:
    """Return the id of the thing that `reference` names, by id or by name.

    Raises:
        Refused: there is none of this name.
    """
    if resource.looks_like_id(reference):
        return reference
    return str(_find_by_name(api, resource, reference)[resource.id_field])


def get_entity(api: Api, resource: Resource, reference: str) -> Answer:
    """Return the thing that `reference` names, with its ETag."""
    return api.get(f"{resource.path}/{find_id(api, resource, reference)}")


def _find_by_name(api: Api, resource: Resource, name: str) -> Row:
    page = api.get(resource.path, {"name": name, "limit": 1}).body
    if not page["items"]:
        raise Refused(f"there is no {resource.noun} {name!r}")
    item: Row = page["items"][0]
    return item


def add_get(group: click.Group, resource: Resource) -> None:
    """Add the command that shows one thing."""

    @group.command(
        "get",
        help=f"Show one {resource.noun}, named by id or name.",
        epilog=f"Example: lockgate {group.name} get NAME --output json",
    )
    @click.argument("reference", metavar="NAME")
    @click.option("--etag", is_flag=True, help="Print its version alone, for --if-match.")
    @with_output
    @with_api
    def get(api: Api, reference: str, etag: bool, output: str) -> None:
        answer = get_entity(api, resource, reference)
        if etag:
            click.echo(answer.etag or "")
        elif output == "json":
            print_json(answer.body)
        else:
            print_entity([*resource.describe(answer.body), ("etag", answer.etag or "-")])


def add_delete(group: click.Group, resource: Resource, *, force_help: str | None = None) -> None:
    """Add the command that deletes one thing; with `force_help`, also in use."""

    @group.command(
        "delete",
        help=f"Delete one {resource.noun}, named by id or name. Asks first on a terminal.",
        epilog=f"Example: lockgate {group.name} delete NAME --yes",
    )
    @click.argument("reference", metavar="NAME")
    @click.option("--force", is_flag=True, hidden=force_help is None, help=force_help)
    @with_if_match
    @with_yes
    @with_api
    def delete(api: Api, reference: str, force: bool, if_match: str | None, yes: bool) -> None:
        if force and force_help is None:
            raise click.UsageError(
                f"no {resource.noun} is ever in use: --force has no meaning here"
            )
        entity_id = find_id(api, resource, reference)
        confirm(f"Delete the {resource.noun} {reference}?", yes=yes)
        answer = api.call(
            "DELETE",
            f"{resource.path}/{entity_id}",
            query={"force": "true" if force else None},
            if_match=if_match,
        )
        tell_change(answer, f"{resource.noun} {reference} deleted")


def print_change(resource: Resource, answer: Answer, verb: str, output: str) -> None:
    """Print what a creation or an update made of an entity."""
    if output == "json":
        print_json(answer.body)
        _tell_stragglers(answer)
        return
    entity = answer.body
    tell_change(
        answer, f"{resource.noun} {entity[resource.name_field]} {verb}: {entity[resource.id_field]}"
    )


def tell_change(answer: Answer, sentence: str) -> None:
    """Print one line about a change, and who has not taken it up yet."""
    print_line(sentence)
    _tell_stragglers(answer)


def _tell_stragglers(answer: Answer) -> None:
    if answer.status != _ACCEPTED or not isinstance(answer.body, dict):
        return
    names = ", ".join(str(name) for name in answer.body.get("stragglers", []))
    print_note(f"note: stored, but not yet served by {names}; see `lockgate status`")


def patch_entity(
    api: Api, resource: Resource, entity_id: str, body: Mapping[str, Any], etag: str | None
) -> Answer:
    """Change some fields of one thing.

    Raises:
        click.UsageError: nothing to change was given.
    """
    if not body:
        raise click.UsageError("nothing to change was given")
    return api.call("PATCH", f"{resource.path}/{entity_id}", body=dict(body), if_match=etag)
