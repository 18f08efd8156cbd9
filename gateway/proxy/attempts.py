"""The attempts of one exchange: which target, what came of it, whether there is a next one.

Rule: decide, then act: an attempt ends as an answer that was sent to the client
or as a `Failure` that says whether another target may be tried; nothing has
reached the client in the second case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.dialects import StreamFailure
from gateway.errors import (
    ClientGoneError,
    CredentialRejectedError,
    DeadlineExceededError,
    DialectMismatchError,
    InternalError,
    LockgateError,
    NoTargetError,
    QuotaExhaustedError,
    UpstreamError,
    UpstreamMalformedError,
    UpstreamRedirectError,
    UpstreamReportedError,
    VaultIntegrityError,
)
from gateway.providers import PROVIDERS
from gateway.proxy.answer import Buffered, build_buffered
from gateway.proxy.booking import Attempt, book
from gateway.proxy.credentials import Wiring, Wirings
from gateway.proxy.deadline import now_s
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.outgoing import build_request
from gateway.proxy.parts import ProxyParts
from gateway.proxy.scrub import scrub
from gateway.proxy.stream import Relay, is_stream
from gateway.proxy.upstream import UpstreamAnswer, Upstreams
from gateway.proxy.verdict import judge_whole
from gateway.routing.plan import plan
from gateway.routing.retry import OK, Decision, classify_answer, parse_retry_after
from gateway.routing.snapshot import Target

# Answers are held whole until they are known to be complete. The largest seen are batches of
# embeddings and images in base64, about 30 MiB.
_MAX_ANSWER_BYTES: Final = 64 << 20
_MAX_ERROR_BYTES: Final = 1 << 20  # of an error: no vendor's has more than some KiB
_ERROR_BODY_S: Final = 5.0  # an error's status says most of it: another target is waiting
_RETRY_WITHIN_S: Final = 0.5  # full jitter: the one retry of a lone target comes within this
_FIRST_OK: Final = 200
_FIRST_REDIRECT: Final = 300
_FIRST_ERROR: Final = 400
_SERVER_ERROR_KIND: Final = "server_error"
_BAD_GATEWAY: Final = 502

_SENTENCES: Final[dict[type[UpstreamError], str]] = {
    CredentialRejectedError: "the provider refused the stored credential",
    QuotaExhaustedError: "the provider's account has no quota or credit left",
    UpstreamRedirectError: "the provider answered with a redirect, which is not followed",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that came to nothing, and what the client gets if it was the last one."""

    next_target: bool
    error: LockgateError | None = None
    answer: Buffered | None = None  # passed on as it is
    retry_same: bool = False  # worth one more try where there is no other target


class Attempts:
    """Serves jobs: the loop over targets and the single attempt."""

    def __init__(self, parts: ProxyParts, upstreams: Upstreams, wirings: Wirings) -> None:
        self._parts = parts
        self._upstreams = upstreams
        self._wirings = wirings

    async def serve(self, exchange: Exchange, job: Job) -> None:
        """Try targets in the order of the plan until one answers.

        Raises:
            LockgateError: no target is there, or the last failure is our own to tell.
        """
        failure: Failure | None = None
        wirings = self._plan(exchange, job)
        wiring = next(wirings, None)
        while wiring is not None and exchange.attempts < self._parts.settings.max_attempts:
            failure = await self._attempt(exchange, job, wiring)
            if failure is None:
                return
            if not failure.next_target:
                break
            wiring = next(wirings, None) or await self._retry(exchange, job, failure, wiring)
        if failure is None:
            raise self._explain_no_target(exchange, job)
        _conclude(exchange, failure)

    # --- which target ---------------------------------------------------------------------

    def _plan(self, exchange: Exchange, job: Job) -> Iterator[Wiring]:
        dialect, snapshot, name = exchange.spec.name, exchange.snapshot, job.route.name

        def find(target: Target) -> Wiring | None:
            wiring = self._wirings.find(snapshot, name, target)
            return wiring if wiring is not None and dialect in wiring.dialects else None

        return plan(job.route, self._parts.draw, find)

    async def _retry(
        self, exchange: Exchange, job: Job, failure: Failure, wiring: Wiring
    ) -> Wiring | None:
        """Return the same target for the one retry of an endpoint that has no other."""
        if (
            not failure.retry_same
            or exchange.attempts != 1
            or self._parts.settings.max_attempts == 1
        ):
            return None
        delay_s = self._parts.draw() * _RETRY_WITHIN_S
        if now_s() + delay_s >= job.limits.deadline_at_s:
            return None
        await self._parts.sleep(delay_s)
        exchange.waited_s += delay_s
        return wiring

    def _explain_no_target(self, exchange: Exchange, job: Job) -> LockgateError:
        dialect = exchange.dialect
        names = sorted({target.provider for target in job.route.targets})
        speaking = [
            name for name in names if name in PROVIDERS and dialect in PROVIDERS[name].dialects
        ]
        if not speaking:
            known = sorted({word for name in names for word in _list_dialects(name)})
            return DialectMismatchError(
                f"the endpoint {job.route.name!r} leads to {', '.join(names)}, which does not "
                f"speak {dialect.value}; call it by a route of: {', '.join(known)}",
                field="model",
            )
        if any(
            target.provider in speaking
            and self._wirings.find(exchange.snapshot, job.route.name, target) is None
            for target in job.route.targets
        ):
            return VaultIntegrityError("no target's credential opens")
        return NoTargetError("every target of the endpoint is out of service")

    # --- one attempt ----------------------------------------------------------------------

    async def _attempt(self, exchange: Exchange, job: Job, wiring: Wiring) -> Failure | None:
        """Call one target; None if its answer was sent."""
        target = wiring.target
        exchange.attempts += 1
        exchange.model = target.model_definition_name
        exchange.provider = target.provider
        exchange.answer_lines = wiring.answer_lines
        run = Attempt(exchange, job, wiring, self._parts.clock.now_ms(), now_s())
        try:
            return await self._call(run)
        except ClientGoneError as error:
            run.client_gone, run.error_code = True, error.code
            raise
        except LockgateError as error:
            run.error_code = error.code
            return Failure(error.next_target, error)
        except Exception:
            run.error_code = InternalError.code  # a fault of ours is no success in the ledger
            raise
        finally:
            book(run, self._parts)

    async def _call(self, run: Attempt) -> Failure | None:
        exchange, job = run.exchange, run.job
        run.wiring.check_origin()
        request = build_request(exchange, job, run.wiring)
        asked_s = now_s()
        try:
            answer = await self._upstreams.send(request, job.limits)
        finally:
            came_s = now_s()
            exchange.waited_s += came_s - asked_s
        run.status = answer.status
        run.first_byte_s = came_s - run.began_s
        try:
            if job.stream and answer.status < _FIRST_REDIRECT and is_stream(job, answer):
                return await self._relay(run, answer)
            return await self._buffer(run, answer)
        finally:
            answer.close()

    async def _buffer(self, run: Attempt, answer: UpstreamAnswer) -> Failure | None:
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
                return self._fail_unread(run, answer)
            finally:
                run.exchange.waited_s += now_s() - asked_s
        decision = OK
        if not _FIRST_OK <= answer.status < _FIRST_REDIRECT:
            decision = classify_answer(run.wiring.target.provider, answer.status, body)
        if decision is not OK:
            return self._fail(run, answer, body, decision)
        failure = judge_whole(run, answer, body)
        if failure is not None:
            return self._fail_reported(run, failure, answer)
        build_buffered(answer, body, run.wiring, run.started_at).send(run.exchange)
        return None

    def _fail(
        self, run: Attempt, answer: UpstreamAnswer, body: bytes, decision: Decision
    ) -> Failure:
        now_ms = self._parts.clock.now_ms()
        run.error_code = decision.kind
        if decision.error is not None:
            delay_s = parse_retry_after(answer.headers, body, now_ms / 1000)
            error = _build_error(decision, run.wiring.target, delay_s)
            run.error_code = error.code
            return Failure(decision.next_target, error)
        return Failure(
            decision.next_target,
            answer=build_buffered(answer, body, run.wiring, now_ms),
            retry_same=_is_worth_retrying(decision, answer.status),
        )

    def _fail_unread(self, run: Attempt, answer: UpstreamAnswer) -> Failure:
        """Tell of an error by its status and headers: its body did not come whole."""
        failure = StreamFailure(answer.status, "", "the provider's error did not arrive whole")
        return self._fail_reported(run, failure, answer)

    def _fail_reported(
        self, run: Attempt, failure: StreamFailure, answer: UpstreamAnswer
    ) -> Failure:
        """Turn an error that the status did not tell into what its own would have been."""
        status = failure.status or _BAD_GATEWAY
        target = run.wiring.target
        decision = classify_answer(target.provider, status, failure.body)
        at_s = self._parts.clock.now_ms() / 1000
        delay_s = parse_retry_after(answer.headers, failure.body, at_s)
        words = scrub(failure.message.encode(errors="replace"), run.wiring.needles).decode()
        if decision.error is not None:
            error: UpstreamError = _build_error(decision, target, delay_s)
        elif failure.code == UpstreamMalformedError.code:
            error = UpstreamMalformedError(words)
        else:
            words = words or "the provider reported an error"
            error = UpstreamReportedError(words, status=status, retry_after_s=delay_s)
        run.error_code = error.code
        again = failure.status is not None and _is_worth_retrying(decision, status)
        return Failure(decision.next_target, error, retry_same=again)

    async def _relay(self, run: Attempt, answer: UpstreamAnswer) -> Failure | None:
        run.streamed = True
        watch = run.exchange.spec.watch()
        relay = Relay(run.exchange, run.wiring, answer, watch)
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
            return self._fail_reported(run, watch.failure, answer)
        try:
            await relay.send()
        finally:
            run.usage = watch.usage
            run.output_chars = watch.output_chars
        if relay.error is not None:
            run.error_code = relay.error.code
        elif watch.late_failure:
            run.error_code = UpstreamReportedError.code
        return None


def _conclude(exchange: Exchange, failure: Failure) -> None:
    if failure.answer is None:
        raise failure.error or NoTargetError("no target gave an answer")
    failure.answer.send(exchange)


def _build_error(decision: Decision, target: Target, delay_s: float | None) -> UpstreamError:
    kind = decision.error or UpstreamError
    sentence = _SENTENCES.get(kind, "the provider's answer cannot be passed on")
    return kind(
        f"{sentence} (model definition {target.model_definition_name!r})", retry_after_s=delay_s
    )


def _is_worth_retrying(decision: Decision, status: int) -> bool:
    return decision.kind == _SERVER_ERROR_KIND and status in (500, 502, 504)


def _list_dialects(provider: str) -> list[str]:
    row = PROVIDERS.get(provider)
    return [] if row is None else [dialect.value for dialect in row.dialects]
