"""The Host allow-list: a page of somebody else's must not reach the control plane by DNS.

Rule: exact match; what is not on the list is refused before anything else is looked at.
"""

from __future__ import annotations

from typing import Any

from aiohttp import hdrs, web

from gateway.errors import HostNotAllowedError
from gateway.settings import Settings

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_IMPLIED_PORTS = (80, 443)  # a client leaves the port of its scheme out of the header


def check_host(request: web.Request, settings: Settings) -> None:
    """Refuse a request whose Host is none of ours.

    Raises:
        HostNotAllowedError: another name, or none, or two.
    """
    given = [value.lower() for value in request.headers.getall(hdrs.HOST, [])]
    transport = request.transport
    local = None if transport is None else transport.get_extra_info("sockname")
    if len(given) != 1 or given[0] not in list_hosts(settings, local):
        raise HostNotAllowedError(
            "this Host is not one that the control plane answers to; "
            "an operator can add it with LOCKGATE_HOSTS",
            field=hdrs.HOST,
        )


def list_hosts(settings: Settings, local: Any) -> frozenset[str]:
    """List the allowed values of Host, in lower case.

    Args:
        settings: the operator's own additions and the listen addresses.
        local: the address (host, port, ...) that the connection arrived at, as the socket
            tells it; anything else for a socket without ports.
    """
    allowed = {host.lower() for host in settings.hosts}
    if not isinstance(local, tuple):
        return frozenset(allowed)
    address, port = str(local[0]), int(local[1])
    listens = [settings.listen] + ([settings.admin_listen] if settings.admin_listen else [])
    names = {*_LOOPBACK, _bracket(address), *(_bracket(found.host) for found in listens)}
    allowed.update(f"{name.lower()}:{port}" for name in names)
    if port in _IMPLIED_PORTS:
        allowed.update(name.lower() for name in names)
    return frozenset(allowed)


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host
