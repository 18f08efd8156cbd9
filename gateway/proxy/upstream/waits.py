"""When waiting for a provider is over: one look at all waits, ten times a second.

A timer per request would cost more than the rest of its waiting; limits are of seconds, and
0.1 s late is early enough for all of them.

Rule: while anything waits the clock ticks; when nothing does there is no timer at all.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from gateway.proxy.deadline import now_s

_TICK_S: Final = 0.1


class Wait(Protocol):
    """Something that waits for a provider."""

    def look(self, at_s: float) -> None:
        """Give up if it is time to (`at_s` is of `now_s`' clock)."""


class Waits:
    """The waits under way."""

    __slots__ = ("_timer", "_waiting")

    def __init__(self) -> None:
        self._waiting: set[Wait] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, wait: Wait) -> None:
        """Begin to look at a wait."""
        self._waiting.add(wait)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def discard(self, wait: Wait) -> None:
        """Look at a wait no more."""
        self._waiting.discard(wait)

    def close(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()

    def _tick(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        at_s = now_s()
        for wait in list(self._waiting):
            wait.look(at_s)
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
