"""Handlers of /configuration: all of it as one document."""

from __future__ import annotations

from gateway.control.call import Answer, Call
from gateway.control.handlers import answers
from gateway.control.service.configuration.apply import (
    apply_document,
    compare,
    describe_comparison,
)
from gateway.control.service.configuration.read import read_document


async def get_configuration(call: Call) -> Answer:
    """Answer with the whole configuration."""
    return Answer(status=200, value=await read_document(call.parts))


async def plan_configuration(call: Call) -> Answer:
    """Answer with what a document would change."""
    async with call.parts.store.read() as tx:
        found = await compare(call.parts, tx, call.body)
        return Answer(status=200, value=await describe_comparison(tx, found))


async def apply_configuration(call: Call) -> Answer:
    """Make the configuration what a document says."""
    outcome = await answers.write(call, lambda change: apply_document(change, call.body))
    return answers.outcome_answer(outcome, outcome.result | {"epoch": outcome.epoch})
