"""Operations of /endpoints with their mappings and tags."""

from __future__ import annotations

from gateway.control.call import Operation, Policy
from gateway.control.handlers import endpoints, explain
from gateway.control.idempotency import HEADER as IDEMPOTENCY_KEY
from gateway.control.query import FORCE, Parameter
from gateway.control.routes.shared import (
    IF_MATCH,
    IF_NONE_MATCH,
    NAME,
    PAGING,
    PROVIDER,
    SECRET_ID,
    build_id_parameter,
)
from gateway.control.schema import endpoints as endpoint_schema
from gateway.control.schema import system as system_schema
from gateway.control.schema.base import Accepted

_DEFINITION_ID = build_id_parameter(
    "model_definition_id", "d", "Only those that use this model definition."
)
_Q = Parameter(name="q", meaning="Only those whose name holds this text, in any case.")

ENDPOINTS = (
    Operation(
        method="GET",
        path="/endpoints",
        name="listEndpoints",
        summary="List endpoints with their mappings and tags",
        tag="endpoints",
        policy=Policy.READ,
        scoped=True,
        handler=endpoints.list_endpoints,
        answers={200: endpoint_schema.EndpointPage},
        query=(NAME, PROVIDER, SECRET_ID, _DEFINITION_ID, _Q, *PAGING),
    ),
    Operation(
        method="POST",
        path="/endpoints",
        name="createEndpoint",
        summary="Create an endpoint with its mappings and tags",
        tag="endpoints",
        policy=Policy.EDIT,
        scoped=True,
        handler=endpoints.create_endpoint,
        answers={201: endpoint_schema.GatewayEndpoint, 202: Accepted},
        body=endpoint_schema.EndpointCreate,
        headers=(IDEMPOTENCY_KEY,),
    ),
    Operation(
        method="GET",
        path="/endpoints/{endpoint_id}",
        name="getEndpoint",
        summary="Read an endpoint",
        tag="endpoints",
        policy=Policy.READ,
        scoped=True,
        handler=endpoints.get_endpoint,
        answers={200: endpoint_schema.GatewayEndpoint},
        headers=(IF_NONE_MATCH,),
    ),
    Operation(
        method="PATCH",
        path="/endpoints/{endpoint_id}",
        name="updateEndpoint",
        summary="Change an endpoint; mappings and tags are replaced as a whole",
        tag="endpoints",
        policy=Policy.EDIT,
        scoped=True,
        handler=endpoints.update_endpoint,
        answers={200: endpoint_schema.GatewayEndpoint, 202: Accepted},
        body=endpoint_schema.EndpointPatch,
        headers=(IF_MATCH,),
    ),
    Operation(
        method="DELETE",
        path="/endpoints/{endpoint_id}",
        name="deleteEndpoint",
        summary="Delete an endpoint",
        tag="endpoints",
        policy=Policy.EDIT,
        scoped=True,
        handler=endpoints.delete_endpoint,
        answers={204: None, 202: Accepted},
        query=(FORCE,),
        headers=(IF_MATCH,),
    ),
    Operation(
        method="GET",
        path="/endpoints/{endpoint_id}/explain",
        name="explainEndpoint",
        summary="Explain how the requests of an endpoint are routed now",
        tag="endpoints",
        policy=Policy.READ,
        scoped=True,
        handler=explain.explain_endpoint,
        answers={200: system_schema.Explanation},
    ),
)

MAPPINGS = (
    Operation(
        method="GET",
        path="/endpoints/{endpoint_id}/mappings",
        name="listMappings",
        summary="List the mappings of an endpoint",
        tag="mappings",
        policy=Policy.READ,
        scoped=True,
        handler=endpoints.list_mappings,
        answers={200: endpoint_schema.MappingPage},
    ),
    Operation(
        method="POST",
        path="/endpoints/{endpoint_id}/mappings",
        name="createMapping",
        summary="Attach a model definition to an endpoint",
        tag="mappings",
        policy=Policy.EDIT,
        scoped=True,
        handler=endpoints.create_mapping,
        answers={201: endpoint_schema.GatewayEndpointModelMapping, 202: Accepted},
        body=endpoint_schema.MappingCreate,
        headers=(IDEMPOTENCY_KEY, IF_MATCH),
    ),
    Operation(
        method="PUT",
        path="/endpoints/{endpoint_id}/mappings",
        name="replaceMappings",
        summary="Replace all mappings of an endpoint, atomically",
        tag="mappings",
        policy=Policy.EDIT,
        scoped=True,
        handler=endpoints.replace_mappings,
        answers={200: endpoint_schema.GatewayEndpoint, 202: Accepted},
        body=endpoint_schema.MappingsReplace,
        array_body=endpoint_schema.MappingsArray,
        headers=(IF_MATCH,),
    ),
    Operation(
        method="GET",
        path="/endpoints/{endpoint_id}/mappings/{mapping_id}",
        name="getMapping",
        summary="Read one mapping",
        tag="mappings",
        policy=Policy.READ,
        scoped=True,
        handler=endpoints.get_mapping,
        answers={200: endpoint_schema.GatewayEndpointModelMapping},
        headers=(IF_NONE_MATCH,),
    ),
    Operation(
        method="PATCH",
        path="/endpoints/{endpoint_id}/mappings/{mapping_id}",
        name="updateMapping",
        summary="Change one mapping",
        tag="mappings",
        policy=Policy.EDIT,
        scoped=True,
        handler=endpoints.update_mapping,
        answers={200: endpoint_schema.GatewayEndpointModelMapping, 202: Accepted},
        body=endpoint_schema.MappingPatch,
        headers=(IF_MATCH,),
    ),
    Operation(
        method="DELETE",
        path="/endpoints/{endpoint_id}/mappings/{mapping_id}",
        name="deleteMapping",
        summary="Detach a model definition; not the last PRIMARY",
        tag="mappings",
        policy=Policy.EDIT,
        scoped=True,
        handler=endpoints.delete_mapping,
        answers={204: None, 202: Accepted},
        headers=(IF_MATCH,),
    ),
)

TAGS = (
    Operation(
        method="PUT",
        path="/endpoints/{endpoint_id}/tags/{key}",
        name="putTag",
        summary="Set one tag and read the endpoint",
        tag="tags",
        policy=Policy.EDIT,
        scoped=True,
        handler=endpoints.put_tag,
        answers={200: endpoint_schema.GatewayEndpoint, 202: Accepted},
        body=endpoint_schema.TagPut,
        headers=(IF_MATCH,),
    ),
    Operation(
        method="DELETE",
        path="/endpoints/{endpoint_id}/tags/{key}",
        name="deleteTag",
        summary="Remove one tag",
        tag="tags",
        policy=Policy.EDIT,
        scoped=True,
        handler=endpoints.delete_tag,
        answers={204: None, 202: Accepted},
        headers=(IF_MATCH,),
    ),
)
