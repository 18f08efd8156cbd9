"""The numbers of all workers, added up: of those that run and of those that have ended.

Rule: a sum never goes back: what a worker has counted stays when it is gone, as far as it was
told. A worker that does not answer counts with what it said last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.telemetry.metrics import Metrics


class Tally:
    """What ended workers have counted."""

    def __init__(self) -> None:
        self._ended = Metrics()

    def retire(self, counters: Mapping[str, Any] | None) -> None:
        """Keep the last counters of a worker that has ended; what it was doing has ended too."""
        if counters is not None:
            self._ended.add({**counters, "in_flight": 0, "levels": {}})

    def list_counters(self, running: Iterable[Mapping[str, Any] | None]) -> list[Mapping[str, Any]]:
        """Return what is to be added up: the ended ones' and those of `running`."""
        return [self._ended.dump(), *(counters for counters in running if counters is not None)]


def check_counters(counters: Any) -> Mapping[str, Any]:
    """Return what a worker says that it has counted, once it is known to add up.

    Raises:
        Exception: of whatever kind the nonsense leads to; kept, it would come up at each reading.
    """
    Metrics().add(counters)
    return counters  # type: ignore[no-any-return]
