"""What a document changes, and where it would undo what somebody else has done meanwhile.

Rule: pure. An entity may be changed only if it is still as the document's author saw it: as in the
base that the document names, or as a document last made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.control.service.configuration.document import Item, compute_item_digest, in_turns

Key = tuple[str, str]
Items = Mapping[Key, Item]
MASKED: Final = "***"
_VALUE: Final = {"secret": "secret_value", "api_key": "value"}


@dataclass(frozen=True, slots=True)
class Step:
    """One entity that becomes another: created without `before`, deleted without `after`."""

    before: Item | None
    after: Item | None

    @property
    def item(self) -> Item:
        """The entity after the step, or before where it goes."""
        found = self.after or self.before
        assert found is not None  # noqa: S101 - a step has a side
        return found

    @property
    def action(self) -> str:
        """What happens, as the audit log names it."""
        if self.before is None:
            return "create"
        return "delete" if self.after is None else "update"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A step over a change that its document does not know of; `base` is what it does know."""

    step: Step
    base: Item | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and what stands against it."""

    steps: tuple[Step, ...]
    conflicts: tuple[Conflict, ...]
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the past: the base's entities, if it is known, and what documents made.

    `applied` are digests by kind and name (see `compute_item_digest`).
    """

    base: Items | None
    applied: Mapping[Key, str]


def plan_steps(current: Items, desired: Mapping[Key, Item | None], known: Known) -> Plan:
    """Decide what becomes of each entity; desired None is one that is to go."""
    steps, conflicts, unchanged = list[Step](), list[Conflict](), 0
    for key, after in desired.items():
        before = current.get(key)
        if _is_same(before, after):
            unchanged += after is not None
            continue
        step = Step(before, after)
        steps.append(step)
        if not may_change(key, before, known):
            base = None if known.base is None else known.base.get(key)
            conflicts.append(Conflict(step, base))
    return Plan(tuple(steps), tuple(conflicts), unchanged)


def _is_same(before: Item | None, after: Item | None) -> bool:
    return after is None if before is None else before.equals(after)


def may_change(key: Key, current: Item | None, known: Known) -> bool:
    """Tell whether an entity is as the author of a document saw it."""
    if known.base is not None and _is_same(current, known.base.get(key)):
        return True
    applied = known.applied.get(key)
    if current is None:
        # Gone: by hand, if a document had made it, or if the base, which is known, has it.
        return applied is None and known.base is None
    return compute_item_digest(current) == applied


def list_fields(before: Item | None, after: Item | None) -> list[dict[str, Any]]:
    """List the fields that differ, each before and after, values masked."""
    old, new = show(before), show(after)
    names = [*new, *(name for name in old if name not in new)]
    found = [
        {"field": name, "before": old.get(name), "after": new.get(name)}
        for name in names
        if old.get(name) != new.get(name)
    ]
    if before and after and before.value != after.value:
        found = [row for row in found if row["field"] != _VALUE["secret"]]
        found.append({"field": _VALUE["secret"], "before": MASKED, "after": MASKED})
    return found


def show(item: Item | None) -> dict[str, Any]:
    """Return an entity as a plan shows it: of a value only that there is one."""
    if item is None:
        return {}
    shown = dict(item.content)
    if item.kind == "secret":
        shown["secret_value"] = dict.fromkeys(shown["secret_value"], MASKED)
    if item.kind == "api_key":
        shown["value"] = shown["value"]["masked"]
    return shown


def show_name(item: Item) -> str:
    """Return a name for people: of a binding its parts with slashes."""
    return item.name.replace("\n", "/")


async def describe_steps(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return steps as answers have them."""
    return [
        {
            "action": step.action,
            "kind": step.item.kind,
            "name": show_name(step.item),
            "fields": list_fields(step.before, step.after),
        }
        async for step in in_turns(steps)
    ]


def describe_conflict_fields(conflict: Conflict) -> list[dict[str, Any]]:
    """List the fields in which base, gateway and document are not all the same."""
    base, current = show(conflict.base), show(conflict.step.before)
    desired = show(conflict.step.after)
    rows = [
        {
            "field": name,
            "base": base.get(name),
            "current": current.get(name),
            "desired": desired.get(name),
        }
        for name in dict.fromkeys([*desired, *current, *base])
    ]
    differing = [row for row in rows if not row["base"] == row["current"] == row["desired"]]
    return [row for row in differing if conflict.base or row["current"] != row["desired"]]
