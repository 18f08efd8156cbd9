"""Which target next.

Rule: one iterator is the whole order of attempts: weighted choice first,
fallbacks after; nothing is decided before it is asked for, so `usable` sees the
state of that moment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate

from gateway.routing.mappings import normalize
from gateway.routing.snapshot import EndpointRoute, Target


def plan(
    route: EndpointRoute,
    draw: Callable[[], float],
    usable: Callable[[Target], bool],
) -> Iterator[Target]:
    """Yield the targets of one request in the order in which they are to be tried.

    The PRIMARY drawn by weight; the other PRIMARYs, drawn by weight without repetition; the
    FALLBACKs by order, at most `route.max_fallbacks` of them; last the drained PRIMARYs
    (weight 0), in the order of the configuration. One that is not `usable` when its turn
    comes is passed over and not counted. `draw` returns a float in [0, 1).
    """
    for target in _iter_primaries(route, draw):
        if usable(target):
            yield target
    left = route.max_fallbacks
    for target in route.fallbacks:
        if left == 0:
            break
        if usable(target):
            left = None if left is None else left - 1
            yield target
    for target in route.drained:
        if usable(target):
            yield target


def _iter_primaries(route: EndpointRoute, draw: Callable[[], float]) -> Iterator[Target]:
    if len(route.primaries) == 1:
        yield route.primaries[0]
        return
    index = bisect_right(route.cumulative, draw())
    yield route.primaries[index]
    rest = [*route.primaries[:index], *route.primaries[index + 1 :]]
    while rest:
        shares = normalize([target.weight for target in rest])
        cumulative = (*accumulate(shares[:-1]), 1.0)
        yield rest.pop(bisect_right(cumulative, draw()))
