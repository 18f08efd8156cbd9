"""How long things may take: the limits of one request and which of them comes first.

Rule: every wait of the data plane ends at a moment named here, and the moment
knows the error that it stands for. Moments are seconds of the monotonic clock:
the event loop's own may stand still for a whole turn of the loop (uvloop's does).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from gateway.entities import EndpointLimits
from gateway.errors import (
    DeadlineExceededError,
    LockgateError,
    MalformedRequestError,
    UpstreamFirstByteTimeoutError,
    UpstreamStalledError,
)
from gateway.settings import Settings

TIMEOUT_HEADER: Final = "x-lockgate-timeout-ms"
now_s: Final = time.monotonic
_MAX_DIGITS: Final = 12  # of milliseconds: 31 years, far beyond every limit


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time and what it means to reach it."""

    at_s: float
    error: type[LockgateError]

    @property
    def when_s(self) -> float:
        """The moment on the event loop's clock, as its timers want it."""
        return asyncio.get_running_loop().time() + self.at_s - now_s()

    def fail(self) -> LockgateError:
        """Return the error of a wait that reached this moment."""
        return self.error(_SENTENCES[self.error])


_SENTENCES: Final[dict[type[LockgateError], str]] = {
    DeadlineExceededError: "the request's deadline passed before the answer was complete",
    UpstreamFirstByteTimeoutError: "the provider did not begin to answer in time",
    UpstreamStalledError: "the provider stayed silent in the middle of its answer",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force for one request, in seconds; `deadline_at_s` is of `now_s`' clock."""

    connect_s: float
    first_byte_s: float
    idle_s: float
    deadline_at_s: float

    def first_byte(self, from_s: float) -> Moment:
        """Return when an attempt that began at `from_s` must have brought its first content."""
        return self._earlier(from_s + self.first_byte_s, UpstreamFirstByteTimeoutError)

    def idle(self, from_s: float) -> Moment:
        """Return when an answer that was last heard of at `from_s` counts as stalled."""
        return self._earlier(from_s + self.idle_s, UpstreamStalledError)

    @property
    def end(self) -> Moment:
        """The request's deadline."""
        return Moment(self.deadline_at_s, DeadlineExceededError)

    def _earlier(self, at_s: float, error: type[LockgateError]) -> Moment:
        return Moment(at_s, error) if at_s < self.deadline_at_s else self.end


def build_limits(
    settings: Settings, endpoint: EndpointLimits, timeout_header: str | None, started_s: float
) -> Limits:
    """Combine the installation's limits, the endpoint's and the client's own deadline.

    Args:
        settings: the installation's.
        endpoint: what the endpoint sets in their place; null keeps the installation's.
        timeout_header: `x-lockgate-timeout-ms`, which may only shorten.
        started_s: when the request arrived.

    Raises:
        MalformedRequestError: the header is no whole number of milliseconds above 0.
    """
    total_ms = _either(endpoint.total_timeout_ms, settings.total_timeout_ms)
    if timeout_header is not None:
        total_ms = min(total_ms, parse_timeout(timeout_header))
    return Limits(
        connect_s=_either(endpoint.connect_timeout_ms, settings.connect_timeout_ms) / 1000,
        first_byte_s=_either(endpoint.first_byte_timeout_ms, settings.first_byte_timeout_ms) / 1000,
        idle_s=_either(endpoint.idle_timeout_ms, settings.idle_timeout_ms) / 1000,
        deadline_at_s=started_s + total_ms / 1000,
    )


def parse_timeout(text: str) -> int:
    """Parse `x-lockgate-timeout-ms`.

    Raises:
        MalformedRequestError: not a whole number above 0.
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and int(text) > 0:
        return int(text)
    raise MalformedRequestError(
        f"{TIMEOUT_HEADER} must be a whole number of milliseconds above 0", field=TIMEOUT_HEADER
    )


def _either(own: int | None, default: int) -> int:
    return default if own is None else own
