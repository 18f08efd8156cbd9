"""Writes of bindings.

Rule: a binding changes nothing that is routed; it is kept so that nobody deletes an
endpoint that somebody uses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.control.represent import represent_binding
from gateway.control.schema.bindings import BindingKey, BindingPut
from gateway.control.service.change import Change, Stored
from gateway.entities import EndpointId, GatewayEndpointBinding
from gateway.errors import MissingReferenceError, NotFoundError, StaleVersionError

_KIND = "binding"


@dataclass(frozen=True, slots=True)
class Put:
    """A binding after a PUT, and whether it is new."""

    stored: Stored
    created: bool


def describe(row: GatewayEndpointBinding) -> Stored:
    """Return the binding as answers have it."""
    row_id = f"{row.endpoint_id}/{row.resource_type}/{row.resource_id}"
    return Stored(row_id=row_id, representation=represent_binding(row), version=row.version)


async def put_binding(change: Change, body: BindingPut) -> Put:
    """Bind a resource to an endpoint, or change the binding's display name.

    Raises:
        InvalidValueError: there is no such endpoint.
        StaleVersionError: as everywhere; also when the binding of an `If-Match` is new.
    """
    known = await _find(change, body)
    if known is None:
        if change.if_match is not None:
            raise StaleVersionError("there is no such binding yet", field="If-Match")
        row = await _build(change, body)
    else:
        change.require_match(describe(known))
        if known.display_name == body.display_name:
            return Put(describe(known), created=False)
        row = replace(
            known,
            display_name=body.display_name,
            **change.stamp_updated(known.version),
        )
    await change.tx.bindings.put(row)
    stored = describe(row)
    await change.record(
        "update" if known else "create",
        _KIND,
        stored.row_id,
        row.display_name or row.resource_id,
        before=None if known is None else represent_binding(known),
        after=stored.representation,
    )
    return Put(stored, created=known is None)


async def _find(change: Change, key: BindingKey) -> GatewayEndpointBinding | None:
    try:
        return await change.tx.bindings.get(
            EndpointId(key.endpoint_id), key.resource_type, key.resource_id
        )
    except NotFoundError:
        return None


async def _build(change: Change, body: BindingPut) -> GatewayEndpointBinding:
    try:
        endpoint = await change.tx.endpoints.get(EndpointId(body.endpoint_id))
    except NotFoundError:
        raise MissingReferenceError("there is no such endpoint", field="endpoint_id") from None
    return GatewayEndpointBinding(
        endpoint_id=endpoint.endpoint_id,
        resource_type=body.resource_type,
        resource_id=body.resource_id,
        endpoint_name=endpoint.name,
        display_name=body.display_name,
        **change.stamp_created(),
    )


async def delete_binding(change: Change, key: BindingKey) -> None:
    """Remove a binding. Raises NotFoundError, StaleVersionError."""
    row = await change.tx.bindings.get(
        EndpointId(key.endpoint_id), key.resource_type, key.resource_id
    )
    change.require_match(describe(row))
    await change.tx.bindings.delete(row.endpoint_id, row.resource_type, row.resource_id)
    await record_removal(change, row)


async def record_removal(change: Change, row: GatewayEndpointBinding) -> None:
    """Write the audit row of a removed binding."""
    before = describe(row)
    await change.record(
        "delete",
        _KIND,
        before.row_id,
        row.display_name or row.resource_id,
        before=before.representation,
    )
