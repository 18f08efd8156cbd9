"""Bodies of /bindings.

Rule: a binding's key is its endpoint, resource type and resource id; only the display
name can change.
"""

from __future__ import annotations

from gateway.control.schema.base import Entity, Name, Stamped, Strict


class BindingKey(Strict):
    """Which binding."""

    endpoint_id: Name
    resource_type: Name
    resource_id: Name


class BindingPut(BindingKey):
    """A resource that uses an endpoint."""

    display_name: Name | None = None


class GatewayEndpointBinding(Stamped):
    """A binding with its endpoint's name."""

    endpoint_id: str
    resource_type: str
    resource_id: str
    endpoint_name: str
    display_name: str | None


class BindingPage(Entity):
    """A page of bindings."""

    items: list[GatewayEndpointBinding]
    next_cursor: str | None
