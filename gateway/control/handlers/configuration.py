"""Handlers of /configuration: all of it as one document."""

from __future__ import annotations

from typing import Any

from gateway.control.access import ALLOWED
from gateway.control.call import Answer, Call, Policy
from gateway.control.handlers import answers
from gateway.control.service.configuration.apply import (
    apply_document,
    compare,
    describe_comparison,
)
from gateway.control.service.configuration.read import read_document

_MAY_READ_DIGESTS = frozenset({Policy.EDIT, Policy.AUDIT})  # to apply them, to compare them


async def get_configuration(call: Call) -> Answer:
    """Answer with the whole configuration; digests of api keys are for who has a use for them."""
    found = await read_document(call.parts)
    if not ALLOWED[call.caller.role] & _MAY_READ_DIGESTS:
        found["document"] = _leave_digests_out(found["document"])
    return Answer(status=200, value=found)


def _leave_digests_out(document: dict[str, Any]) -> dict[str, Any]:
    """Drop the values of api keys: a value that somebody chose may be guessed by its digest.

    Applied, such a document leaves them as they are.
    """
    keys = [
        {name: found for name, found in row.items() if name != "value"}
        for row in document.get("api_keys", ())
    ]
    return document | {"api_keys": keys}


async def plan_configuration(call: Call) -> Answer:
    """Answer with what a document would change."""
    async with call.parts.store.read() as tx:
        found = await compare(call.parts, tx, call.body)
        return Answer(status=200, value=await describe_comparison(tx, found))


async def apply_configuration(call: Call) -> Answer:
    """Make the configuration what a document says."""
    outcome = await answers.write(call, lambda change: apply_document(change, call.body))
    return answers.outcome_answer(outcome, outcome.result | {"epoch": outcome.epoch})
