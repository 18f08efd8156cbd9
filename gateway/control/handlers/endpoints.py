"""Handlers of /endpoints with their mappings and tags."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.ids import get_id
from gateway.control.represent import represent_endpoint, represent_mappings
from gateway.control.schema.base import MAX_NAME, check_text
from gateway.control.schema.endpoints import MappingCreate, MappingsReplace
from gateway.control.service import endpoint_mappings
from gateway.control.service import endpoints as service
from gateway.control.service.change import Stored
from gateway.entities import EndpointId, MappingId
from gateway.errors import InvalidValueError
from gateway.ports import Transaction

PATH = "/endpoints"


async def list_endpoints(call: Call) -> Answer:
    """Answer with a page of endpoints."""
    query = call.query
    return await answers.read_page(
        call,
        PATH,
        lambda tx, page: tx.endpoints.list_page(
            page,
            name=query["name"],
            provider=query["provider"],
            secret_id=query["secret_id"],
            model_definition_id=query["model_definition_id"],
            q=query["q"],
        ),
        represent_endpoint,
    )


async def create_endpoint(call: Call) -> Answer:
    """Create an endpoint."""
    return await answers.create(
        call, PATH, lambda change: service.create_endpoint(change, call.body)
    )


async def get_endpoint(call: Call) -> Answer:
    """Answer with one endpoint."""
    endpoint_id = _id(call)

    async def get(tx: Transaction) -> Stored:
        return service.describe(await tx.endpoints.get(endpoint_id))

    return await answers.read_one(call, get)


async def update_endpoint(call: Call) -> Answer:
    """Change an endpoint."""
    endpoint_id = _id(call)
    return await answers.update(
        call, lambda change: service.update_endpoint(change, endpoint_id, call.body)
    )


async def delete_endpoint(call: Call) -> Answer:
    """Delete an endpoint."""
    endpoint_id = _id(call)
    return await answers.delete(
        call,
        lambda change: service.delete_endpoint(change, endpoint_id, force=call.query["force"]),
    )


# --- mappings -----------------------------------------------------------------------------


async def list_mappings(call: Call) -> Answer:
    """Answer with all mappings of an endpoint; there are few enough for one page."""
    endpoint_id = _id(call)
    async with call.read() as tx:
        endpoint = await tx.endpoints.get(endpoint_id)
    return answers.list_answer(represent_mappings(endpoint))


async def get_mapping(call: Call) -> Answer:
    """Answer with one mapping."""
    endpoint_id, mapping_id = _id(call), _mapping_id(call)

    async def get(tx: Transaction) -> Stored:
        endpoint = await tx.endpoints.get(endpoint_id)
        return endpoint_mappings.describe_mapping(service.describe(endpoint), mapping_id)

    return await answers.read_one(call, get)


async def create_mapping(call: Call) -> Answer:
    """Attach a model definition."""
    endpoint_id = _id(call)
    return await answers.create(
        call,
        f"{PATH}/{endpoint_id}/mappings",
        lambda change: endpoint_mappings.add_mapping(change, endpoint_id, call.body),
    )


async def update_mapping(call: Call) -> Answer:
    """Change one mapping."""
    endpoint_id, mapping_id = _id(call), _mapping_id(call)
    return await answers.update(
        call,
        lambda change: endpoint_mappings.update_mapping(change, endpoint_id, mapping_id, call.body),
    )


async def delete_mapping(call: Call) -> Answer:
    """Detach a model definition."""
    endpoint_id, mapping_id = _id(call), _mapping_id(call)
    return await answers.delete(
        call,
        lambda change: endpoint_mappings.delete_mapping(change, endpoint_id, mapping_id),
    )


async def replace_mappings(call: Call) -> Answer:
    """Replace all mappings of an endpoint and answer with the endpoint."""
    endpoint_id = _id(call)
    body = call.body
    wanted: Sequence[MappingCreate] = (
        body.model_mappings if isinstance(body, MappingsReplace) else body.root
    )
    return await answers.update(
        call,
        lambda change: endpoint_mappings.replace_mappings(change, endpoint_id, wanted),
    )


# --- tags ---------------------------------------------------------------------------------


async def put_tag(call: Call) -> Answer:
    """Set a tag and answer with the endpoint."""
    endpoint_id, key = _id(call), _tag_key(call)
    return await answers.update(
        call, lambda change: service.put_tag(change, endpoint_id, key, call.body.value)
    )


async def delete_tag(call: Call) -> Answer:
    """Remove a tag."""
    endpoint_id, key = _id(call), call.path["key"]
    return await answers.delete(call, lambda change: service.delete_tag(change, endpoint_id, key))


def _tag_key(call: Call) -> str:
    key = call.path["key"]
    if len(key) > MAX_NAME:
        raise InvalidValueError(f"must have at most {MAX_NAME} characters", field="key")
    try:
        return check_text(key)
    except ValueError as error:
        raise InvalidValueError(str(error), field="key") from None


def _id(call: Call) -> EndpointId:
    return EndpointId(get_id(call.path, "endpoint_id", "e-"))


def _mapping_id(call: Call) -> MappingId:
    return MappingId(get_id(call.path, "mapping_id", "m-"))
