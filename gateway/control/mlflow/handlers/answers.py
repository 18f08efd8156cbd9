"""How a read, a list and a write become MLflow's answers.

Rule: 200 and one named field. A write that some workers do not serve yet is 200 as well:
it is durable, and MLflow's clients take any other status for a failure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from gateway.control.call import Answer, Call
from gateway.control.service.change import Change, list_all, run_change
from gateway.entities import Page, PageRequest
from gateway.errors import InvalidValueError
from gateway.ports import Transaction

RowT = TypeVar("RowT")
ResultT = TypeVar("ResultT")


def answer(name: str | None = None, value: Any = None) -> Answer:
    """Answer with one field, or with an empty object."""
    return Answer(status=200, value={} if name is None else {name: value})


async def write(call: Call, work: Callable[[Change], Awaitable[ResultT]]) -> ResultT:
    """Run a change and return what it gave."""
    outcome = await run_change(call.parts, call.caller, work)
    return outcome.result


async def answer_list(
    call: Call,
    name: str,
    fetch: Callable[[Transaction, PageRequest], Awaitable[Page[RowT]]],
    represent: Callable[[RowT], dict[str, Any]],
) -> Answer:
    """Answer with all rows: MLflow's lists have no pages."""
    async with call.parts.store.read() as tx:
        rows = await list_all(lambda page: fetch(tx, page))
    return answer(name, [represent(row) for row in rows])


def get_filter(query: Mapping[str, Any], name: str) -> str | None:
    """Return a query parameter; an empty one is the same as none."""
    return query[name] or None


def get_required(query: Mapping[str, Any], name: str) -> str:
    """Return a query parameter. Raises InvalidValueError where it is absent or empty."""
    value = get_filter(query, name)
    if value is None:
        raise InvalidValueError("is required", field=name)
    return value


def get_one_of(query: Mapping[str, Any], first: str, second: str) -> tuple[str | None, str | None]:
    """Return two query parameters of which exactly one is given. Raises InvalidValueError."""
    values = get_filter(query, first), get_filter(query, second)
    if (values[0] is None) is (values[1] is None):
        raise InvalidValueError(f"exactly one of {first} and {second} is required", field=first)
    return values


async def get_only(
    fetch: Callable[[PageRequest], Awaitable[Page[RowT]]],
) -> RowT | None:
    """Return the one row that a list by name can have."""
    page = await fetch(PageRequest(limit=1))
    return page.items[0] if page.items else None
