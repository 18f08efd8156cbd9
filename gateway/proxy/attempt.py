"""One attempt: a call of one target, up to where its answer may be sent, and then its sending.

    call -> Failure                 settled at once
         -> Attempt -> deliver      settled at the answer's end
                    -> discard      settled: another answer was sooner

Rule: until `deliver` nothing has reached the client; every attempt that was begun is settled once:
booked, and its target's health told.
"""

from __future__ import annotations

import logging
from typing import Final

from gateway.dialects import StreamWatch
from gateway.dialects.hub.progress import Progress
from gateway.entities import SecretId
from gateway.errors import (
    ClientGoneError,
    DeadlineExceededError,
    InternalError,
    LockgateError,
    UpstreamError,
    UpstreamReportedError,
    UpstreamStaleError,
)
from gateway.proxy.answer import build_buffered
from gateway.proxy.authorization import authorize
from gateway.proxy.booking import Attempt, book
from gateway.proxy.credentials import Wiring
from gateway.proxy.deadline import now_s
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.failure import Failure, fail_answer, fail_reported, fail_unread, show
from gateway.proxy.outgoing import build_request
from gateway.proxy.parts import ProxyParts
from gateway.proxy.stream import Relay, is_stream
from gateway.proxy.translated import take_whole
from gateway.proxy.translation import outgoing
from gateway.proxy.translation.relay import TranslatedRelay
from gateway.proxy.upstream import UpstreamAnswer, Upstreams
from gateway.proxy.verdict import judge_whole
from gateway.routing.health import Blame
from gateway.routing.retry import OK, blame_error, classify_answer

logger = logging.getLogger("lockgate.proxy")

# Answers are held whole until they are known to be complete. The largest seen are batches of
# embeddings and images in base64, about 30 MiB.
_MAX_ANSWER_BYTES: Final = 64 << 20
_MAX_ERROR_BYTES: Final = 1 << 20  # of an error: no vendor's has more than some KiB
_ERROR_BODY_S: Final = 5.0  # an error's status says most of it: another target is waiting
_MOST_TOLD: Final = 10_000  # values; then the oldest warnings may be said again
_FIRST_OK: Final = 200
_FIRST_REDIRECT: Final = 300


class Caller:
    """Makes attempts over one set of upstream connections."""

    def __init__(self, parts: ProxyParts, upstreams: Upstreams) -> None:
        self._parts = parts
        self._upstreams = upstreams
        self._most_in_flight = parts.settings.max_in_flight_per_target
        self._told: set[tuple[SecretId, int]] = set()

    async def call(
        self, exchange: Exchange, job: Job, wiring: Wiring, *, is_retry: bool
    ) -> Attempt | Failure:
        """Call a target and take in as much as it needs to know whether it has answered.

        A kept connection that turns out to be closed is replaced by a fresh one, once: providers
        close them at will. The provider may have seen the request, so it is an attempt of its own.
        So is the call with the former value of a credential whose new one the provider refuses.

        Returns:
            the attempt, ready to be delivered, or its failure.

        Raises:
            ClientGoneError: the client went away.
        """
        run = self._begin(exchange, job, wiring, is_retry=is_retry)
        outcome = await self._open(run, fresh=False)
        if run.is_stale:
            run = self._begin(exchange, job, wiring, is_retry=is_retry)
            outcome = await self._open(run, fresh=True)
        if wiring.previous is not None and run.is_credential_refused:
            former = self._find_former(job, wiring)
            if former is not None:
                self._tell_refused(wiring)
                return await self.call(exchange, job, former, is_retry=True)
        return outcome

    def _find_former(self, job: Job, wiring: Wiring) -> Wiring | None:
        """Return the target with its former credential, if that may be called now."""
        former = wiring.find_previous(self._parts.clock.now_ms())
        if former is None or job.limits.is_late(now_s()):
            return None
        return former if former.take_turn(self._most_in_flight) else None

    def _tell_refused(self, wiring: Wiring) -> None:
        """Warn the operator, once per value and process."""
        value = (wiring.sealed.secret_id, wiring.sealed.secret_version)
        if value not in self._told:
            self._told = {*self._told, value} if len(self._told) < _MOST_TOLD else {value}
            logger.warning(
                "the provider refuses the new value of the secret %r; the former one is used "
                "while its grace lasts",
                wiring.sealed.secret_name,
            )

    async def deliver(self, run: Attempt) -> None:
        """Send the answer of an attempt to the client, to its end.

        Raises:
            ClientGoneError: the client went away.
        """
        try:
            if run.buffered is not None:
                run.buffered.send(run.exchange)
            elif run.relay is not None and run.watch is not None:
                await self._send(run, run.relay, run.watch)
        except ClientGoneError as error:
            run.client_gone, run.error_code = True, error.code
            raise
        except BaseException:  # also one that is closed with the event loop
            run.error_code = InternalError.code
            raise
        finally:
            self._settle(run)

    def discard(self, run: Attempt, error: LockgateError) -> None:
        """Let go of an answer that nobody wants any more."""
        run.error_code = error.code
        run.client_gone = isinstance(error, ClientGoneError)
        self._settle(run)

    # --- within -----------------------------------------------------------------------------

    def _begin(self, exchange: Exchange, job: Job, wiring: Wiring, *, is_retry: bool) -> Attempt:
        exchange.attempts += 1
        run = Attempt(exchange, job, wiring, self._parts.clock.now_ms(), now_s(), is_retry)
        if job.translation is not None:
            run.course = job.translation.find_course(wiring)
        show(exchange, wiring, run.course)
        wiring.health.in_flight += 1  # last: from here on `_settle` gives it back
        return run

    async def _open(self, run: Attempt, *, fresh: bool) -> Attempt | Failure:
        outcome: Attempt | Failure | None = None
        try:
            run.wiring.check_origin()
            if run.course is None:
                request = build_request(run.exchange, run.job, run.wiring)
            else:
                request = outgoing.build_request(run.exchange, run.wiring, run.course)
            asked_s = now_s()
            try:
                if run.wiring.authorization is not None:
                    until = run.job.limits.first_byte(asked_s)
                    request = await authorize(request, run.wiring.authorization, until)
                answer = run.answer = await self._upstreams.send(
                    request, run.job.limits, fresh=fresh
                )
            finally:
                came_s = now_s()
                run.exchange.waited_s += came_s - asked_s
            run.status = answer.status
            run.first_byte_s = came_s - run.began_s
            if run.job.stream and answer.status < _FIRST_REDIRECT and _is_stream(run, answer):
                outcome = await self._hold(run, answer)
            else:
                outcome = await self._buffer(run, answer)
        except ClientGoneError as error:
            run.client_gone, run.error_code = True, error.code
            raise
        except LockgateError as error:
            run.error_code, run.blame = error.code, blame_error(error)
            run.is_stale = isinstance(error, UpstreamStaleError)
            outcome = Failure(run.wiring, error.next_target, error, course=run.course)
        except BaseException:  # also one that is closed with the event loop
            run.error_code = InternalError.code  # a fault of ours is no success in the ledger
            raise
        finally:
            if outcome is not run:
                self._settle(run)
        return outcome

    async def _send(
        self, run: Attempt, relay: Relay | TranslatedRelay, watch: StreamWatch | Progress
    ) -> None:
        if not run.wiring.health.is_clear:
            # A stream may take minutes: it has begun well.
            run.wiring.health.recover(now_s(), run.began_s)
        try:
            await relay.send()
        finally:
            run.usage, run.output_chars = watch.usage, watch.output_chars
        if relay.error is not None:
            run.error_code, run.blame = relay.error.code, blame_error(relay.error)
        elif watch.late_failure:
            run.error_code, run.blame = UpstreamReportedError.code, Blame.FAILURE

    def _settle(self, run: Attempt) -> None:
        """Let go of the connection, book the attempt, tell its target's health what came of it."""
        if run.answer is not None:
            run.answer.close()
        health, at_s = run.wiring.health, now_s()
        health.in_flight -= 1
        if run.error_code is None:
            health.succeed(at_s, run.began_s)
        elif run.is_refusal:
            health.refuse(at_s, run.began_s)
        elif not run.is_stale:  # else a probe goes on over a fresh connection
            if run.wiring.authorization is not None and run.is_credential_refused:
                run.wiring.authorization.doubt()
            self._blame(run, run.error_code, at_s)
        book(run, self._parts)

    def _blame(self, run: Attempt, code: str, at_s: float) -> None:
        health, blame = run.wiring.health, run.blame
        if run.is_retry and blame is not Blame.NONE:
            health.spend()
        draw = self._parts.draw()
        health.fail(at_s, run.began_s, blame, code, hint_s=run.hint_s, draw=draw)

    async def _buffer(self, run: Attempt, answer: UpstreamAnswer) -> Attempt | Failure:
        is_error = answer.status >= _FIRST_REDIRECT
        limit_bytes = _MAX_ERROR_BYTES if is_error else _MAX_ANSWER_BYTES
        if answer.is_complete:
            body = await answer.read(limit_bytes)
        else:
            asked_s = now_s()
            try:
                body = await answer.read(limit_bytes, _ERROR_BODY_S if is_error else None)
            except (UpstreamError, DeadlineExceededError):
                if not is_error:
                    raise
                return fail_unread(run, answer, self._parts.clock.now_ms())
            finally:
                run.exchange.waited_s += now_s() - asked_s
        if not _FIRST_OK <= answer.status < _FIRST_REDIRECT:
            decision = classify_answer(run.wiring.target.provider, answer.status, body)
            if decision is not OK:
                return fail_answer(run, answer, body, decision, self._parts.clock.now_ms())
        course = run.course
        if course is not None:
            failure = take_whole(run, course, answer, body)
        else:
            failure = judge_whole(run, answer, body)
            if failure is None:
                run.buffered = build_buffered(answer, body, run.wiring, run.started_at)
        if failure is not None:
            return fail_reported(run, answer, failure, self._parts.clock.now_ms())
        return run

    async def _hold(self, run: Attempt, answer: UpstreamAnswer) -> Attempt | Failure:
        run.streamed = True
        relay, watch = _build_relay(run, answer)
        asked_s = now_s()
        try:
            await relay.hold()
        except ClientGoneError:
            run.usage = watch.usage  # what it has read is paid for
            raise
        finally:
            run.exchange.waited_s += now_s() - asked_s
        run.first_byte_s = now_s() - run.began_s
        if watch.failure is not None:
            return fail_reported(run, answer, watch.failure, self._parts.clock.now_ms())
        run.relay, run.watch = relay, watch
        return run


def _build_relay(
    run: Attempt, answer: UpstreamAnswer
) -> tuple[Relay | TranslatedRelay, StreamWatch | Progress]:
    """Return what relays a stream, and what looks at it."""
    if run.course is None:
        watch = run.exchange.spec.watch()
        return Relay(run.exchange, run.wiring, answer, watch), watch
    relay = TranslatedRelay(run.exchange, run.job, run.wiring, run.course, answer)
    return relay, relay.progress


def _is_stream(run: Attempt, answer: UpstreamAnswer) -> bool:
    return is_stream(run.job, answer, is_translated=run.course is not None)
