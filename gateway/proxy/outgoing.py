"""Builds the upstream requests of one exchange from what the client sent.

Rule: the body passes byte for byte except the model's name, the query except the client's key;
what does not depend on the single request comes ready from `Wiring` and `Head`.
"""

from __future__ import annotations

import re
from itertools import chain, repeat
from typing import Final

from gateway.dialects import dump_json, replace_named_model
from gateway.entities import Purpose
from gateway.errors import UpstreamConnectError
from gateway.providers import BodyChange, find_body_change
from gateway.proxy.credentials import Wiring
from gateway.proxy.exchange import Exchange, Job
from gateway.proxy.front import Head
from gateway.proxy.headers import HeaderPlan, build_request_headers
from gateway.proxy.operations import Operation
from gateway.proxy.upstream import Request, dump_headers, dump_request

# Their requests name the model inside as well as in the path (Gemini API reference).
_NAMING_ACTIONS: Final = frozenset({"embedContent", "batchEmbedContents", "countTokens"})
# Ends what stands before the model's name in a body.
_MODEL_KEY: Final = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*\Z')
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
    return dump_request(origin, wiring.lane, job.operation.method, (start, lines), body)


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
    if job.operation.is_reshaped and len(pieces) > 1:
        return _reshape(job.operation, pieces, wiring)
    if len(pieces) == 2:  # noqa: PLR2004  the usual body: one name, a piece on each side
        return (pieces[0], wiring.model, pieces[1])
    if pieces:
        return tuple(chain.from_iterable(zip(repeat(wiring.model), pieces)))[1:]
    if job.operation.action not in _NAMING_ACTIONS:
        return (job.body,)
    return (replace_named_model(bytes(job.body), job.route.name, wiring.target.upstream_model),)


def _reshape(
    operation: Operation, pieces: list[bytes | memoryview], wiring: Wiring
) -> tuple[bytes | memoryview, ...]:
    """Put a body together that is a form, or that some provider wants with a difference."""
    if operation.form:
        return (pieces[0], _dump_plain(wiring.target.upstream_model), pieces[1])
    change = find_body_change(wiring.provider, operation.dialect, operation.purpose or Purpose.CHAT)
    if change is not None:
        return _change_body(pieces, wiring.model, change)
    return tuple(chain.from_iterable(zip(repeat(wiring.model), pieces)))[1:]


def _dump_plain(model: str) -> bytes:
    """Return a model's name as the value of a form's field, which a line break would end."""
    if "\r" in model or "\n" in model:
        raise UpstreamConnectError("the provider's name of the model cannot stand in a form")
    return model.encode()


def _change_body(
    pieces: list[bytes | memoryview], model: bytes, change: BodyChange
) -> tuple[bytes | memoryview, ...]:
    """Put what a provider wants where the model's name stands, with or without that name.

    Everything else stays as the client sent it.
    """
    fields = b",".join(dump_json(name) + b":" + dump_json(value) for name, value in change.added)
    if "model" not in change.dropped:
        return tuple(chain.from_iterable(zip(repeat(model + b"," + fields), pieces)))[1:]
    cut = [_MODEL_KEY.sub(b"", bytes(piece)) for piece in pieces[:-1]]
    return tuple(chain.from_iterable(zip(repeat(fields), (*cut, pieces[-1]))))[1:]
