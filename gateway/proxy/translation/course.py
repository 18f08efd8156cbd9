"""How a target is asked in another dialect than the client's: which one, and with what body.

Rule: what was left out of the body is told to the client, in a line that is never too long.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.dialects.hub import Codec
from gateway.entities import Dialect, Purpose
from gateway.proxy.headers import OWN_PREFIX

_MOST_PLACES: Final = 24  # with the longest places 2.4 KB: clients take heads of 8 KiB at least
_MOST_CHARACTERS: Final = 96  # of a place: a path of a dozen names
_UNSEEN: Final = "?"


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """One target's dialect and what it is asked.

    Attributes:
        stream: whether the provider is asked for one.
        body: of the request.
        lines: the header lines that tell the client what was left out of it.
        is_structured: a stand-in tool gives the structured answer.
    """

    codec: Codec
    purpose: Purpose
    stream: bool
    body: bytes = field(repr=False)
    lines: bytes
    is_structured: bool = False

    @property
    def dialect(self) -> Dialect:
        """The dialect that the provider is asked in."""
        return self.codec.name


def build_dropped_lines(places: tuple[str, ...]) -> bytes:
    """Return the header line that names what was left out; empty where nothing was."""
    if not places:
        return b""
    shown = [_show(place) for place in places[:_MOST_PLACES]]
    if len(places) > _MOST_PLACES:
        shown.append(f"+{len(places) - _MOST_PLACES} more")
    return f"{OWN_PREFIX}dropped: {', '.join(shown)}\r\n".encode()


def _show(place: str) -> str:
    """Return a place in characters that a header and its readers take: the client chose some."""
    cut = place if len(place) <= _MOST_CHARACTERS else place[: _MOST_CHARACTERS - 3] + "..."
    return "".join(one if "!" <= one <= "~" and one != "," else _UNSEEN for one in cut)
