"""The machine's own clocks, behind the `Clock` port.

Rule: parts take a `Clock` as an argument; only those who wire them name this one.
"""

from __future__ import annotations

import time


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        """Return wall-clock milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()
