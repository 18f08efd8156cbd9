"""Model definitions over REST."""

from __future__ import annotations

from typing import Any

import pytest


async def test_a_definition_carries_its_secrets_name(control: Any) -> None:
    secret = await control.add_secret("openai-prod")
    model = await control.add_model("mini", secret_id=secret["secret_id"])
    assert model == {
        "model_definition_id": model["model_definition_id"],
        "name": "mini",
        "secret_id": secret["secret_id"],
        "secret_name": "openai-prod",
        "provider": "openai",
        "model_name": "gpt-4o-mini",
        "created_at": control.clock.ms,
        "last_updated_at": control.clock.ms,
        "created_by": "admin",
        "last_updated_by": "admin",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"provider": "anthropic"}, "provider"),
        ({"provider": "opnai"}, "provider"),
        ({"secret_id": "s-" + "0" * 32}, "secret_id"),
        ({"secret_id": "nothing"}, "secret_id"),
        ({"model_name": ""}, "model_name"),
    ],
)
async def test_what_does_not_fit_the_secret_is_refused_on_both_ways(
    control: Any, change: Any, field: str
) -> None:
    secret = await control.add_secret()
    model = await control.add_model("mini", secret_id=secret["secret_id"])
    path = f"/model-definitions/{model['model_definition_id']}"
    reply = await control.call("PATCH", path, change)
    assert (reply.status, reply.json["field"]) == (422, field)
    body = {"name": "new", "provider": "openai", "model_name": "m"}
    body |= {"secret_id": secret["secret_id"]} | change
    reply = await control.call("POST", "/model-definitions", body)
    assert (reply.status, reply.json["field"]) == (422, field)


async def test_a_provider_that_needs_a_base_url_needs_a_secret_with_one(control: Any) -> None:
    secret = await control.add_secret(provider=None)
    body = {"name": "m", "provider": "openai_compatible", "model_name": "m"}
    body["secret_id"] = secret["secret_id"]
    reply = await control.call("POST", "/model-definitions", body)
    assert (reply.status, reply.json["field"]) == (422, "secret_id")
    assert "api_base" in reply.json["detail"]


async def test_a_change_reaches_the_endpoints_that_use_it(control: Any) -> None:
    model = await control.add_model("mini")
    mapping = {"model_definition_id": model["model_definition_id"]}
    endpoint = await control.add_endpoint("chat", model_mappings=[mapping])
    path = f"/model-definitions/{model['model_definition_id']}"
    reply = await control.call("PATCH", path, {"model_name": "gpt-5", "name": "big"})
    assert (reply.status, reply.json["model_name"], reply.json["name"]) == (200, "gpt-5", "big")
    seen = (await control.get(f"/endpoints/{endpoint['endpoint_id']}")).json
    assert seen["model_mappings"][0]["model_definition"]["model_name"] == "gpt-5"
    assert control.published[-1].endpoints["chat"].primaries[0].upstream_model == "gpt-5"


async def test_in_use_lists_endpoints_and_force_detaches(control: Any) -> None:
    first, second = await control.add_model("first"), await control.add_model("second")
    mappings = [{"model_definition_id": row["model_definition_id"]} for row in (first, second)]
    endpoint = await control.add_endpoint("chat", model_mappings=mappings)
    path = f"/model-definitions/{first['model_definition_id']}"
    reply = await control.call("DELETE", path)
    assert (reply.status, reply.json["code"], reply.json["count"]) == (409, "in_use", 1)
    user = {"kind": "endpoint", "id": endpoint["endpoint_id"], "name": "chat"}
    assert reply.json["users"] == [user]
    assert (await control.call("DELETE", f"{path}?force=true")).status == 204
    path = f"/model-definitions/{second['model_definition_id']}"
    reply = await control.call("DELETE", f"{path}?force=true")
    assert (reply.status, reply.json["endpoints"]) == (409, ["chat"])


async def test_filters(control: Any) -> None:
    openai = await control.add_model("a")
    secret = await control.add_secret("s", provider="anthropic")
    await control.add_model("b", provider="anthropic", secret_id=secret["secret_id"])
    for query, names in [
        ({"provider": "anthropic"}, ["b"]),
        ({"secret_id": openai["secret_id"]}, ["a"]),
        ({"name": "a", "provider": "anthropic"}, []),
    ]:
        found = (await control.get("/model-definitions", params=query)).json["items"]
        assert [row["name"] for row in found] == names
