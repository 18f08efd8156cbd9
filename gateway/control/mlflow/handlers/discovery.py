"""What MLflow's page asks about the server: providers, models, vault, features.

Rule: said from what is there; Lockgate carries no catalogue of the world's models.
"""

from __future__ import annotations

from typing import Any, NoReturn

from gateway.control.call import Answer, Call
from gateway.control.mlflow import vendors
from gateway.control.mlflow.handlers import answers
from gateway.control.service.change import list_all
from gateway.errors import NotSupportedError
from gateway.providers import PROVIDERS, AuthMode, Field, Provider, get_provider

_UNKNOWN = (  # MLflow's catalogue has them of each model
    "mode",
    "supports_function_calling",
    "supports_vision",
    "supports_reasoning",
    "supports_prompt_caching",
    "supports_response_schema",
    "max_input_tokens",
    "max_output_tokens",
    "input_cost_per_token",
    "output_cost_per_token",
    "modality",
    "deprecation_date",
    "last_updated_at",
)


async def list_providers(_: Call) -> Answer:
    """Answer with the names of the providers."""
    return answers.answer("providers", sorted(map(vendors.show_provider, PROVIDERS)))


async def list_models(call: Call) -> Answer:
    """Answer with the models that the model definitions name, each once."""
    provider = vendors.find_provider(answers.get_filter(call.query, "provider"))
    async with call.parts.store.read() as tx:
        rows = await list_all(lambda page: tx.model_definitions.list_page(page, provider=provider))
    unknown = dict.fromkeys(_UNKNOWN)
    found = dict.fromkeys((row.provider, row.model_name) for row in rows)
    models = [
        {"model": name, "provider": vendors.show_provider(vendor), **unknown}
        for vendor, name in found
    ]
    return answers.answer("models", models)


async def get_provider_config(call: Call) -> Answer:
    """Answer with the fields of a provider's credential."""
    name = answers.get_required(call.query, "provider")
    provider = get_provider(vendors.find_provider(name) or name)
    modes = [_represent_mode(provider, mode) for mode in provider.auth]
    value = {"auth_modes": modes, "default_mode": modes[0]["mode"]}
    return Answer(status=200, value=value)


def _represent_mode(provider: Provider, mode: AuthMode) -> dict[str, Any]:
    secret, config = provider.list_fields(mode)
    # MLflow's page asks for the way of authentication beside the fields, not as one of them.
    config = tuple(field for field in config if field.name != vendors.AUTH_MODE)
    return {
        "mode": vendors.show_mode(provider.name, mode.name),
        "display_name": mode.title,
        "description": f"{provider.title}: {mode.title}",
        "secret_fields": [_represent_field(provider, field) for field in secret],
        "config_fields": [_represent_field(provider, field) for field in config],
    }


def _represent_field(provider: Provider, field: Field) -> dict[str, Any]:
    (name,) = vendors.show_fields(provider.name, {field.name: None})
    return {
        "name": name,
        "type": "string",
        "description": field.help,
        "required": field.required,
        "default": field.default,
    }


async def get_secrets_config(_: Call) -> Answer:
    """Answer that credentials are kept, under a key that is nobody's default."""
    value = {"secrets_available": True, "using_default_passphrase": False}
    return Answer(status=200, value=value)


async def get_server_info(_: Call) -> Answer:
    """Answer with what of MLflow's server is here: the gateway alone."""
    value = {"workspaces_enabled": False, "features_enabled": {"gateway": True}}
    return Answer(status=200, value=value)


async def refuse_budgets(_: Call) -> NoReturn:
    """Refuse: a spending limit that nobody enforces must not be accepted."""
    raise NotSupportedError("Lockgate has no budget policies")


async def refuse_guardrails(_: Call) -> NoReturn:
    """Refuse: a guardrail that nobody runs must not be accepted."""
    raise NotSupportedError("Lockgate has no guardrails")
