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
from gateway.cli.refusal import Refused


def _show_fields(row: Row, key: str) -> str:
    """Return names, optional ones in brackets; after the way of authentication where it counts."""
    modes = row.get("auth_modes", [])
    shown = []
    for field in row.get(key, []):
        name = field["name"] if field.get("required") else f"[{field['name']}]"
        of = field.get("modes", modes)
        shown.append(name if set(of) == set(modes) else f"{name} ({', '.join(of)})")
    return ", ".join(shown) or "-"


_PROVIDER_COLUMNS = (
    column("NAME", "name"),
    column("TITLE", "title"),
    Column("DIALECTS", lambda row: ", ".join(row.get("dialects", [])) or "-"),
    column("BASE URL", "base_url"),
    Column("AUTH MODES", lambda row: ", ".join(row.get("auth_modes", [])) or "-"),
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


@click.command(epilog="Example: lockgate providers bedrock")
@click.argument("name", required=False)
@with_output
@with_api
def providers(api: Api, name: str | None, output: str) -> None:
    """List the model providers that the running gateway can call, or all about one.

    Fields in brackets are optional; those of some ways of authentication only
    have these behind them.
    """
    rows = api.get("/providers").body["items"]
    if name is None:
        print_rows(rows, _PROVIDER_COLUMNS, output)
        return
    row = next((row for row in rows if row["name"] == name), None)
    if row is None:
        raise Refused(f"there is no provider {name!r}; known: {', '.join(r['name'] for r in rows)}")
    if output == "json":
        print_json(row)
    else:
        print_entity(_describe_provider(row))


def _describe_provider(row: Row) -> list[tuple[str, str]]:
    facts = [
        ("name", row["name"]),
        ("title", row["title"]),
        ("dialects", ", ".join(row["dialects"])),
        ("translated_to", ", ".join(row["translated_to"])),
        ("base_url", row["base_url"] or "-"),
        ("self_hosted", "yes" if row["self_hosted"] else "no"),
    ]
    facts += [(f"auth_mode {mode['name']}", _describe_mode(mode)) for mode in row["auth"]]
    facts += [
        (field["name"], field["help"])
        for field in (*row["secret_fields"], *row["config_fields"])
        if field["name"] != "auth_mode"
    ]
    return [*facts, ("notes", row["notes"] or "-")]


def _describe_mode(mode: Row) -> str:
    needs = [path.partition(".")[2] for path in mode["required"]]
    return f"{mode['title']}; needs {', '.join(needs) or 'nothing'}"


@click.command(epilog="Example: lockgate openapi > lockgate-openapi.json")
@with_api
def openapi(api: Api) -> None:
    """Print the OpenAPI 3.1 document of the control plane."""
    print_json(api.get("/openapi.json").body)
