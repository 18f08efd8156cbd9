"""What the server tells about itself: `status`, `providers`, `openapi`.

Rule: printed as the server gives it, so that it fits the version that runs.
"""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Api
from gateway.cli.options import with_api, with_output
from gateway.cli.output import (
    Column,
    Row,
    column,
    describe,
    dump_time,
    print_entity,
    print_json,
    print_rows,
)


def _show_fields(row: Row, key: str) -> str:
    names = [
        field["name"] if field.get("required") else f"[{field['name']}]"
        for field in row.get(key, [])
    ]
    return ", ".join(names) or "-"


_PROVIDER_COLUMNS = (
    column("NAME", "name"),
    column("TITLE", "title"),
    Column("DIALECTS", lambda row: ", ".join(row.get("dialects", [])) or "-"),
    column("BASE URL", "base_url"),
    Column("SECRET FIELDS", lambda row: _show_fields(row, "secret_fields")),
    Column("SETTINGS", lambda row: _show_fields(row, "config_fields")),
)


@click.command(epilog="Example: lockgate status --output json")
@with_output
@with_api
def status(api: Api, output: str) -> None:
    """Show the running gateway's version, age, workers, epoch and troubles."""
    facts: dict[str, Any] = api.get("/status").body
    if output == "json":
        print_json(facts)
    else:
        print_entity(_describe_status(facts))


def _describe_status(facts: dict[str, Any]) -> list[tuple[str, str]]:
    lines = dict(describe(facts))
    expiring = [
        f"{row['secret_name']} {'expired' if row['expired'] else 'expires'} "
        f"{dump_time(row['expires_at'])}"
        for row in facts.get("expiring_secrets", [])
    ]
    if expiring:
        lines["expiring_secrets"] = ", ".join(expiring)
    return list(lines.items())


@click.command(epilog="Example: lockgate providers")
@with_output
@with_api
def providers(api: Api, output: str) -> None:
    """List the model providers that the running gateway can call.

    Fields in brackets are optional.
    """
    answer = api.get("/providers").body
    print_rows(answer["items"], _PROVIDER_COLUMNS, output)


@click.command(epilog="Example: lockgate openapi > lockgate-openapi.json")
@with_api
def openapi(api: Api) -> None:
    """Print the OpenAPI 3.1 document of the control plane."""
    print_json(api.get("/openapi.json").body)
