"""A token that stands in a header, as those of Google Cloud and Entra ID do.

Rule: as `gateway.proxy.authorization`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import final

from gateway.errors import UpstreamConnectError, UpstreamMalformedError
from gateway.providers import AuthMode
from gateway.proxy.authorization.kept import Kept
from gateway.proxy.authorization.request import Outgoing
from gateway.proxy.deadline import Moment
from gateway.proxy.scrub import build_needles
from gateway.proxy.upstream import dump_headers


@dataclass(frozen=True, slots=True)
class Token:
    """A token, ready to be sent and to be struck out."""

    lines: bytes = field(repr=False)
    needles: tuple[bytes, ...] = field(repr=False)


def build_token(value: str, mode: AuthMode) -> Token:
    """Make a token ready. Raises UpstreamMalformedError: it cannot stand in a header."""
    try:
        lines = dump_headers(((mode.header, mode.prefix + value),))
    except UpstreamConnectError:
        raise UpstreamMalformedError("the token service gave a token that is none") from None
    return Token(lines, build_needles((value,)))


@final
class TokenAuthorization:
    """Shows a token. `fetch` gets one, and for how many seconds it is good."""

    __slots__ = ("_kept",)

    def __init__(self, fetch: Callable[[], Awaitable[tuple[Token, float]]]) -> None:
        self._kept = Kept(fetch)

    @property
    def needles(self) -> tuple[bytes, ...]:
        """Spellings of the token."""
        token = self._kept.value
        return () if token is None else token.needles

    async def build_lines(self, outgoing: Outgoing, until: Moment) -> bytes:  # noqa: ARG002
        """Return the header line of the token. Raises as `Authorization.build_lines`."""
        return (self._kept.find() or await self._kept.get(until)).lines

    def doubt(self) -> None:
        """Get another token for the next request."""
        self._kept.doubt()
