"""Hedging: a second target is asked when the first is slower than the endpoint usually is.

Both calls run as flows of their own inside of the request's; the first that is ready wins.

Rule: the loser is cancelled, booked, and never blamed; of one exchange one answer is delivered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from gateway.errors import HedgeLostError, InternalError, LockgateError
from gateway.proxy.attempt import Caller
from gateway.proxy.booking import Attempt
from gateway.proxy.credentials import Wiring
from gateway.proxy.deadline import now_s
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.failure import Failure, show
from gateway.proxy.flow import Flow, Gate
from gateway.routing.hedge import HedgePolicy

_KEPT_POLICIES: Final = 10_000  # endpoints with hedging; about 2 KB each


class _Lane:
    """One of the calls."""

    __slots__ = ("flow", "is_running", "outcome")

    def __init__(self) -> None:
        self.flow: Flow
        self.is_running = True
        self.outcome: Attempt | Failure | None = None


class Hedges:
    """Calls with a second one in reserve."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._policies: dict[str, HedgePolicy] = {}

    async def call(
        self, exchange: Exchange, job: Job, wiring: Wiring, others: Iterator[Wiring]
    ) -> Attempt | Failure:
        """Call a target, and the next of `others` too if it is slow; return what was sooner.

        Raises:
            ClientGoneError: the client went away.
        """
        policy = self._get_policy(job.route.name)
        delay_s = policy.begin()
        began_s, waited_s = now_s(), exchange.waited_s
        if delay_s is None:
            outcome = await self._caller.call(exchange, job, wiring, is_retry=False)
        else:
            race = _Race(self._caller, exchange, job, policy)
            outcome = await race.run(wiring, others, delay_s)
            if race.is_hedged:  # both have waited: as much as the clock says, not the sum
                exchange.waited_s = waited_s + now_s() - began_s
        if isinstance(outcome, Attempt):
            policy.note(now_s() - began_s)
            show(exchange, outcome.wiring, outcome.course)
        return outcome

    def _get_policy(self, endpoint: str) -> HedgePolicy:
        policy = self._policies.get(endpoint)
        if policy is None:
            if len(self._policies) >= _KEPT_POLICIES:
                self._policies.clear()  # those of endpoints that are gone are not told apart
            policy = self._policies[endpoint] = HedgePolicy()
        return policy


class _Race:
    """Two calls at most, of which one is to win."""

    def __init__(self, caller: Caller, exchange: Exchange, job: Job, policy: HedgePolicy) -> None:
        self._caller = caller
        self._exchange = exchange
        self._job = job
        self._policy = policy
        self._gate = Gate()
        self._lanes: list[_Lane] = []
        self._is_due = False

    @property
    def is_hedged(self) -> bool:
        """Whether a second target was asked."""
        return len(self._lanes) > 1

    async def run(
        self, wiring: Wiring, others: Iterator[Wiring], delay_s: float
    ) -> Attempt | Failure:
        """Run the calls to the first that is ready, or to the last failure."""
        timer = asyncio.get_running_loop().call_later(delay_s, self._fall_due)
        outcome: Attempt | Failure | None = None
        end: LockgateError = HedgeLostError("another target answered sooner")
        try:
            self._start(wiring)
            outcome = self._find_outcome()
            while outcome is None:
                if self._is_due:
                    self._is_due = False
                    self._start_second(others)
                else:
                    await self._gate
                outcome = self._find_outcome()
        except LockgateError as error:
            end = error
            raise
        finally:
            timer.cancel()
            self._stop(outcome, end)
        return outcome

    def _fall_due(self) -> None:
        self._is_due = True
        self._gate.open()

    def _start(self, wiring: Wiring) -> None:
        lane = _Lane()
        self._lanes.append(lane)
        lane.flow = Flow(self._call(lane, wiring), self._gate.open)
        lane.flow.step()

    def _start_second(self, others: Iterator[Wiring]) -> None:
        if not self._policy.take():
            return
        second = next(others, None)
        if second is None:
            self._policy.give_back()
        else:
            self._exchange.hedges += 1
            self._start(second)

    async def _call(self, lane: _Lane, wiring: Wiring) -> None:
        try:
            lane.outcome = await self._caller.call(
                self._exchange, self._job, wiring, is_retry=False
            )
        except LockgateError as error:  # it was stopped: whoever did knows why
            lane.outcome = Failure(wiring, next_target=False, error=error)
        except Exception:
            fault = InternalError("the gateway failed; its log has more under the request id")
            lane.outcome = Failure(wiring, next_target=False, error=fault)
            raise
        finally:
            lane.is_running = False

    def _find_outcome(self) -> Attempt | Failure | None:
        """Return what is ready, or the last failure if nothing runs any more."""
        for lane in self._lanes:
            if isinstance(lane.outcome, Attempt):
                return lane.outcome
        if any(lane.is_running for lane in self._lanes):
            return None
        return self._lanes[-1].outcome

    def _stop(self, winner: Attempt | Failure | None, error: LockgateError) -> None:
        for lane in self._lanes:
            if lane.is_running:
                lane.flow.stop(error)
            if isinstance(lane.outcome, Attempt) and lane.outcome is not winner:
                self._caller.discard(lane.outcome, error)
