"""What may be changed by a document, and what is a change that it does not know of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.service.configuration.document import Item, compute_item_digest
from gateway.control.service.configuration.plan import Known, plan_steps

KEY = ("endpoint", "chat")


def item(state: str | None, row_id: str = "e-1") -> Item | None:
    if state is None:
        return None
    return Item(kind="endpoint", name="chat", row_id=row_id, content={"name": "chat", "is": state})


def build_known(base: str | None, applied: str | None, *, has_base: bool) -> Known:
    found, made = item(base, "e-0"), item(applied, "e-9")
    return Known(
        base=({} if found is None else {KEY: found}) if has_base else None,
        applied={} if made is None else {KEY: compute_item_digest(made)},
    )


def decide(current: str | None, desired: str | None, known: Known) -> str:
    before = item(current)
    plan = plan_steps({} if before is None else {KEY: before}, {KEY: item(desired)}, known)
    if plan.conflicts:
        return "conflict"
    return plan.steps[0].action if plan.steps else "nothing"


NO_BASE = "no base"
CASES = [
    # current, desired, base, applied, what follows
    ("a", "a", NO_BASE, None, "nothing"),
    ("a", "a", "b", "c", "nothing"),  # somebody has done by hand what the document wants
    (None, None, "b", "c", "nothing"),
    (None, "a", NO_BASE, None, "create"),
    (None, "a", None, None, "create"),
    ("a", "b", NO_BASE, None, "conflict"),  # made by hand, and differs
    ("a", "b", None, None, "conflict"),  # made by hand after the export
    ("a", "b", "a", None, "update"),
    ("a", "b", NO_BASE, "a", "update"),
    ("a", "b", "c", "a", "update"),
    ("a", "b", "a", "c", "update"),
    ("a", "b", "b", "b", "conflict"),  # changed by hand after both
    ("a", "b", "c", None, "conflict"),
    ("a", None, "a", None, "delete"),
    ("a", None, NO_BASE, "a", "delete"),
    ("a", None, "b", "b", "conflict"),
    ("a", None, NO_BASE, None, "conflict"),
    (None, "a", "a", None, "conflict"),  # deleted by hand after the export
    (None, "a", "b", "b", "conflict"),
    (None, "a", NO_BASE, "a", "conflict"),  # deleted by hand after it was applied
    (None, "a", None, "a", "create"),  # the export already lacked it
]


@pytest.mark.parametrize(("current", "desired", "base", "applied", "expected"), CASES)
def test_table(
    current: str | None, desired: str | None, base: str | None, applied: str | None, expected: str
) -> None:
    has_base = base != NO_BASE
    known = build_known(base if has_base else None, applied, has_base=has_base)
    assert decide(current, desired, known) == expected


STATES = st.none() | st.sampled_from("abc")


@given(STATES, STATES, STATES, STATES, st.booleans())
def test_nothing_is_written_over_that_the_document_does_not_know(
    current: str | None,
    desired: str | None,
    base: str | None,
    applied: str | None,
    has_base: bool,
) -> None:
    known = build_known(base, applied, has_base=has_base)
    found = decide(current, desired, known)
    assert (found == "nothing") == (current == desired)
    if found in ("update", "delete"):
        assert current == applied or (has_base and current == base)
    if current == desired or (has_base and current == base):
        assert found != "conflict"
