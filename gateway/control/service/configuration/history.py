"""Earlier states of the configuration: as documents, and what differs between two.

Rule: entities are matched by their rows, so that a renamed one is one that changed its name; what
only shows another's name has not changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.control.parts import ControlParts
from gateway.control.service.configuration.document import (
    Item,
    build_names,
    in_turns,
    list_items,
)
from gateway.control.service.configuration.plan import Step, describe_steps
from gateway.control.service.configuration.read import describe_state
from gateway.entities import ConfigurationEpoch, ConfigurationState, EntityVersion, Page
from gateway.ports import Transaction

SHOWN_CHANGES = 10  # of an epoch in a list; the rest is a diff away

RowKey = tuple[str, str]  # kind and row id


async def describe_page(tx: Transaction, page: Page[ConfigurationEpoch]) -> Page[Mapping[str, Any]]:
    """Return a page of epochs with the first changes of each, in one query more."""
    if not page.items:
        return Page(items=(), next_after=None)
    first, last = page.items[-1].epoch, page.items[0].epoch
    found: dict[int, list[EntityVersion]] = {row.epoch: [] for row in page.items}
    for version in await tx.history.list_versions(first, last, SHOWN_CHANGES):
        found[version.epoch].append(version)
    items = tuple(_describe_epoch(row, found[row.epoch]) for row in page.items)
    return Page(items=items, next_after=page.next_after)


def _describe_epoch(row: ConfigurationEpoch, versions: list[EntityVersion]) -> dict[str, Any]:
    changes = [
        {"action": _name_action(found), "kind": found.kind, "name": found.name}
        for found in versions
    ]
    return {
        "epoch": row.epoch,
        "at": row.at,
        "actor": row.actor,
        "request_id": row.request_id,
        "changes": changes,
        "change_count": versions[0].total if versions else 0,
    }


def _name_action(version: EntityVersion) -> str:
    if version.gone:
        return "delete"
    return "create" if version.new else "update"


async def read_epoch(parts: ControlParts, epoch: int) -> dict[str, Any]:
    """Read the document of an epoch with who made it.

    An epoch that changed no entity gives the state before it, under that one's number. Raises
    NotFoundError.
    """
    async with parts.store.read() as tx:
        row = await tx.history.get(epoch)
        state = await tx.history.read_at(epoch)
    described = await describe_state(parts, row.epoch, state)
    return described | {"at": row.at, "actor": row.actor, "request_id": row.request_id}


async def read_diff(parts: ControlParts, epoch: int, against: int | None) -> dict[str, Any]:
    """Read what changed from one epoch to another, or to what is there now.

    Raises NotFoundError.
    """
    async with parts.store.read() as tx:
        last = await tx.get_epoch() if against is None else against
        old = await tx.history.read_at(epoch)
        new = await tx.history.read_at(last)
    steps = await compare_states(old, new)
    return {"epoch": epoch, "against": last, "changes": await describe_steps(steps)}


async def compare_states(old: ConfigurationState, new: ConfigurationState) -> tuple[Step, ...]:
    """Return the steps from one state to another."""
    names = {**build_names(old), **build_names(new)}
    before = {(item.kind, item.row_id): item for item in await list_items(old, names)}
    after = {(item.kind, item.row_id): item for item in await list_items(new, names)}
    return tuple(await build_steps(before, after))


async def build_steps(before: Mapping[RowKey, Item], after: Mapping[RowKey, Item]) -> list[Step]:
    """Return a step for each row that is not the same on both sides."""
    steps = [
        Step(before.get(key), item)
        async for key, item in in_turns(after.items())
        if key not in before or not before[key].equals(item)
    ]
    return steps + [Step(item, None) for key, item in before.items() if key not in after]
