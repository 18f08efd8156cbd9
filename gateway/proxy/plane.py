"""The data plane of one process, ready to be given connections.

Rule: what is opened here is closed here.
"""

from __future__ import annotations

from gateway.errors import LockgateError, ShuttingDownError
from gateway.process import count_descriptors
from gateway.providers import PUBLIC_PORTS
from gateway.proxy.admission import Admission, AdmissionLimits
from gateway.proxy.answer import render_fault
from gateway.proxy.exchange import build_request_id
from gateway.proxy.front import Front, PassOn
from gateway.proxy.packed import Unpacker
from gateway.proxy.parts import ProxyParts
from gateway.proxy.refusals import Refusals
from gateway.proxy.service import DataPlane
from gateway.proxy.upstream import Upstreams


class ProxyPlane:
    """Front, handlers and upstream connections.

    Attributes:
        front: makes the protocol of each connection of a listener.
        admission: tells who is let in.

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
        settings = parts.settings
        self._clock = parts.clock
        self.admission = _build_admission(parts)
        self._unpacker = Unpacker()
        self.front = Front(
            DataPlane(parts, self._upstreams, self.admission, self._unpacker).handle,
            self._render,
            pass_on,
            admission=self.admission,
            render_refusal=Refusals(parts.clock, parts.metrics).render,
        )
        self.front.max_connections = settings.max_connections or count_descriptors() // 2
        self.front.max_connections_per_source = settings.max_connections_per_source
        self._watch(parts)

    def _render(self, error: LockgateError, raw: bytes) -> tuple[int, bytes, bytes]:
        return render_fault(error, raw, build_request_id(self._clock.now_ms()))

    def _watch(self, parts: ProxyParts) -> None:
        metrics = parts.metrics
        metrics.measure("requests_queued", lambda: self.admission.queued)
        metrics.measure("connections", lambda: self.front.connections)
        metrics.measure("loop_lag_seconds", lambda: self.front.late_s)

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
        self._unpacker.close()
        await self._upstreams.close()


def _build_admission(parts: ProxyParts) -> Admission:
    settings = parts.settings

    def find_key(digest: bytes | None) -> str | None:
        key = None if digest is None else parts.snapshots.current.keys.get(digest)
        return None if key is None else key.key_id

    limits = AdmissionLimits(
        settings.max_in_flight,
        settings.max_in_flight_per_key,
        settings.max_queued,
        settings.queue_timeout_ms / 1000,
        settings.max_lag_ms / 1000,
    )
    admission = Admission(limits, find_key)
    admission.on_refused = lambda why: parts.metrics.count_refusal(why.value)
    return admission
