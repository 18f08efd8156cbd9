"""How fast credentials may be tried: by source address, and overall.

The first wrong ones cost nothing, each further one makes its source wait longer before the next is
looked at, up to 5 s; who goes on is refused until the wait is over. When very many fail from
everywhere, also a source that has done nothing wrong waits a second, but is never refused.

Rule: pure; the clock is an argument, memory is bounded whatever comes, and nothing about the
credential itself is known here.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

FREE: Final = 3  # wrong ones without a wait: a person who pasted the wrong line
FIRST_S: Final = 0.1
LONGEST_S: Final = 5.0
HELD: Final = 10  # from so many on a try is refused, not held: a held one costs a connection
FORGOTTEN_S: Final = 900.0  # a source that has been quiet for so long begins anew
SOURCES: Final = 10_000  # kept, the latest; some 2 MB
OVERALL_BURST: Final = 50.0  # wrong ones of all sources together, above which all wait
OVERALL_PER_S: Final = 5.0
OVERALL_WAIT_S: Final = 1.0
_TOLD_PER_S: Final = 0.02  # rows of the audit log: 72 an hour at most, whoever attacks
_TOLD_BURST: Final = 20.0
_IPV6_SITE: Final = 64  # bits that one customer has at least


@dataclass(frozen=True, slots=True)
class Turn:
    """When a try may be looked at: after `wait_s`, or not now if it is `refused`."""

    wait_s: float
    refused: bool = False


@dataclass(slots=True)
class _Source:
    failures: int
    next_s: float
    seen_s: float


class _Bucket:
    """Counts up with what happens and down with time."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._level = 0.0
        self._at_s = 0.0

    def read(self, now_s: float) -> float:
        self._level = max(0.0, self._level - (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        return self._level

    def add(self, now_s: float) -> None:
        self._level = self.read(now_s) + 1.0


def parse_source(address: str) -> str:
    """Return what counts as one source: an IPv4 address, or the first 64 bits of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, _IPV6_SITE), strict=False))


def compute_delay_s(failures: int) -> float:
    """Return how long a source with so many wrong tries waits before the next, in seconds."""
    if failures < FREE:
        return 0.0
    return min(LONGEST_S, FIRST_S * 2.0 ** min(failures - FREE, 10))


class Throttle:
    """The sources that have tried wrong credentials lately."""

    def __init__(self) -> None:
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._overall = _Bucket(OVERALL_PER_S)
        self._told = _Bucket(_TOLD_PER_S)
        self.failures = 0  # since the start
        self.refusals = 0

    def __len__(self) -> int:
        return len(self._sources)

    def knows(self, source: str, now_s: float) -> bool:
        """Tell whether a source has tried wrong credentials lately."""
        return self._find(source, now_s) is not None

    def plan(self, source: str, now_s: float) -> Turn:
        """Give a try its turn; tries of one source come one after the other."""
        found = self._find(source, now_s)
        if found is None:
            is_hot = self._overall.read(now_s) > OVERALL_BURST
            return Turn(OVERALL_WAIT_S if is_hot else 0.0)
        start_s = max(now_s, found.next_s)
        wait_s = start_s - now_s
        if wait_s > (0.0 if found.failures >= HELD else LONGEST_S):
            self.refusals += 1
            return Turn(wait_s, refused=True)
        found.next_s = start_s + compute_delay_s(found.failures)
        return Turn(wait_s)

    def note_failure(self, source: str, now_s: float) -> int | None:
        """Count a wrong try; return how many there were if that is worth telling."""
        self.failures += 1
        self._overall.add(now_s)
        found = self._find(source, now_s)
        if found is None:
            found = self._sources[source] = _Source(0, now_s, now_s)
        self._sources.move_to_end(source)
        found.failures += 1
        found.seen_s = now_s
        found.next_s = max(found.next_s, now_s + compute_delay_s(found.failures))
        if len(self._sources) > SOURCES:
            self._sources.popitem(last=False)
        return found.failures if self._is_told(found.failures, now_s) else None

    def note_success(self, source: str) -> None:
        """Forget what a source did wrong."""
        self._sources.pop(source, None)

    def _find(self, source: str, now_s: float) -> _Source | None:
        found = self._sources.get(source)
        if found is not None and now_s - found.seen_s > FORGOTTEN_S:
            del self._sources[source]
            return None
        return found

    def _is_told(self, failures: int, now_s: float) -> bool:
        is_power_of_ten = failures >= HELD and set(str(failures)[1:]) <= {"0"}
        if not is_power_of_ten or not str(failures).startswith("1"):
            return False
        if self._told.read(now_s) > _TOLD_BURST:
            return False
        self._told.add(now_s)
        return True
