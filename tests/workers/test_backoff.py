from __future__ import annotations

import pytest

from gateway.workers.backoff import Backoff
from gateway.workers.cores import count_cores, parse_quota


def test_the_first_death_costs_nothing_and_waits_double_up_to_a_limit() -> None:
    backoff = Backoff()
    delays = [backoff.next_delay_s(1.0) for _ in range(30)]
    assert delays[:5] == [0.0, 0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == 10.0
    assert delays == sorted(delays)


def test_a_long_life_makes_up_for_all() -> None:
    backoff = Backoff()
    for _ in range(10):
        backoff.next_delay_s(1.0)
    assert backoff.next_delay_s(60.0) == 0.0
    assert backoff.next_delay_s(1.0) == 0.1


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("max 100000", None),
        ("", None),
        ("1 0", None),
        ("x y", None),
    ],
)
def test_a_containers_quota_is_rounded_up(text: str, cores: int | None) -> None:
    assert parse_quota(text) == cores


def test_there_is_at_least_one_core() -> None:
    assert count_cores() >= 1
