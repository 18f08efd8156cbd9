"""Handlers of /model-definitions."""

from __future__ import annotations

from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.ids import get_id
from gateway.control.represent import represent_model_definition
from gateway.control.service import model_definitions as service
from gateway.control.service import users
from gateway.control.service.change import Stored
from gateway.entities import ModelDefinitionId
from gateway.ports import Transaction

PATH = "/model-definitions"


async def list_model_definitions(call: Call) -> Answer:
    """Answer with a page of model definitions."""
    query = call.query
    return await answers.read_page(
        call,
        PATH,
        lambda tx, page: tx.model_definitions.list_page(
            page, name=query["name"], provider=query["provider"], secret_id=query["secret_id"]
        ),
        represent_model_definition,
    )


async def create_model_definition(call: Call) -> Answer:
    """Create a model definition."""
    return await answers.create(
        call, PATH, lambda change: service.create_model_definition(change, call.body)
    )


async def get_model_definition(call: Call) -> Answer:
    """Answer with one model definition."""
    row_id = _id(call)

    async def get(tx: Transaction) -> Stored:
        return service.describe(await tx.model_definitions.get(row_id))

    return await answers.read_one(call, get)


async def update_model_definition(call: Call) -> Answer:
    """Change a model definition."""
    row_id = _id(call)
    return await answers.update(
        call, lambda change: service.update_model_definition(change, row_id, call.body)
    )


async def delete_model_definition(call: Call) -> Answer:
    """Delete a model definition."""
    row_id = _id(call)
    return await answers.delete(
        call,
        lambda change: service.delete_model_definition(change, row_id, force=call.query["force"]),
    )


async def list_users(call: Call) -> Answer:
    """Answer with who leads to a model definition, and what would break without it."""
    async with call.parts.store.read() as tx:
        row = await tx.model_definitions.get(_id(call))
        keys = call.parts.snapshots.current.keys.values()
        return Answer(status=200, value=await users.read_users(tx, [row], keys))


def _id(call: Call) -> ModelDefinitionId:
    return ModelDefinitionId(get_id(call.path, "model_definition_id", "d-"))
