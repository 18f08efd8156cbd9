"""Where finished attempts go.

Rule: never blocks a request.
"""

from __future__ import annotations

from typing import Protocol

from gateway.entities import (
    UsageRow,
)


class UsageSink(Protocol):
    """Takes finished attempts off the hot path."""

    def record(self, row: UsageRow) -> None:
        """Accept one row; never blocks, never raises."""
        ...


class Ledger(UsageSink, Protocol):
    """The ledger's one writer, who also counts what was lost on the way to it."""

    def note_dropped(self, count: int) -> None:
        """Count rows that could not be kept."""
        ...
