"""What one attempt gathers while it runs, and how it is booked: ledger and metrics.

Rule: every call of an upstream is booked once, however it ended.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from gateway.dialects import Usage, estimate_usage
from gateway.entities import UsageRow
from gateway.proxy.credentials import Wiring
from gateway.proxy.deadline import now_s
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.operations import Metering
from gateway.proxy.parts import ProxyParts
from gateway.routing.snapshot import Target

logger = logging.getLogger("lockgate.proxy")


@dataclass(slots=True)
class Attempt:
    """One call of one upstream, while it runs. `began_s` is of the monotonic clock."""

    exchange: Exchange
    job: Job
    target: Target
    wiring: Wiring
    row: UsageRow
    began_s: float
    first_byte_s: float | None = None
    usage: Usage | None = None
    output_chars: int = 0

    def note_headers(self, status: int, at_s: float) -> None:
        """Take down that the answer's headers have come."""
        self.row.status = status
        self.first_byte_s = at_s - self.began_s


def book(attempt: Attempt, parts: ProxyParts) -> None:
    """Finish the attempt's row, record it, count it."""
    row = attempt.row
    row.duration_ms = (now_s() - attempt.began_s) * 1000
    if attempt.first_byte_s is not None:
        row.first_byte_ms = attempt.first_byte_s * 1000
    _fill_tokens(attempt)
    provider, endpoint = attempt.target.provider, attempt.job.endpoint
    parts.metrics.count_attempt(provider, row.error_code or "ok", attempt.first_byte_s)
    parts.metrics.count_tokens(
        endpoint.name,
        provider,
        (
            row.input_tokens,
            row.output_tokens,
            row.cache_read_tokens,
            row.cache_write_tokens,
            row.reasoning_tokens,
        ),
    )
    if endpoint.usage_tracking:
        parts.usage.record(row)
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("attempt", extra={"fields": _describe(row)})


def _describe(row: UsageRow) -> dict[str, object]:
    return {
        "request_id": row.request_id,
        "attempt": row.attempt,
        "endpoint": row.endpoint_name,
        "model": row.model_definition_name,
        "provider": row.provider,
        "status": row.status,
        "code": row.error_code or "-",
        "ms": row.duration_ms,
    }


def _fill_tokens(attempt: Attempt) -> None:
    """Put the counts into the row: the provider's, or an estimate where it generated without."""
    metering = attempt.job.operation.metering
    if metering is Metering.FREE:
        return
    usage = attempt.usage
    if usage is None and metering is Metering.GENERATED and attempt.output_chars:
        usage = estimate_usage(len(attempt.job.body), attempt.output_chars)
    if usage is None:
        return
    row = attempt.row
    row.input_tokens = usage.input_tokens
    row.output_tokens = usage.output_tokens
    row.cache_read_tokens = usage.cache_read_tokens
    row.cache_write_tokens = usage.cache_write_tokens
    row.reasoning_tokens = usage.reasoning_tokens
    row.estimated = usage.estimated
