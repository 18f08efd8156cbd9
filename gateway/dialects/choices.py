"""Several answers within one stream (`n`, `candidateCount`): which of them have ended.

Rule: a stream is complete only when each answer that has begun has said why it ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

# Where there are several answers one of them is number 1. Parallel tool calls are counted in the
# same way, which costs a parse for nothing.
SECOND: Final = b'"index":1'
SECOND_SPACED: Final = b'"index": 1'
_MOST_CHOICES: Final = 1024  # vendors allow 8 or 128


class Choices:
    """The answers of one stream, by their index."""

    __slots__ = ("_ended", "_seen")

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._ended: set[int] = set()

    @property
    def is_many(self) -> bool:
        """Whether there is another than the first."""
        return bool(self._seen - {0})

    @property
    def have_ended(self) -> bool:
        """Whether all that began have ended."""
        return self._seen == self._ended

    def see(self, choices: Any, reason: str, unspecified: Iterable[str] = ()) -> None:
        """Take in one event's choices; the field `reason` says why one has ended."""
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            index = choice.get("index", 0)
            if type(index) is not int or not 0 <= index < _MOST_CHOICES:
                continue
            self._seen.add(index)
            said = choice.get(reason)
            if isinstance(said, str) and said not in unspecified:
                self._ended.add(index)
