"""Points in time as people type them.

Rule: every time that leaves here is milliseconds since the epoch; what has no
zone is UTC.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

import click

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SPAN = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[smhdw])")


class Moment(click.ParamType[int]):
    """A span such as ``24h`` (before or after now) or an ISO 8601 date or time."""

    name = "moment"

    def __init__(self, direction: int) -> None:
        """Take spans as counted forward (+1) or backward (-1) from now."""
        self._direction = direction

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse one value; a wrong one is wrong usage."""
        if isinstance(value, int):
            return value
        try:
            return parse_moment(
                str(value), now_ms=time.time_ns() // 1_000_000, sign=self._direction
            )
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002  click's
        """Return what help shows for the value."""
        return "SPAN|TIME"


class Span(click.ParamType[int]):
    """A length of time such as ``90m`` or ``24h``, in milliseconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse one value; a wrong one is wrong usage."""
        if isinstance(value, int):
            return value
        span = _SPAN.fullmatch(str(value))
        if span is None:
            self.fail(f"{value!r} is no span such as 90m, 24h or 7d", param, ctx)
        return int(span["count"]) * _UNITS_MS[span["unit"]]


def parse_moment(text: str, *, now_ms: int, sign: int) -> int:
    """Parse a span counted from `now_ms`, or an ISO 8601 time, into milliseconds.

    Raises:
        ValueError: neither of both.
    """
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now_ms + sign * int(span["count"]) * _UNITS_MS[span["unit"]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a span such as 90m, 24h or 30d "
            "nor a time such as 2027-01-31 or 2027-01-31T12:00:00Z"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
