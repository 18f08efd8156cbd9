"""When a second call is worth its price: an endpoint's usual time to first byte, and a budget.

Rule: pure. In the long run no more than `SHARE` of the requests are asked twice; the scarcer that
becomes, the longer the first call is waited for.
"""

from __future__ import annotations

from collections import deque
from typing import Final

SHARE: Final = 0.02  # of the requests
_QUANTILE: Final = 0.95
_KEPT: Final = 200  # times: the quantile is of about the last 200 requests
_LEAST: Final = 20  # times without which no quantile means anything
_LOOK_EVERY: Final = 10  # times between two looks: sorting 200 takes 10 us
_SAVED: Final = 5.0  # calls that a quiet time may save up for a bad one
_PATIENCE: Final = 0.5  # of the quantile: waited longer where the budget is used up


class HedgePolicy:
    """The hedging of one endpoint in one process."""

    __slots__ = ("_saved", "_since_look", "_times_s", "_usual_s")

    def __init__(self) -> None:
        self._times_s: deque[float] = deque(maxlen=_KEPT)
        self._usual_s = 0.0
        self._since_look = 0
        self._saved = 1.0

    def begin(self) -> float | None:
        """Count a request; return after how many seconds to ask a second target, None: never."""
        self._saved = min(_SAVED, self._saved + SHARE)
        if self._usual_s <= 0 or self._saved < 1:
            return None
        return self._usual_s * (1 + _PATIENCE * (1 - self._saved / _SAVED))

    def take(self) -> bool:
        """Take the price of one more call out of the budget, if it is there."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True

    def give_back(self) -> None:
        """Return the price of a call that was not made."""
        self._saved += 1

    def note(self, first_byte_s: float) -> None:
        """Take in how long the first call took to its first byte, or at least took."""
        self._times_s.append(first_byte_s)
        self._since_look += 1
        if self._since_look >= _LOOK_EVERY and len(self._times_s) >= _LEAST:
            self._since_look = 0
            self._usual_s = sorted(self._times_s)[int(_QUANTILE * len(self._times_s))]
