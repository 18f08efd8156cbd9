"""The configuration as one document: read, planned, applied."""

from __future__ import annotations

from typing import Any

from tests.control.conftest import CANARY, Control, Reply

VALUE = {"api_key": {"value": CANARY}}


def build_document(**sections: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "lockgate": 1,
        "secrets": [{"secret_name": "prod", "provider": "openai", "secret_value": VALUE}],
        "model_definitions": [
            {
                "name": "mini",
                "provider": "openai",
                "model_name": "gpt-4o-mini",
                "secret_name": "prod",
            }
        ],
        "endpoints": [{"name": "chat", "model_mappings": [{"model_definition": "mini"}]}],
        "bindings": [{"endpoint": "chat", "resource_type": "scorer", "resource_id": "r1"}],
        "api_keys": [{"name": "app", "value": {"value": "lg-" + "k" * 43}}],
    }
    return document | sections


async def apply(control: Control, document: dict[str, Any], **given: Any) -> Reply:
    body = {"document": document} | given
    return await control.call("POST", "/configuration/apply", body)


async def read(control: Control) -> dict[str, Any]:
    reply = await control.get("/configuration")
    assert reply.status == 200, reply.json
    return reply.json


async def test_a_document_makes_everything_and_a_second_time_nothing(control: Control) -> None:
    first = await apply(control, build_document())
    assert first.status == 200, first.json
    assert first.json["applied"]
    assert [row["action"] for row in first.json["changes"]] == ["create"] * 5
    second = await apply(control, build_document())
    assert second.status == 200, second.json
    assert (second.json["applied"], second.json["changes"]) == (False, [])
    assert second.json["epoch"] == first.json["epoch"]
    assert second.json["unchanged"] == 5
    assert CANARY not in first.raw.decode() + (await control.get("/configuration")).raw.decode()


async def test_an_export_says_the_same_again(control: Control) -> None:
    await apply(control, build_document())
    found = await read(control)
    assert found["document"]["base"] == found["digest"]
    assert found["document"]["secrets"] == [
        {"secret_name": "prod", "provider": "openai", "secret_value": {"api_key": "stored"}}
    ]
    again = await apply(control, found["document"])
    assert again.status == 200, again.json
    assert (again.json["applied"], again.json["unchanged"]) == (False, 5)
