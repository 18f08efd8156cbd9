"""A worker's side of the configuration: takes slices in, serves the snapshot at the end.

Rule: what is served is always one whole snapshot; slices are laid down aside. The event loop has
its turn between any two slices.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import orjson

from gateway.routing.snapshot import Snapshot
from gateway.workers.channel import Kind
from gateway.workers.publish import TABLES, Slice

_EMPTY: Final = Snapshot(-1, {}, {}, {})


class Replica:
    """Follows the parent's snapshots.

    Args:
        serve: takes each new snapshot, in turn; the former one is served until it returns.
    """

    def __init__(self, serve: Callable[[Snapshot], None]) -> None:
        self._serve = serve
        self._snapshot = _EMPTY
        self._tables: dict[str, dict[Any, Any]] = {}
        self._whole = False
        self._frames: deque[tuple[int, bytes]] = deque()
        self._filled = asyncio.Event()

    def feed(self, kind: int, payload: bytes) -> None:
        """Take a frame of kind BEGIN, SLICE or COMMIT; it is applied by `run`."""
        self._frames.append((kind, payload))
        self._filled.set()

    async def run(self) -> None:
        """Apply frames, one per turn of the event loop, for ever."""
        while True:
            while self._frames:
                self.apply(*self._frames.popleft())
                await asyncio.sleep(0)
            self._filled.clear()
            await self._filled.wait()

    def apply(self, kind: int, payload: bytes) -> None:
        """Apply one frame."""
        if kind == Kind.BEGIN:
            _, self._whole = orjson.loads(payload)
            self._begin()
        elif kind == Kind.SLICE:
            # From our own parent over a private socketpair: see `channel`.
            self._lay_down(pickle.loads(payload))  # noqa: S301
        else:
            self._commit(orjson.loads(payload))

    def _begin(self) -> None:
        if self._whole:
            # Millions of new objects that all stay: to look for rubbish among them again and
            # again would hold up the requests of that time by tens of milliseconds.
            gc.disable()
        self._tables = {
            table: {} if self._whole else dict(getattr(self._snapshot, table)) for table in TABLES
        }

    def _lay_down(self, part: Slice) -> None:
        table = self._tables[part.table]
        for key in part.removed:
            table.pop(key, None)
        table.update(part.entries)

    def _commit(self, scalars: dict[str, Any]) -> None:
        values: dict[str, Any] = {**scalars, **self._tables}
        self._snapshot = Snapshot(**values)
        self._tables = {}
        self._serve(self._snapshot)
        if self._whole:
            gc.freeze()  # the collector need not look at it again
            gc.enable()
            self._whole = False
