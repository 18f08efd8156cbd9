from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities import FallbackConfig
from gateway.routing import EndpointRoute, Target, build_snapshot, plan


@pytest.fixture
def build(rows: Any) -> Callable[..., EndpointRoute]:
    def run(*mappings: Any, cap: int | None = None) -> EndpointRoute:
        endpoint = rows.endpoint("chat", *mappings, config=FallbackConfig(max_attempts=cap))
        return build_snapshot(rows.configuration(endpoint)).endpoints["chat"]

    return run


def names(route: EndpointRoute, draw: Callable[[], float], *unusable: str) -> list[str]:
    def find(target: Target) -> str | None:
        name = target.model_definition_name
        return None if name in unusable else name

    return list(plan(route, draw, find))


@pytest.mark.parametrize("weights", [[80, 20], [7, 2, 1], [0.8, 0.2], [1e308, 1e308, 5e307]])
def test_first_attempts_follow_the_weights(
    rows: Any, build: Callable[..., EndpointRoute], weights: list[float]
) -> None:
    mappings = [rows.mapping(str(index), weight) for index, weight in enumerate(weights)]
    route = build(*mappings, rows.mapping("idle", 0))
    draw = random.Random(20_000).random
    counts = Counter(names(route, draw)[0] for _ in range(20_000))
    assert counts["idle"] == 0
    largest = max(weights)
    total = sum(weight / largest for weight in weights)
    for index, weight in enumerate(weights):
        assert counts[str(index)] / 20_000 == pytest.approx(weight / largest / total, abs=0.015)


def test_the_second_attempt_follows_the_weights_of_the_rest(
    rows: Any, build: Callable[..., EndpointRoute]
) -> None:
    route = build(rows.mapping("a", 80), rows.mapping("b", 15), rows.mapping("c", 5))
    draw = random.Random(7).random
    orders = Counter(tuple(names(route, draw)[:2]) for _ in range(20_000))
    after_a = orders["a", "b"] + orders["a", "c"]
    assert orders["a", "b"] / after_a == pytest.approx(0.75, abs=0.015)


def test_the_share_of_an_unusable_target_goes_to_the_others_by_weight(
    rows: Any, build: Callable[..., EndpointRoute]
) -> None:
    route = build(rows.mapping("a", 60), rows.mapping("b", 30), rows.mapping("c", 10))
    draw = random.Random(3).random
    counts = Counter(names(route, draw, "a")[0] for _ in range(20_000))
    assert counts["b"] / 20_000 == pytest.approx(0.75, abs=0.015)


def test_the_order_of_attempts(rows: Any, build: Callable[..., EndpointRoute]) -> None:
    route = build(
        rows.mapping("idle", 0),
        rows.mapping("third", order=5),
        rows.mapping("a", 9),
        rows.mapping("b", 1),
        rows.mapping("second", order=1),
    )
    assert names(route, lambda: 0.0) == ["a", "b", "second", "third", "idle"]
    assert names(route, lambda: 0.95) == ["b", "a", "second", "third", "idle"]


@pytest.mark.parametrize(
    ("cap", "expected"),
    [(None, ["f0", "f1", "f2"]), (2, ["f0", "f1"]), (1, ["f0"]), (0, [])],
)
def test_the_cap_counts_fallbacks_only(
    rows: Any, build: Callable[..., EndpointRoute], cap: int | None, expected: list[str]
) -> None:
    fallbacks = [rows.mapping(f"f{order}", order=order) for order in range(3)]
    route = build(rows.mapping("a"), rows.mapping("idle", 0), *fallbacks, cap=cap)
    assert names(route, lambda: 0.5) == ["a", *expected, "idle"]


def test_what_is_not_usable_does_not_count_against_the_cap(
    rows: Any, build: Callable[..., EndpointRoute]
) -> None:
    fallbacks = [rows.mapping(f"f{order}", order=order) for order in range(3)]
    route = build(rows.mapping("a"), *fallbacks, cap=1)
    assert names(route, lambda: 0.5, "a", "f0") == ["f1"]


def test_what_is_found_is_asked_when_the_turn_comes(
    rows: Any, build: Callable[..., EndpointRoute]
) -> None:
    route = build(rows.mapping("a"), rows.mapping("f0", order=0), rows.mapping("f1", order=1))
    down: set[str] = set()

    def find(target: Target) -> str | None:
        name = target.model_definition_name
        return None if name in down else name

    attempts = plan(route, lambda: 0.5, find)
    assert next(attempts) == "a"
    down.add("f0")
    assert next(attempts) == "f1"


def test_the_same_model_may_be_primary_and_fallback(
    rows: Any, build: Callable[..., EndpointRoute]
) -> None:
    route = build(rows.mapping("a"), rows.mapping("a", order=0))
    assert names(route, lambda: 0.5) == ["a", "a"]


@given(
    st.lists(st.floats(0, 1e308), min_size=1, max_size=6).filter(any),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=6, max_size=6),
)
def test_every_draw_gives_each_target_once_and_drained_ones_last(
    rows: Any, weights: list[float], draws: list[float]
) -> None:
    mappings = [rows.mapping(str(index), weight) for index, weight in enumerate(weights)]
    endpoint = rows.endpoint("chat", *mappings, rows.mapping("f", order=0))
    route = build_snapshot(rows.configuration(endpoint)).endpoints["chat"]
    order = names(route, iter(draws).__next__)
    assert sorted(order) == sorted([*map(str, range(len(weights))), "f"])
    drained = {str(index) for index, weight in enumerate(weights) if weight == 0}
    assert set(order[order.index("f") + 1 :]) == drained
