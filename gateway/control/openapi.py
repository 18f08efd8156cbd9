"""The OpenAPI 3.1 document, made of the table of operations and the models that validate.

Rule: nothing is described here that is not enforced elsewhere by the same object; every
status that an operation can answer is declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from gateway import __version__
from gateway.control.call import LINES_TYPE, Operation, Policy
from gateway.control.parts import BASE_PATH
from gateway.control.problem import PROBLEM_TYPE
from gateway.control.query import Parameter
from gateway.control.schema.base import Problem
from gateway.control.session import COOKIE, CSRF_HEADER

_REF = "#/components/schemas/{model}"
_PATH_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_ID_PREFIXES = {
    "secret_id": "s-",
    "model_definition_id": "d-",
    "endpoint_id": "e-",
    "mapping_id": "m-",
    "key_id": "k-",
    "token_id": "t-",
}
_HEADERS = {
    "If-Match": "Entity tag that must be the current one; else 412.",
    "If-None-Match": "Entity tag that the caller has; if it is the current one, 304.",
    "Idempotency-Key": "1 to 255 visible ASCII characters; a repeated request gets the first "
    "answer again for 24 hours.",
}
_ENTITY_HEADERS = {
    "ETag": {"description": "Strong entity tag.", "schema": {"type": "string"}},
}
_JSON = "application/json"
_DESCRIPTION = (
    "The control plane of Lockgate. Times are integer milliseconds since the epoch. Errors are "
    f"`{PROBLEM_TYPE}` (RFC 9457) with a stable `code`. The session cookie of the web page "
    f"needs the header `{CSRF_HEADER}` with every method but GET and HEAD."
)

_Key = tuple[Any, JsonSchemaMode]  # a model, and whether it comes in or goes out


def build_document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Build the document."""
    rows = tuple(operations)
    refs, definitions = _build_schemas(rows)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _describe(row, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lockgate control plane",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": BASE_PATH}],
        "security": [{"adminToken": []}, {"adminPassword": []}, {"session": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(row.tag for row in rows)],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "adminToken": {"type": "http", "scheme": "bearer"},
                "adminPassword": {"type": "http", "scheme": "basic"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _build_schemas(
    rows: Iterable[Operation],
) -> tuple[Mapping[_Key, dict[str, Any]], dict[str, Any]]:
    keys: dict[_Key, None] = {(Problem, "serialization"): None}
    for row in rows:
        models = (row.body, row.array_body)
        keys.update({(model, "validation"): None for model in models if model is not None})
        answers = row.answers.values()
        keys.update({(model, "serialization"): None for model in answers if model is not None})
    refs, schema = models_json_schema(list(keys), ref_template=_REF)
    definitions: dict[str, Any] = schema["$defs"]
    return {(model, mode): ref for (model, mode), ref in refs.items()}, definitions


def _describe(row: Operation, refs: Mapping[_Key, dict[str, Any]]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": row.name,
        "summary": row.summary,
        "tags": [row.tag],
        "parameters": [
            *(_describe_path(name) for name in _PATH_PARAMETER.findall(row.path)),
            *(_describe_query(parameter) for parameter in row.query),
            *(_describe_header(name) for name in row.headers),
        ],
        "responses": _describe_answers(row, refs),
    }
    if row.policy is Policy.PUBLIC:
        described["security"] = []
    if row.body is not None:
        described["requestBody"] = _describe_body(row, row.body, refs)
    return described


def _describe_path(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1}
    if name in _ID_PREFIXES:
        schema["examples"] = [_ID_PREFIXES[name] + "0123456789abcdef" * 2]
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _describe_query(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.meaning,
        "schema": parameter.schema,
    }


def _describe_header(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": _HEADERS[name],
        "schema": {"type": "string"},
    }


def _describe_body(
    row: Operation, body: type[BaseModel], refs: Mapping[_Key, dict[str, Any]]
) -> dict[str, Any]:
    schema = refs[body, "validation"]
    if row.array_body is not None:
        schema = {"oneOf": [schema, refs[row.array_body, "validation"]]}
    return {"required": row.body_required, "content": {_JSON: {"schema": schema}}}


def _describe_answers(
    row: Operation, refs: Mapping[_Key, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    answers: dict[str, dict[str, Any]] = {}
    for status, model in row.answers.items():
        answers[str(status)] = {"description": HTTPStatus(status).phrase}
        if model is not None:
            media_type = LINES_TYPE if row.answers_lines else _JSON
            schema = {"schema": refs[model, "serialization"]}
            answers[str(status)]["content"] = {media_type: schema}
        if "If-None-Match" in row.headers or "If-Match" in row.headers:
            answers[str(status)]["headers"] = _ENTITY_HEADERS
    if "If-None-Match" in row.headers:
        answers["304"] = {"description": HTTPStatus(304).phrase, "headers": _ENTITY_HEADERS}
    problem = {PROBLEM_TYPE: {"schema": refs[Problem, "serialization"]}}
    for status in sorted(list_error_statuses(row)):
        answers[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return answers


def list_error_statuses(row: Operation) -> set[int]:
    """List the statuses of failure that an operation can answer."""
    statuses = {400, 403, 422, 500, 503, *row.errors}
    if row.policy is not Policy.PUBLIC:
        statuses |= {401, 403, 429}
    if _PATH_PARAMETER.search(row.path):
        statuses.add(404)
    if row.body is not None:
        statuses |= {408, 413, 415}
    if row.writes and row.policy is not Policy.PUBLIC:
        statuses |= {409, 507}
    if "If-Match" in row.headers:
        statuses.add(412)
    return statuses
