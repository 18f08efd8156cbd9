"""`lockgate secrets test`: what a provider says to a credential.

Rule: exit code 0 says that it works; everything else is 1, with the sentence on stderr.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.cli.client import Api
from gateway.cli.inputs import choose_fields, parse_pairs, read_secret_value
from gateway.cli.options import with_api, with_output, with_value
from gateway.cli.output import print_json, print_line
from gateway.cli.refusal import Refused
from gateway.cli.resource import find_id
from gateway.cli.resources import SECRETS

_WORKS = "works"


@click.command(epilog="Example: lockgate secrets test openai-prod")
@click.argument("reference", metavar="[NAME]", required=False)
@click.option("--provider", help="Whose API is asked, where the secret has none of its own.")
@click.option("--api-base", metavar="URL", help="Base URL of a value that is not stored.")
@click.option(
    "--set",
    "config",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting of a value that is not stored (region=..., auth_mode=...); repeatable.",
)
@with_value
@with_output
@with_api
def test(
    api: Api,
    reference: str | None,
    provider: str | None,
    api_base: str | None,
    config: tuple[str, ...],
    fields: tuple[str, ...],
    value_file: Path | None,
    value_stdin: bool,
    output: str,
) -> None:
    """Ask the provider, free of charge, whether a credential works.

    Without NAME a value is tried that is not stored: give --provider and, unless
    you are asked for it, --value-file or --value-stdin.
    """
    is_given = bool(fields) or value_file is not None or value_stdin
    if reference is not None:
        if is_given or config or api_base is not None:
            raise click.UsageError("a stored value is tried by NAME, another one without")
        path = f"{SECRETS.path}/{find_id(api, SECRETS, reference)}/test"
        body: dict[str, Any] = {"provider": provider}
    elif provider is None:
        raise click.UsageError("give NAME, or --provider for a value that is not stored")
    else:
        path = f"{SECRETS.path}/test"
        settings = parse_pairs(config, "--set") | ({"api_base": api_base} if api_base else {})
        has_text = value_file is not None or value_stdin
        wanted = choose_fields(fields, provider, settings, has_text=has_text)
        body = {
            "provider": provider,
            "auth_config": settings or None,
            "secret_value": read_secret_value(wanted, value_file, value_stdin),
        }
    _tell(api.call("POST", path, body=body).body, output)


def _tell(trial: dict[str, Any], output: str) -> None:
    status = "no answer" if trial["status"] is None else f"status {trial['status']}"
    facts = f"{trial['detail']} ({status}, {trial['latency_ms']:.0f} ms)"
    if output == "json":
        print_json(trial)
    elif trial["outcome"] == _WORKS:
        print_line(f"{trial['outcome']}: {facts}")
    if trial["outcome"] != _WORKS:
        raise Refused(f"{trial['outcome']}: {facts}")
