"""How a plan reads: what differs, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli.plans import print_conflicts, print_plan


def build_plan(before: Any, after: Any, field: str = "tags") -> dict[str, Any]:
    fields = [{"field": field, "before": before, "after": after}]
    change = {"action": "update", "kind": "endpoint", "name": "chat", "fields": fields}
    return {"changes": [change], "unchanged": 3}


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (None, {"a": "b"}, ["tags: - -> a b"]),
        (
            {"a": "1", "b": "2"},
            {"a": "1", "b": "3", "c": "4"},
            ["tags.b: 2 -> 3", "tags.c: - -> 4"],
        ),
        ([1, 2], [2, 1], ["tags: in another order"]),
        ([1, 2], [2, 3], ["tags:", "  - 1", "  + 3"]),
        ("x" * 500, "y", [f"tags: {'x' * 200}... -> y"]),
        ("\x1b[31m", "a\nb", ["tags: \\x1b[31m -> a b"]),
    ],
)
def test_a_field_shows_what_differs(
    capsys: pytest.CaptureFixture[str], before: Any, after: Any, lines: list[str]
) -> None:
    print_plan(build_plan(before, after), done=False)
    head, *rest, count = capsys.readouterr().out.splitlines()
    assert head == "~ endpoint chat"
    assert rest == [f"    {line}" for line in lines]
    assert count == "0 to create, 1 to change, 0 to delete; 3 as they are."


def test_a_conflict_says_who_and_the_three_values(capsys: pytest.CaptureFixture[str]) -> None:
    conflict = {
        "kind": "model_definition",
        "name": "mini",
        "fields": [{"field": "model_name", "base": "a", "current": "b", "desired": None}],
        "changed_by": "admin",
        "changed_at": 0,
    }
    print_conflicts([conflict], err=True)
    head, values = capsys.readouterr().err.splitlines()
    assert head.startswith("! model definition mini: changed in the gateway meanwhile")
    assert head.endswith(", by admin at 1970-01-01T00:00:00Z")
    assert values == "    model_name: was a, gateway b, file -"


def test_nothing_to_change_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan({"changes": [], "unchanged": 7}, done=True)
    assert capsys.readouterr().out == "Nothing to change; 7 as they are.\n"
