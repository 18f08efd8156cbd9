"""The health of all targets: what is kept, what is forgotten, what the operator is shown."""

from __future__ import annotations

import gc

import pytest

from gateway.routing.health import Blame, HealthEvent, HealthTimes, TargetHealth
from gateway.routing.health_table import HealthTable

FORGOTTEN_S = 900.0
MOST = 20_000


@pytest.fixture
def table() -> HealthTable:
    return HealthTable(HealthTimes())


def cool(health: TargetHealth, now_s: float = 0.0) -> None:
    health.fail(now_s, now_s, Blame.COOL, "code", hint_s=10.0, draw=0.5)


def list_keys(table: HealthTable, now_s: float = 0.0) -> list[str]:
    return [health.key for health in table.list_blocked(now_s)]


def test_there_is_one_health_per_key(table: HealthTable) -> None:
    health = table.get("a")
    assert table.get("a") is health
    assert table.get("b") is not health


def test_what_is_blocked_is_kept_although_nobody_holds_it(table: HealthTable) -> None:
    cool(table.get("a"))
    gc.collect()
    assert not table.get("a").is_clear
    found = table.find("a")
    assert found is table.get("a")


def test_what_is_clear_again_is_not_listed(table: HealthTable) -> None:
    health = table.get("a")
    cool(health)
    assert health.claim(10.0)
    health.succeed(10.0, 10.0)
    assert list_keys(table) == []
    assert table.find("a") is None


def test_a_block_that_nobody_asks_for_is_forgotten(table: HealthTable) -> None:
    cool(table.get("a"))
    assert list_keys(table, 10.0 + FORGOTTEN_S) == ["a"]
    assert list_keys(table, 11.0 + FORGOTTEN_S) == []
    assert table.get("a").is_clear


def test_what_others_have_seen_counts(table: HealthTable) -> None:
    told: list[HealthEvent] = []
    table.on_event = told.append
    table.hear(HealthEvent("a", "cooling", 5.0, "rate_limited", 1), 0.0)
    assert list_keys(table) == ["a"]
    assert table.blocks == 1
    assert told == []  # whoever has said it has told everybody
    table.hear(HealthEvent("a", "probe", 65.0), 6.0)
    table.hear(HealthEvent("a", "clear"), 7.0)
    assert list_keys(table) == []
    assert table.blocks == 1


def test_of_too_many_the_first_ones_go(table: HealthTable) -> None:
    held = table.get("0")
    for number in range(MOST + 1):
        table.hear(HealthEvent(str(number), "cooling", 5.0, "rate_limited", 1), 0.0)
    keys = list_keys(table)
    assert len(keys) == MOST
    assert (keys[0], keys[-1]) == ("1", str(MOST))
    assert not held.is_clear  # whoever uses it knows
