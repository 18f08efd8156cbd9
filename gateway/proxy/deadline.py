"""How long things may take: the limits of one request and which of them comes first.

Rule: every wait of the data plane ends at a moment named here, and the moment
knows the error that it stands for. Moments are seconds of the monotonic clock:
the event loop's own may stand still for a whole turn of the loop (uvloop's does).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.errors import (
    DeadlineExceededError,
    LockgateError,
    MalformedRequestError,
    UpstreamFirstByteTimeoutError,
    UpstreamStalledError,
)

TIMEOUT_HEADER: Final = "x-lockgate-timeout-ms"
now_s: Final = time.monotonic
_LEAST_LEFT_S: Final = 0.01  # no provider answers in less: calling it would only cost its price
_MAX_DIGITS: Final = 12  # of milliseconds: 31 years, far beyond every limit


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time and what it means to reach it."""

    at_s: float
    error: type[LockgateError]

    def fail(self) -> LockgateError:
        """Return the error of a wait that reached this moment."""
        return self.error(_SENTENCES[self.error])


_SENTENCES: Final[dict[type[LockgateError], str]] = {
    DeadlineExceededError: "the request's deadline passed before the answer was complete",
    UpstreamFirstByteTimeoutError: "the provider did not begin to answer in time",
    UpstreamStalledError: "the provider stayed silent in the middle of its answer",
}


class Limits(NamedTuple):
    """The limits in force for one request, in seconds; `deadline_at_s` is of `now_s`' clock."""

    connect_s: float
    first_byte_s: float
    idle_s: float
    deadline_at_s: float

    def is_late(self, at_s: float) -> bool:
        """Tell whether it is too late at a moment to begin another call."""
        return at_s >= self.deadline_at_s - _LEAST_LEFT_S

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
