"""One request to a provider, and the bytes that it is on the wire (RFC 9112).

Rule: what was built holds exactly the lines that it was given: a line break inside of a header
or a path is refused, never sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a provider. Its headers hold the credential: no repr shows them.

    Attributes:
        method: in capitals.
        url: absolute, percent-encoded.
        headers: without Host and Content-Length, which are made here.
        body: the whole body.
    """

    method: str
    url: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


class Request(NamedTuple):
    """A call as bytes. `first` is one write; `rest` is the body if it is too large for that."""

    origin: Origin
    method: str
    first: bytes
    rest: bytes


def dump_request(call: Call) -> Request:
    """Write a call out.

    Raises:
        UpstreamConnectError: the URL is no http or https URL, or there is a line break in a
            header or the path.
    """
    base, mark, query = call.url.partition("?")
    origin, path, host = parse_place(base)
    target = f"{path}?{query}" if mark else path
    body = call.body
    if not _TARGET.fullmatch(target):
        raise _unsendable()
    length = f"Content-Length: {len(body)}\r\n" if body or call.method not in _BODILESS else ""
    start = f"{call.method} {target} HTTP/1.1\r\nHost: {host}\r\n{length}".encode()
    head = b"".join((start, dump_headers(call.headers), b"\r\n"))
    if len(body) <= _JOINED_BYTES:
        return Request(origin, call.method, head + body, b"")
    return Request(origin, call.method, head, body)


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
