"""What a failed attempt means: is there a next one, what does the client get if there is none.

Rule: nothing is sent here but by `conclude`; a failure names its class once, for the ledger, for
the target's health and for the loop over the targets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gateway.dialects import StreamFailure
from gateway.dialects.naming import name_refusal
from gateway.errors import (
    CredentialRejectedError,
    LockgateError,
    QuotaExhaustedError,
    UpstreamError,
    UpstreamMalformedError,
    UpstreamRedirectError,
    UpstreamReportedError,
)
from gateway.proxy.answer import Buffered, build_buffered
from gateway.proxy.booking import Attempt
from gateway.proxy.credentials import Wiring
from gateway.proxy.exchange import Exchange
from gateway.proxy.scrub import scrub
from gateway.proxy.translation import Course
from gateway.proxy.translation.errors import build_reported, read_failure
from gateway.proxy.translation.lines import build_lines
from gateway.proxy.upstream import UpstreamAnswer
from gateway.routing.health import Blame
from gateway.routing.hints import find_hint, parse_retry_after
from gateway.routing.retry import Decision, classify_answer
from gateway.routing.snapshot import Target

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
    course: Course | None = None


def fail_answer(
    run: Attempt, answer: UpstreamAnswer, body: bytes, decision: Decision, now_ms: int
) -> Failure:
    """Judge an answer whose status is no success."""
    if run.course is not None:
        return fail_reported(run, answer, read_failure(run.course, answer, body), now_ms)
    next_target = _judge(run, decision, answer, body, now_ms)
    if decision.error is not None:
        delay_s = parse_retry_after(answer.headers, body, now_ms / 1000)
        error = _build_error(decision, run.wiring.target, delay_s)
        run.error_code = error.code
        return Failure(run.wiring, next_target, error)
    if decision.opt_in:
        body = name_refusal(run.exchange.spec.vendor, body, decision.kind)
    return Failure(
        run.wiring,
        next_target,
        answer=build_buffered(answer, body, run.wiring, now_ms),
        retry_same=decision.retry_same,
    )


def fail_unread(run: Attempt, answer: UpstreamAnswer, now_ms: int) -> Failure:
    """Judge an error by its status and headers: its body did not come whole."""
    failure = StreamFailure(answer.status, "", "the provider's error did not arrive whole")
    return fail_reported(run, answer, failure, now_ms)


def fail_reported(
    run: Attempt, answer: UpstreamAnswer, failure: StreamFailure, now_ms: int
) -> Failure:
    """Turn an error that the status did not tell into what its own would have been."""
    status = failure.status or _BAD_GATEWAY
    target = run.wiring.target
    decision = classify_answer(target.provider, status, failure.body)
    next_target = _judge(run, decision, answer, failure.body, now_ms)
    delay_s = parse_retry_after(answer.headers, failure.body, now_ms / 1000)
    again = failure.status is not None and decision.retry_same
    words = scrub(failure.message.encode(errors="replace"), run.wiring.needles).decode()
    if decision.error is not None:
        error: UpstreamError = _build_error(decision, target, delay_s)
    elif failure.code == UpstreamMalformedError.code:
        error = UpstreamMalformedError(words)
    elif run.course is not None:
        reported = replace(failure, status=status)
        shown = _translate(run, answer, reported, decision, delay_s)
        return Failure(run.wiring, next_target, answer=shown, retry_same=again, course=run.course)
    else:
        words = words or "the provider reported an error"
        error = UpstreamReportedError(words, status=status, retry_after_s=delay_s)
    run.error_code = error.code
    return Failure(run.wiring, next_target, error, retry_same=again, course=run.course)


def _translate(
    run: Attempt,
    answer: UpstreamAnswer,
    failure: StreamFailure,
    decision: Decision,
    delay_s: float | None,
) -> Buffered:
    """Return the provider's error in the client's dialect, with what its headers say of limits."""
    spec, needles = run.exchange.spec, run.wiring.needles
    error = build_reported(failure, spec.vendor, decision.kind, needles, delay_s)
    lines = build_lines(answer.head, needles, spec.vendor)
    if delay_s is not None and "Retry-After" not in answer.headers:
        lines += b"Retry-After: %d\r\n" % -int(-delay_s // 1)
    return Buffered(error.status, lines, spec.dump_error(error, run.exchange.request_id))


def show(exchange: Exchange, wiring: Wiring, course: Course | None) -> None:
    """Note whose answer it is that the client gets, and what was left out for it."""
    exchange.model = wiring.target.model_definition_name
    exchange.provider = wiring.target.provider
    lines = wiring.answer_lines
    exchange.answer_lines = lines if course is None else lines + course.lines


def conclude(exchange: Exchange, failure: Failure) -> None:
    """Answer with the last failure.

    Raises:
        LockgateError: it is our own to tell.
    """
    show(exchange, failure.wiring, failure.course)
    if failure.answer is None:
        assert failure.error is not None, "a failure is an answer or an error"  # noqa: S101
        raise failure.error
    failure.answer.send(exchange)


def _judge(
    run: Attempt, decision: Decision, answer: UpstreamAnswer, body: bytes, now_ms: int
) -> bool:
    """Note what the class says of the target; return whether another is tried."""
    run.error_code, run.blame = decision.kind, decision.blame
    run.is_refusal = decision.is_refusal
    if decision.blame is Blame.COOL:
        run.hint_s = find_hint(answer.headers, body, now_ms / 1000)
    return decision.goes_on(run.job.route.fallback_on)


def _build_error(decision: Decision, target: Target, delay_s: float | None) -> UpstreamError:
    kind = decision.error or UpstreamError
    sentence = _SENTENCES.get(kind, "the provider's answer cannot be passed on")
    return kind(
        f"{sentence} (model definition {target.model_definition_name!r})", retry_after_s=delay_s
    )
