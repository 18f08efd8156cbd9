"""The data plane: clients' requests to model providers, and the answers back.

Rule: it reads configuration from a snapshot and credentials through an `Opener`;
it never meets the control plane.
"""

from gateway.proxy.front import PassOn
from gateway.proxy.health import add_operation_routes
from gateway.proxy.parts import ProxyParts
from gateway.proxy.plane import ProxyPlane
from gateway.proxy.trial import UpstreamTrials
from gateway.proxy.unrouted import find_renderer, render_error
from gateway.proxy.usage import UsageWriter

__all__ = [
    "PassOn",
    "ProxyParts",
    "ProxyPlane",
    "UpstreamTrials",
    "UsageWriter",
    "add_operation_routes",
    "find_renderer",
    "render_error",
]
