"""The data plane: clients' requests to model providers, and the answers back.

Rule: it reads configuration from a snapshot and credentials through an `Opener`;
it never meets the control plane.
"""

from gateway.proxy.answer import find_renderer
from gateway.proxy.parts import ProxyParts
from gateway.proxy.routes import add_operation_routes, add_proxy_routes
from gateway.proxy.usage import UsageWriter

__all__ = [
    "ProxyParts",
    "UsageWriter",
    "add_operation_routes",
    "add_proxy_routes",
    "find_renderer",
]
