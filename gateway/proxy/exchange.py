"""One client request with all its attempts: what is known of it, and its answer headers.

Rule: an exchange is served from one snapshot, taken once, when it begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from gateway.dialects import DIALECTS, DialectSpec
from gateway.entities import Dialect, UsageRow
from gateway.proxy.deadline import Limits, now_s
from gateway.proxy.headers import HeaderList, build_own_headers
from gateway.proxy.operations import Operation
from gateway.routing.snapshot import ClientKey, EndpointRoute, Snapshot, Target
from gateway.web import get_request_id


@dataclass(slots=True)
class Exchange:
    """The state of one request; the fields that are filled in later say so by their default."""

    request: web.Request = field(repr=False)
    operation: Operation | None
    dialect: Dialect
    snapshot: Snapshot = field(repr=False)
    request_id: str
    started_s: float  # of the monotonic clock
    started_at: int  # wall-clock milliseconds
    waited_s: float = 0.0  # time spent waiting for the client's body and for upstreams
    spent_s: float | None = None  # the overhead as it was told to the client
    attempts: int = 0
    endpoint: str = ""
    model: str = ""
    provider: str = ""

    @property
    def spec(self) -> DialectSpec:
        """How the client's dialect shapes answers, errors and streams."""
        return DIALECTS[self.dialect]

    @property
    def overhead_s(self) -> float:
        """Seconds spent in the gateway itself, until the answer's headers went out."""
        if self.spent_s is not None:
            return self.spent_s
        return max(0.0, now_s() - self.started_s - self.waited_s)

    def own_headers(self) -> HeaderList:
        """Return our own headers of the answer; from here on the overhead is fixed."""
        self.spent_s = self.overhead_s
        return build_own_headers(
            self.request_id,
            endpoint=self.endpoint,
            model=self.model,
            provider=self.provider,
            attempts=self.attempts,
            overhead_s=self.spent_s,
        )


_KEY: Final = web.RequestKey("lockgate.exchange", Exchange)


@dataclass(frozen=True, slots=True)
class Job:
    """What an exchange has to get done, once the request is read and found right."""

    operation: Operation
    endpoint: EndpointRoute
    key: ClientKey
    limits: Limits
    body: bytes = field(repr=False)
    stream: bool
    query: str = field(repr=False)  # raw, without the client's key
    client_headers: tuple[tuple[str, str], ...] = field(repr=False)


def open_exchange(
    request: web.Request,
    operation: Operation | None,
    dialect: Dialect,
    snapshot: Snapshot,
    started_at: int,
) -> Exchange:
    """Begin an exchange and tie it to its request, where `find_exchange` sees it."""
    exchange = Exchange(
        request=request,
        operation=operation,
        dialect=dialect,
        snapshot=snapshot,
        request_id=get_request_id(request),
        started_s=now_s(),
        started_at=started_at,
    )
    request[_KEY] = exchange
    return exchange


def find_exchange(request: web.Request) -> Exchange | None:
    """Return the exchange of a request, if it got so far."""
    return request.get(_KEY)


def build_usage_row(exchange: Exchange, job: Job, target: Target, started_at: int) -> UsageRow:
    """Begin the ledger's row of one attempt."""
    return UsageRow(
        request_id=exchange.request_id,
        attempt=exchange.attempts,
        endpoint_id=job.endpoint.endpoint_id,
        endpoint_name=job.endpoint.name,
        model_definition_id=target.model_definition_id,
        model_definition_name=target.model_definition_name,
        provider=target.provider,
        api_key_id=job.key.key_id,
        client_dialect=exchange.dialect.value,
        upstream_dialect=exchange.dialect.value,
        started_at=started_at,
    )
