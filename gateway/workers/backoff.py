"""When a worker that died is started again.

Rule: at once the first time; later waits double up to a limit, and a worker that lived for a
while has made up for all before it.
"""

from __future__ import annotations

from typing import Final

_FIRST_S: Final = 0.1
_MOST_S: Final = 10.0  # a fault that passes by itself is over within seconds
_MADE_UP_S: Final = 60.0


class Backoff:
    """The deaths of one slot's workers."""

    def __init__(self) -> None:
        self._deaths = 0

    def next_delay_s(self, lived_s: float) -> float:
        """Count a death and return the wait before the next start."""
        if lived_s >= _MADE_UP_S:
            self._deaths = 0
        self._deaths += 1
        if self._deaths == 1:
            return 0.0
        return min(_MOST_S, _FIRST_S * 2.0 ** min(self._deaths - 2, 16))
