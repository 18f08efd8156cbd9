"""Requests that are wrong, as data: what each breaks, its bytes, and how it is refused."""

from tests.proxy.front.malformed import chunks, fields, framing, hosts, starts, targets
from tests.proxy.front.malformed.case import Case

CASES: tuple[Case, ...] = (
    *starts.CASES,
    *targets.CASES,
    *hosts.CASES,
    *fields.CASES,
    *framing.CASES,
    *chunks.CASES,
)

__all__ = ["CASES", "Case"]
