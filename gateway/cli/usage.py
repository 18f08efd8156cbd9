"""`lockgate usage`: the ledger, summed or attempt by attempt.

Rule: sums are the server's; here they are only shown.
"""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.client import Api
from gateway.cli.moments import Moment
from gateway.cli.options import with_api, with_output
from gateway.cli.output import Column, Row, column, dump_time, number, print_rows
from gateway.cli.resource import find_id
from gateway.cli.resources import KEYS

_PATH = "/usage"
_GROUPS = ("endpoint", "model_definition", "provider", "api_key", "day", "hour")
_MOST_GROUPS = 500  # the most that the control plane sums at once
_USUAL_ROWS = 50  # a ledger may have millions of rows: all of them are never wanted by accident


def _show_group(row: Row) -> str:
    if isinstance(row["key"], int):  # the millisecond that a day or an hour begins with
        return dump_time(row["key"])
    return str(row["name"] or row["key"] or "-")


_SUM_COLUMNS = (
    number("ATTEMPTS", "attempts"),
    number("ERRORS", "errors"),
    number("INPUT TOKENS", "input_tokens"),
    number("OUTPUT TOKENS", "output_tokens"),
    number("CACHE READ", "cache_read_tokens"),
    number("CACHE WRITE", "cache_write_tokens"),
    number("REASONING", "reasoning_tokens"),
)
_ATTEMPT_COLUMNS = (
    column("STARTED", "started_at"),
    column("ENDPOINT", "endpoint_name"),
    number("TRY", "attempt"),
    column("MODEL", "model_definition_name"),
    number("STATUS", "status"),
    column("ERROR", "error_code"),
    Column("MS", lambda row: f"{row['duration_ms']:.0f}", right=True),
    number("INPUT TOKENS", "input_tokens"),
    number("OUTPUT TOKENS", "output_tokens"),
    column("REQUEST", "request_id"),
)


@click.command(epilog="Example: lockgate usage --by api_key --since 7d")
@click.option(
    "--by",
    "group",
    type=click.Choice(_GROUPS),
    default="endpoint",
    show_default=True,
    help="What to sum by.",
)
@click.option("--attempts", is_flag=True, help="List single attempts, newest first; no sums.")
@click.option("--endpoint", help="Only this endpoint (name or id).")
@click.option("--model", help="Only this model definition (name or id).")
@click.option("--provider", help="Only this provider.")
@click.option("--key", help="Only this api key (name or id).")
@click.option("--request-id", help="Only this request.")
@click.option("--errors/--no-errors", default=None, help="Only attempts that failed, or did not.")
@click.option("--since", type=Moment(-1), help="From then on, as 24h or 2027-01-31.")
@click.option("--until", type=Moment(-1), help="Until then, as 1h or 2027-01-31.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N rows.")
@with_output
@with_api
def usage(
    api: Api,
    group: str,
    attempts: bool,
    endpoint: str | None,
    model: str | None,
    provider: str | None,
    key: str | None,
    request_id: str | None,
    errors: bool | None,
    since: int | None,
    until: int | None,
    limit: int | None,
    output: str,
) -> None:
    """Show who used what: attempts, errors and tokens."""
    query = {
        "endpoint": endpoint,
        "model_definition": model,
        "provider": provider,
        "api_key_id": None if key is None else find_id(api, KEYS, key),
        "request_id": request_id,
        "error": None if errors is None else str(errors).lower(),
        "since": since,
        "until": until,
    }
    if attempts:
        rows = api.list_all(_PATH, query, limit=limit or _USUAL_ROWS)
        print_rows(rows, _ATTEMPT_COLUMNS, output)
    else:
        _print_sums(api, query, group, min(limit or _MOST_GROUPS, _MOST_GROUPS), output)


def _print_sums(api: Api, query: dict[str, Any], group: str, limit: int, output: str) -> None:
    rows = api.get(_PATH, {**query, "group_by": group, "limit": limit}).body["items"]
    if group == "api_key" and output == "table":
        rows = _name_keys(api, rows)
    title = group.replace("_", " ").upper()
    print_rows(rows, (Column(title, _show_group), *_SUM_COLUMNS), output)


def _name_keys(api: Api, rows: list[Row]) -> list[Row]:
    """Put the names of the api keys in; a key that was deleted since keeps its id."""
    names = {row["key_id"]: row["name"] for row in api.list_all(KEYS.path)}
    return [{**row, "name": names.get(row["key"])} for row in rows]
