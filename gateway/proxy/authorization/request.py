"""Puts what shows a credential into a request that is otherwise ready.

Rule: what is signed is the request as it will be sent; nothing but header lines is added.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from gateway.errors import UpstreamConnectError
from gateway.proxy.deadline import Moment
from gateway.proxy.upstream import Request

_HEAD_END: Final = b"\r\n\r\n"
_LINE_END: Final = b"\r\n"


class Outgoing(NamedTuple):
    """What of a request is signed. `body` is all of it."""

    method: str
    host: str  # as the Host header says it
    path: str  # percent-encoded, as it stands in the request line
    query: str  # without the question mark
    body: bytes


class Authorization(Protocol):
    """How requests of one stored credential show it."""

    @property
    def needles(self) -> tuple[bytes, ...]:
        """Spellings of what is shown now, to be struck out of answers."""
        ...

    async def build_lines(self, outgoing: Outgoing, until: Moment) -> bytes:
        """Return header lines, each with its line end; wait until `until` for what is fetched.

        Raises:
            CredentialRejectedError: whoever gives the token refuses the credential.
            UpstreamError, DeadlineExceededError: there is none in time.
        """
        ...

    def doubt(self) -> None:
        """Take note that the provider has refused what it was shown."""


async def authorize(request: Request, authorization: Authorization, until: Moment) -> Request:
    """Return a request with the lines that show the credential.

    Raises:
        CredentialRejectedError, UpstreamError, DeadlineExceededError: as `Authorization`.
    """
    head, mark, begin = request.first.partition(_HEAD_END)
    if not mark:
        raise UpstreamConnectError("the provider cannot be called")
    lines = await authorization.build_lines(_parse(request, head, begin), until)
    first = b"".join((head, _LINE_END, lines, _LINE_END, begin))
    return request._replace(first=first)


def _parse(request: Request, head: bytes, begin: bytes) -> Outgoing:
    """Read the lines that `dump_start` wrote: the request line and, next, Host."""
    start, host = head.split(_LINE_END, 2)[:2]
    target = start.split(b" ", 2)[1].decode("ascii")
    path, _, query = target.partition("?")
    body = begin + b"".join(request.rest) if request.rest else begin
    name = host.partition(b": ")[2].decode("ascii")
    return Outgoing(request.method, name, path, query, body)
