"""`lockgate explain`: how the running gateway routes the requests of an endpoint.

Rule: nothing is worked out here; the server that routes says what it would do.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from gateway.cli.client import Api
from gateway.cli.options import with_api, with_output
from gateway.cli.output import Column, Row, column, number, print_json, print_line, print_rows
from gateway.cli.resource import find_id
from gateway.cli.resources import ENDPOINTS


def _show_share(row: Row) -> str:
    return f"{row['share']:.1%}" if row["linkage_type"] == "PRIMARY" else "-"


def _show_then(row: Row) -> str:
    if not row["next_target"]:
        return "no other target"
    return "the next target; alone, once more" if row["retry_alone"] else "the next target"


_ORDER_COLUMNS = (
    number("#", "position"),
    column("MODEL", "model_definition_name"),
    column("PROVIDER", "provider"),
    column("UPSTREAM MODEL", "model_name"),
    column("KIND", "linkage_type"),
    Column("SHARE", _show_share, right=True),
    column("USABLE", "usable"),
    column("WHY", "reason"),
)
_OUTCOME_COLUMNS = (
    column("WHEN", "example"),
    Column("THEN", _show_then),
    column("THE TARGET", "target_then"),
    column("ELSE THE CLIENT GETS", "client_gets"),
)


@click.command(epilog="Example: lockgate explain chat")
@click.argument("endpoint")
@with_output
@with_api
def explain(api: Api, endpoint: str, output: str) -> None:
    """Show which models of ENDPOINT are tried, in which order, and what follows a failure."""
    facts = api.get(f"{ENDPOINTS.path}/{find_id(api, ENDPOINTS, endpoint)}/explain").body
    if output == "json":
        print_json(facts)
        return
    print_line(_summarize(facts))
    click.echo()
    print_rows(facts["order"], _ORDER_COLUMNS, "table")
    click.echo()
    print_rows(facts["order"], _list_format_columns(facts["order"]), "table")
    click.echo()
    print_rows(facts["outcomes"], _OUTCOME_COLUMNS, "table")


def _list_format_columns(order: list[Row]) -> tuple[Column, ...]:
    """Return a column for each dialect of clients: how each model is asked for them."""
    clients = list(order[0]["formats"]) if order else []
    return (
        column("MODEL", "model_definition_name"),
        *(Column(f"FOR {client}", partial(_show_format, client)) for client in clients),
    )


def _show_format(client: str, row: Row) -> str:
    asked = row["formats"][client]
    if asked is None:
        return "-"
    return "as it is" if asked == client else f"as {asked}"


def _summarize(facts: dict[str, Any]) -> str:
    config = facts["fallback_config"] or {}
    cap = config.get("max_attempts")
    fallbacks = "all fallbacks" if cap is None else f"at most {cap} fallback(s)"
    hedging = ", a second target is asked when the first is slow" if facts["hedge"] else ""
    return (
        f"{facts['name']}: {facts['routing_strategy']}, {fallbacks}, "
        f"at most {facts['max_attempts']} attempts per request{hedging}"
    )
