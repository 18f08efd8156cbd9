"""Handlers of /admin-tokens."""

from __future__ import annotations

import os
from typing import Any

from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.idempotency import find_ticket
from gateway.control.ids import get_id
from gateway.control.represent import represent_token
from gateway.control.service import admin_tokens as service
from gateway.entities import AdminToken

PATH = "/admin-tokens"
_VALUE_PURPOSE = "admin-token-value"


async def list_admin_tokens(call: Call) -> Answer:
    """Answer with a page of admin tokens."""
    name = call.query["name"]
    return await answers.read_page(
        call, PATH, lambda tx, page: tx.admin.list_token_page(page, name=name), _represent
    )


async def create_admin_token(call: Call) -> Answer:
    """Create an admin token; the answer holds its value, derived as that of an api key is."""
    ticket = find_ticket(call)

    def make_value(token_id: str) -> str:
        if ticket is None:
            return service.dump_value(os.urandom(service.VALUE_BYTES))
        return service.dump_value(ticket.derive(call.parts.deriver, _VALUE_PURPOSE, token_id))

    def show_again(token_id: str) -> dict[str, Any]:
        return {"value": make_value(token_id), "last_used_at": None}

    return await answers.create(
        call,
        PATH,
        lambda change: service.create_admin_token(change, call.body, make_value),
        show_again,
    )


async def get_admin_token(call: Call) -> Answer:
    """Answer with one admin token."""
    async with call.read() as tx:
        row = await tx.admin.get_token(_id(call))
    return Answer(status=200, value=_represent(row), etag=service.describe(row).etag)


async def update_admin_token(call: Call) -> Answer:
    """Change an admin token."""
    token_id = _id(call)
    return await answers.update(
        call, lambda change: service.update_admin_token(change, token_id, call.body)
    )


async def delete_admin_token(call: Call) -> Answer:
    """Delete an admin token."""
    token_id = _id(call)
    return await answers.delete(call, lambda change: service.delete_admin_token(change, token_id))


def _represent(row: AdminToken) -> dict[str, Any]:
    return represent_token(row) | {"last_used_at": row.last_used_at}


def _id(call: Call) -> str:
    return get_id(call.path, "token_id", "t-")
