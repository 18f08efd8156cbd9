"""A gateway whose configuration comes from a file: who may write what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.control import BASE_PATH, DeclaredConfiguration, build_control_app
from gateway.control.upkeep import Upkeep
from gateway.errors import InvalidValueError
from gateway.secret import Secret
from tests.control.conftest import CANARY, Control

DOCUMENT: dict[str, Any] = {
    "lockgate": 1,
    "secrets": [
        {
            "secret_name": "prod",
            "provider": "openai",
            "secret_value": {"api_key": {"value": Secret(CANARY)}},
        }
    ],
    "model_definitions": [
        {"name": "mini", "provider": "openai", "model_name": "gpt-4o-mini", "secret_name": "prod"}
    ],
    "endpoints": [{"name": "chat", "model_mappings": [{"model_definition": "mini"}]}],
}


@dataclass
class Source:
    """A file that has these sections."""

    path: Path = Path("prod.yaml")
    sections: tuple[str, ...] = ("secrets", "model_definitions", "endpoints")
    faults: list[str] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "sections": list(self.sections),
            "applied_at": 1,
            "faults": self.faults,
        }


@pytest.fixture
async def declared(control: Control) -> AsyncIterator[Control]:
    """Serve a second control plane on the same store, whose configuration is a file's."""
    parts = replace(control.parts, source=Source())
    await DeclaredConfiguration(parts).apply(DOCUMENT, "prod.yaml")
    app = web.Application()
    app.add_subapp(BASE_PATH, build_control_app(parts))
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    port = server.port
    assert port is not None
    settings = replace(parts.settings, hosts=(f"127.0.0.1:{port}",))
    object.__setattr__(parts, "settings", settings)
    async with aiohttp.ClientSession() as http:
        yield replace(control, parts=parts, server=server, http=http)
    await server.close()


async def test_a_second_time_changes_nothing_and_what_is_left_out_is_deleted(
    control: Control,
) -> None:
    target = DeclaredConfiguration(control.parts)
    assert await target.apply(DOCUMENT, "prod.yaml") is not None
    assert await target.apply(DOCUMENT, "prod.yaml") is None
    fewer = DOCUMENT | {"endpoints": []}
    assert await target.apply(fewer, "prod.yaml") is not None
    assert (await control.get("/endpoints")).json["items"] == []
    audit = (await control.get("/audit")).json["items"]
    assert {row["actor"] for row in audit} == {"file prod.yaml"}
    assert CANARY not in str(audit)


async def test_a_document_that_cannot_be_names_its_field_and_changes_nothing(
    control: Control,
) -> None:
    target = DeclaredConfiguration(control.parts)
    mapping = {"model_definition": "nope"}
    wrong = DOCUMENT | {"endpoints": [{"name": "chat", "model_mappings": [mapping]}]}
    with pytest.raises(InvalidValueError) as refused:
        await target.apply(wrong, "prod.yaml")
    assert refused.value.field == "endpoints[0].model_mappings[0].model_definition"
    assert (await control.get("/secrets")).json["items"] == []


async def test_what_the_file_has_is_read_only_over_rest(declared: Control) -> None:
    (endpoint,) = (await declared.get("/endpoints")).json["items"]
    (secret,) = (await declared.get("/secrets")).json["items"]
    path = f"/endpoints/{endpoint['endpoint_id']}"
    stored = f"/secrets/{secret['secret_id']}"
    value = {"secret_value": {"api_key": CANARY + "2"}}
    for method, where, body in (
        ("PATCH", path, {"usage_tracking": False}),
        ("POST", f"{stored}/rotate", value),
        ("PATCH", stored, value),
        ("POST", "/history/0/rollback", {}),
        ("PUT", f"{path}/tags/team", {"value": "search"}),
        ("DELETE", path, None),
        ("PATCH", stored, {"auth_config": {"project": "p"}}),
        (
            "POST",
            "/configuration/apply",
            {"document": {"lockgate": 1, "endpoints": []}, "prune": True},
        ),
    ):
        reply = await declared.call(method, where, body)
        assert (reply.status, reply.json["code"]) == (403, "read_only"), reply.json
        assert "prod.yaml" in reply.json["detail"]
    assert (await declared.get("/endpoints")).json["items"] == [endpoint]


async def test_what_the_file_has_not_is_written_as_ever(declared: Control) -> None:
    key = await declared.call("POST", "/api-keys", {"name": "app"})
    assert key.status == 201
    (endpoint,) = (await declared.get("/endpoints")).json["items"]
    binding = {
        "endpoint_id": endpoint["endpoint_id"],
        "resource_type": "scorer",
        "resource_id": "r1",
    }
    assert (await declared.call("PUT", "/bindings", binding)).status == 201
    token = await declared.call("POST", "/admin-tokens", {"name": "ci", "role": "viewer"})
    assert token.status == 201, token.json


async def test_a_grace_ends_also_where_a_file_alone_changes_secrets(control: Control) -> None:
    secret = await control.add_secret()
    body = {"secret_value": {"api_key": "another-key-of-the-provider"}, "grace_ms": 5_000}
    path = f"/secrets/{secret['secret_id']}"
    assert (await control.call("POST", f"{path}/rotate", body)).status == 200
    control.clock.ms += 5_000
    await Upkeep(replace(control.parts, source=Source())).look()
    assert (await control.get(path)).json["previous_value"] is None


async def test_the_status_tells_of_the_file(declared: Control, control: Control) -> None:
    assert (await declared.get("/status")).json["configuration_file"]["path"] == "prod.yaml"
    assert (await control.get("/status")).json["configuration_file"] is None


async def test_the_schema_of_the_file_is_public(control: Control) -> None:
    reply = await control.get("/configuration/schema", headers={"Authorization": None})
    assert reply.status == 200
    assert reply.json["$id"] == "urn:lockgate:configuration:1"
