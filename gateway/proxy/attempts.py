"""The attempts of one exchange: which target is next, and whether there is a next one.

Rule: decide, then act: a target is taken from the plan only at the moment in which it is called,
so that what speaks against it is known as of then, and a probe that is claimed is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.entities import Dialect, Purpose
from gateway.errors import (
    DialectMismatchError,
    LockgateError,
    NoTargetError,
    OverloadedError,
    VaultIntegrityError,
)
from gateway.providers import PROVIDERS, list_spoken
from gateway.proxy.attempt import Caller
from gateway.proxy.booking import Attempt
from gateway.proxy.credentials import Wiring, Wirings
from gateway.proxy.deadline import now_s
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.failure import Failure, conclude, show
from gateway.proxy.hedge import Hedges
from gateway.proxy.parts import ProxyParts
from gateway.proxy.translated import answer_estimate
from gateway.proxy.translation import Translation
from gateway.proxy.translation.target import find_upstream
from gateway.proxy.upstream import Upstreams
from gateway.routing.plan import plan
from gateway.routing.snapshot import Target

_RETRY_WITHIN_S: Final = 0.5  # full jitter: the one retry of a lone target comes within this
_FULL_RETRY_S: Final = 1.0  # a slot of a full target is free again at any moment


class Attempts:
    """Serves jobs: the loop over targets."""

    def __init__(self, parts: ProxyParts, upstreams: Upstreams, wirings: Wirings) -> None:
        self._parts = parts
        self._wirings = wirings
        self._caller = Caller(parts, upstreams)
        self._hedges = Hedges(self._caller)
        self._most = parts.settings.max_attempts
        self._most_in_flight = parts.settings.max_in_flight_per_target

    async def serve(self, exchange: Exchange, job: Job) -> None:
        """Try targets in the order of the plan until one answers.

        Raises:
            LockgateError: no target is there, or the last failure is our own to tell.
        """
        passed_over: list[Wiring] = []
        wirings = self._plan(exchange, job, passed_over)
        wiring = next(wirings, None)
        if wiring is None:
            if _estimate(exchange, job):
                return
            wiring = self._insist(exchange, job, passed_over)
        tries = 0
        while True:
            outcome = await self._call(exchange, job, wiring, wirings, is_retry=tries > 0)
            if isinstance(outcome, Attempt):
                await self._caller.deliver(outcome)
                return
            tries += 1
            is_last = tries + exchange.hedges >= self._most or job.limits.is_late(now_s())
            if is_last or not outcome.next_target:
                break
            following = next(wirings, None) or await self._retry(exchange, job, outcome)
            if following is None:
                break
            wiring = following
        if not (outcome.next_target and _estimate(exchange, job)):
            conclude(exchange, outcome)

    async def _call(
        self,
        exchange: Exchange,
        job: Job,
        wiring: Wiring,
        others: Iterator[Wiring],
        *,
        is_retry: bool,
    ) -> Attempt | Failure:
        """Call one target, or two where the endpoint hedges and the first is slow."""
        if not job.route.hedge or is_retry or self._most == 1:
            return await self._caller.call(exchange, job, wiring, is_retry=is_retry)
        return await self._hedges.call(exchange, job, wiring, others)

    # --- which target ---------------------------------------------------------------------

    def _plan(self, exchange: Exchange, job: Job, passed_over: list[Wiring]) -> Iterator[Wiring]:
        """Yield the targets in the order of their turns; note those that may not be asked now."""
        dialect, snapshot, name = exchange.spec.name, exchange.snapshot, job.route.name
        most = self._most_in_flight
        rivals = Rivals() if job.operation.purpose is Purpose.EMBED else None

        def find(target: Target) -> Wiring | None:
            wiring = self._wirings.find(snapshot, name, target)
            if wiring is None or (
                dialect not in wiring.dialects and not _translate(exchange, job, wiring)
            ):
                return None
            if rivals is not None and not rivals.allow(target):
                return None
            health = wiring.health
            # A refused one is probed seldom, and its former value has a budget of its own.
            if exchange.attempts and not health.may_retry and not health.is_refused:
                return None
            if wiring.take_turn(most):
                return wiring
            former = self._find_former(exchange, wiring)
            if former is not None and former.take_turn(most):
                return former
            passed_over.append(former or wiring)
            return None

        return plan(job.route, self._parts.draw, find)

    def _find_former(self, exchange: Exchange, wiring: Wiring) -> Wiring | None:
        """Return the target with its former credential where the provider refuses the new one.

        Not where it refuses both: the new one is what an operator mends.
        """
        if wiring.previous is None or not wiring.health.is_refused:
            return None
        former = wiring.find_previous(self._parts.clock.now_ms())
        if former is None or former.health.is_refused:
            return None
        return None if exchange.attempts and not former.health.may_retry else former

    def _insist(self, exchange: Exchange, job: Job, passed_over: list[Wiring]) -> Wiring:
        """Return the only target there is although it is blocked, or explain why there is none."""
        if not passed_over:
            raise self._explain_no_target(exchange, job)
        at_s, first = now_s(), passed_over[0]
        # A model may be a PRIMARY and a FALLBACK of the same endpoint: it is still the only one.
        is_lone = all(wiring.health is first.health for wiring in passed_over)
        if is_lone and first.health.in_flight < self._most_in_flight and first.health.insist(at_s):
            return first
        if any(wiring.health.is_clear for wiring in passed_over):
            raise OverloadedError(
                "the endpoint's targets have as many calls under way as they may",
                retry_after_s=_FULL_RETRY_S,
            )
        soonest_s = min(wiring.health.wait_s(at_s, is_lone=is_lone) for wiring in passed_over)
        raise NoTargetError(
            "every target of the endpoint is out of service for now",
            retry_after_s=max(1.0, soonest_s),
        )

    async def _retry(self, exchange: Exchange, job: Job, failure: Failure) -> Wiring | None:
        """Return the same target for the one retry where there is no other."""
        wiring, health = failure.wiring, failure.wiring.health
        if not failure.retry_same or exchange.attempts != 1 or not _may_repeat(wiring):
            return None
        delay_s = self._parts.draw() * _RETRY_WITHIN_S
        if job.limits.is_late(now_s() + delay_s):
            return None
        await self._parts.sleep(delay_s)
        exchange.waited_s += delay_s
        return wiring if health.in_flight < self._most_in_flight and _may_repeat(wiring) else None

    def _explain_no_target(self, exchange: Exchange, job: Job) -> LockgateError:
        dialect = exchange.dialect
        refusal = None if job.translation is None else job.translation.refusal
        if refusal is not None:
            return refusal
        speaking = [target for target in job.route.targets if _can_serve(exchange, job, target)]
        if not speaking:
            names = sorted({target.provider for target in job.route.targets})
            known = sorted({word for name in names for word in _list_dialects(name)})
            return DialectMismatchError(
                f"the endpoint {job.route.name!r} leads to {', '.join(names)}, which does not "
                f"speak {dialect.value}, nor can it be translated; call it by a route of: "
                f"{', '.join(known)}",
                field="model",
            )
        if any(
            self._wirings.find(exchange.snapshot, job.route.name, target) is None
            for target in speaking
        ):
            return VaultIntegrityError("no target's credential opens")
        return NoTargetError("every target of the endpoint is out of service")


class Rivals:
    """Keeps the vectors of one endpoint comparable: those of two models never are.

    The first target whose turn comes says which model it is, even if it cannot be asked now.
    """

    __slots__ = ("_model",)

    def __init__(self) -> None:
        self._model = ""

    def allow(self, target: Target) -> bool:
        """Tell whether a target may be asked after those before it.

        One vendor's name of a model is another one's with a path before it:
        ``openai/text-embedding-3-small``.
        """
        model = target.upstream_model.rpartition("/")[2].lower()
        self._model = self._model or model
        return model == self._model


def _translate(exchange: Exchange, job: Job, wiring: Wiring) -> bool:
    """Tell whether a target that does not speak the client's dialect can be asked in another.

    Raises:
        MalformedRequestError: the request is none of its dialect.
    """
    if job.is_raw:
        return False
    if job.translation is None:
        job.translation = Translation(
            job.operation, job.route.name, exchange.head.query, bytes(job.body), stream=job.stream
        )
    return job.translation.find_course(wiring) is not None


def _can_serve(exchange: Exchange, job: Job, target: Target) -> bool:
    """Tell whether a target can be asked at all, if its credential opens."""
    row = PROVIDERS.get(target.provider)
    if row is None:
        return False
    model, settings = target.upstream_model, exchange.snapshot.sealed[target.secret_id].auth_config
    if exchange.dialect in list_spoken(row, model, settings):
        return True
    return not job.is_raw and find_upstream(job.operation, row, model, settings) is not None


def _estimate(exchange: Exchange, job: Job) -> bool:
    """Answer with an estimate if tokens are to be counted and a target was met that cannot."""
    estimator = None if job.translation is None else job.translation.estimator
    if estimator is None:
        return False
    show(exchange, estimator, None)
    answer_estimate(exchange, job)
    return True


def _may_repeat(wiring: Wiring) -> bool:
    return wiring.health.is_clear and wiring.health.may_retry


def _list_dialects(provider: str) -> list[str]:
    row = PROVIDERS.get(provider)
    dialects = frozenset() if row is None else row.dialects
    return [dialect.value for dialect in dialects if dialect is not Dialect.OPENAI_RAW]
