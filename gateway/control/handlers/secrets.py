"""Handlers of /secrets."""

from __future__ import annotations

from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.ids import get_id
from gateway.control.represent import represent_secret
from gateway.control.service import secrets as service
from gateway.control.service.change import Stored
from gateway.entities import SecretId
from gateway.ports import Transaction

PATH = "/secrets"


async def list_secrets(call: Call) -> Answer:
    """Answer with a page of secrets."""
    query = call.query
    return await answers.read_page(
        call,
        PATH,
        lambda tx, page: tx.secrets.list_page(page, name=query["name"], provider=query["provider"]),
        represent_secret,
    )


async def create_secret(call: Call) -> Answer:
    """Create a secret."""
    return await answers.create(call, PATH, lambda change: service.create_secret(change, call.body))


async def get_secret(call: Call) -> Answer:
    """Answer with one secret."""
    secret_id = _id(call)

    async def get(tx: Transaction) -> Stored:
        return service.describe(await tx.secrets.get(secret_id))

    return await answers.read_one(call, get)


async def update_secret(call: Call) -> Answer:
    """Change a secret."""
    secret_id = _id(call)
    return await answers.update(
        call, lambda change: service.update_secret(change, secret_id, call.body)
    )


async def delete_secret(call: Call) -> Answer:
    """Delete a secret."""
    secret_id = _id(call)
    return await answers.delete(
        call,
        lambda change: service.delete_secret(change, secret_id, force=call.query["force"]),
    )


def _id(call: Call) -> SecretId:
    return SecretId(get_id(call.path, "secret_id", "s-"))
