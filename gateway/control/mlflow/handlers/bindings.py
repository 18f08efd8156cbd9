"""MLflow's endpoints/bindings/..."""

from __future__ import annotations

from typing import Any

from gateway.control import represent as own
from gateway.control.call import Answer, Call
from gateway.control.mlflow.handlers import answers
from gateway.control.mlflow.represent import represent_binding
from gateway.control.mlflow.schema import RESOURCE_TYPE, BindingCreate
from gateway.control.schema import bindings as schema
from gateway.control.service import bindings as service
from gateway.control.service.change import Change
from gateway.entities import EndpointId, GatewayEndpointBinding
from gateway.errors import AlreadyExistsError


def _show(row: GatewayEndpointBinding) -> dict[str, Any]:
    return represent_binding(own.represent_binding(row))


async def create_binding(call: Call) -> Answer:
    """Bind a resource that is not bound to the endpoint yet."""
    given: BindingCreate = call.body
    body = schema.BindingPut(
        endpoint_id=given.endpoint_id,
        resource_type=given.resource_type,
        resource_id=given.resource_id,
    )
    stored = await answers.write(call, lambda change: _create(change, body))
    return answers.answer("binding", represent_binding(stored))


async def _create(change: Change, body: schema.BindingPut) -> dict[str, Any]:
    put = await service.put_binding(change, body)
    if not put.created:
        raise AlreadyExistsError("the resource is bound to the endpoint", field="resource_id")
    return put.stored.representation


async def delete_binding(call: Call) -> Answer:
    """Remove a binding."""
    key = schema.BindingKey(**call.body.model_dump())
    await answers.write(call, lambda change: service.delete_binding(change, key))
    return answers.answer()


async def list_bindings(call: Call) -> Answer:
    """Answer with the bindings that MLflow's clients can read, unless a type is named."""
    endpoint_id = answers.get_filter(call.query, "endpoint_id")
    kind = answers.get_filter(call.query, "resource_type") or RESOURCE_TYPE
    resource_id = answers.get_filter(call.query, "resource_id")
    return await answers.answer_list(
        call,
        "bindings",
        lambda tx, page: tx.bindings.list_page(
            page,
            endpoint_id=None if endpoint_id is None else EndpointId(endpoint_id),
            resource_type=kind,
            resource_id=resource_id,
        ),
        _show,
    )
