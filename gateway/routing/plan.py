"""Which target next.

Rule: one iterator is the whole order of attempts: weighted choice first,
fallbacks after; nothing is decided before it is asked for, so `find` sees the
state of that moment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import TypeVar

from gateway.routing.mappings import normalize
from gateway.routing.snapshot import EndpointRoute, Target

FoundT = TypeVar("FoundT")


def plan(
    route: EndpointRoute,
    draw: Callable[[], float],
    find: Callable[[Target], FoundT | None],
) -> Iterator[FoundT]:
    """Yield what `find` gives for the targets of one request, in the order of their turns.

    The PRIMARY drawn by weight; the other PRIMARYs, drawn by weight without repetition; the
    FALLBACKs by order, at most `route.max_fallbacks` of them; last the drained PRIMARYs
    (weight 0), in the order of the configuration. One for which `find` has nothing when its
    turn comes is passed over and not counted. `draw` returns a float in [0, 1).
    """
    primaries = route.primaries
    index = bisect_right(route.cumulative, draw()) if len(primaries) > 1 else 0
    if (found := find(primaries[index])) is not None:
        yield found
    for target in _iter_others(primaries, index, draw):
        if (found := find(target)) is not None:
            yield found
    left = route.max_fallbacks
    for target in route.fallbacks:
        if left == 0:
            break
        if (found := find(target)) is not None:
            left = None if left is None else left - 1
            yield found
    for target in route.drained:
        if (found := find(target)) is not None:
            yield found


def _iter_others(
    primaries: tuple[Target, ...], index: int, draw: Callable[[], float]
) -> Iterator[Target]:
    """Yield the targets but the one at `index`, drawn by weight without repetition."""
    rest = [*primaries[:index], *primaries[index + 1 :]]
    while rest:
        shares = normalize([target.weight for target in rest])
        cumulative = (*accumulate(shares[:-1]), 1.0)
        yield rest.pop(bisect_right(cumulative, draw()))
