"""Requests signed with AWS keys: stored ones, or those that the machine is given.

Rule: as `gateway.proxy.authorization`; the moment that is signed is the moment of sending.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, final

from gateway.ports import Clock
from gateway.providers.sigv4 import sign
from gateway.proxy.authorization.kept import Kept
from gateway.proxy.authorization.request import Outgoing
from gateway.proxy.deadline import Moment
from gateway.proxy.scrub import build_needles
from gateway.proxy.upstream import dump_headers

_SERVICE: Final = "bedrock"  # of bedrock-runtime too: botocore's model, `signingName`


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """A pair of keys, with the token of temporary ones."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False, default=None)

    def build_needles(self) -> tuple[bytes, ...]:
        """Return what must not come back in an answer; the id alone is no secret."""
        return build_needles((self.secret_key, self.session_token or ""))


def sign_lines(keys: AwsKeys, region: str, outgoing: Outgoing, now_ms: int) -> bytes:
    """Return the header lines that sign a request."""
    headers = sign(
        outgoing.method,
        outgoing.host,
        outgoing.path,
        outgoing.query,
        (),
        outgoing.body,
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        session_token=keys.session_token,
        region=region,
        service=_SERVICE,
        now_ms=now_ms,
    )
    return dump_headers(headers)


@final
class StoredKeys:
    """Signs with keys that are stored."""

    __slots__ = ("_clock", "_keys", "_region", "needles")

    def __init__(self, keys: AwsKeys, region: str, clock: Clock) -> None:
        self._keys = keys
        self._region = region
        self._clock = clock
        self.needles = keys.build_needles()

    async def build_lines(self, outgoing: Outgoing, until: Moment) -> bytes:  # noqa: ARG002
        """Return the lines that sign a request; nothing is waited for."""
        return sign_lines(self._keys, self._region, outgoing, self._clock.now_ms())

    def doubt(self) -> None:
        """Do nothing: there are no others."""


@final
class GivenKeys:
    """Signs with keys that the machine is given. `fetch` gets them, and for how many seconds."""

    __slots__ = ("_clock", "_kept", "_region")

    def __init__(
        self, fetch: Callable[[], Awaitable[tuple[AwsKeys, float]]], region: str, clock: Clock
    ) -> None:
        self._kept = Kept(fetch)
        self._region = region
        self._clock = clock

    @property
    def needles(self) -> tuple[bytes, ...]:
        """Spellings of the keys."""
        keys = self._kept.value
        return () if keys is None else keys.build_needles()

    async def build_lines(self, outgoing: Outgoing, until: Moment) -> bytes:
        """Return the lines that sign a request. Raises as `Authorization.build_lines`."""
        keys = self._kept.find() or await self._kept.get(until)
        return sign_lines(keys, self._region, outgoing, self._clock.now_ms())

    def doubt(self) -> None:
        """Ask for other keys before the next request."""
        self._kept.doubt()
