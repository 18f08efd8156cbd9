"""Strikes the provider credential out of whatever goes to the client.

Rule: no byte sequence that equals the credential, in its raw, JSON-escaped or
percent-encoded spelling, leaves the gateway; a stream is delayed only by a
suffix that could be the beginning of one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

# A "credential" this short is a placeholder such as "none" or "EMPTY" that local servers are
# given; striking it out would mangle ordinary text.
_LEAST_BYTES: Final = 8
_MASK: Final = b"***"


def build_needles(values: Iterable[str]) -> tuple[bytes, ...]:
    """Return the spellings of credentials to look for, longest first."""
    spellings: set[bytes] = set()
    for value in values:
        if len(value) < _LEAST_BYTES:
            continue
        escaped = json.dumps(value)[1:-1]
        variants = (value, escaped, escaped.replace("/", "\\/"), quote(value, safe=""))
        spellings.update(variant.encode() for variant in variants)
    return tuple(sorted(spellings, key=len, reverse=True))


def scrub(data: bytes, needles: tuple[bytes, ...]) -> bytes:
    """Return `data` with every needle replaced by ``***``; the same object if there is none."""
    for needle in needles:
        if needle in data:
            data = data.replace(needle, _MASK)
    return data


class StreamScrubber:
    """Scrubs a stream chunk by chunk, across the chunks' borders.

    Whole events (ending with a line break) are never delayed: no needle holds one.
    """

    __slots__ = ("_ends", "_held", "_needles")

    def __init__(self, needles: tuple[bytes, ...]) -> None:
        self._needles = needles
        self._held = b""
        # A held suffix can only end with a byte that some needle has before its last place.
        self._ends = frozenset(byte for needle in needles for byte in needle[:-1])

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go out now."""
        if not self._needles:
            return chunk
        data = scrub(self._held + chunk if self._held else chunk, self._needles)
        self._held = b""
        if data and data[-1] in self._ends:
            size = self._suffix_size(data)
            if size:
                self._held = data[-size:]
                data = data[:-size]
        return data

    def flush(self) -> bytes:
        """Return what was held back; the stream has ended, so it is no credential."""
        held, self._held = self._held, b""
        return held

    def _suffix_size(self, data: bytes) -> int:
        """Return the length of the longest suffix that is a proper prefix of a needle."""
        longest = 0
        for needle in self._needles:
            for size in range(min(len(needle) - 1, len(data)), longest, -1):
                if data.endswith(needle[:size]):
                    longest = size
                    break
        return longest
