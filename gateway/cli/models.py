"""`lockgate models`: model definitions.

Rule: a secret is named by name or id; its provider is the default.
"""

from __future__ import annotations

import click

from gateway.cli.client import Api
from gateway.cli.options import with_api, with_if_match, with_limit, with_output
from gateway.cli.output import print_rows
from gateway.cli.refusal import Refused
from gateway.cli.resource import (
    add_delete,
    add_get,
    find_id,
    get_entity,
    patch_entity,
    print_change,
)
from gateway.cli.resources import MODELS, SECRETS
from gateway.cli.users import add_users


@click.group()
def models() -> None:
    """Define models: a provider's model, called with a stored credential."""


@models.command("list", epilog="Example: lockgate models list --secret openai-prod")
@click.option("--provider", help="Only those of this provider.")
@click.option("--secret", help="Only those that use this secret (name or id).")
@with_limit
@with_output
@with_api
def list_(
    api: Api, provider: str | None, secret: str | None, limit: int | None, output: str
) -> None:
    """List the model definitions."""
    query = {
        "provider": provider,
        "secret_id": None if secret is None else find_id(api, SECRETS, secret),
    }
    print_rows(api.list_all(MODELS.path, query, limit=limit), MODELS.columns, output)


@models.command(
    epilog="Example: lockgate models create mini --provider openai --model gpt-4o-mini "
    "--secret openai-prod"
)
@click.argument("name")
@click.option("--model", required=True, help="The provider's name of the model.")
@click.option("--secret", required=True, help="Secret to call it with (name or id).")
@click.option("--provider", help="Provider; else the secret's.")
@with_output
@with_api
def create(api: Api, name: str, model: str, secret: str, provider: str | None, output: str) -> None:
    """Define a model."""
    stored = get_entity(api, SECRETS, secret).body
    provider = provider or stored["provider"]
    if provider is None:
        raise Refused(f"the secret {stored['secret_name']} has no provider: give --provider")
    body = {
        "name": name,
        "provider": provider,
        "model_name": model,
        "secret_id": stored["secret_id"],
    }
    print_change(MODELS, api.call("POST", MODELS.path, body=body), "created", output)


@models.command(epilog="Example: lockgate models update mini --model gpt-4.1-mini")
@click.argument("reference", metavar="NAME")
@click.option("--name", help="New name.")
@click.option("--model", help="Other model of the provider.")
@click.option("--secret", help="Other secret (name or id).")
@click.option("--provider", help="Other provider; it must be the secret's.")
@with_if_match
@with_output
@with_api
def update(
    api: Api,
    reference: str,
    name: str | None,
    model: str | None,
    secret: str | None,
    provider: str | None,
    if_match: str | None,
    output: str,
) -> None:
    """Change a model definition."""
    given = {
        "name": name,
        "model_name": model,
        "provider": provider,
        "secret_id": None if secret is None else find_id(api, SECRETS, secret),
    }
    body = {key: value for key, value in given.items() if value is not None}
    entity_id = find_id(api, MODELS, reference)
    print_change(MODELS, patch_entity(api, MODELS, entity_id, body, if_match), "updated", output)


add_get(models, MODELS)
add_users(models, MODELS)
add_delete(models, MODELS, force_help="Delete it although endpoints use it; their mappings go too.")
