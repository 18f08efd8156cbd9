"""Admission: how many requests are served at the same time, who waits for a place, who is refused.

A worker has two things that can run out. Places: requests in flight, each with its buffers and its
two connections. Time: its one thread. While neither is short, `alert` is False and nothing here
runs but two additions per request. Else requests wait in a short queue in which the api keys take
turns, and a step of the queue per turn of the event loop lets in as many as there are places and
time for. Refused is at arrival, by what the queue can be worked off in, so that who gets nothing
knows it at once; waiting in vain is the exception.

A thread that is late is not yet overloaded: a burst is worked off and everyone gets an answer.
Only a queue that has not been empty for half a second stands for more work than can be done.

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
_ALERT_S: Final = 1.0  # after the last sign: who is busy is asked again and again whether it is
_STANDING_S: Final = 0.5  # CoDel has 0.1 s for packets; here a burst of thousands takes that long
_SHARE: Final = 0.5  # of the queue's time that is planned with: the other half is for errors
_PATIENCE: Final = 4  # times the queue's time while it works off a burst, and nobody is refused
# How long a turn of the loop should take: long enough that its own cost is lost in it, short
# enough that a refusal in it is quick and that answers are soon read.
_SHORT_S, _LONG_S = 0.015, 0.03
_LEAST_STEP, _MOST_STEP = 4.0, 1000.0
_PER_REFUSED: Final = 1 / 3  # let in, whatever the turn takes: a refusal costs a sixth of a request
_BURST: Final = 32  # requests that may come at once before anything is looked at
_LOOK_S: Final = 0.02  # how late a wait may end
_LEAST_PER_S: Final = 0.5  # places that come free: below it waiting for one is in vain
_REPORT_S: Final = 10.0  # between two lines in the log: one per refusal would be the overload


class AdmissionLimits(NamedTuple):
    """How much is let in; 0: as much as comes."""

    in_flight: int = 0
    in_flight_per_key: int = 0
    queued: int = 1024
    queue_s: float = 0.25


class Ticket:
    """One request that waits."""

    __slots__ = ("gate", "is_in", "refusal")

    def __init__(self) -> None:
        self.gate = Gate()
        self.is_in = False
        self.refusal: Refusal | None = None

    def refuse(self, why: Refusal) -> None:
        """End the wait: there is no room."""
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
        self._by_key: dict[str, int] = {}  # counted only where it is limited
        self.alert = self._limits.in_flight_per_key > 0
        self.in_flight = 0
        self._watched = min(self._most, _BURST)  # so many in flight are a reason for an alert
        self.on_refused: Callable[[Refusal], None] = lambda _: None
        self._done = 0  # since the last tick
        self._done_per_s = 0.0
        self._late_until_s = 0.0
        self._standing_since_s = 0.0
        self._step_size = float(_BURST)  # requests let in per turn
        self._let_in_now = 0  # in this turn
        self._refused_now = 0
        self._turn_at_s = 0.0  # when this turn of the loop began, as far as is known; 0: unknown
        self._expiring: asyncio.TimerHandle | None = None
        self._refused = 0
        self._reported_s = 0.0

    @property
    def queued(self) -> int:
        """How many requests wait for a place."""
        return len(self._queue)

    # --- for a request ----------------------------------------------------------------------

    def enter(self) -> None:
        """Take a place; only while there is no alert."""
        self.in_flight += 1
        if self.in_flight >= self._watched:
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
        if self._queue:
            self._plan_step(now_s())

    async def wait(self, key: str) -> None:
        """Take a place, during an alert: wait for it if need be.

        Raises:
            OverloadedError: there is none, or none in time.
        """
        at_s = now_s()
        refusal = self._judge(key, at_s)
        if refusal is not None:
            raise self.refuse(refusal)
        self._plan_step(at_s)
        if not self._queue and self.in_flight < self._most and self._let_in_now < self._step_size:
            self._let_in_now += 1
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
        if not (self._queue or self.in_flight >= self._most or self._limits.in_flight_per_key):
            return None
        at_s = now_s()
        key = self._find_key(digest)
        if key is not None:
            return self._judge(key, at_s)
        return Refusal.BUSY if self._is_standing(at_s) else None

    def refuse(self, why: Refusal) -> OverloadedError:
        """Count a refusal and return what the client is told."""
        self.note_refused(why)
        return OverloadedError(SENTENCES[why], retry_after_s=RETRY_AFTER_S)

    def note_refused(self, why: Refusal) -> None:
        """Count a refusal."""
        self._refused += 1
        self._refused_now += 1
        self.on_refused(why)

    # --- for the listener's clock -----------------------------------------------------------

    def tick(self, at_s: float, passed_s: float, late_s: float) -> None:
        """Look at how things go; `late_s` is how late the call is, after `passed_s`."""
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
        self._watched = min(self._most, self.in_flight * 2 + _BURST)
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
        limits = self._limits
        if limits.in_flight_per_key and self._by_key.get(key, 0) >= limits.in_flight_per_key:
            return Refusal.KEY
        if self.in_flight >= self._most:
            if self._done_per_s < _LEAST_PER_S:
                return Refusal.IN_FLIGHT
            return None if self._queue.has_room(key, self._plan_queue()) else Refusal.IN_FLIGHT
        most = self._plan_queue() if self._is_standing(at_s) else self._most
        return None if self._queue.has_room(key, most) else Refusal.BUSY

    def _plan_queue(self) -> float:
        """Return how many can wait and still be let in in time, as fast as others leave."""
        return min(self._limits.queued, self._done_per_s * self._limits.queue_s * _SHARE)

    def _is_standing(self, at_s: float) -> bool:
        return bool(self._queue) and at_s - self._standing_since_s > _STANDING_S

    def _take(self, key: str) -> None:
        self.in_flight += 1
        if self._limits.in_flight_per_key:
            self._by_key[key] = self._by_key.get(key, 0) + 1

    def _enqueue(self, key: str, at_s: float) -> Ticket:
        if not self._queue:
            self._standing_since_s = at_s
        is_short = self.in_flight >= self._most or self._is_standing(at_s)
        if is_short and len(self._queue) >= self._plan_queue():
            surplus = self._queue.cut(key)
            if surplus is not None:  # in a turn of its own: its connection may have more to say
                asyncio.get_running_loop().call_soon(surplus.refuse, Refusal.BUSY)
        ticket = Ticket()
        self._queue.add(key, ticket, at_s)
        if self._expiring is None:
            self._expiring = asyncio.get_running_loop().call_later(_LOOK_S, self._expire)
        return ticket

    def _plan_step(self, at_s: float) -> None:
        """Let the queue make a step at the end of this turn of the event loop."""
        if not self._turn_at_s:
            self._turn_at_s = at_s
            asyncio.get_running_loop().call_soon(self._step)

    def _step(self) -> None:
        """Let in whoever is next: more than the last time if the turn was short, else fewer."""
        at_s = now_s()
        took_s, self._turn_at_s = at_s - self._turn_at_s, 0.0
        if took_s > _LONG_S:
            self._step_size = max(_LEAST_STEP, self._step_size * 0.8)
        elif took_s < _SHORT_S:
            self._step_size = min(_MOST_STEP, self._step_size * 1.1 + 1)
        room = max(self._step_size, self._refused_now * _PER_REFUSED)
        self._let_in_now = self._refused_now = 0
        while self._let_in_now < room and self.in_flight < self._most:
            found = self._queue.pop()
            if found is None:
                break
            self._let_in_now += 1
            self._let_in(*found)
        if self._queue and self.in_flight < self._most:
            self._plan_step(now_s())
        else:
            self._let_in_now = 0

    def _let_in(self, key: str, ticket: Ticket) -> None:
        most = self._limits.in_flight_per_key
        if most and self._by_key.get(key, 0) >= most:
            ticket.refuse(Refusal.KEY)
            return
        self._take(key)
        ticket.is_in = True
        ticket.gate.open()

    def _expire(self) -> None:
        """Refuse who has waited for too long."""
        self._expiring = None
        at_s = now_s()
        limit_s = self._limits.queue_s
        is_full = self.in_flight >= self._most
        if not (is_full or self._is_standing(at_s)):
            limit_s *= _PATIENCE
        for ticket in self._queue.expire(at_s - limit_s):
            ticket.refuse(Refusal.IN_FLIGHT if is_full else Refusal.BUSY)
        if self._queue:
            self._expiring = asyncio.get_running_loop().call_later(_LOOK_S, self._expire)
