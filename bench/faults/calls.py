"""What the upstreams were asked, counted by model and by the marker in the request.

Rule: a call is counted when it arrives, whatever becomes of it.
"""

from __future__ import annotations

import re
from collections import Counter

_MARKER = re.compile(rb"marker-[A-Za-z0-9_]+")


class Calls:
    """Counts of calls."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def note(self, model: str, body: bytes) -> None:
        """Count a call of a model, named without its fault."""
        found = _MARKER.search(body)
        self._counts[model, found[0].decode() if found else ""] += 1

    def count(self, model: str, marker: str) -> int:
        """Return how often a model was called with a marker."""
        return self._counts[model, marker]
