"""One attempt: a call of one target, up to where its answer may be sent, and then its sending.

    call -> Failure                 settled at once
         -> Attempt -> deliver      settled at the answer's end
                    -> discard      settled: another answer was sooner

Rule: until `deliver` nothing has reached the client; every attempt that was begun is settled once:
booked, and its target's health told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.dialects import StreamWatch
from gateway.errors import (
    ClientGoneError,
    CredentialRejectedError,
    InternalError,
    LockgateError,
    QuotaExhaustedError,
    UpstreamError,
    UpstreamRedirectError,
    UpstreamReportedError,
    UpstreamStaleError,
    UpstreamTruncatedError,
)
from gateway.proxy.answer import Buffered, build_buffered
from gateway.proxy.booking import Attempt, book
from gateway.proxy.credentials import Wiring
from gateway.proxy.deadline import now_s
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.outgoing import build_request
from gateway.proxy.parts import ProxyParts
from gateway.proxy.scrub import scrub
from gateway.proxy.stream import Relay, is_stream
from gateway.proxy.upstream import UpstreamAnswer, Upstreams
from gateway.routing.health import Blame
from gateway.routing.hints import find_hint, parse_retry_after
from gateway.routing.retry import OK, Decision, blame_error, classify_answer
from gateway.routing.snapshot import Target

# Answers are held whole until they are known to be complete. The largest seen are batches of
# embeddings and images in base64, about 30 MiB.
_MAX_ANSWER_BYTES: Final = 64 << 20
_MAX_ERROR_BYTES: Final = 1 << 20  # of an error: no vendor's has more than some KiB
_FIRST_OK: Final = 200
_FIRST_REDIRECT: Final = 300
_FIRST_ERROR: Final = 400
_BAD_GATEWAY: Final = 502

_SENTENCES: Final[dict[type[UpstreamError], str]] = {
    CredentialRejectedError: "the provider refused the stored credential",
    QuotaExhaustedError: "the provider's account has no quota or credit left",
    UpstreamRedirectError: "the provider answered with a redirect, which is not followed",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that came to nothing, and what the client gets if it was the last one.

    `answer` is passed on as it is. `retry_same`: worth one more try where there is no other
    target.
    """

    wiring: Wiring
    next_target: bool
    error: LockgateError | None = None
    answer: Buffered | None = None
    retry_same: bool = False


class Caller:
    """Makes attempts over one set of upstream connections."""

    def __init__(self, parts: ProxyParts, upstreams: Upstreams) -> None:
        self._parts = parts
        self._upstreams = upstreams

    async def call(
        self, exchange: Exchange, job: Job, wiring: Wiring, *, is_retry: bool
    ) -> Attempt | Failure:
        """Call a target and take in as much as it needs to know whether it has answered.

        A kept connection that turns out to be closed is replaced by a fresh one, once: providers
        close them at will. The provider may have seen the request, so it is an attempt of its own.

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
        return outcome

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
        except Exception:
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
        wiring.health.in_flight += 1
        show(exchange, wiring)
        return Attempt(exchange, job, wiring, self._parts.clock.now_ms(), now_s(), is_retry)

    async def _open(self, run: Attempt, *, fresh: bool) -> Attempt | Failure:
        outcome: Attempt | Failure | None = None
        try:
            run.wiring.check_origin()
            request = build_request(run.exchange, run.job, run.wiring)
            asked_s = now_s()
            try:
                answer = run.answer = await self._upstreams.send(
                    request, run.job.limits, fresh=fresh
                )
            finally:
                came_s = now_s()
                run.exchange.waited_s += came_s - asked_s
            run.status = answer.status
            run.first_byte_s = came_s - run.began_s
            if run.job.stream and answer.status < _FIRST_REDIRECT and is_stream(run.job, answer):
                outcome = await self._hold(run, answer)
            else:
                outcome = await self._buffer(run, answer)
        except ClientGoneError as error:
            run.client_gone, run.error_code = True, error.code
            raise
        except LockgateError as error:
            run.error_code, run.blame = error.code, blame_error(error)
            run.is_stale = isinstance(error, UpstreamStaleError)
            outcome = Failure(run.wiring, error.next_target, error)
        except Exception:
            run.error_code = InternalError.code  # a fault of ours is no success in the ledger
            raise
        finally:
            if outcome is not run:
                self._settle(run)
        return outcome

    async def _send(self, run: Attempt, relay: Relay, watch: StreamWatch) -> None:
        if not run.wiring.health.is_clear:
            run.wiring.health.recover(now_s())  # a stream may take minutes: it has begun well
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
            health.succeed(at_s)
        elif run.is_refusal:
            health.refuse(at_s)
        elif run.is_stale:
            health.release()
        else:
            if run.is_retry and run.blame is not Blame.NONE:
                health.spend()
            draw = self._parts.draw()
            health.fail(at_s, run.blame, run.error_code, hint_s=run.hint_s, draw=draw)
        book(run, self._parts)

    async def _buffer(self, run: Attempt, answer: UpstreamAnswer) -> Attempt | Failure:
        limit_bytes = _MAX_ANSWER_BYTES if answer.status < _FIRST_ERROR else _MAX_ERROR_BYTES
        if answer.is_complete:
            body = await answer.read(limit_bytes)
        else:
            asked_s = now_s()
            try:
                body = await answer.read(limit_bytes)
            finally:
                run.exchange.waited_s += now_s() - asked_s
        if not _FIRST_OK <= answer.status < _FIRST_REDIRECT:
            decision = classify_answer(run.wiring.target.provider, answer.status, body)
            if decision is not OK:
                return self._fail(run, answer, body, decision)
        if not body:
            raise UpstreamTruncatedError("the provider's answer ended before any content")
        run.usage = run.exchange.spec.parse_usage(body)
        run.buffered = build_buffered(answer, body, run.wiring, run.started_at)
        return run

    def _fail(
        self, run: Attempt, answer: UpstreamAnswer, body: bytes, decision: Decision
    ) -> Failure:
        now_ms = self._parts.clock.now_ms()
        _judge(run, decision)
        if decision.blame is Blame.COOL:
            run.hint_s = find_hint(answer.headers, body, now_ms / 1000)
        next_target = decision.goes_on(run.job.route.fallback_on)
        if decision.error is not None:
            delay_s = parse_retry_after(answer.headers, body, now_ms / 1000)
            error = _build_error(decision, run.wiring.target, delay_s)
            run.error_code = error.code
            return Failure(run.wiring, next_target, error)
        return Failure(
            run.wiring,
            next_target,
            answer=build_buffered(answer, body, run.wiring, now_ms),
            retry_same=decision.retry_same,
        )

    async def _hold(self, run: Attempt, answer: UpstreamAnswer) -> Attempt | Failure:
        run.streamed = True
        watch = run.exchange.spec.watch()
        relay = Relay(run.exchange, run.wiring, answer, watch)
        asked_s = now_s()
        try:
            await relay.hold()
        finally:
            run.exchange.waited_s += now_s() - asked_s
        run.first_byte_s = now_s() - run.began_s
        if watch.failure is not None:
            status = watch.failure.status or _BAD_GATEWAY
            decision = classify_answer(run.wiring.target.provider, status, watch.failure.body)
            return _fail_reported(run, decision, status, watch.failure.message)
        run.relay, run.watch = relay, watch
        return run


def show(exchange: Exchange, wiring: Wiring) -> None:
    """Note whose answer it is that the client gets."""
    exchange.model = wiring.target.model_definition_name
    exchange.provider = wiring.target.provider
    exchange.answer_lines = wiring.answer_lines


def conclude(exchange: Exchange, failure: Failure) -> None:
    """Answer with the last failure.

    Raises:
        LockgateError: it is our own to tell.
    """
    show(exchange, failure.wiring)
    if failure.answer is None:
        assert failure.error is not None, "a failure is an answer or an error"  # noqa: S101
        raise failure.error
    failure.answer.send(exchange)


def _judge(run: Attempt, decision: Decision) -> None:
    run.error_code, run.blame = decision.kind, decision.blame
    run.is_refusal = decision.is_refusal


def _build_error(decision: Decision, target: Target, delay_s: float | None) -> UpstreamError:
    kind = decision.error or UpstreamError
    sentence = _SENTENCES.get(kind, "the provider's answer cannot be passed on")
    return kind(
        f"{sentence} (model definition {target.model_definition_name!r})", retry_after_s=delay_s
    )


def _fail_reported(run: Attempt, decision: Decision, status: int, message: str) -> Failure:
    """Turn an error event that came before any content into what a status would have been."""
    _judge(run, decision)
    if decision.error is not None:
        error: UpstreamError = _build_error(decision, run.wiring.target, None)
    else:
        words = scrub(message.encode(errors="replace"), run.wiring.needles).decode()
        error = UpstreamReportedError(words or "the provider reported an error", status=status)
    run.error_code = error.code
    return Failure(run.wiring, decision.goes_on(run.job.route.fallback_on), error)
