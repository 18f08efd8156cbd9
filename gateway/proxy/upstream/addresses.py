"""Which addresses a provider's host has, and which of them may be connected to.

Rule: what is returned was checked itself; whoever connects uses these addresses and never
resolves again, so that a name cannot lead elsewhere in between.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Container, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Final

from aiohappyeyeballs import AddrInfoType

from gateway.errors import UpstreamDnsError, UpstreamOriginError
from gateway.providers import (
    PUBLIC_PORTS,
    BaseUrl,
    is_address_metadata,
    is_address_public,
)
from gateway.providers.origin import matches_pattern
from gateway.proxy.deadline import now_s
from gateway.proxy.upstream.call import Origin
from gateway.settings import OriginPattern

_TTL_S: Final = 10.0  # providers move traffic by DNS; longer would hold on to a dead address
_MAX_KEPT: Final = 4096  # hosts; an installation has some dozens

Resolve = Callable[[str, int], Awaitable[Sequence[AddrInfoType]]]


class Addresses:
    """Resolves hosts, keeps what was found for a while, and guards it.

    Args:
        allowed: origins that may be private or loopback.
        ports: those that a public origin may have.
        resolve: looks up host and port; raises OSError. The system's resolver unless given.
        ttl_s: how long an answer is kept.
    """

    def __init__(
        self,
        allowed: Sequence[OriginPattern],
        resolve: Resolve | None = None,
        *,
        ports: Container[int] = PUBLIC_PORTS,
        ttl_s: float = _TTL_S,
    ) -> None:
        self._allowed = allowed
        self._ports = ports
        self._ttl_s = ttl_s
        self._resolve = resolve or resolve_by_system
        self._kept: dict[tuple[str, int], tuple[float, Sequence[AddrInfoType]]] = {}
        self._running: dict[tuple[str, int], asyncio.Task[Sequence[AddrInfoType]]] = {}

    async def find(self, origin: Origin) -> Sequence[AddrInfoType]:
        """Return the addresses of a provider that may be connected to; at least one.

        Raises:
            UpstreamOriginError: there are none but private ones, or it is plain http or at an odd
                port, and the operator has not allowed the origin; or a name leads to where a
                cloud hands out credentials.
            UpstreamDnsError: the name does not resolve.
        """
        is_listed = self._is_listed(origin)
        if not is_listed:
            self._check_public(origin)
        found = await self.look_up(origin.host, origin.port)
        if is_listed:
            return _leave_metadata_out(origin, found)
        public = [entry for entry in found if is_address_public(str(entry[4][0]))]
        if not public:
            raise UpstreamOriginError("the provider's host name leads to a private address")
        return public

    async def look_up(self, host: str, port: int) -> Sequence[AddrInfoType]:
        """Return all addresses of a host, unguarded; at least one.

        Raises:
            UpstreamDnsError: the name does not resolve.
        """
        literal = _find_literal(host, port)
        if literal is not None:
            return (literal,)
        kept = self._kept.get((host, port))
        if kept is not None and now_s() < kept[0]:
            return kept[1]
        try:
            found = await asyncio.shield(self._join(host, port))
        except (OSError, UnicodeError):
            raise _unknown() from None
        if not found:
            raise _unknown()
        return found

    def close(self) -> None:
        """Give up the lookups under way."""
        for task in self._running.values():
            task.cancel()

    def check_literal(self, origin: Origin) -> None:
        """Check what can be checked without a resolver: port, and a host that is an address.

        Raises:
            UpstreamOriginError: it is not public, and not on the operator's list.
        """
        if self._is_listed(origin):
            return
        self._check_public(origin)
        is_literal = _find_literal(origin.host, origin.port) is not None
        if is_literal and not is_address_public(origin.host):
            raise UpstreamOriginError("the provider's address is private")

    def _join(self, host: str, port: int) -> asyncio.Task[Sequence[AddrInfoType]]:
        """Return the one lookup of this host that is under way, or begin it."""
        key = (host, port)
        task = self._running.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._fetch(host, port))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return task

    async def _fetch(self, host: str, port: int) -> Sequence[AddrInfoType]:
        found = await self._resolve(host, port)
        if len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        self._kept[host, port] = (now_s() + self._ttl_s, found)
        return found

    def _forget(self, key: tuple[str, int], task: asyncio.Task[Sequence[AddrInfoType]]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone: an error that nobody waits for is none

    def _check_public(self, origin: Origin) -> None:
        if origin.scheme != "https" or origin.port not in self._ports:
            raise UpstreamOriginError("the provider is not at a port of https that is allowed")

    def _is_listed(self, origin: Origin) -> bool:
        place = BaseUrl(origin.scheme, origin.host, origin.port, "")
        return any(matches_pattern(place, pattern) for pattern in self._allowed)


async def resolve_by_system(host: str, port: int) -> Sequence[AddrInfoType]:
    """Look a host up with the system's resolver, in a thread.

    Raises:
        OSError: it does not resolve.
    """
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


def _leave_metadata_out(origin: Origin, found: Sequence[AddrInfoType]) -> Sequence[AddrInfoType]:
    """Return a listed origin's addresses but those of metadata services.

    A list by name, above all one with `*.`, trusts whoever writes that zone of the DNS: with
    private addresses, which was the point of listing it, but not with the machine's own
    credentials. An operator who lists such an address itself means it.
    """
    if _find_literal(origin.host, origin.port) is not None:
        return found
    kept = [entry for entry in found if not is_address_metadata(str(entry[4][0]))]
    if not kept:
        raise UpstreamOriginError("the provider's host name leads to a metadata service")
    return kept


def _find_literal(host: str, port: int) -> AddrInfoType | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        place = (str(address), port, 0, 0)
        return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place)
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))


def _unknown() -> UpstreamDnsError:
    return UpstreamDnsError("the provider's host name does not resolve")
