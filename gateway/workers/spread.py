"""How connections are spread evenly: a board in shared memory, and the choice of a worker.

The kernel spreads connections by a hash of their addresses: of eight connections one worker may
get seven. So each worker writes its number of open connections onto the board, and one that has
clearly more than the least loaded passes a fresh connection on.

Rule: a seat is written by its owner alone (by the parent before and after the owner's life); what
is read of others may be a moment old, so it only ever decides who serves, never whether.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from time import monotonic_ns
from typing import Final

SEATS: Final = 1024  # four times the most workers: old generations drain beside new ones
_WORDS: Final = 8  # of 8 bytes each per seat: one cache line, so that writers do not disturb
_STAMP, _CONNECTIONS, _OPEN, _RECEIVED = range(4)
_STALE_MS: Final = 1_000  # a worker says ten times a second that it runs
_LEAST_DIFFERENCE: Final = 2  # 5 and 4 cannot be spread more evenly
_SHARE: Final = 0.1  # with many connections, one more here or there costs less than passing it


class Board:
    """The shared memory: seat 0 holds the number of seats in use, the others one worker each."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map = mmap.mmap(descriptor, SEATS * _WORDS * 8)
        self._words = memoryview(self._map).cast("Q")

    @property
    def used(self) -> int:
        """Seats from this one on were never taken."""
        return self._words[0]

    def clear(self, seat: int) -> None:
        """Make a seat ready for its next owner, or take a dead one's out of the choice."""
        self._words[0] = max(self._words[0], seat + 1)
        for word in range(_WORDS):
            self._words[seat * _WORDS + word] = 0

    def get(self, seat: int, word: int) -> int:
        """Read one word of a seat."""
        return self._words[seat * _WORDS + word]

    def set(self, seat: int, word: int, value: int) -> None:
        """Write one word of a seat."""
        self._words[seat * _WORDS + word] = value

    def count_connections(self, seat: int) -> int:
        """Return the open connections of a worker, as it last said."""
        return self.get(seat, _CONNECTIONS)

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()
        self._map.close()
        os.close(self.descriptor)


def create_board() -> Board:
    """Make an empty board, of memory that no other process can find."""
    size = SEATS * _WORDS * 8
    if sys.platform == "linux":
        descriptor = os.memfd_create("lockgate-workers")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    board = Board(descriptor)
    board.clear(0)
    return board


def now_ms() -> int:
    """Return milliseconds of the system's monotonic clock, the same in all processes."""
    return monotonic_ns() // 1_000_000


class Seat:
    """A worker's place on the board, and its view of the others."""

    def __init__(self, board: Board, number: int) -> None:
        self._board = board
        self.number = number
        # Per other seat what was passed there since when, as (its count of received then, passed):
        # its number of connections shows them only when it has taken them.
        self._under_way: dict[int, tuple[int, int]] = {}

    def beat(self, at_ms: int, connections: int) -> None:
        """Say that this worker runs, and with how many connections."""
        self._board.set(self.number, _CONNECTIONS, connections)
        self._board.set(self.number, _STAMP, at_ms)

    def publish(self, connections: int) -> None:
        """Say how many connections are open."""
        self._board.set(self.number, _CONNECTIONS, connections)

    def set_open(self, is_open: bool) -> None:
        """Say whether this worker takes connections."""
        self._board.set(self.number, _OPEN, int(is_open))

    def note_received(self) -> None:
        """Count a connection that another worker passed here."""
        received = self._board.get(self.number, _RECEIVED)
        self._board.set(self.number, _RECEIVED, received + 1)

    def note_passed(self, seat: int) -> None:
        """Count a connection that was passed to `seat`."""
        received, passed = self._under_way.get(seat, (0, 0))
        if self._count_under_way(seat) == 0:
            received, passed = self._board.get(seat, _RECEIVED), 0
        self._under_way[seat] = (received, passed + 1)

    def choose(self, connections: int, at_ms: int) -> int | None:
        """Return the seat that a fresh connection should go to; None: keep it.

        Args:
            connections: open here, without the fresh one.
            at_ms: now, as of `now_ms`.
        """
        least, chosen = 0, None
        for seat in range(1, self._board.used):
            if seat == self.number or not self._is_available(seat, at_ms):
                continue
            load = self._board.get(seat, _CONNECTIONS) + self._count_under_way(seat)
            if chosen is None or load < least:
                least, chosen = load, seat
        difference = connections + 1 - least
        if chosen is None or difference < _LEAST_DIFFERENCE or difference <= _SHARE * connections:
            return None
        return chosen

    def _is_available(self, seat: int, at_ms: int) -> bool:
        return bool(
            self._board.get(seat, _OPEN) and at_ms - self._board.get(seat, _STAMP) < _STALE_MS
        )

    def _count_under_way(self, seat: int) -> int:
        received, passed = self._under_way.get(seat, (0, 0))
        taken = self._board.get(seat, _RECEIVED) - received
        return max(0, passed - taken) if taken >= 0 else 0  # below 0: another owner sits there
