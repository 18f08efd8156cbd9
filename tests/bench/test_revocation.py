"""Acknowledged changes of a credential under load: the short form of `bench.revocation`."""

from __future__ import annotations

from pathlib import Path

from bench.revocation import Load, Seen, find_faults, find_violations, measure
from bench.wire import Target


async def test_no_request_that_is_begun_later_comes_with_what_is_gone(tmp_path: Path) -> None:
    found = await measure(30, 2, tmp_path / "data", rotations=2)
    assert find_faults(found) == []
    assert found["changes"] >= 30
    assert found["rotations of the vault's key"] == {"done": 2}
    assert found["requests with the changing secret"] > 30


def test_only_what_was_begun_after_the_acknowledgement_counts() -> None:
    load = Load(Target("http://127.0.0.1:1", "key", "m"))
    load.begun = {"before": (1, 0.0), "after": (2, 1.0), "next": (2, 1.0)}
    seen = Seen(rows=[("before", 1, 5.0), ("next", 2, 5.0)])
    assert find_violations(load, seen) == []
    seen.rows.append(("after", 1, 1.01))
    (told,) = find_violations(load, seen)
    assert "request after: version 1 instead of 2" in told
