"""Handlers of /bindings and of a resource's own view."""

from __future__ import annotations

from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.represent import represent_binding, represent_endpoint
from gateway.control.schema.bindings import BindingKey
from gateway.control.service import bindings as service
from gateway.entities import GatewayEndpoint, Page, PageRequest
from gateway.errors import InvalidValueError
from gateway.ports import Transaction

PATH = "/bindings"
_KEY = ("endpoint_id", "resource_type", "resource_id")


async def list_bindings(call: Call) -> Answer:
    """Answer with a page of bindings."""
    query = call.query
    return await answers.read_page(
        call,
        PATH,
        lambda tx, page: tx.bindings.list_page(page, **{name: query[name] for name in _KEY}),
        represent_binding,
    )


async def put_binding(call: Call) -> Answer:
    """Bind a resource: 201 if the binding is new, else 200."""
    outcome = await answers.write(call, lambda change: service.put_binding(change, call.body))
    status = 201 if outcome.result.created else 200
    return answers.entity_answer(outcome.result.stored, outcome.stragglers, status)


async def delete_binding(call: Call) -> Answer:
    """Remove the binding that the body, or else the query, names."""
    key = call.body or _parse_key(call)
    return await answers.delete(call, lambda change: service.delete_binding(change, key))


def _parse_key(call: Call) -> BindingKey:
    for name in _KEY:
        if call.query[name] is None:
            raise InvalidValueError("is required", field=name)
    return BindingKey.model_construct(**{name: call.query[name] for name in _KEY})


async def list_resource_endpoints(call: Call) -> Answer:
    """Answer with a page of the endpoints that a resource is bound to."""
    kind, resource_id = call.path["resource_type"], call.path["resource_id"]

    async def fetch(tx: Transaction, page: PageRequest) -> Page[GatewayEndpoint]:
        return await tx.endpoints.list_page(page, resource_type=kind, resource_id=resource_id)

    return await answers.read_page(
        call, f"/resources\n{kind}\n{resource_id}", fetch, represent_endpoint
    )
