"""The rules that the mappings of one endpoint keep, and the shares that follow from weights.

Rule: what passes `check_mappings` can be routed; a weight is a relative share,
never a percentage.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.entities import (
    GatewayEndpointModelMapping,
    LinkageType,
    MappingId,
    ModelDefinitionId,
)
from gateway.errors import InvalidValueError

_MAX_ORDER: Final = 2**31 - 1  # what a 32-bit integer column and every client language hold


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """What the rules look at: a mapping before or after it has a row."""

    model_definition_id: ModelDefinitionId
    weight: float = 1.0
    linkage_type: LinkageType = LinkageType.PRIMARY
    fallback_order: int | None = None


def build_specs(mappings: Iterable[GatewayEndpointModelMapping]) -> tuple[MappingSpec, ...]:
    """Return the part of each row that the rules look at."""
    return tuple(
        MappingSpec(row.model_definition_id, row.weight, row.linkage_type, row.fallback_order)
        for row in mappings
    )


def fill_fallback_orders(specs: Sequence[MappingSpec]) -> tuple[MappingSpec, ...]:
    """Give each FALLBACK without an order the next one after the highest, in sequence."""
    given = [spec.fallback_order for spec in specs if spec.fallback_order is not None]
    following = max(given, default=-1) + 1
    filled = []
    for spec in specs:
        if spec.linkage_type is LinkageType.FALLBACK and spec.fallback_order is None:
            filled.append(replace(spec, fallback_order=following))
            following += 1
        else:
            filled.append(spec)
    return tuple(filled)


def check_mappings(specs: Sequence[MappingSpec], *, field: str = "model_mappings") -> None:
    """Check the mappings that an endpoint is to have.

    Raises:
        InvalidValueError: `field` is the path of the value at fault, such as
            ``model_mappings[2].weight``, or ``model_mappings`` where all are at fault.
    """
    seen: set[tuple[ModelDefinitionId, LinkageType]] = set()
    orders: set[int] = set()
    for index, spec in enumerate(specs):
        path = f"{field}[{index}]"
        _check_weight(spec.weight, path)
        _check_order(spec, orders, path)
        key = (spec.model_definition_id, spec.linkage_type)
        if key in seen:
            raise InvalidValueError(
                f"the same model definition stands twice as {spec.linkage_type.value}",
                field=f"{path}.model_definition_id",
            )
        seen.add(key)
    if not any(spec.linkage_type is LinkageType.PRIMARY and spec.weight > 0 for spec in specs):
        raise InvalidValueError(
            "an endpoint needs at least one PRIMARY with a weight above 0", field=field
        )


def compute_shares(
    mappings: Sequence[GatewayEndpointModelMapping],
) -> dict[MappingId, float]:
    """Return each mapping's share of the first attempts, 0..1; a FALLBACK's is 0.

    share = weight / sum of the PRIMARY weights.
    """
    weights = [row.weight if row.linkage_type is LinkageType.PRIMARY else 0.0 for row in mappings]
    return {row.mapping_id: share for row, share in zip(mappings, normalize(weights), strict=True)}


def normalize(weights: Sequence[float]) -> list[float]:
    """Scale finite weights >= 0 so that they sum to 1; all zeros stay zeros.

    Dividing by the largest first keeps the sum finite (1e308 twice) and denormals exact.
    """
    largest = max(weights, default=0.0)
    if largest <= 0:
        return [0.0] * len(weights)
    scaled = [weight / largest for weight in weights]
    total = math.fsum(scaled)
    return [value / total for value in scaled]


def _check_weight(weight: float, path: str) -> None:
    if not math.isfinite(weight) or weight < 0:
        raise InvalidValueError("must be a finite number of at least 0", field=f"{path}.weight")


def _check_order(spec: MappingSpec, orders: set[int], path: str) -> None:
    order, where = spec.fallback_order, f"{path}.fallback_order"
    if spec.linkage_type is not LinkageType.FALLBACK:
        if order is not None:
            raise InvalidValueError("is for a FALLBACK only", field=where)
        return
    if order is None:
        raise InvalidValueError("is required for a FALLBACK", field=where)
    if not 0 <= order <= _MAX_ORDER:
        raise InvalidValueError(f"must be 0 to {_MAX_ORDER}", field=where)
    if order in orders:
        raise InvalidValueError("two FALLBACKs have the same order", field=where)
    orders.add(order)
