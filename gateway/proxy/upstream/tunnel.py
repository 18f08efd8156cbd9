"""The way through an HTTP proxy: which hosts go by it, and the CONNECT that opens it.

Rule: only https goes through a proxy, inside of TLS that ends at the provider: the proxy sees
host and port, and neither path nor credential. Its own password is in no repr and no error.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from gateway.errors import UpstreamConnectError
from gateway.proxy.upstream.call import Origin

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_HEAD_BYTES: Final = 32 << 10
_GRANTED: Final = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9][ \r]")
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. Without a host it is one that we cannot use: calls through it fail."""

    scheme: str
    host: str
    port: int
    authorization: bytes = field(default=b"", repr=False)
    bypassed: tuple[str, ...] = ()  # host names, each with all names beneath it; or * for all

    def serves(self, origin: Origin) -> bool:
        """Tell whether calls of this origin go through it."""
        if origin.scheme != "https" or "*" in self.bypassed:
            return False
        spellings = (origin.host, f"{origin.host}:{origin.port}")
        return not any(
            spelling == entry or spelling.endswith(f".{entry}")
            for entry in self.bypassed
            for spelling in spellings
        )


def find_proxy(environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that HTTPS_PROXY names, with the user of its URL and NO_PROXY.

    A value that is no http or https URL gives a proxy without a host: a call that was to go
    through a proxy must never go around it.
    """
    url = environ.get("HTTPS_PROXY") or environ.get("https_proxy")
    if not url:
        return None
    bypassed = _parse_bypassed(environ.get("NO_PROXY") or environ.get("no_proxy") or "")
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return Proxy("http", "", 0, bypassed=bypassed)
    if parts.scheme not in _DEFAULT_PORTS or not host:
        return Proxy("http", "", 0, bypassed=bypassed)
    port = port or _DEFAULT_PORTS[parts.scheme]
    return Proxy(parts.scheme, host, port, _dump_authorization(parts), bypassed)


class Tunnel(asyncio.Protocol):
    """Asks a proxy for a connection; until it is granted nothing else is on the wire."""

    def __init__(self) -> None:
        self._head = b""
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    async def ask(self, proxy: Proxy, origin: Origin) -> None:
        """Ask for a connection to `origin`.

        Raises:
            UpstreamConnectError: the proxy does not grant it.
        """
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        place = f"{host}:{origin.port}".encode()
        self.transport.write(
            b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (place, place, proxy.authorization)
        )
        await self._answered
        head, _, surplus = self._head.partition(_END)
        if not _GRANTED.match(head + b"\r") or surplus:
            raise _refused()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Gather the proxy's answer."""
        self._head += data
        if _END in self._head:
            self._settle(None)
        elif len(self._head) > _MAX_HEAD_BYTES:
            self._settle(_refused())

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the proxy is gone."""
        del exc
        self._settle(_refused())

    def _settle(self, error: UpstreamConnectError | None) -> None:
        if self._answered.done():
            return
        if error is None:
            self._answered.set_result(None)
        else:
            self._answered.set_exception(error)


def _parse_bypassed(text: str) -> tuple[str, ...]:
    """Parse NO_PROXY as curl reads it: names, each with all beneath it."""
    entries = (entry.strip().lower().removeprefix("*.").lstrip(".") for entry in text.split(","))
    return tuple(entry for entry in entries if entry)


def _dump_authorization(parts: SplitResult) -> bytes:
    """Write the header of a proxy URL's user (RFC 7617, percent-decoded bytes)."""
    if parts.username is None:
        return b""
    user = unquote_to_bytes(parts.username) + b":" + unquote_to_bytes(parts.password or "")
    return b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(user)


def _refused() -> UpstreamConnectError:
    return UpstreamConnectError("the proxy refuses to connect to the provider")
