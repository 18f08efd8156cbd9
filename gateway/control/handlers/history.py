"""Handlers of /history: earlier states of the configuration."""

from __future__ import annotations

from typing import Any

from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.schema.configuration import RollbackRequest
from gateway.control.service.configuration.history import describe_page, read_diff, read_epoch
from gateway.control.service.configuration.rollback import roll_back
from gateway.entities import Page, PageRequest
from gateway.errors import NotFoundError
from gateway.ports import Transaction

PATH = "/history"
_MAX_DIGITS = 15  # fits into 64 bits; a year of epochs at 100 a second has 10


async def list_history(call: Call) -> Answer:
    """Answer with a page of epochs."""

    async def fetch(tx: Transaction, page: PageRequest) -> Page[Any]:
        return await describe_page(tx, await tx.history.list_page(page))

    return await answers.read_page(call, PATH, fetch, lambda row: row)


async def get_history(call: Call) -> Answer:
    """Answer with the document of an epoch."""
    return Answer(status=200, value=await read_epoch(call.parts, _epoch(call)))


async def diff_history(call: Call) -> Answer:
    """Answer with what changed from an epoch to another."""
    found = await read_diff(call.parts, _epoch(call), call.query["against"])
    return Answer(status=200, value=found)


async def roll_back_history(call: Call) -> Answer:
    """Make the configuration what it was with an epoch."""
    epoch, request = _epoch(call), call.body or RollbackRequest()
    outcome = await answers.write(call, lambda change: roll_back(change, epoch, request))
    return answers.outcome_answer(outcome, outcome.result | {"epoch": outcome.epoch})


def _epoch(call: Call) -> int:
    text = call.path["epoch"]
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        raise NotFoundError("There is no such epoch in the history.", field="epoch")
    return int(text)
