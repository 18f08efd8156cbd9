"""Operations of /bindings and of a resource's own view."""

from __future__ import annotations

from gateway.control.call import Operation, Policy
from gateway.control.handlers import bindings
from gateway.control.query import Parameter
from gateway.control.routes.shared import IF_MATCH, PAGING, build_id_parameter
from gateway.control.schema import bindings as binding_schema
from gateway.control.schema import endpoints as endpoint_schema
from gateway.control.schema.base import Accepted

_MISSING = frozenset({404})
_BINDING_KEY = (
    build_id_parameter("endpoint_id", "e", "Endpoint of the binding."),
    Parameter(name="resource_type", meaning="Type of the resource."),
    Parameter(name="resource_id", meaning="Id of the resource."),
)

BINDINGS = (
    Operation(
        method="GET",
        path="/bindings",
        name="listBindings",
        summary="List bindings",
        tag="bindings",
        policy=Policy.READ,
        scoped=True,
        handler=bindings.list_bindings,
        answers={200: binding_schema.BindingPage},
        query=(*_BINDING_KEY, *PAGING),
    ),
    Operation(
        method="PUT",
        path="/bindings",
        name="putBinding",
        summary="Bind a resource to an endpoint, or change the display name",
        tag="bindings",
        policy=Policy.EDIT,
        scoped=True,
        handler=bindings.put_binding,
        answers={
            200: binding_schema.GatewayEndpointBinding,
            201: binding_schema.GatewayEndpointBinding,
            202: Accepted,
        },
        body=binding_schema.BindingPut,
        headers=(IF_MATCH,),
    ),
    Operation(
        method="DELETE",
        path="/bindings",
        name="deleteBinding",
        summary="Remove the binding that the body, or else the query, names",
        tag="bindings",
        policy=Policy.EDIT,
        scoped=True,
        handler=bindings.delete_binding,
        answers={204: None, 202: Accepted},
        body=binding_schema.BindingKey,
        body_required=False,
        query=_BINDING_KEY,
        headers=(IF_MATCH,),
        errors=_MISSING,
    ),
    Operation(
        method="GET",
        path="/resources/{resource_type}/{resource_id}/endpoints",
        name="listResourceEndpoints",
        summary="List the endpoints that a resource is bound to",
        tag="bindings",
        policy=Policy.READ,
        scoped=True,
        handler=bindings.list_resource_endpoints,
        answers={200: endpoint_schema.EndpointPage},
        query=PAGING,
    ),
)
