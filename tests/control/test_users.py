"""What would break without a secret or a model, before and when somebody deletes it."""

from __future__ import annotations

from typing import Any


async def build(control: Any) -> dict[str, Any]:
    """Two models of one secret and one of another, in three endpoints, with bindings and keys."""
    secret = await control.add_secret("ours")
    one = await control.add_model("one", secret_id=secret["secret_id"])
    two = await control.add_model("two", secret_id=secret["secret_id"])
    other = await control.add_model("other")
    ids = {row["name"]: row["model_definition_id"] for row in (one, two, other)}

    def mapping(name: str, **given: Any) -> dict[str, Any]:
        return {"model_definition_id": ids[name]} | given

    fallback = {"linkage_type": "FALLBACK", "fallback_order": 0}
    bare = await control.add_endpoint("bare", model_mappings=[mapping("one")])
    await control.add_endpoint("split", model_mappings=[mapping("two"), mapping("other")])
    await control.add_endpoint(
        "backed", model_mappings=[mapping("other"), mapping("two", **fallback)]
    )
    await control.add_endpoint("apart", model_mappings=[mapping("other")])
    for place, name in enumerate(("Toxicity", None)):
        body = {"endpoint_id": bare["endpoint_id"], "resource_type": "scorer"}
        body |= {"resource_id": f"r{place}", "display_name": name}
        assert (await control.call("PUT", "/bindings", body)).status == 201
    await control.add_key("all")
    await control.add_key("team", allowed_endpoints=["spl*"])
    await control.add_key("none", allowed_endpoints=["apart"])
    await control.add_key("off", disabled=True)
    return {"secret": secret, "ids": ids}


async def test_a_secret_names_all_that_leads_to_it(control: Any) -> None:
    built = await build(control)
    reply = await control.get(f"/secrets/{built['secret']['secret_id']}/users")
    assert reply.status == 200
    found = reply.json
    assert [row["name"] for row in found["model_definitions"]] == ["one", "two"]
    assert [(row["name"], row["loses"]) for row in found["endpoints"]] == [
        ("bare", "last_primary"),
        ("split", "primary"),
        ("backed", "fallback"),
    ]
    assert [(row["resource_id"], row["display_name"]) for row in found["bindings"]] == [
        ("r0", "Toxicity"),
        ("r1", None),
    ]
    assert [row["name"] for row in found["api_keys"]] == ["all", "team"]
    assert found["counts"] == {
        "model_definitions": 2,
        "endpoints": 3,
        "endpoints_without_primary": 1,
        "bindings": 2,
        "api_keys": 2,
    }


async def test_a_model_definition_names_what_leads_to_it(control: Any) -> None:
    built = await build(control)
    reply = await control.get(f"/model-definitions/{built['ids']['two']}/users")
    assert [(row["name"], row["loses"]) for row in reply.json["endpoints"]] == [
        ("split", "primary"),
        ("backed", "fallback"),
    ]


async def test_who_is_used_by_nobody_has_empty_lists(control: Any) -> None:
    secret = await control.add_secret()
    await control.add_key()
    found = (await control.get(f"/secrets/{secret['secret_id']}/users")).json
    assert not any(found["counts"].values())
    assert not found["api_keys"]


async def test_a_refused_delete_says_what_would_break(control: Any) -> None:
    built = await build(control)
    path = f"/secrets/{built['secret']['secret_id']}"
    problem = (await control.call("DELETE", path)).json
    assert (problem["code"], problem["count"]) == ("in_use", 2)
    assert problem["endpoints_without_primary"] == ["bare"]
    assert problem["bindings"] == ["Toxicity", "scorer/r1"]
    assert problem["counts"]["api_keys"] == 2
    path = f"/model-definitions/{built['ids']['one']}"
    problem = (await control.call("DELETE", path)).json
    assert problem["endpoints_without_primary"] == ["bare"]


async def test_an_endpoint_with_bindings_names_them_as_people_do(control: Any) -> None:
    built = await build(control)
    (bare,) = (await control.get("/endpoints", params={"name": "bare"})).json["items"]
    problem = (await control.call("DELETE", f"/endpoints/{bare['endpoint_id']}")).json
    assert (problem["code"], problem["count"]) == ("in_use", 2)
    assert [row["name"] for row in problem["users"]] == ["Toxicity", "scorer/r1"]
    assert built


async def test_who_is_not_there_is_not_found(control: Any) -> None:
    for path in ("/secrets/s-", "/model-definitions/d-"):
        assert (await control.get(f"{path}{'0' * 32}/users")).status == 404
