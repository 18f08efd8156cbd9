"""Admission: how many requests are served at the same time, who waits for a place, who is refused.

A worker has two things that can run out. Places: requests in flight, each with its buffers and its
two connections. When there is none, requests wait for one in a short queue in which the api keys
take turns; how many may wait follows from how many places come free, so that who would wait in
vain is told so at once. Time: the one thread. It takes what has come in turns of the event loop;
when the turns have been too long for half a second, what is met late in a turn is refused, for so
long it has waited already. A shorter run of long turns is a burst: it is worked off, and everybody
gets an answer.

While neither is short, `alert` is False and nothing runs here but two additions per request.

Rule: a place is taken once and given back once, however a request ends; who waits is let in or
refused within the time of the queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.errors import OverloadedError
from gateway.proxy.deadline import now_s
from gateway.proxy.flow import Gate
from gateway.routing.limits import FairQueue, Refusal

logger = logging.getLogger("lockgate.proxy")

RETRY_AFTER_S: Final = 1  # the least that the header can say; by then a queue has turned over
SENTENCES: Final[dict[Refusal, str]] = {
    Refusal.IN_FLIGHT: "the gateway serves as many requests as it may: try again in a moment",
    Refusal.KEY: "this api key has as many requests in flight as it may: try again in a moment",
    Refusal.BUSY: "the gateway has more requests than it can work off: try again in a moment",
    Refusal.CONNECTIONS: "the gateway has as many connections as it may: try again in a moment",
    Refusal.SOURCE: "this address has as many connections as it may",
}
_LATE_S: Final = 0.02  # of a tick: a turn of the loop this long is no single request's
_ALERT_S: Final = 1.0  # after the last sign of it
_STANDING_S: Final = 0.5  # CoDel has 0.1 s for packets; a burst of thousands takes this long
_FAVOUR: Final = 2  # times the turn's time for keys of which few have been let in in it
_SHARE: Final = 0.5  # of the queue's time that is planned with: the other half is for errors
_LOOK_S: Final = 0.02  # how late a wait may end
_LEAST_PER_S: Final = 0.5  # places that come free: below it waiting for one is in vain
_REPORT_S: Final = 10.0  # between two lines in the log: one per refusal would be the overload


class AdmissionLimits(NamedTuple):
    """How much is let in; 0: as much as comes, but nobody is `queued`.

    Attributes:
        queue_s: how long a request may wait for a place.
        turn_s: how long a turn of the event loop may take.
    """

    in_flight: int = 0
    in_flight_per_key: int = 0
    queued: int = 1024
    queue_s: float = 0.25
    turn_s: float = 0.0


class Ticket:
    """One request that waits."""

    __slots__ = ("gate", "is_in", "refusal")

    def __init__(self) -> None:
        self.gate = Gate()
        self.is_in = False
        self.refusal: Refusal | None = None

    def let_in(self) -> None:
        """End the wait: there is a place."""
        self.is_in = True
        self.gate.open()

    def refuse(self, why: Refusal) -> None:
        """End the wait: there is none."""
        self.refusal = why
        self.gate.open()


class Admission:
    """Lets the requests of one worker in.

    Attributes:
        alert: something is short; while it is False, `enter` and `leave` are all there is to do.
        in_flight: requests that have a place.
        on_refused: told of each refusal.

    Args:
        limits: how much is let in.
        find_key: returns the id of the api key with a digest; None: there is none.
    """

    def __init__(
        self,
        limits: AdmissionLimits | None = None,
        find_key: Callable[[bytes | None], str | None] = lambda _: None,
    ) -> None:
        self._limits = limits or AdmissionLimits()
        self._most = self._limits.in_flight or 1 << 62
        self._find_key = find_key
        self._queue: FairQueue[Ticket] = FairQueue()
        self._by_key: dict[str, int] = {}  # in flight; counted only where it is limited
        self.alert = self._limits.in_flight_per_key > 0
        self.in_flight = 0
        self.on_refused: Callable[[Refusal], None] = lambda _: None
        self._done = 0  # since the last tick
        self._done_per_s = 0.0
        self._late_until_s = 0.0
        self._turn_at_s = 0.0  # when this turn of the loop met its first request; 0: not yet
        self._long_since_s = 0.0  # the end of the first of turns too long; 0: the last was not
        self._in_turn: dict[str, int] = {}  # requests that were let in in this turn, by key
        self._is_stepping = False
        self._expiring: asyncio.TimerHandle | None = None
        self._refused = 0  # since the last report
        self._reported_s = 0.0

    @property
    def queued(self) -> int:
        """How many requests wait for a place."""
        return len(self._queue)

    # --- for a request ----------------------------------------------------------------------

    def enter(self) -> None:
        """Take a place; only while there is no alert."""
        self.in_flight += 1
        if self.in_flight >= self._most:
            self.alert = True

    def leave(self, key: str) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._done += 1
        if not self.alert:
            return
        if key in self._by_key:
            self._by_key[key] -= 1
            if not self._by_key[key]:
                del self._by_key[key]
        if self._queue and not self._is_stepping:
            self._is_stepping = True  # in a turn of its own: a request that ends ends others
            asyncio.get_running_loop().call_soon(self._step)

    async def wait(self, key: str) -> None:
        """Take a place, during an alert: wait for it if need be.

        Raises:
            OverloadedError: there is none, or none in time.
        """
        at_s = now_s()
        refusal = self._judge(key, at_s)
        if refusal is not None:
            raise self.refuse(refusal)
        if self.in_flight < self._most and not self._queue:
            self._take(key)
            return
        ticket = self._enqueue(key, at_s)
        try:
            while not ticket.is_in and ticket.refusal is None:
                await ticket.gate
        except BaseException:
            if ticket.is_in:
                self.leave(key)
            else:
                self._queue.discard(key, ticket)
            raise
        if ticket.refusal is not None:
            raise self.refuse(ticket.refusal)

    def find_refusal(self, digest: bytes | None) -> Refusal | None:
        """Tell whether a request would be refused, before anything is done for it.

        Args:
            digest: of its credential; who has none that is known is told so, if there is time.
        """
        key = self._find_key(digest)
        at_s = now_s()
        if key is not None:
            return self._judge(key, at_s)
        return Refusal.BUSY if self._is_late(None, at_s) else None

    def refuse(self, why: Refusal) -> OverloadedError:
        """Count a refusal and return what the client is told."""
        self.note_refused(why)
        return OverloadedError(SENTENCES[why], retry_after_s=RETRY_AFTER_S)

    def note_refused(self, why: Refusal) -> None:
        """Count a refusal."""
        self._refused += 1
        self.on_refused(why)

    # --- for the listener's clock -----------------------------------------------------------

    def tick(self, at_s: float, passed_s: float, late_s: float) -> None:
        """Look at how things go; `late_s` is how late the call is, `passed_s` after the last."""
        self._done_per_s = (self._done_per_s + self._done / max(passed_s, 1e-3)) / 2
        self._done = 0
        if late_s > _LATE_S:
            self._late_until_s = at_s + _ALERT_S
        self.alert = (
            self._limits.in_flight_per_key > 0
            or self.in_flight >= self._most
            or len(self._queue) > 0
            or at_s < self._late_until_s
        )
        if at_s >= self._late_until_s:  # also where `alert` has another reason: it may never end
            self._long_since_s = 0.0
        if self._refused and at_s - self._reported_s > _REPORT_S:
            logger.warning("overloaded: %d requests or connections were refused", self._refused)
            self._refused, self._reported_s = 0, at_s

    def close(self) -> None:
        """Stop the clock of the queue."""
        if self._expiring is not None:
            self._expiring.cancel()
            self._expiring = None

    # --- within -----------------------------------------------------------------------------

    def _judge(self, key: str, at_s: float) -> Refusal | None:
        """Tell why a request of `key` is not even let into the queue; None: it is."""
        most = self._limits.in_flight_per_key
        if most and self._by_key.get(key, 0) >= most:
            return Refusal.KEY
        if self._is_late(key, at_s):
            return Refusal.BUSY
        if self.in_flight < self._most and not self._queue:
            return None
        if self._done_per_s < _LEAST_PER_S:
            return Refusal.IN_FLIGHT
        has_room = self._queue.has_room(key, self._plan_queue(), self._limits.queued)
        return None if has_room else Refusal.IN_FLIGHT

    def _plan_queue(self) -> float:
        """Return how many can wait and still be let in in time, as fast as others leave."""
        return min(self._limits.queued, self._done_per_s * self._limits.queue_s * _SHARE)

    def _is_late(self, key: str | None, at_s: float) -> bool:
        """Tell whether a request has waited for too long before it was read.

        For who is known it is twice the time if few of its key have been let in in this turn.
        """
        most_s = self._limits.turn_s
        if not most_s:
            return False
        if not self._turn_at_s:
            self._turn_at_s = at_s
            asyncio.get_running_loop().call_soon(self._end_turn)
        age_s = at_s - self._turn_at_s
        if age_s < most_s or not self._long_since_s or at_s - self._long_since_s < _STANDING_S:
            return False
        if key is None or age_s > most_s * _FAVOUR:
            return True
        counts = self._in_turn
        return counts.get(key, 0) * len(counts) * 2 > sum(counts.values())

    def _end_turn(self) -> None:
        """Note how long the turn of the event loop has taken that is over now."""
        at_s = now_s()
        if at_s - self._turn_at_s < self._limits.turn_s:
            self._long_since_s = 0.0
        elif not self._long_since_s:
            self._long_since_s = at_s  # one turn, however long, is a stop of the process or a burst
        self._turn_at_s = 0.0
        self._in_turn.clear()

    def _take(self, key: str) -> None:
        self.in_flight += 1
        if self._limits.in_flight_per_key:
            self._by_key[key] = self._by_key.get(key, 0) + 1
        if self._turn_at_s:
            self._in_turn[key] = self._in_turn.get(key, 0) + 1
        if self.in_flight >= self._most:
            self.alert = True

    def _enqueue(self, key: str, at_s: float) -> Ticket:
        if len(self._queue) >= self._plan_queue():
            surplus = self._queue.cut(key)
            if surplus is not None:  # in a turn of its own: its connection may have more to say
                asyncio.get_running_loop().call_soon(surplus.refuse, Refusal.IN_FLIGHT)
        ticket = Ticket()
        self._queue.add(key, ticket, at_s)
        if self._expiring is None:
            self._expiring = asyncio.get_running_loop().call_later(_LOOK_S, self._expire)
        return ticket

    def _step(self) -> None:
        """Let in whoever is next, as long as there are places."""
        self._is_stepping = False
        while self.in_flight < self._most:
            found = self._queue.pop()
            if found is None:
                return
            key, ticket = found
            most = self._limits.in_flight_per_key
            if most and self._by_key.get(key, 0) >= most:
                ticket.refuse(Refusal.KEY)
            else:
                self._take(key)
                ticket.let_in()

    def _expire(self) -> None:
        """Refuse who has waited for too long."""
        self._expiring = None
        for ticket in self._queue.expire(now_s() - self._limits.queue_s):
            ticket.refuse(Refusal.IN_FLIGHT)
        if self._queue:
            self._expiring = asyncio.get_running_loop().call_later(_LOOK_S, self._expire)
