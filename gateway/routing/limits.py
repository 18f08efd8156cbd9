"""Who waits for a place in a full gateway, who is next, and why somebody gets none.

Rule: keys that wait take turns, whatever each of them has sent; who waits longest in a line of its
own key goes first; when there is no room the longest line gives way, never a shorter one.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Refusal(StrEnum):
    """Why the gateway has no room for a request or a connection."""

    IN_FLIGHT = "in_flight"  # as many requests are being served as may be
    KEY = "key"  # as many of this api key
    BUSY = "busy"  # the processor does not keep up
    CONNECTIONS = "connections"  # as many connections are open as may be
    SOURCE = "source"  # as many from this address


class FairQueue(Generic[ItemT]):
    """A line per key; the keys take turns."""

    __slots__ = ("_lines", "_size")

    def __init__(self) -> None:
        self._lines: dict[str, deque[tuple[float, ItemT]]] = {}  # the first is the next
        self._size = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._size

    def has_room(self, key: str, most: float, limit: int) -> bool:
        """Tell whether one more of `key` may wait if `most` may, and `limit` whoever they are.

        Beyond `most` there is room for who has none waiting, and for who has less than a fair
        share; at `limit` only for who can take the place of another's second one.
        """
        if self._size < most:
            return True
        line = self._lines.get(key)
        if line is None:
            return self._size < limit or len(self._lines) < self._size
        return len(line) + 1 <= most / len(self._lines)

    def add(self, key: str, item: ItemT, at_s: float) -> None:
        """Let one wait, from `at_s` on, which never goes back."""
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = deque()
        line.append((at_s, item))
        self._size += 1

    def cut(self, favoured: str) -> ItemT | None:
        """Take out the last of the longest line, if that of `favoured` is shorter by two."""
        if not self._lines:
            return None
        key, line = max(self._lines.items(), key=lambda pair: len(pair[1]))
        if len(line) < len(self._lines.get(favoured, ())) + 2:
            return None
        return self._take(key, line, first=False)

    def pop(self) -> tuple[str, ItemT] | None:
        """Take out who is next, with its key; the key's next turn is after all others'."""
        for key, line in self._lines.items():
            item = self._take(key, line, first=True)
            if line:
                self._lines[key] = self._lines.pop(key)
            return key, item
        return None

    def expire(self, before_s: float) -> list[ItemT]:
        """Take out all who wait since before `before_s`."""
        gone: list[ItemT] = []
        for key, line in list(self._lines.items()):
            while line and line[0][0] < before_s:
                gone.append(self._take(key, line, first=True))
        return gone

    def discard(self, key: str, item: ItemT) -> None:
        """Forget one that waits no more; nothing if it does not wait."""
        line = self._lines.get(key, ())
        for entry in line:
            if entry[1] is item:
                self._lines[key].remove(entry)
                self._shrink(key)
                return

    def _take(self, key: str, line: deque[tuple[float, ItemT]], *, first: bool) -> ItemT:
        _, item = line.popleft() if first else line.pop()
        self._shrink(key)
        return item

    def _shrink(self, key: str) -> None:
        self._size -= 1
        if not self._lines[key]:
            del self._lines[key]
