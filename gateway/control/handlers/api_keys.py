"""Handlers of /api-keys."""

from __future__ import annotations

import os
from typing import Any

from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.idempotency import find_ticket
from gateway.control.ids import get_id
from gateway.control.service import api_keys as service
from gateway.control.service.change import Stored
from gateway.entities import ApiKeyId
from gateway.ports import Transaction

PATH = "/api-keys"
_VALUE_PURPOSE = "api-key-value"


async def list_api_keys(call: Call) -> Answer:
    """Answer with a page of api keys."""
    query = call.query
    return await answers.read_page(
        call,
        PATH,
        lambda tx, page: tx.api_keys.list_page(page, name=query["name"]),
        lambda row: service.describe(row).shown,
    )


async def create_api_key(call: Call) -> Answer:
    """Create an api key; the answer holds its value.

    With an `Idempotency-Key` the value is derived from the request and the id, so that the
    same answer can be given again although the value is stored nowhere.
    """
    ticket = find_ticket(call)

    def make_value(key_id: str) -> str:
        if ticket is None:
            return service.dump_value(os.urandom(service.VALUE_BYTES))
        return service.dump_value(ticket.derive(call.parts.deriver, _VALUE_PURPOSE, key_id))

    def show_again(key_id: str) -> dict[str, Any]:
        return {"value": make_value(key_id)}

    return await answers.create(
        call,
        PATH,
        lambda change: service.create_api_key(change, call.body, make_value),
        show_again,
    )


async def get_api_key(call: Call) -> Answer:
    """Answer with one api key."""
    key_id = _id(call)

    async def get(tx: Transaction) -> Stored:
        return service.describe(await tx.api_keys.get(key_id))

    return await answers.read_one(call, get)


async def update_api_key(call: Call) -> Answer:
    """Change an api key."""
    key_id = _id(call)
    return await answers.update(
        call, lambda change: service.update_api_key(change, key_id, call.body)
    )


async def delete_api_key(call: Call) -> Answer:
    """Delete an api key."""
    key_id = _id(call)
    return await answers.delete(call, lambda change: service.delete_api_key(change, key_id))


def _id(call: Call) -> ApiKeyId:
    return ApiKeyId(get_id(call.path, "key_id", "k-"))
