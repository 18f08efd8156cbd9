"""Builds the upstream requests of one exchange from what the client sent.

Rule: the body passes byte for byte except the model's name, the query except the client's key;
what does not depend on the single request comes ready from `Wiring` and `Head`.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import Final

from gateway.dialects import replace_named_model
from gateway.proxy.credentials import Wiring
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.front import Head
from gateway.proxy.headers import HeaderPlan, build_request_headers
from gateway.proxy.upstream import Request, dump_headers, dump_request

# Their requests name the model inside as well as in the path (Gemini API reference).
_NAMING_ACTIONS: Final = frozenset({"embedContent", "batchEmbedContents", "countTokens"})
# Stands where the traceparent goes in lines that are kept. No client can send it: llhttp refuses
# control characters in a header.
_TRACE_SIGN: Final = "\x01"


def build_request(exchange: Exchange, job: Job, wiring: Wiring) -> Request:
    """Return the request that goes to one target.

    Raises:
        UpstreamConnectError: it cannot be sent.
    """
    head = exchange.head
    origin, start = wiring.get_start(job.operation, head.query, stream=job.stream)
    lines = head.kept.get(wiring.plan) or _keep_lines(head, wiring.plan)
    if head.trace:
        lines = lines.replace(_TRACE_SIGN.encode(), exchange.connection.trace)
    body = _build_body(job, wiring)
    return dump_request(origin, wiring.lane, "POST", (start, lines), body)


def build_lines(exchange: Exchange, plan: HeaderPlan) -> bytes:
    """Return the client's header lines that go upstream after a plan."""
    head = exchange.head
    lines = head.kept.get(plan) or _keep_lines(head, plan)
    if head.trace:
        lines = lines.replace(_TRACE_SIGN.encode(), exchange.connection.trace)
    return lines


def _keep_lines(head: Head, plan: HeaderPlan) -> bytes:
    headers = head.headers
    if head.trace:  # the one value that differs between requests of one head
        headers = tuple(
            (name, _TRACE_SIGN if name.lower() == "traceparent" else value)
            for name, value in headers
        )
    lines = dump_headers(build_request_headers(headers, plan))
    head.kept[plan] = lines
    return lines


def _build_body(job: Job, wiring: Wiring) -> tuple[bytes | memoryview, ...]:
    pieces = job.pieces
    if len(pieces) == 2:  # noqa: PLR2004  the usual body: one name, a piece on each side
        return (pieces[0], wiring.model, pieces[1])
    if pieces:
        return tuple(chain.from_iterable(zip(repeat(wiring.model), pieces)))[1:]
    if job.operation.action not in _NAMING_ACTIONS:
        return (job.body,)
    return (replace_named_model(job.body, job.route.name, wiring.target.upstream_model),)
