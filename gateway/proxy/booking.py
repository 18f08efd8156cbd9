"""What one attempt gathers while it runs, and how it is booked: ledger and metrics.

Rule: every call of an upstream is booked once, however it ended.
"""

from __future__ import annotations

import logging

from gateway.dialects import StreamWatch, Usage, estimate_usage
from gateway.dialects.hub.progress import Progress
from gateway.entities import UsageRow
from gateway.errors import CredentialRejectedError
from gateway.proxy.answer import Buffered
from gateway.proxy.credentials import Wiring
from gateway.proxy.deadline import now_s
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.operations import Metering
from gateway.proxy.parts import ProxyParts
from gateway.proxy.stream import Relay
from gateway.proxy.translation import Course
from gateway.proxy.translation.relay import TranslatedRelay
from gateway.proxy.upstream import UpstreamAnswer
from gateway.routing.health import Blame

logger = logging.getLogger("lockgate.proxy")


class Attempt:
    """One call of one upstream, while it runs.

    Attributes:
        number: of the exchange's attempts, from 1.
        started_at: wall-clock milliseconds.
        began_s: of the monotonic clock.
        is_retry: it follows a failed one.
        status: of the upstream's answer; 0 where none came.
        answer, buffered, relay, watch: what came of it, where it can be sent to the client.
        blame: what the failure says about the target.
        hint_s: how long the provider wants to be left alone.
        is_refusal: the target works, and does not want this request.
        is_stale: the connection had been kept, and was closed when it was used.
        course: how it is asked in another dialect than the client's; None: in the same one.
    """

    # Defaults of the class, not of each object: one is made per call, and most stay as they are.
    status = 0
    error_code: str | None = None
    first_byte_s: float | None = None
    usage: Usage | None = None
    output_chars = 0
    streamed = False
    client_gone = False
    answer: UpstreamAnswer | None = None
    buffered: Buffered | None = None
    relay: Relay | TranslatedRelay | None = None
    watch: StreamWatch | Progress | None = None
    blame = Blame.NONE
    hint_s: float | None = None
    is_refusal = False
    is_stale = False
    course: Course | None = None

    def __init__(
        self,
        exchange: Exchange,
        job: Job,
        wiring: Wiring,
        started_at: int,
        began_s: float,
        is_retry: bool,
    ) -> None:
        self.exchange = exchange
        self.job = job
        self.wiring = wiring
        self.number = exchange.attempts
        self.started_at = started_at
        self.began_s = began_s
        self.is_retry = is_retry

    @property
    def is_credential_refused(self) -> bool:
        """Whether the provider has refused the credential itself."""
        return self.blame is Blame.QUARANTINE and self.error_code == CredentialRejectedError.code


def book(attempt: Attempt, parts: ProxyParts) -> None:
    """Record the attempt in the ledger and count it."""
    duration_s = now_s() - attempt.began_s
    usage = _find_usage(attempt)
    target, route = attempt.wiring.target, attempt.job.route
    parts.metrics.count_attempt(target.provider, attempt.error_code or "ok", attempt.first_byte_s)
    if usage is not None:
        parts.metrics.count_tokens(route.name, target.provider, usage)
    if route.usage_tracking:
        parts.usage.record(_build_row(attempt, usage, duration_s))
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("attempt", extra={"fields": _describe(attempt, duration_s)})


def _build_row(attempt: Attempt, usage: Usage | None, duration_s: float) -> UsageRow:
    exchange, target, route = attempt.exchange, attempt.wiring.target, attempt.job.route
    first_byte_s = attempt.first_byte_s
    counts = _NO_COUNTS if usage is None else usage
    return UsageRow(
        exchange.request_id,
        attempt.number,
        route.endpoint_id,
        route.name,
        target.model_definition_id,
        target.model_definition_name,
        target.provider,
        attempt.job.key.key_id,
        exchange.dialect,
        exchange.dialect if attempt.course is None else attempt.course.dialect,
        attempt.started_at,
        attempt.status,
        attempt.error_code,
        None if first_byte_s is None else first_byte_s * 1000,
        duration_s * 1000,
        counts.input_tokens,
        counts.output_tokens,
        counts.cache_read_tokens,
        counts.cache_write_tokens,
        counts.reasoning_tokens,
        counts.estimated,
        attempt.streamed,
        attempt.client_gone,
    )


def _describe(attempt: Attempt, duration_s: float) -> dict[str, object]:
    target = attempt.wiring.target
    return {
        "request_id": attempt.exchange.request_id,
        "attempt": attempt.number,
        "endpoint": attempt.job.route.name,
        "model": target.model_definition_name,
        "provider": target.provider,
        "status": attempt.status,
        "code": attempt.error_code or "-",
        "ms": duration_s * 1000,
    }


def _find_usage(attempt: Attempt) -> Usage | None:
    """Return the counts: the provider's, or an estimate where it generated without."""
    metering = attempt.job.operation.metering
    if metering is Metering.FREE:
        return None
    if attempt.usage is None and metering is Metering.GENERATED and attempt.output_chars:
        return estimate_usage(len(attempt.job.body), attempt.output_chars)
    return attempt.usage


_NO_COUNTS = Usage()
