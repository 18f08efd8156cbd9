"""How reads, lists and writes become answers: the same for every entity.

Rule: a write that some workers do not serve yet is answered with 202 and their names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiohttp import hdrs

from gateway.control.call import Answer, Call
from gateway.control.cursor import CursorCodec
from gateway.control.idempotency import REPLAYED_HEADER, create_once, find_ticket
from gateway.control.parts import BASE_PATH
from gateway.control.service.change import Change, Outcome, Stored, run_change
from gateway.entities import Page, PageRequest
from gateway.ports import Transaction

RowT = TypeVar("RowT")
ResultT = TypeVar("ResultT")

_OK = 200
_CREATED = 201
_ACCEPTED = 202
_NO_CONTENT = 204


async def read_one(call: Call, get: Callable[[Transaction], Awaitable[Stored]]) -> Answer:
    """Answer with one entity."""
    async with call.read() as tx:
        stored = await get(tx)
    return Answer(status=_OK, value=stored.shown, etag=stored.etag)


async def read_page(
    call: Call,
    kind: str,
    fetch: Callable[[Transaction, PageRequest], Awaitable[Page[RowT]]],
    represent: Callable[[RowT], Any],
) -> Answer:
    """Answer with a page of a list; `kind` names the list, its path parameters included."""
    codec = CursorCodec(call.parts.deriver.derive("cursor"), kind, call.query)
    wanted = codec.page()
    async with call.read() as tx:
        page = await fetch(tx, wanted)
    items = [represent(row) for row in page.items]
    return list_answer(items, codec.dump(page.next_after))


def list_answer(items: list[Any], next_cursor: str | None = None) -> Answer:
    """Answer with the items of a list."""
    return Answer(status=_OK, value={"items": items, "next_cursor": next_cursor})


async def write(call: Call, work: Callable[[Change], Awaitable[ResultT]]) -> Outcome[ResultT]:
    """Run a write with the caller's `If-Match`."""
    return await run_change(
        call.parts, call.caller, work, if_match=call.request.headers.get(hdrs.IF_MATCH)
    )


async def create(
    call: Call,
    path: str,
    make: Callable[[Change], Awaitable[Stored]],
    show_again: Callable[[str], dict[str, Any]] = lambda _: {},
) -> Answer:
    """Create an entity under `path`, once per `Idempotency-Key`: 201 with its Location."""
    ticket = find_ticket(call)
    outcome = await write(
        call,
        lambda change: create_once(
            change,
            ticket,
            lambda: make(change),
            lambda row_id: f"{BASE_PATH}{path}/{row_id}",
            show_again,
        ),
    )
    headers: dict[str, str] = {hdrs.LOCATION: outcome.result.location}
    if outcome.result.replayed:
        headers[REPLAYED_HEADER] = "true"
    return entity_answer(outcome.result.stored, outcome.stragglers, _CREATED, headers)


async def update(call: Call, work: Callable[[Change], Awaitable[Stored]]) -> Answer:
    """Change an entity and answer with it."""
    outcome = await write(call, work)
    return entity_answer(outcome.result, outcome.stragglers, _OK)


async def update_once(call: Call, path: str, work: Callable[[Change], Awaitable[Stored]]) -> Answer:
    """Change an entity under `path` and answer with it, once per `Idempotency-Key`."""
    ticket = find_ticket(call)
    outcome = await write(
        call,
        lambda change: create_once(
            change,
            ticket,
            lambda: work(change),
            lambda row_id: f"{BASE_PATH}{path}/{row_id}",
            lambda _: {},
        ),
    )
    headers = {REPLAYED_HEADER: "true"} if outcome.result.replayed else {}
    return entity_answer(outcome.result.stored, outcome.stragglers, _OK, headers)


async def delete(call: Call, work: Callable[[Change], Awaitable[None]]) -> Answer:
    """Delete an entity: 204."""
    outcome = await write(call, work)
    if outcome.stragglers:
        return Answer(status=_ACCEPTED, value={"stragglers": list(outcome.stragglers)})
    return Answer(status=_NO_CONTENT)


def outcome_answer(outcome: Outcome[Any], value: Mapping[str, Any]) -> Answer:
    """Answer with what a change gave; 202 with the stragglers, if any."""
    if outcome.stragglers:
        named = dict(value) | {"stragglers": list(outcome.stragglers)}
        return Answer(status=_ACCEPTED, value=named)
    return Answer(status=_OK, value=value)


def entity_answer(
    stored: Stored,
    stragglers: tuple[str, ...],
    status: int,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Answer with an entity as it stands after a write; 202 with the stragglers, if any."""
    value = stored.shown
    if stragglers:
        status, value = _ACCEPTED, value | {"stragglers": list(stragglers)}
    return Answer(status=status, value=value, etag=stored.etag, headers=headers or {})
