"""Calls of model providers: the one file that knows the HTTP client.

Rule: redirects are never followed, no cookie is kept, no proxy is used unless
HTTPS_PROXY says so, and no connection is opened to an address that the operator
does not allow. Every exception of the client becomes one of ours here, without
URL and headers.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final
from urllib.request import proxy_bypass

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from multidict import CIMultiDict
from yarl import URL

from gateway.errors import (
    LockgateError,
    UpstreamConnectError,
    UpstreamConnectTimeoutError,
    UpstreamDnsError,
    UpstreamError,
    UpstreamMalformedError,
    UpstreamOriginError,
    UpstreamResetError,
    UpstreamTlsError,
    UpstreamTruncatedError,
)
from gateway.providers import BaseUrl, is_address_public
from gateway.providers.origin import matches_pattern
from gateway.proxy.deadline import Limits, now_s
from gateway.settings import OriginPattern

_KEEPALIVE_S: Final = 50.0  # below the 60 s after which common servers close an idle connection
_DNS_TTL_S: Final = 10  # providers move traffic by DNS; longer would hold on to a dead address
_MAX_HEADER_BYTES: Final = 32 << 10  # providers send 2 to 4 KiB in all
_SLICE_BYTES: Final = 256 << 10  # of a large body: what one write may keep the event loop for
_LARGE_BYTES: Final = 1 << 20  # from here the client library wants a body in slices
_SKIPPED_AUTO_HEADERS: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a provider. Its headers hold the credential: no repr shows them."""

    method: str
    url: URL = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


class UpstreamAnswer:
    """A provider's answer whose headers have arrived."""

    __slots__ = ("_limits", "_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, limits: Limits) -> None:
        self._response = response
        self._limits = limits
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers

    @property
    def content_type(self) -> str:
        """Media type without parameters, in lower case; "" if the answer names none."""
        return self.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()

    async def read(self, limit_bytes: int) -> bytes:
        """Return the whole body.

        Raises:
            UpstreamTruncatedError, UpstreamResetError: it is not whole.
            UpstreamStalledError, DeadlineExceededError: it did not come in time.
            UpstreamMalformedError: longer than `limit_bytes`, or wrongly compressed.
        """
        content = self._response.content
        if content.is_eof() and content.exception() is None:  # it came whole with its headers
            body = content.read_nowait()
            if len(body) > limit_bytes:
                raise UpstreamMalformedError("the provider's answer is too large")
            return body
        chunks: list[bytes] = []
        size = 0
        moment = self._limits.idle(now_s())
        try:
            async with asyncio.timeout_at(moment.when_s) as timer:
                async for chunk in self.iter_chunks():
                    size += len(chunk)
                    if size > limit_bytes:
                        raise UpstreamMalformedError("the provider's answer is too large")
                    chunks.append(chunk)
                    moment = self._limits.idle(now_s())
                    timer.reschedule(moment.when_s)
        except TimeoutError:
            raise moment.fail() from None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def iter_chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, without a limit of time.

        Raises:
            UpstreamTruncatedError: it ended before its length, or the connection broke.
            UpstreamMalformedError: wrongly compressed.
        """
        content = self._response.content
        while True:
            try:
                chunk = await content.readany()
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise convert_body_error(error) from None
            if not chunk:
                return
            yield chunk

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        if self._response.content.is_eof() and self._response.content.exception() is None:
            self._response.release()
        else:
            self._response.close()


class Upstreams:
    """All connections of this process to model providers.

    Args:
        allowed: origins that may be private, loopback or plain http.
        ssl_context: for upstreams whose certificates the system's store does not know.
        resolve: looks up a host; the system's resolver unless a test gives another.
        environ: where HTTPS_PROXY and NO_PROXY are looked up.
    """

    def __init__(
        self,
        allowed: Sequence[OriginPattern],
        *,
        ssl_context: ssl.SSLContext | None = None,
        resolve: AbstractResolver | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        proxy = environ.get("HTTPS_PROXY") or environ.get("https_proxy")
        self._proxy = URL(proxy) if proxy else None
        resolver = GuardedResolver(resolve or ThreadedResolver(), allowed, self._proxy)
        self._pooled = _open_session(resolver, ssl_context, pooled=True)
        self._fresh = _open_session(resolver, ssl_context, pooled=False)

    async def send(self, call: Call, limits: Limits) -> UpstreamAnswer:
        """Send a request and return once the answer's headers are there.

        A connection out of the pool that turns out to be dead before any byte came back is
        replaced by a fresh one, once: providers close idle connections without notice.

        Raises:
            UpstreamError: of the class that names what failed.
            DeadlineExceededError: the request's own deadline came first.
        """
        moment = limits.first_byte(now_s())
        try:
            async with asyncio.timeout_at(moment.when_s):
                response = await self._request(call, limits)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
                raise moment.fail() from None
            raise convert_send_error(error) from None
        return UpstreamAnswer(response, limits)

    async def close(self) -> None:
        """Close all connections."""
        await self._pooled.close()
        await self._fresh.close()

    async def _request(self, call: Call, limits: Limits) -> aiohttp.ClientResponse:
        facts = SimpleNamespace(reused=False)
        try:
            return await self._request_on(self._pooled, call, limits, facts)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not facts.reused or isinstance(error, aiohttp.ClientConnectorError):
                raise
        return await self._request_on(self._fresh, call, limits, SimpleNamespace())

    async def _request_on(
        self,
        session: aiohttp.ClientSession,
        call: Call,
        limits: Limits,
        facts: SimpleNamespace,
    ) -> aiohttp.ClientResponse:
        headers = CIMultiDict(call.headers)
        body: Any = call.body
        if len(call.body) > _LARGE_BYTES:
            headers[hdrs.CONTENT_LENGTH] = str(len(call.body))
            body = _iter_slices(call.body)
        return await session.request(
            call.method,
            call.url,
            data=body,
            headers=headers,
            allow_redirects=False,
            proxy=self._find_proxy(call.url),
            # DNS, TCP and TLS together get the connect limit; the other limits are our own.
            timeout=aiohttp.ClientTimeout(
                total=None, connect=limits.connect_s, sock_connect=limits.connect_s
            ),
            trace_request_ctx=facts,
        )

    def _find_proxy(self, url: URL) -> URL | None:
        if self._proxy is None or url.scheme != "https" or proxy_bypass(url.host or ""):
            return None
        return self._proxy


class GuardedResolver(AbstractResolver):
    """Resolves names, and drops the addresses that no connection may be opened to."""

    def __init__(
        self, inner: AbstractResolver, allowed: Sequence[OriginPattern], proxy: URL | None
    ) -> None:
        self._inner = inner
        self._allowed = allowed
        self._proxy = None if proxy is None else (proxy.host, proxy.port)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Look `host` up.

        Raises:
            UpstreamOriginError: it resolves to nothing but private addresses, and the operator
                has not allowed it.
            OSError: it does not resolve.
        """
        found = await self._inner.resolve(host, port, family)
        if (host, port) == self._proxy or self._is_listed(host, port):
            return found
        public = [entry for entry in found if is_address_public(entry["host"])]
        if found and not public:
            raise UpstreamOriginError("the provider's host name leads to a private address")
        return public

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()

    def _is_listed(self, host: str, port: int) -> bool:
        spellings = [BaseUrl(scheme, host, port, "") for scheme in ("http", "https")]
        return any(
            matches_pattern(spelling, pattern)
            for pattern in self._allowed
            for spelling in spellings
        )


def convert_send_error(error: Exception) -> LockgateError:
    """Return our error for what the client raised before the answer's headers came."""
    for foreign, convert in _SEND_ERRORS:
        if isinstance(error, foreign):
            return convert()
    return UpstreamConnectError("the provider cannot be called")


def convert_body_error(error: Exception) -> UpstreamError:
    """Return our error for what the client raised in the middle of a body."""
    if isinstance(getattr(error, "__cause__", None), aiohttp.http.HttpProcessingError):
        cause = type(error.__cause__).__name__
        if cause == "ContentEncodingError":
            return UpstreamMalformedError("the provider's answer is wrongly compressed")
    return UpstreamTruncatedError("the provider's answer ended before it was complete")


# From the special to the general: the first class that fits decides.
_SEND_ERRORS: Final[tuple[tuple[Any, Callable[[], LockgateError]], ...]] = (
    (
        aiohttp.ClientConnectorDNSError,
        lambda: UpstreamDnsError("the provider's host name does not resolve"),
    ),
    (
        (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError),
        lambda: UpstreamTlsError("no trusted TLS connection to the provider"),
    ),
    (
        (aiohttp.ConnectionTimeoutError, aiohttp.ServerTimeoutError),
        lambda: UpstreamConnectTimeoutError("no connection to the provider in time"),
    ),
    (
        (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError),
        lambda: UpstreamConnectError("the provider refuses connections"),
    ),
    (
        (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError),
        lambda: UpstreamResetError("the provider closed the connection before it answered"),
    ),
    (
        (aiohttp.ClientPayloadError, aiohttp.ClientResponseError),
        lambda: UpstreamMalformedError("the provider's answer is no valid HTTP"),
    ),
)


def _open_session(
    resolver: AbstractResolver, ssl_context: ssl.SSLContext | None, *, pooled: bool
) -> aiohttp.ClientSession:
    keepalive: dict[str, Any] = (
        {"keepalive_timeout": _KEEPALIVE_S} if pooled else {"force_close": True}
    )
    connector = aiohttp.TCPConnector(
        limit=0,  # how much is in flight is limited where a caller can be told, not here
        resolver=resolver,
        ttl_dns_cache=_DNS_TTL_S,
        ssl=ssl_context if ssl_context is not None else True,
        **keepalive,
    )
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,  # it would also read credentials from ~/.netrc
        raise_for_status=False,
        skip_auto_headers=_SKIPPED_AUTO_HEADERS,
        max_line_size=_MAX_HEADER_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
        trace_configs=[trace] if pooled else None,
    )


async def _note_reuse(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.reused = True


async def _iter_slices(body: bytes) -> AsyncIterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(body), _SLICE_BYTES):
        yield bytes(view[start : start + _SLICE_BYTES])
