"""`lockgate secrets rotate` and `end-grace`: a new value, and the end of the one before it.

Rule: a value is read from a hidden prompt, a file or stdin, never from argv, and is never printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.client import Api
from gateway.cli.inputs import choose_fields, read_secret_value
from gateway.cli.moments import Moment, Span
from gateway.cli.options import (
    confirm,
    with_api,
    with_if_match,
    with_output,
    with_value,
    with_yes,
)
from gateway.cli.output import dump_time
from gateway.cli.resource import find_id, get_entity, print_change, tell_change
from gateway.cli.resources import SECRETS


@click.command(
    epilog="Example: lockgate secrets rotate openai-prod --grace 1h --value-stdin < new-key.txt"
)
@click.argument("reference", metavar="NAME")
@click.option(
    "--grace",
    type=Span(),
    help="For so long the former value helps out where the provider refuses the new one; 0s: not "
    "at all [1h].",
)
@click.option("--expires", type=Moment(+1), help="When the new value ends, as 90d or 2027-01-31.")
@with_value
@with_if_match
@with_output
@with_api
def rotate(
    api: Api,
    reference: str,
    grace: int | None,
    expires: int | None,
    fields: tuple[str, ...],
    value_file: Path | None,
    value_stdin: bool,
    if_match: str | None,
    output: str,
) -> None:
    """Put a new value in; the former one still helps out for a while.

    Requests use the new value at once. Where the provider refuses it, the
    former one is tried until the grace is over; then it is deleted.
    """
    body: dict[str, Any] = {"expires_at": expires}
    if grace is not None:
        body["grace_ms"] = grace
    known = get_entity(api, SECRETS, reference).body
    secret_id, has_text = known["secret_id"], value_file is not None or value_stdin
    wanted = choose_fields(fields, known["provider"], known["auth_config"], has_text=has_text)
    body["secret_value"] = read_secret_value(wanted, value_file, value_stdin)
    path = f"{SECRETS.path}/{secret_id}/rotate"
    answer = api.call("POST", path, body=body, if_match=if_match)
    print_change(SECRETS, answer, f"rotated, {_tell_grace(answer.body)}", output)


def _tell_grace(entity: dict[str, Any]) -> str:
    previous = entity.get("previous_value")
    if previous is None:
        return "the former value is gone"
    return f"the former value is kept until {dump_time(previous['grace_until'])}"


@click.command("end-grace", epilog="Example: lockgate secrets end-grace openai-prod --yes")
@click.argument("reference", metavar="NAME")
@with_if_match
@with_yes
@with_api
def end_grace(api: Api, reference: str, if_match: str | None, yes: bool) -> None:
    """Delete the former value of a rotated credential before its time is over."""
    secret_id = find_id(api, SECRETS, reference)
    confirm(f"Delete the former value of {reference}?", yes=yes)
    answer = api.call("DELETE", f"{SECRETS.path}/{secret_id}/previous", if_match=if_match)
    tell_change(answer, f"the former value of {reference} is deleted")
