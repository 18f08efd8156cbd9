"""The data plane of one process, ready to be given connections.

Rule: what is opened here is closed here.
"""

from __future__ import annotations

from gateway.errors import ShuttingDownError
from gateway.providers import PUBLIC_PORTS
from gateway.proxy.answer import render_fault
from gateway.proxy.front import Front, PassOn
from gateway.proxy.parts import ProxyParts
from gateway.proxy.service import DataPlane
from gateway.proxy.upstream import Upstreams


class ProxyPlane:
    """Front, handlers and upstream connections.

    Attributes:
        front: makes the protocol of each connection of a listener.

    Args:
        parts: what the data plane is made of.
        pass_on: takes connections whose request is not the data plane's.
    """

    def __init__(self, parts: ProxyParts, pass_on: PassOn) -> None:
        self._upstreams = Upstreams(
            parts.settings.allowed_private_origins,
            ports=PUBLIC_PORTS.union(parts.settings.allowed_ports),
            ssl_context=parts.ssl_context,
        )
        self.front = Front(DataPlane(parts, self._upstreams).handle, render_fault, pass_on)

    def start(self) -> None:
        """Begin to look after connections; needs a running event loop."""
        self.front.start()

    async def drain(self, limit_s: float) -> int:
        """Let running requests finish; return how many had to be cut after `limit_s` seconds."""
        return await self.front.drain(
            limit_s, lambda: ShuttingDownError("the gateway stops and could not wait any longer")
        )

    async def close(self) -> None:
        """Close all connections."""
        self.front.close()
        await self._upstreams.close()
