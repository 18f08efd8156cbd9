"""The table of MLflow's methods that are answered.

Rule: every method of MLflow's gateway is a row, also what Lockgate does not have: it is refused
by name. docs/mlflow.md lists the same rows; a test compares them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import BaseModel

from gateway.control.call import Answer, Call, Operation, Policy
from gateway.control.mlflow import schema
from gateway.control.mlflow.handlers import (
    bindings,
    discovery,
    endpoints,
    model_definitions,
    secrets,
)
from gateway.control.query import Parameter

_Handler = Callable[[Call], Awaitable[Answer]]


def _read(path: str, handler: _Handler, *names: str) -> Operation:
    return _row("GET", path, handler, Policy.READ, None, names)


def _write(path: str, handler: _Handler, body: type[BaseModel], method: str = "POST") -> Operation:
    return _row(method, path, handler, Policy.EDIT, body, ())


def _row(
    method: str,
    path: str,
    handler: _Handler,
    policy: Policy,
    body: type[BaseModel] | None,
    names: tuple[str, ...],
) -> Operation:
    return Operation(
        method=method,
        path=path,
        name=f"mlflow {path}",
        summary=handler.__doc__ or path,
        tag="mlflow",
        policy=policy,
        handler=handler,
        answers={200: None},
        body=body,
        query=tuple(Parameter(name=name, meaning="As in MLflow.") for name in names),
    )


_SECRETS: Final = (
    _write("/gateway/secrets/create", secrets.create_secret, schema.SecretCreate),
    _read("/gateway/secrets/get", secrets.get_secret, "secret_id", "secret_name"),
    _write("/gateway/secrets/update", secrets.update_secret, schema.SecretUpdate),
    _write("/gateway/secrets/delete", secrets.delete_secret, schema.SecretKey, "DELETE"),
    _read("/gateway/secrets/list", secrets.list_secrets, "provider"),
)

_MODEL_DEFINITIONS: Final = (
    _write(
        "/gateway/model-definitions/create",
        model_definitions.create_model_definition,
        schema.ModelDefinitionCreate,
    ),
    _read(
        "/gateway/model-definitions/get",
        model_definitions.get_model_definition,
        "model_definition_id",
    ),
    _read(
        "/gateway/model-definitions/list",
        model_definitions.list_model_definitions,
        "provider",
        "secret_id",
    ),
    _write(
        "/gateway/model-definitions/update",
        model_definitions.update_model_definition,
        schema.ModelDefinitionUpdate,
    ),
    _write(
        "/gateway/model-definitions/delete",
        model_definitions.delete_model_definition,
        schema.ModelDefinitionKey,
        "DELETE",
    ),
)

_ENDPOINTS: Final = (
    _write("/gateway/endpoints/create", endpoints.create_endpoint, schema.EndpointCreate),
    _read("/gateway/endpoints/get", endpoints.get_endpoint, "endpoint_id", "name"),
    _write("/gateway/endpoints/update", endpoints.update_endpoint, schema.EndpointUpdate),
    _write("/gateway/endpoints/delete", endpoints.delete_endpoint, schema.EndpointKey, "DELETE"),
    _read("/gateway/endpoints/list", endpoints.list_endpoints, "provider", "secret_id"),
    _write("/gateway/endpoints/models/attach", endpoints.attach_model, schema.ModelAttach),
    _write("/gateway/endpoints/models/detach", endpoints.detach_model, schema.ModelDetach),
    _write("/gateway/endpoints/set-tag", endpoints.set_tag, schema.TagSet),
    _write("/gateway/endpoints/delete-tag", endpoints.delete_tag, schema.TagKey, "DELETE"),
    _write("/gateway/endpoints/bindings/create", bindings.create_binding, schema.BindingCreate),
    _write(
        "/gateway/endpoints/bindings/delete",
        bindings.delete_binding,
        schema.BindingKey,
        "DELETE",
    ),
    _read(
        "/gateway/endpoints/bindings/list",
        bindings.list_bindings,
        "endpoint_id",
        "resource_type",
        "resource_id",
    ),
)

_DISCOVERY: Final = (
    _read("/gateway/supported-providers", discovery.list_providers),
    _read("/gateway/supported-models", discovery.list_models, "provider"),
    _read("/gateway/provider-config", discovery.get_provider_config, "provider"),
    _read("/gateway/secrets/config", discovery.get_secrets_config),
    _read("/server-info", discovery.get_server_info),
)


def _refuse_budgets(method: str, name: str, *names: str) -> Operation:
    path = f"/gateway/budgets/{name}"
    return _row(method, path, discovery.refuse_budgets, _policy(method), None, names)


def _refuse_guardrails(method: str, name: str, *names: str) -> Operation:
    path = f"/gateway/guardrails/{name}"
    return _row(method, path, discovery.refuse_guardrails, _policy(method), None, names)


def _policy(method: str) -> Policy:
    return Policy.READ if method == "GET" else Policy.EDIT


_REFUSED: Final = (
    _refuse_budgets("POST", "create"),
    _refuse_budgets("GET", "get", "budget_policy_id"),
    _refuse_budgets("POST", "update"),
    _refuse_budgets("DELETE", "delete"),
    _refuse_budgets("GET", "list", "max_results", "page_token"),
    _refuse_budgets("GET", "windows"),
    _refuse_guardrails("POST", "create"),
    _refuse_guardrails("GET", "get", "guardrail_id"),
    _refuse_guardrails("DELETE", "delete"),
    _refuse_guardrails("GET", "list", "max_results", "page_token"),
    _refuse_guardrails("POST", "add-to-endpoint"),
    _refuse_guardrails("DELETE", "remove-from-endpoint"),
    _refuse_guardrails("GET", "list-for-endpoint", "endpoint_id"),
    _refuse_guardrails("PATCH", "update-config"),
)

OPERATIONS: Final[tuple[Operation, ...]] = (
    *_SECRETS,
    *_MODEL_DEFINITIONS,
    *_ENDPOINTS,
    *_DISCOVERY,
    *_REFUSED,
)
