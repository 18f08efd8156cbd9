"""The application as a whole: policies, the document, the headers of every answer."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import jsonschema
import pytest
from aiohttp import web
from openapi_spec_validator import validate

from gateway.control import BASE_PATH, build_control_app, render_problem
from gateway.control.call import Policy
from gateway.control.routes import OPERATIONS
from gateway.errors import InternalError

# What anybody may call; a change of this list is a decision, not an accident.
PUBLIC = {
    ("GET", "/configuration/schema"),
    ("GET", "/openapi.json"),
    ("POST", "/session"),
    ("GET", "/session/methods"),
    ("GET", "/session/oidc"),
    ("GET", "/session/oidc/callback"),
}


async def test_a_route_without_a_policy_stops_the_start(control: Any) -> None:
    app = build_control_app(control.parts)

    async def handle(_: web.Request) -> web.Response:
        return web.Response()

    app.router.add_get("/open-door", handle)
    root = web.Application()
    root.add_subapp(BASE_PATH, app)
    runner = web.AppRunner(root)
    with pytest.raises(InternalError, match="open-door"):
        await runner.setup()
    await runner.cleanup()


def test_the_public_operations_are_these() -> None:
    public = {(row.method, row.path) for row in OPERATIONS if row.policy is Policy.PUBLIC}
    assert public == PUBLIC


async def test_everything_else_needs_an_admin(control: Any) -> None:
    for row in OPERATIONS:
        path = row.path.replace("{", "").replace("}", "")
        reply = await control.call(row.method, path, headers={"Authorization": None})
        if (row.method, row.path) not in PUBLIC:
            assert reply.status == 401, row.name


def test_no_two_operations_share_a_name_or_place() -> None:
    assert len({row.name for row in OPERATIONS}) == len(OPERATIONS)
    assert len({(row.method, row.path) for row in OPERATIONS}) == len(OPERATIONS)


async def test_the_document_is_valid_and_complete(control: Any) -> None:
    document = (await control.get("/openapi.json")).json
    validate(document)
    assert document["openapi"].startswith("3.1")
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert described == {(row.method, row.path) for row in OPERATIONS}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            public = operation.get("security") == []
            assert public is ((method.upper(), path) in PUBLIC)


async def test_answers_keep_to_the_document(control: Any) -> None:
    document = (await control.get("/openapi.json")).json
    endpoint = await control.add_endpoint(tags={"a": "b"}, fallback_config={})
    endpoint_id = endpoint["endpoint_id"]
    await control.add_key()
    key = {"endpoint_id": endpoint_id, "resource_type": "job", "resource_id": "1"}
    await control.call("PUT", "/bindings", key)
    for path, template in [
        ("/secrets", "/secrets"),
        ("/model-definitions", "/model-definitions"),
        ("/endpoints", "/endpoints"),
        ("/api-keys", "/api-keys"),
        ("/bindings", "/bindings"),
        ("/audit", "/audit"),
        ("/status", "/status"),
        ("/providers", "/providers"),
        ("/session", "/session"),
        (f"/endpoints/{endpoint_id}", "/endpoints/{endpoint_id}"),
        (f"/endpoints/{endpoint_id}/explain", "/endpoints/{endpoint_id}/explain"),
        (f"/endpoints/{endpoint_id}/mappings", "/endpoints/{endpoint_id}/mappings"),
    ]:
        answer = document["paths"][template]["get"]["responses"]["200"]
        schema = answer["content"]["application/json"]["schema"]
        full = schema | {"components": document["components"]}
        jsonschema.validate((await control.get(path)).json, full)


async def test_every_answer_carries_a_request_id_and_is_not_stored(control: Any) -> None:
    for method, path, given in [
        ("GET", "/secrets", {}),
        ("GET", "/nowhere", {}),
        ("PUT", "/secrets", {}),
        ("OPTIONS", "/secrets", {}),
        ("GET", "/secrets", {"headers": {"Authorization": None}}),
        ("POST", "/secrets", {"json": {}}),
    ]:
        headers = given.pop("headers", {}) | {"x-lockgate-request-id": "mine-1"}
        reply = await control.call(method, path, headers=headers, **given)
        assert reply.headers["x-lockgate-request-id"] == "mine-1"
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        if reply.status >= 400:
            assert reply.json["request_id"] == "mine-1"


async def test_a_fault_of_ours_shows_nothing_of_itself(control: Any) -> None:
    async def usage_flush() -> None:
        raise RuntimeError("SELECT canary FROM secrets")

    object.__setattr__(control.parts, "usage_flush", usage_flush)
    reply = await control.get("/usage")
    assert (reply.status, reply.json["code"]) == (500, "internal")
    assert b"canary" not in reply.raw
    assert b"Traceback" not in reply.raw


def test_a_problem_has_the_members_of_the_standard() -> None:
    class Request(dict[Any, Any]):
        """A request as the renderer looks at it: headers, and a place for the id."""

        headers = MappingProxyType({"x-lockgate-request-id": "r-1"})

    error = InternalError("it broke", field="a\ud800b", extra={"count": 3})
    response = render_problem(error, Request())
    assert response.content_type == "application/problem+json"
    assert b'"count":3' in response.body
    assert b'"type":"urn:lockgate:error:internal"' in response.body
    assert b'"field":"a?b"' in response.body
