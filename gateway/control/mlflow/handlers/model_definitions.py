"""MLflow's model-definitions/..."""

from __future__ import annotations

from typing import Any

from gateway.control import represent as own
from gateway.control.call import Answer, Call
from gateway.control.mlflow import vendors
from gateway.control.mlflow.handlers import answers
from gateway.control.mlflow.represent import represent_model_definition
from gateway.control.schema import model_definitions as schema
from gateway.control.service import model_definitions as service
from gateway.entities import GatewayModelDefinition, ModelDefinitionId, SecretId

_FIELD = "model_definition"
_CHANGEABLE = ("name", "secret_id", "model_name", "provider")


def _show(row: GatewayModelDefinition) -> dict[str, Any]:
    return represent_model_definition(own.represent_model_definition(row))


async def create_model_definition(call: Call) -> Answer:
    """Define a model."""
    body = schema.ModelDefinitionCreate(
        name=call.body.name,
        provider=vendors.find_provider(call.body.provider) or call.body.provider,
        model_name=call.body.model_name,
        secret_id=call.body.secret_id,
    )
    stored = await answers.write(call, lambda change: service.create_model_definition(change, body))
    return answers.answer(_FIELD, represent_model_definition(stored.representation))


async def get_model_definition(call: Call) -> Answer:
    """Answer with one model definition."""
    row_id = ModelDefinitionId(answers.get_required(call.query, "model_definition_id"))
    async with call.parts.store.read() as tx:
        row = await tx.model_definitions.get(row_id)
    return answers.answer(_FIELD, _show(row))


async def list_model_definitions(call: Call) -> Answer:
    """Answer with all model definitions, of a provider or a secret if one is named."""
    provider = vendors.find_provider(answers.get_filter(call.query, "provider"))
    secret_id = answers.get_filter(call.query, "secret_id")
    return await answers.answer_list(
        call,
        "model_definitions",
        lambda tx, page: tx.model_definitions.list_page(
            page, provider=provider, secret_id=None if secret_id is None else SecretId(secret_id)
        ),
        _show,
    )


async def update_model_definition(call: Call) -> Answer:
    """Change a model definition: what is absent stays."""
    row_id = ModelDefinitionId(call.body.model_definition_id)
    changes = {name: getattr(call.body, name) for name in _CHANGEABLE}
    changes["provider"] = vendors.find_provider(call.body.provider)
    patch = schema.ModelDefinitionPatch(
        **{name: value for name, value in changes.items() if value is not None}
    )
    stored = await answers.write(
        call, lambda change: service.update_model_definition(change, row_id, patch)
    )
    return answers.answer(_FIELD, represent_model_definition(stored.representation))


async def delete_model_definition(call: Call) -> Answer:
    """Delete a model definition that no endpoint uses."""
    row_id = ModelDefinitionId(call.body.model_definition_id)
    await answers.write(
        call, lambda change: service.delete_model_definition(change, row_id, force=False)
    )
    return answers.answer()
