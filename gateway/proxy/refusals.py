"""What a request is told that is refused for want of room: the same bytes again and again.

Rule: a refusal costs a small part of what it refuses to do; it has the shape of the client's
dialect and the headers of every answer, as any other error.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects import DIALECTS
from gateway.entities import Dialect
from gateway.errors import OverloadedError
from gateway.ports import Clock
from gateway.proxy.admission import RETRY_AFTER_S, SENTENCES
from gateway.proxy.answer import guess_dialect
from gateway.proxy.exchange import build_error_lines, build_request_id
from gateway.proxy.front import Head
from gateway.proxy.headers import build_own_lines, build_target_lines
from gateway.routing.limits import Refusal
from gateway.telemetry.metrics import Metrics

_PLACE: Final = "0" * 32  # where a request id stands: none of ours begins in the year 1970


class Refusals:
    """Makes the answers, each from the last one of its kind."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._ready: dict[tuple[Dialect, Refusal], tuple[list[bytes], list[bytes]]] = {}

    def render(self, head: Head, refusal: Refusal) -> tuple[bytes, bytes]:
        """Return header lines and body; the request is counted as answered."""
        dialect = None if head.route is None else head.route.dialect
        kind = (dialect or guess_dialect(head), refusal)
        self._metrics.count_refused_request(kind[0], OverloadedError.status)
        request_id = head.request_id
        if request_id is not None:
            return _build(*kind, request_id)  # the caller's own, which may need escapes
        ready = self._ready.get(kind)
        if ready is None:
            lines, body = _build(*kind, _PLACE)
            place = _PLACE.encode()
            ready = self._ready[kind] = (lines.split(place), body.split(place))
        fresh = build_request_id(self._clock.now_ms()).encode()
        return fresh.join(ready[0]), fresh.join(ready[1])


def _build(dialect: Dialect, refusal: Refusal, request_id: str) -> tuple[bytes, bytes]:
    error = OverloadedError(SENTENCES[refusal], retry_after_s=RETRY_AFTER_S)
    own = build_own_lines(request_id, build_target_lines("", "", ""), 0, 0.0)
    return build_error_lines(error) + own, DIALECTS[dialect].dump_error(error, request_id)
