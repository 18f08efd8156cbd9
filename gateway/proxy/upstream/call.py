"""One request to a provider, and the bytes that it is on the wire (RFC 9112).

Rule: what was built holds exactly the lines that it was given: a line break inside of a header
or a path is refused, never sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from gateway.errors import UpstreamConnectError

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_TARGET: Final = re.compile(r"/[!-~]*")
_BODILESS: Final = frozenset({"GET", "HEAD"})
# Up to here head and body are one write: the copy costs less than a second system call.
_JOINED_BYTES: Final = 64 << 10
_KEPT_URLS: Final = 4096  # of the configuration: one per target and operation


class Origin(NamedTuple):
    """Where a connection leads: what is equal here may share connections."""

    scheme: str
    host: str  # lower case, an IPv6 address without brackets
    port: int


class Request(NamedTuple):
    """One request as bytes. `first` is one write; `rest` is what of the body is too much for that.

    `rest` may be mapped from a file: it is read a slice at a time.

    They hold a credential and what a client wrote: no repr shows them.
    """

    origin: Origin
    lane: str  # requests of one lane share connections: one origin, one credential
    method: str
    first: bytes
    rest: tuple[bytes | memoryview, ...]

    def __repr__(self) -> str:
        return f"Request({self.method} {self.origin})"


def dump_request(
    origin: Origin,
    lane: str,
    method: str,
    head: tuple[bytes, ...],
    body: tuple[bytes | memoryview, ...],
) -> Request:
    """Put a request together.

    Args:
        origin: where to.
        lane: whose connections to use.
        method: in capitals.
        head: request line and header lines but Content-Length, each with its line end.
        body: in pieces; long ones are not copied.
    """
    size = sum(map(len, body))
    length = b"Content-Length: %d\r\n\r\n" % size if size or method not in _BODILESS else b"\r\n"
    if size <= _JOINED_BYTES:
        return Request(origin, lane, method, b"".join((*head, length, *body)), ())
    short = 0
    while len(body[short]) <= _JOINED_BYTES and short < len(body) - 1:
        short += 1
    first = b"".join((*head, length, *body[:short]))
    return Request(origin, lane, method, first, body[short:])


def dump_start(method: str, url: str) -> tuple[Origin, bytes]:
    """Return where a URL leads, and the request line and Host header that ask for it.

    Raises:
        UpstreamConnectError: it is no http or https URL.
    """
    base, mark, query = url.partition("?")
    origin, path, host = parse_place(base)
    target = f"{path}?{query}" if mark else path
    if not _TARGET.fullmatch(target):
        raise _unsendable()
    return origin, f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n".encode()


def dump_headers(headers: Sequence[tuple[str, str]]) -> bytes:
    """Write header lines out.

    Raises:
        UpstreamConnectError: there is a line break or a NUL in one.
    """
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    count = len(headers)
    if lines.count("\n") != count or lines.count("\r") != count or "\0" in lines:
        raise _unsendable()
    try:
        return lines.encode()
    except UnicodeEncodeError:
        raise _unsendable() from None


@lru_cache(_KEPT_URLS)
def parse_place(base: str) -> tuple[Origin, str, str]:
    """Return origin, path and Host header of a URL without query.

    Raises:
        UpstreamConnectError: it is no http or https URL with a host, or it has a user.
    """
    try:
        parts = urlsplit(base)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _unsendable() from None
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or not host or "@" in parts.netloc or not host.isascii():
        raise _unsendable()
    shown = f"[{host}]" if ":" in host else host
    if port not in (None, default):
        shown += f":{port}"
    return Origin(parts.scheme, host, port or default), parts.path or "/", shown


def _unsendable() -> UpstreamConnectError:
    return UpstreamConnectError("the provider cannot be called")
