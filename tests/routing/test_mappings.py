from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities import LinkageType, ModelDefinitionId
from gateway.errors import InvalidValueError
from gateway.routing import MappingSpec, check_mappings, compute_shares, fill_fallback_orders
from gateway.routing.mappings import normalize


def primary(name: str, weight: float = 1.0, order: int | None = None) -> MappingSpec:
    return MappingSpec(ModelDefinitionId(name), weight, LinkageType.PRIMARY, order)


def fallback(name: str, order: int | None) -> MappingSpec:
    return MappingSpec(ModelDefinitionId(name), 1.0, LinkageType.FALLBACK, order)


@pytest.mark.parametrize(
    ("specs", "field"),
    [
        ([], "model_mappings"),
        ([primary("a", 0), fallback("b", 0)], "model_mappings"),
        ([fallback("a", 0)], "model_mappings"),
        ([primary("a"), primary("b", -1)], "model_mappings[1].weight"),
        ([primary("a", math.inf)], "model_mappings[0].weight"),
        ([primary("a"), primary("b"), primary("c", math.nan)], "model_mappings[2].weight"),
        ([primary("a"), primary("a", 2)], "model_mappings[1].model_definition_id"),
        (
            [primary("a"), fallback("a", 0), fallback("a", 1)],
            "model_mappings[2].model_definition_id",
        ),
        ([primary("a", 1, 0)], "model_mappings[0].fallback_order"),
        ([primary("a"), fallback("b", None)], "model_mappings[1].fallback_order"),
        ([primary("a"), fallback("b", -1)], "model_mappings[1].fallback_order"),
        ([primary("a"), fallback("b", 2**31)], "model_mappings[1].fallback_order"),
        ([primary("a"), fallback("b", 3), fallback("c", 3)], "model_mappings[2].fallback_order"),
    ],
)
def test_what_cannot_be_routed_is_refused_by_its_field(
    specs: list[MappingSpec], field: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        check_mappings(specs)
    assert caught.value.field == field


def test_what_can_be_routed_passes() -> None:
    check_mappings([primary("a", 0), primary("b", 5e-324), fallback("a", 7), fallback("b", 0)])


def test_missing_orders_follow_the_highest() -> None:
    specs = [primary("a"), fallback("b", None), fallback("c", 4), fallback("d", None)]
    filled = fill_fallback_orders(specs)
    assert [spec.fallback_order for spec in filled] == [None, 5, 4, 6]
    check_mappings(filled)


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ([80, 20], [0.8, 0.2]),
        ([0.8, 0.2], [0.8, 0.2]),
        ([4, 1], [0.8, 0.2]),
        ([1e308, 1e308], [0.5, 0.5]),
        ([5e-324, 5e-324, 0], [0.5, 0.5, 0.0]),
        ([0, 0], [0.0, 0.0]),
    ],
)
def test_a_weight_is_a_relative_share(weights: list[float], shares: list[float]) -> None:
    assert normalize(weights) == pytest.approx(shares)


@given(st.lists(st.floats(0, 1e308), min_size=1, max_size=20))
def test_shares_are_fractions_of_one(weights: list[float]) -> None:
    shares = normalize(weights)
    assert all(0 <= share <= 1 for share in shares)
    assert math.fsum(shares) == pytest.approx(1 if any(weights) else 0)


def test_a_fallback_has_no_share(rows: Any) -> None:
    mappings = [rows.mapping("a", 3), rows.mapping("b", 1), rows.mapping("c", 9, order=0)]
    assert list(compute_shares(mappings).values()) == [0.75, 0.25, 0.0]
