"""Limits that hold for an endpoint: the installation's, or the endpoint's own in their place.

Rule: what of it does not depend on the request is worked out once per endpoint and kept.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.entities import EndpointLimits
from gateway.errors import PayloadTooLargeError
from gateway.proxy.deadline import Limits, parse_timeout
from gateway.routing.snapshot import EndpointRoute, Snapshot
from gateway.settings import Settings

_KEPT_ENDPOINTS: Final = 50_000  # about 300 bytes each, and made anew in 2 µs


class _Ready(NamedTuple):
    route: EndpointRoute  # what it was worked out from
    connect_s: float
    first_byte_s: float
    idle_s: float
    total_s: float
    max_body_bytes: int


class EndpointLimitTable:
    """The limits of the endpoints that were asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ready: dict[str, _Ready] = {}

    def build(self, route: EndpointRoute, timeout_ms: str | None, started_s: float) -> Limits:
        """Return the limits of one request.

        Args:
            route: its endpoint.
            timeout_ms: `x-lockgate-timeout-ms`, which may only shorten.
            started_s: when it arrived, on `now_s`' clock.

        Raises:
            MalformedRequestError: the header is no whole number of milliseconds above 0.
        """
        ready = self._get(route)
        total_s = ready.total_s
        if timeout_ms is not None:
            total_s = min(total_s, parse_timeout(timeout_ms) / 1000)
        return Limits(ready.connect_s, ready.first_byte_s, ready.idle_s, started_s + total_s)

    def max_body_bytes(self, route: EndpointRoute) -> int:
        """Return how long a body may be."""
        return self._get(route).max_body_bytes

    def largest_body_bytes(self, snapshot: Snapshot) -> int:
        """Return the largest limit of any endpoint: what to read while the name is in the body."""
        return max(self._settings.max_body_bytes, snapshot.largest_body_bytes)

    def check_body(self, route: EndpointRoute, size: int) -> None:
        """Refuse a body that is longer than its endpoint takes.

        Raises:
            PayloadTooLargeError: it is.
        """
        limit = self._get(route).max_body_bytes
        if size > limit:
            raise PayloadTooLargeError(f"the body is larger than the limit of {limit} bytes")

    def _get(self, route: EndpointRoute) -> _Ready:
        ready = self._ready.get(route.name)
        if ready is None or ready.route is not route:
            if len(self._ready) >= _KEPT_ENDPOINTS:
                self._ready.clear()  # those of endpoints that are gone are not told apart
            ready = self._ready[route.name] = _build(self._settings, route)
        return ready


def _build(settings: Settings, route: EndpointRoute) -> _Ready:
    own: EndpointLimits = route.limits
    return _Ready(
        route,
        _either(own.connect_timeout_ms, settings.connect_timeout_ms) / 1000,
        _either(own.first_byte_timeout_ms, settings.first_byte_timeout_ms) / 1000,
        _either(own.idle_timeout_ms, settings.idle_timeout_ms) / 1000,
        _either(own.total_timeout_ms, settings.total_timeout_ms) / 1000,
        _either(own.max_body_bytes, settings.max_body_bytes),
    )


def _either(own: int | None, default: int) -> int:
    return default if own is None else own
