"""From one snapshot to the next: what has changed, cut into frames.

A worker that has nothing gets everything; one that has an older snapshot gets what differs. Each
slice is small, so that a worker that takes it in has time for requests between two.

Rule: a worker that has applied all frames up to COMMIT holds a snapshot equal to the parent's,
order of the endpoints included.
"""

from __future__ import annotations

import pickle
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any, Final, TypeVar

import orjson

from gateway.routing.snapshot import Snapshot
from gateway.workers.channel import Kind

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

TABLES: Final = ("endpoints", "keys", "sealed")
# Everything else of a snapshot: small values, sent whole.
_SCALARS: Final = tuple(
    field.name for field in fields(Snapshot) if field.init and field.name not in TABLES
)
# Entries of a slice. A worker takes in one in 2 to 5 ms; keys may hold patterns, each compiled
# anew in 0.1 ms.
_SLICE: Final[Mapping[str, int]] = {"endpoints": 100, "keys": 40, "sealed": 200}

Frame = tuple[Kind, bytes]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of one table of a snapshot: entries to set, keys to remove."""

    table: str
    entries: tuple[tuple[Any, Any], ...]
    removed: tuple[Any, ...] = ()


def iter_frames(base: Snapshot | None, new: Snapshot) -> Iterator[Frame]:
    """Yield the frames that take a worker from `base` (None: nothing) to `new`."""
    if base is not None and not _keeps_order(base.endpoints, new.endpoints):
        base = None  # the order of the endpoints is part of what is served: /v1/models lists it
    yield Kind.BEGIN, orjson.dumps([new.epoch, base is None])
    for table in TABLES:
        before, after = {} if base is None else getattr(base, table), getattr(new, table)
        if before is after:
            continue  # a change of other things
        for part in _iter_slices(table, before, after):
            yield Kind.SLICE, pickle.dumps(part, pickle.HIGHEST_PROTOCOL)
    yield Kind.COMMIT, orjson.dumps({name: getattr(new, name) for name in _SCALARS})


def _iter_slices(
    table: str, before: Mapping[Any, Any], after: Mapping[Any, Any]
) -> Iterator[Slice]:
    removed = tuple(key for key in before if key not in after)
    if removed:
        yield Slice(table, (), removed)
    changed = iter(_iter_changed(before, after))
    while entries := tuple(islice(changed, _SLICE[table])):
        yield Slice(table, entries)


def _iter_changed(
    before: Mapping[KeyT, ValueT], after: Mapping[KeyT, ValueT]
) -> Iterator[tuple[KeyT, ValueT]]:
    for key, value in after.items():
        old = before.get(key)
        if old is not value and old != value:  # the same object is the common case, and free
            yield key, value


def _keeps_order(before: Mapping[KeyT, Any], after: Mapping[KeyT, Any]) -> bool:
    """Tell whether removing and appending, which is what a worker does, gives `after`'s order."""
    kept = [key for key in before if key in after]
    return kept == list(islice(after, len(kept)))
