"""MLflow's endpoints/... with models and tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.control import represent as own
from gateway.control.call import Answer, Call
from gateway.control.mlflow import vendors
from gateway.control.mlflow.handlers import answers
from gateway.control.mlflow.represent import (
    EXPERIMENT_TAG,
    represent_endpoint,
    represent_mapping,
)
from gateway.control.mlflow.schema import EndpointCreate, EndpointUpdate, ModelAttach, ModelDetach
from gateway.control.schema import endpoints as schema
from gateway.control.service import endpoint_mappings
from gateway.control.service import endpoints as service
from gateway.control.service.change import Change, Stored
from gateway.entities import (
    EndpointId,
    GatewayEndpoint,
    GatewayEndpointModelMapping,
    SecretId,
)
from gateway.errors import AlreadyExistsError, InvalidValueError, NotFoundError
from gateway.ports import Transaction

_FIELD = "endpoint"


def _show(row: GatewayEndpoint) -> dict[str, Any]:
    return represent_endpoint(own.represent_endpoint(row))


async def create_endpoint(call: Call) -> Answer:
    """Create an endpoint; an experiment is kept as a tag."""
    given: EndpointCreate = call.body
    body = schema.EndpointCreate(
        name=given.name,
        model_mappings=[config.convert() for config in given.model_configs],
        tags={EXPERIMENT_TAG: given.experiment_id} if given.experiment_id else {},
        routing_strategy=given.routing_strategy,
        fallback_config=given.fallback_config.convert() if given.fallback_config else None,
        usage_tracking=given.usage_tracking is not False,
    )
    stored = await answers.write(call, lambda change: service.create_endpoint(change, body))
    return answers.answer(_FIELD, represent_endpoint(stored.representation))


async def get_endpoint(call: Call) -> Answer:
    """Answer with the endpoint of an id or a name."""
    endpoint_id, name = answers.get_one_of(call.query, "endpoint_id", "name")
    async with call.parts.store.read() as tx:
        row = await _get(tx, endpoint_id, name)
    return answers.answer(_FIELD, _show(row))


async def _get(tx: Transaction, endpoint_id: str | None, name: str | None) -> GatewayEndpoint:
    if endpoint_id is not None:
        return await tx.endpoints.get(EndpointId(endpoint_id))
    found = await answers.get_only(lambda page: tx.endpoints.list_page(page, name=name))
    if found is None:
        raise NotFoundError("there is no such endpoint", field="name")
    return found


async def update_endpoint(call: Call) -> Answer:
    """Change an endpoint: what is absent stays, the fallback too when models are replaced."""
    body: EndpointUpdate = call.body
    endpoint_id = EndpointId(body.endpoint_id)

    async def work(change: Change) -> Stored:
        row = await change.tx.endpoints.get(endpoint_id)
        patch = schema.EndpointPatch(**_build_changes(row, body))
        return await service.update_endpoint(change, endpoint_id, patch)

    stored = await answers.write(call, work)
    return answers.answer(_FIELD, represent_endpoint(stored.representation))


def _build_changes(row: GatewayEndpoint, body: EndpointUpdate) -> dict[str, Any]:
    changes: dict[str, Any] = {
        name: getattr(body, name)
        for name in ("name", "routing_strategy", "usage_tracking")
        if getattr(body, name) is not None
    }
    if body.model_configs is not None:
        changes["model_mappings"] = [config.convert() for config in body.model_configs]
    if body.fallback_config is not None:
        changes["fallback_config"] = body.fallback_config.convert()
    if body.experiment_id is not None:
        changes["tags"] = {**row.tags, EXPERIMENT_TAG: body.experiment_id}
    return changes


async def delete_endpoint(call: Call) -> Answer:
    """Delete an endpoint with its bindings, as MLflow's client says that it does."""
    endpoint_id = EndpointId(call.body.endpoint_id)
    await answers.write(
        call, lambda change: service.delete_endpoint(change, endpoint_id, force=True)
    )
    return answers.answer()


async def list_endpoints(call: Call) -> Answer:
    """Answer with all endpoints, of a provider or a secret if one is named."""
    provider = vendors.find_provider(answers.get_filter(call.query, "provider"))
    secret_id = answers.get_filter(call.query, "secret_id")
    return await answers.answer_list(
        call,
        "endpoints",
        lambda tx, page: tx.endpoints.list_page(
            page, provider=provider, secret_id=None if secret_id is None else SecretId(secret_id)
        ),
        _show,
    )


# --- models -------------------------------------------------------------------------------


async def attach_model(call: Call) -> Answer:
    """Attach a model definition; a FALLBACK without an order comes after the others."""
    body: ModelAttach = call.body
    endpoint_id = EndpointId(body.endpoint_id)

    async def work(change: Change) -> Stored:
        endpoint = await change.tx.endpoints.get(endpoint_id)
        _refuse_second(endpoint.model_mappings, body)
        return await endpoint_mappings.add_mapping(change, endpoint_id, body.config.convert())

    stored = await answers.write(call, work)
    return answers.answer("mapping", represent_mapping(stored.representation))


def _refuse_second(rows: Sequence[GatewayEndpointModelMapping], body: ModelAttach) -> None:
    wanted = body.config
    for row in rows:
        if (row.model_definition_id, row.linkage_type) == (
            wanted.model_definition_id,
            wanted.linkage_type,
        ):
            raise AlreadyExistsError(
                f"the model definition is attached as {row.linkage_type.value} already",
                field="model_config.model_definition_id",
            )


async def detach_model(call: Call) -> Answer:
    """Detach a model definition; what is attached in both ways is not chosen by chance."""
    body: ModelDetach = call.body
    endpoint_id = EndpointId(body.endpoint_id)

    async def work(change: Change) -> None:
        endpoint = await change.tx.endpoints.get(endpoint_id)
        row = _choose(endpoint.model_mappings, body)
        await endpoint_mappings.delete_mapping(change, endpoint_id, row.mapping_id)

    await answers.write(call, work)
    return answers.answer()


def _choose(
    rows: Sequence[GatewayEndpointModelMapping], body: ModelDetach
) -> GatewayEndpointModelMapping:
    found = [
        row
        for row in rows
        if row.model_definition_id == body.model_definition_id
        and body.linkage_type in (None, row.linkage_type)
    ]
    if not found:
        raise NotFoundError(
            "the model definition is not attached to the endpoint in this way",
            field="model_definition_id",
        )
    if len(found) > 1:
        raise InvalidValueError(
            "is required: the model definition is attached as PRIMARY and as FALLBACK",
            field="linkage_type",
        )
    return found[0]


# --- tags ---------------------------------------------------------------------------------


async def set_tag(call: Call) -> Answer:
    """Set a tag."""
    body = call.body
    await answers.write(
        call,
        lambda change: service.put_tag(change, EndpointId(body.endpoint_id), body.key, body.value),
    )
    return answers.answer()


async def delete_tag(call: Call) -> Answer:
    """Remove a tag."""
    body = call.body
    await answers.write(
        call, lambda change: service.delete_tag(change, EndpointId(body.endpoint_id), body.key)
    )
    return answers.answer()
