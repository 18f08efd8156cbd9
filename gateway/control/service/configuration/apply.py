"""Comparing a document with what is stored, and making it so.

Rule: all or nothing, in one transaction; a document that changes nothing makes no epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.control.parts import ControlParts
from gateway.control.schema.configuration import ConfigurationDocument, ConfigurationRequest
from gateway.control.service.change import Change
from gateway.control.service.configuration.document import (
    Item,
    collector_paused,
    compute_item_digest,
    in_turns,
    list_items,
)
from gateway.control.service.configuration.plan import (
    Conflict,
    Items,
    Key,
    Known,
    Plan,
    describe_conflict_fields,
    describe_steps,
    plan_steps,
    show_name,
)
from gateway.control.service.configuration.references import check_references
from gateway.control.service.configuration.wanted import Wanted, build_wanted
from gateway.control.service.configuration.writing import write_steps
from gateway.errors import ConfigurationConflictError
from gateway.ports import Transaction

_SHOWN = 100  # conflicts; whoever has more of them needs the number, not the list


@dataclass(frozen=True, slots=True)
class Comparison:
    """A document beside what is stored."""

    wanted: Wanted
    plan: Plan
    final: Mapping[Key, Item]
    base_epoch: int | None


async def compare(
    parts: ControlParts, tx: Transaction, request: ConfigurationRequest
) -> Comparison:
    """Compare a document with the state that a transaction sees.

    Raises:
        InvalidValueError: the document cannot be; `field` is the path in it.
        InUseError: something to prune is used by what the document does not have.
        ConflictError, CredentialRebindError: as with single writes.
    """
    current = _by_key(await list_items(await tx.history.read_current()))
    macs = await tx.history.list_macs(_list_given(request.document, current))
    wanted = await build_wanted(parts, request.document, current, macs)
    desired: dict[Key, Item | None] = dict(wanted.items)
    if request.prune:
        gone = (key for key in current if key[0] in wanted.sections and key not in desired)
        desired |= dict.fromkeys(gone)
    final = {key: item for key, item in ({**current, **desired}).items() if item is not None}
    check_references(final, wanted.paths)
    base_epoch = await _find_base(tx, request.document)
    base = (
        None
        if base_epoch is None
        else _by_key(await list_items(await tx.history.read_at(base_epoch)))
    )
    known = Known(base=base, applied=await tx.history.list_applied())
    return Comparison(wanted, plan_steps(current, desired, known), final, base_epoch)


def _by_key(items: Sequence[Item]) -> Items:
    return {item.key: item for item in items}


def _list_given(document: ConfigurationDocument, current: Items) -> set[str]:
    """List the ids of stored secrets that the document gives a value for."""
    return {
        current["secret", secret.secret_name].row_id
        for secret in document.secrets or ()
        if ("secret", secret.secret_name) in current and secret.secret_value
    }


async def _find_base(tx: Transaction, document: ConfigurationDocument) -> int | None:
    return None if document.base is None else await tx.history.find_digest(document.base)


async def describe_comparison(tx: Transaction, found: Comparison) -> dict[str, Any]:
    """Return a comparison as answers have it."""
    return {
        "changes": await describe_steps(found.plan.steps),
        "conflicts": await describe_conflicts(tx, found.plan.conflicts),
        "unchanged": found.plan.unchanged,
        "base_epoch": found.base_epoch,
    }


async def describe_conflicts(
    tx: Transaction, conflicts: Sequence[Conflict]
) -> list[dict[str, Any]]:
    """Return conflicts with who made them, at most so many as anybody reads."""
    shown = conflicts[:_SHOWN]
    authors = await tx.history.list_authors({_name(found.step.item) for found in shown})
    described = []
    for found in shown:
        item = found.step.item
        author = authors.get((item.kind, _name(item)))
        described.append(
            {
                "kind": item.kind,
                "name": show_name(item),
                "action": found.step.action,
                "fields": describe_conflict_fields(found),
                "epoch": author and author.epoch,
                "changed_by": author and author.actor,
                "changed_at": author and author.at,
            }
        )
    return described


def _name(item: Item) -> str:
    """Return the name that the history knows an entity by."""
    return item.name.partition("\n")[2].replace("\n", "/") if item.kind == "binding" else item.name


async def apply_document(change: Change, request: ConfigurationRequest) -> dict[str, Any]:
    """Make what is stored what a document says.

    Raises:
        ConfigurationConflictError: something was changed meanwhile, without `overwrite`.
        InvalidValueError, InUseError, ConflictError, CredentialRebindError: see `compare`.
    """
    with collector_paused():
        found = await compare(change.parts, change.tx, request)
        described = await describe_comparison(change.tx, found)
    if found.plan.conflicts and not request.overwrite:
        count = len(found.plan.conflicts)
        raise ConfigurationConflictError(
            f"{count} of the entities that the document changes were changed meanwhile; take the "
            "changes into it, or send overwrite",
            extra={"conflicts": described["conflicts"], "count": count},
        )
    ids = {key: item.row_id for key, item in found.final.items()}
    await write_steps(change, found.plan.steps, found.wanted.values, ids)
    await _note_applied(change, found)
    return described | {"applied": bool(found.plan.steps)}


async def _note_applied(change: Change, found: Comparison) -> None:
    known = await change.tx.history.list_applied()
    made = {
        key: compute_item_digest(item) async for key, item in in_turns(found.wanted.items.items())
    }
    news = {key: digest for key, digest in made.items() if known.get(key) != digest}
    if news:
        await change.tx.history.put_applied(news)
    gone = {step.item.key for step in found.plan.steps if step.after is None}
    if gone & known.keys():
        await change.tx.history.delete_applied(gone & known.keys())
