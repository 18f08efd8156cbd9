"""`lockgate bindings`: which outside resources use which endpoint.

Rule: a binding has no id of its own: endpoint, resource type and resource id name it.
"""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Answer, Api, quote_path
from gateway.cli.options import confirm, with_api, with_limit, with_output, with_yes
from gateway.cli.output import describe, print_entity, print_json, print_rows
from gateway.cli.refusal import Refused
from gateway.cli.resource import find_id, tell_change
from gateway.cli.resources import BINDING_COLUMNS, ENDPOINTS

_PATH = "/bindings"


@click.group()
def bindings() -> None:
    """Bind outside resources to endpoints, so that it shows who depends on one."""


@bindings.command("list", epilog="Example: lockgate bindings list --endpoint chat")
@click.option("--endpoint", help="Only those of this endpoint (name or id).")
@click.option("--resource-type", help="Only resources of this type.")
@click.option("--resource-id", help="Only the resource with this id.")
@with_limit
@with_output
@with_api
def list_(
    api: Api,
    endpoint: str | None,
    resource_type: str | None,
    resource_id: str | None,
    limit: int | None,
    output: str,
) -> None:
    """List the bindings."""
    query = {
        "endpoint_id": None if endpoint is None else find_id(api, ENDPOINTS, endpoint),
        "resource_type": resource_type,
        "resource_id": resource_id,
    }
    print_rows(api.list_all(_PATH, query, limit=limit), BINDING_COLUMNS, output)


@bindings.command(epilog="Example: lockgate bindings endpoints scorer r1")
@click.argument("resource_type")
@click.argument("resource_id")
@with_limit
@with_output
@with_api
def endpoints(
    api: Api, resource_type: str, resource_id: str, limit: int | None, output: str
) -> None:
    """List the endpoints that a resource is bound to, with the models that they use."""
    path = f"/resources/{quote_path(resource_type)}/{quote_path(resource_id)}/endpoints"
    print_rows(api.list_all(path, limit=limit), ENDPOINTS.columns, output)


@bindings.command(epilog="Example: lockgate bindings get chat scorer r1")
@click.argument("endpoint")
@click.argument("resource_type")
@click.argument("resource_id")
@with_output
@with_api
def get(api: Api, endpoint: str, resource_type: str, resource_id: str, output: str) -> None:
    """Show one binding."""
    key = _build_key(api, endpoint, resource_type, resource_id)
    row = _find(api, key)
    if row is None:
        raise _refuse_absent(endpoint, resource_type, resource_id)
    if output == "json":
        print_json(row)
    else:
        print_entity(describe(row))


@bindings.command(epilog="Example: lockgate bindings create chat scorer r1")
@click.argument("endpoint")
@click.argument("resource_type")
@click.argument("resource_id")
@click.option("--display-name", help="What people call the resource.")
@with_output
@with_api
def create(
    api: Api,
    endpoint: str,
    resource_type: str,
    resource_id: str,
    display_name: str | None,
    output: str,
) -> None:
    """Bind a resource to an endpoint."""
    key = _build_key(api, endpoint, resource_type, resource_id)
    if _find(api, key) is not None:
        raise Refused(f"{resource_type} {resource_id} is bound to {endpoint} already")
    answer = api.call("PUT", _PATH, body={**key, "display_name": display_name})
    _print_change(answer, "bound", output)


@bindings.command(
    epilog='Example: lockgate bindings update chat scorer r1 --display-name "Toxicity"'
)
@click.argument("endpoint")
@click.argument("resource_type")
@click.argument("resource_id")
@click.option("--display-name", required=True, help="What people call the resource; empty: none.")
@with_output
@with_api
def update(
    api: Api,
    endpoint: str,
    resource_type: str,
    resource_id: str,
    display_name: str,
    output: str,
) -> None:
    """Change the display name of a binding."""
    key = _build_key(api, endpoint, resource_type, resource_id)
    if _find(api, key) is None:
        raise _refuse_absent(endpoint, resource_type, resource_id)
    answer = api.call("PUT", _PATH, body={**key, "display_name": display_name or None})
    _print_change(answer, "updated", output)


@bindings.command(epilog="Example: lockgate bindings delete chat scorer r1 --yes")
@click.argument("endpoint")
@click.argument("resource_type")
@click.argument("resource_id")
@with_yes
@with_api
def delete(api: Api, endpoint: str, resource_type: str, resource_id: str, yes: bool) -> None:
    """Unbind a resource from an endpoint. Asks first on a terminal."""
    key = _build_key(api, endpoint, resource_type, resource_id)
    confirm(f"Unbind {resource_type} {resource_id} from {endpoint}?", yes=yes)
    answer = api.call("DELETE", _PATH, query=key)
    tell_change(answer, f"{resource_type} {resource_id} unbound from {endpoint}")


def _build_key(api: Api, endpoint: str, resource_type: str, resource_id: str) -> dict[str, str]:
    return {
        "endpoint_id": find_id(api, ENDPOINTS, endpoint),
        "resource_type": resource_type,
        "resource_id": resource_id,
    }


def _find(api: Api, key: dict[str, str]) -> dict[str, Any] | None:
    rows = api.list_all(_PATH, key, limit=1)
    return rows[0] if rows else None


def _refuse_absent(endpoint: str, resource_type: str, resource_id: str) -> Refused:
    return Refused(f"{resource_type} {resource_id} is not bound to {endpoint}")


def _print_change(answer: Answer, verb: str, output: str) -> None:
    if output == "json":
        print_json(answer.body)
        return
    row = answer.body
    tell_change(
        answer, f"{row['resource_type']} {row['resource_id']} {verb}: {row['endpoint_name']}"
    )
