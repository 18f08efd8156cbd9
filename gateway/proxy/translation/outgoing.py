"""Builds the upstream request of a target that is asked in another dialect.

Rule: what one vendor's clients say to their vendor in headers goes to no other one; what is said
of the body is said of ours.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from gateway.entities import Dialect
from gateway.proxy.credentials import Wiring
from gateway.proxy.exchange import Exchange
from gateway.proxy.headers import HeaderPlan, get_plan
from gateway.proxy.outgoing import build_lines
from gateway.proxy.translation.course import Course
from gateway.proxy.translation.target import build_url
from gateway.proxy.upstream import Origin, Request, dump_request, dump_start

# Versions, betas, and what SDKs tell of themselves. The provider's own come from its row.
_VENDORS: Final = ("anthropic-", "openai-", "chatgpt-", "x-stainless-", "x-goog-", "x-amz")
_OURS: Final = frozenset({"accept", "content-type"})
_JSON: Final = "application/json"
_STREAM_TYPES: Final = {
    Dialect.BEDROCK_CONVERSE: "application/vnd.amazon.eventstream",
    Dialect.OLLAMA_CHAT: "application/x-ndjson",
}
_SSE: Final = "text/event-stream"
_KEPT_PLANS: Final = 1024  # as of the plans that they are made from


def build_request(exchange: Exchange, wiring: Wiring, course: Course) -> Request:
    """Return the request that goes to one target.

    Raises:
        UpstreamConnectError: it cannot be sent.
    """
    accept = _STREAM_TYPES.get(course.dialect, _SSE) if course.stream else _JSON
    lines = build_lines(exchange, _translate_plan(wiring.plan, accept))
    origin, start = _get_start(wiring, course)
    return dump_request(origin, wiring.lane, "POST", (start, lines), (course.body,))


@lru_cache(_KEPT_PLANS)
def _translate_plan(plan: HeaderPlan, accept: str) -> HeaderPlan:
    """Return the plan without what the client says to its own vendor."""
    ours = (("Content-Type", _JSON), ("Accept", accept))
    vendor = tuple(pair for pair in plan.defaults if pair[0].lower() not in _OURS)
    return get_plan(plan.replaced | _OURS, ours + vendor, _VENDORS)


def _get_start(wiring: Wiring, course: Course) -> tuple[Origin, bytes]:
    """Return where a call goes, and its request line with Host and our own headers."""
    key = (course.dialect, course.purpose, course.stream)
    start = wiring.starts.get(key)
    if start is None:
        url = build_url(wiring, course.dialect, course.purpose, stream=course.stream)
        origin, line = dump_start("POST", url)
        start = wiring.starts[key] = (origin, line + wiring.headers)
    return start
