"""The attempts of one exchange: which target, what came of it, whether there is a next one.

Rule: decide, then act: an attempt ends as an answer that was sent to the client
or as a `Failure` that says whether another target may be tried; nothing has
reached the client in the second case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.errors import (
    ClientGoneError,
    CredentialRejectedError,
    DialectMismatchError,
    LockgateError,
    NoTargetError,
    QuotaExhaustedError,
    UpstreamError,
    UpstreamRedirectError,
    UpstreamReportedError,
    UpstreamTruncatedError,
    VaultIntegrityError,
)
from gateway.providers import PROVIDERS
from gateway.proxy.answer import Buffered, build_buffered, send_buffered
from gateway.proxy.booking import Attempt, book
from gateway.proxy.credentials import Wirings
from gateway.proxy.deadline import now_s
from gateway.proxy.exchange import Exchange, Job, build_usage_row
from gateway.proxy.outgoing import Outgoing
from gateway.proxy.parts import ProxyParts
from gateway.proxy.scrub import scrub
from gateway.proxy.stream import Relay, is_stream
from gateway.proxy.upstream import UpstreamAnswer, Upstreams
from gateway.routing.plan import plan
from gateway.routing.retry import Decision, classify_answer, parse_retry_after
from gateway.routing.snapshot import Target

# Answers are held whole until they are known to be complete. The largest seen are batches of
# embeddings and images in base64, about 30 MiB.
_MAX_ANSWER_BYTES: Final = 64 << 20
_MAX_ERROR_BYTES: Final = 1 << 20  # of an error: no vendor's has more than some KiB
_RETRY_WITHIN_S: Final = 0.5  # full jitter: the one retry of a lone target comes within this
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

    async def serve(self, exchange: Exchange, job: Job) -> web.StreamResponse:
        """Try targets in the order of the plan until one answers.

        Raises:
            LockgateError: no target is there, or the last failure is our own to tell.
        """
        outgoing = Outgoing(exchange, job)
        failure: Failure | None = None
        targets = self._plan(exchange, job)
        target = next(targets, None)
        while target is not None and exchange.attempts < self._parts.settings.max_attempts:
            result = await self._attempt(exchange, job, outgoing, target)
            if isinstance(result, web.StreamResponse):
                return result
            failure = result
            if not failure.next_target:
                break
            target = next(targets, None) or await self._retry(exchange, job, failure, target)
        if failure is None:
            raise self._explain_no_target(exchange, job)
        return _conclude(exchange, failure)

    # --- which target ---------------------------------------------------------------------

    def _plan(self, exchange: Exchange, job: Job) -> Iterator[Target]:
        dialect = exchange.dialect

        def usable(target: Target) -> bool:
            provider = PROVIDERS.get(target.provider)
            if provider is None or dialect not in provider.dialects:
                return False
            return self._wirings.find(exchange.snapshot, target) is not None

        return plan(job.endpoint, self._parts.draw, usable)

    async def _retry(
        self, exchange: Exchange, job: Job, failure: Failure, target: Target
    ) -> Target | None:
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
        return target

    def _explain_no_target(self, exchange: Exchange, job: Job) -> LockgateError:
        dialect = exchange.dialect
        names = sorted({target.provider for target in job.endpoint.targets})
        speaking = [
            name for name in names if name in PROVIDERS and dialect in PROVIDERS[name].dialects
        ]
        if not speaking:
            known = sorted({word for name in names for word in _list_dialects(name)})
            return DialectMismatchError(
                f"the endpoint {job.endpoint.name!r} leads to {', '.join(names)}, which does not "
                f"speak {dialect.value}; call it by a route of: {', '.join(known)}",
                field="model",
            )
        if any(
            target.provider in speaking and self._wirings.find(exchange.snapshot, target) is None
            for target in job.endpoint.targets
        ):
            return VaultIntegrityError("no target's credential opens")
        return NoTargetError("every target of the endpoint is out of service")

    # --- one attempt ----------------------------------------------------------------------

    async def _attempt(
        self, exchange: Exchange, job: Job, outgoing: Outgoing, target: Target
    ) -> web.StreamResponse | Failure:
        wiring = self._wirings.find(exchange.snapshot, target)
        if wiring is None:  # the plan saw it open a moment ago: nothing to call, nothing to book
            return Failure(True, VaultIntegrityError("the target's credential does not open"))
        exchange.attempts += 1
        exchange.model = target.model_definition_name
        exchange.provider = target.provider
        row = build_usage_row(exchange, job, target, self._parts.clock.now_ms())
        run = Attempt(exchange, job, target, wiring, row, now_s())
        try:
            result = await self._call(run, outgoing)
        except ClientGoneError as error:
            row.client_gone, row.error_code = True, error.code
            raise
        except LockgateError as error:
            row.error_code = error.code
            return Failure(error.next_target, error)
        except asyncio.CancelledError:
            row.client_gone, row.error_code = True, ClientGoneError.code
            raise
        finally:
            book(run, self._parts)
        return result

    async def _call(self, run: Attempt, outgoing: Outgoing) -> web.StreamResponse | Failure:
        exchange, job = run.exchange, run.job
        run.wiring.check_origin()
        call = outgoing.build_call(run.target, run.wiring)
        asked_s = now_s()
        try:
            answer = await self._upstreams.send(call, job.limits)
        finally:
            exchange.waited_s += now_s() - asked_s
        run.note_headers(answer.status, now_s())
        try:
            if answer.status < _FIRST_ERROR and is_stream(job, answer):
                return await self._relay(run, answer)
            return await self._buffer(run, answer)
        finally:
            answer.close()

    async def _buffer(self, run: Attempt, answer: UpstreamAnswer) -> web.StreamResponse | Failure:
        ok = answer.status < _FIRST_ERROR
        asked_s = now_s()
        try:
            body = await answer.read(_MAX_ANSWER_BYTES if ok else _MAX_ERROR_BYTES)
        finally:
            run.exchange.waited_s += now_s() - asked_s
        now_ms = self._parts.clock.now_ms()
        decision = classify_answer(run.target.provider, answer.status, body)
        if decision.kind == "ok":
            if not body:
                raise UpstreamTruncatedError("the provider's answer ended before any content")
            run.usage = run.exchange.spec.parse_usage(body)
            buffered = build_buffered(answer, body, run.wiring, now_ms)
            return send_buffered(run.exchange, buffered)
        run.row.error_code = decision.kind
        if decision.error is not None:
            delay_s = parse_retry_after(answer.headers, body, now_ms / 1000)
            error = _build_error(decision, run.target, delay_s)
            run.row.error_code = error.code
            return Failure(decision.next_target, error)
        return Failure(
            decision.next_target,
            answer=build_buffered(answer, body, run.wiring, now_ms),
            retry_same=decision.kind == _SERVER_ERROR_KIND and answer.status in (500, 502, 504),
        )

    async def _relay(self, run: Attempt, answer: UpstreamAnswer) -> web.StreamResponse | Failure:
        run.row.streamed = True
        watch = run.exchange.spec.watch()
        relay = Relay(run.exchange, run.job, run.wiring, answer, watch)
        asked_s = now_s()
        try:
            await relay.hold(run.began_s)
        finally:
            run.exchange.waited_s += now_s() - asked_s
        run.first_byte_s = now_s() - run.began_s
        if watch.failure is not None:
            status = watch.failure.status or _BAD_GATEWAY
            decision = classify_answer(run.target.provider, status, watch.failure.body)
            return _fail_reported(run, decision, status, watch.failure.message)
        try:
            response = await relay.send()
        finally:
            run.usage = watch.usage
            run.output_chars = watch.output_chars
        if relay.error is not None:
            run.row.error_code = relay.error.code
        elif watch.late_failure:
            run.row.error_code = UpstreamReportedError.code
        return response


def _conclude(exchange: Exchange, failure: Failure) -> web.StreamResponse:
    if failure.answer is not None:
        return send_buffered(exchange, failure.answer)
    raise failure.error or NoTargetError("no target gave an answer")


def _build_error(decision: Decision, target: Target, delay_s: float | None) -> UpstreamError:
    kind = decision.error or UpstreamError
    sentence = _SENTENCES.get(kind, "the provider's answer cannot be passed on")
    return kind(
        f"{sentence} (model definition {target.model_definition_name!r})", retry_after_s=delay_s
    )


def _fail_reported(run: Attempt, decision: Decision, status: int, message: str) -> Failure:
    """Turn an error event that came before any content into what a status would have been."""
    if decision.error is not None:
        error: UpstreamError = _build_error(decision, run.target, None)
    else:
        words = scrub(message.encode(errors="replace"), run.wiring.needles).decode()
        error = UpstreamReportedError(words or "the provider reported an error", status=status)
    run.row.error_code = error.code
    return Failure(decision.next_target, error)


def _list_dialects(provider: str) -> list[str]:
    row = PROVIDERS.get(provider)
    return [] if row is None else [dialect.value for dialect in row.dialects]
