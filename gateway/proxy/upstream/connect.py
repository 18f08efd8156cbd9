"""How a connection to a provider is opened: address, TCP, proxy, TLS.

Rule: TLS is always verified, for the host of the URL, and never left out; all of it together
takes no longer than the connect limit.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final

from aiohappyeyeballs import AddrInfoType, start_connection

from gateway.errors import (
    LockgateError,
    UpstreamConnectError,
    UpstreamConnectTimeoutError,
    UpstreamDnsError,
    UpstreamTlsError,
)
from gateway.proxy.deadline import Limits, now_s
from gateway.proxy.upstream.addresses import Addresses
from gateway.proxy.upstream.call import Origin
from gateway.proxy.upstream.connection import Connection
from gateway.proxy.upstream.tls import ALPN, ResumingContext, get_context
from gateway.proxy.upstream.tunnel import Proxy, Tunnel

_NEXT_ADDRESS_S: Final = 0.25  # then the next address is tried beside it (RFC 8305 section 8)


class Connector:
    """Opens connections.

    Args:
        addresses: finds and guards the addresses.
        ssl_context: for upstreams whose certificates the system's store does not know.
        proxy: the way out for https, if there is one.
    """

    def __init__(
        self, addresses: Addresses, ssl_context: ssl.SSLContext | None, proxy: Proxy | None
    ) -> None:
        self._addresses = addresses
        self._proxy = proxy
        if ssl_context is not None:
            ssl_context.set_alpn_protocols(ALPN)
        self._ssl = ssl_context or get_context()

    async def open(
        self, origin: Origin, build: Callable[[], Connection], limits: Limits, began_s: float
    ) -> Connection:
        """Open the connection that `build` returns.

        Args:
            origin: where to.
            build: makes the protocol of the connection.
            limits: of the request that waits for it.
            began_s: when that request's attempt began, on `now_s`' clock.

        Raises:
            UpstreamError: of the class that names what failed.
            DeadlineExceededError: the request's own deadline came first.
        """
        at_s = now_s()
        moment = limits.first_byte(began_s)
        connect_at_s = at_s + limits.connect_s
        try:
            async with asyncio.timeout(min(connect_at_s, moment.at_s) - at_s):
                connection = await self._open(origin, build)
                if isinstance(self._ssl, ResumingContext) and origin.scheme == "https":
                    connection.on_first_answer = self._ssl.remember
                return connection
        except TimeoutError:
            if moment.at_s <= connect_at_s:
                raise moment.fail() from None
            raise UpstreamConnectTimeoutError("no connection to the provider in time") from None
        except ssl.SSLError:
            raise UpstreamTlsError("no trusted TLS connection to the provider") from None
        except (OSError, RuntimeError):  # uvloop has RuntimeError for some of them
            raise _refused() from None

    async def _open(self, origin: Origin, build: Callable[[], Connection]) -> Connection:
        if self._proxy is not None and self._proxy.serves(origin):
            return await self._open_through(self._proxy, origin, build)
        sock = await _connect(await self._addresses.find(origin))
        secured = self._ssl if origin.scheme == "https" else None
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                build, sock=sock, ssl=secured, server_hostname=origin.host if secured else None
            )
        except BaseException:
            sock.close()
            raise
        return connection

    async def _open_through(
        self, proxy: Proxy, origin: Origin, build: Callable[[], Connection]
    ) -> Connection:
        if not proxy.host:
            raise UpstreamConnectError("HTTPS_PROXY is not an http or https URL")
        self._addresses.check_literal(origin)  # a name is resolved by the proxy, in its network
        tunnel = await self._reach(proxy)
        try:
            await tunnel.ask(proxy, origin)
            connection = build()
            transport = await asyncio.get_running_loop().start_tls(
                tunnel.transport, connection, self._ssl, server_hostname=origin.host
            )
        except BaseException:
            tunnel.transport.abort()
            raise
        if transport is None:  # the peer hung up in the very turn in which the handshake ended
            raise _refused()
        connection.connection_made(transport)
        return connection

    async def _reach(self, proxy: Proxy) -> Tunnel:
        """Connect to the proxy, which the operator chose: its address may be private."""
        try:
            sock = await _connect(await self._addresses.look_up(proxy.host, proxy.port))
        except (UpstreamDnsError, OSError, RuntimeError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise _unreachable() from None
        secured = self._ssl if proxy.scheme == "https" else None
        try:
            _, tunnel = await asyncio.get_running_loop().create_connection(
                Tunnel, sock=sock, ssl=secured, server_hostname=proxy.host if secured else None
            )
        except BaseException:
            sock.close()
            raise
        return tunnel


async def _connect(addresses: Sequence[AddrInfoType]) -> socket.socket:
    sock = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Lets a provider that vanished in a long silence be noticed in the end, and keeps the
    # address translators on the way from forgetting the connection.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return sock


def _refused() -> LockgateError:
    return UpstreamConnectError("the provider refuses connections")


def _unreachable() -> LockgateError:
    return UpstreamConnectError("the proxy on the way to the provider cannot be reached")
