"""Endpoints, mappings and tags over REST."""

from __future__ import annotations

from typing import Any

import pytest


async def three_models(control: Any) -> Any:
    secret = await control.add_secret("shared")
    rows = [await control.add_model(name, secret_id=secret["secret_id"]) for name in "abc"]
    return [row["model_definition_id"] for row in rows]


async def test_the_contracts_own_example_is_accepted(control: Any) -> None:
    first, second, _ = await three_models(control)
    body = {
        "name": "chat",
        "model_mappings": [
            {"model_definition_id": first, "weight": 80, "linkage_type": "PRIMARY"},
            {"model_definition_id": second, "linkage_type": "FALLBACK", "fallback_order": 0},
        ],
        "fallback_config": {"strategy": "SEQUENTIAL", "max_attempts": 1},
        "tags": {"team": "search"},
    }
    reply = await control.call("POST", "/endpoints", body)
    assert reply.status == 201
    assert reply.headers["Location"].endswith(reply.json["endpoint_id"])
    assert reply.json["fallback_config"] == body["fallback_config"]
    assert reply.json["tags"] == {"team": "search"}
    assert (reply.json["routing_strategy"], reply.json["usage_tracking"]) == (None, True)
    primary, fallback = reply.json["model_mappings"]
    assert (primary["weight"], primary["share"], primary["fallback_order"]) == (80, 1, None)
    assert (fallback["weight"], fallback["share"], fallback["fallback_order"]) == (1, 0, 0)
    assert primary["model_definition"]["name"] == "a"
    seen = await control.get(f"/endpoints/{reply.json['endpoint_id']}")
    assert seen.json == reply.json


async def test_a_weight_of_minus_zero_is_zero(control: Any) -> None:
    one, two, _ = await three_models(control)
    mappings = [{"model_definition_id": one}, {"model_definition_id": two, "weight": -0.0}]
    drained = (await control.add_endpoint(model_mappings=mappings))["model_mappings"][1]
    assert (str(drained["weight"]), str(drained["share"])) == ("0.0", "0.0")


@pytest.mark.parametrize("weights", [(80, 20), (0.8, 0.2), (4, 1), (8e307, 2e307)])
async def test_shares_are_relative(control: Any, weights: Any) -> None:
    ids = await three_models(control)
    mappings = [
        {"model_definition_id": found, "weight": weight}
        for found, weight in zip(ids, weights, strict=False)
    ]
    endpoint = await control.add_endpoint(model_mappings=mappings)
    assert [row["share"] for row in endpoint["model_mappings"]] == pytest.approx([0.8, 0.2])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"weight": -1}, "model_mappings[0].weight"),
        ({"weight": "80"}, "model_mappings[0].weight"),
        ({"weight": None}, "model_mappings[0].weight"),
        ({"weight": True}, "model_mappings[0].weight"),
        ({"weight": 0}, "model_mappings"),
        ({"linkage_type": "FALLBACK"}, "model_mappings"),
        ({"linkage_type": "primary"}, "model_mappings[0].linkage_type"),
        ({"fallback_order": 0}, "model_mappings[0].fallback_order"),
        ({"model_definition_id": "d-" + "0" * 32}, "model_mappings[0].model_definition_id"),
        ({"wieght": 1}, "model_mappings[0].wieght"),
    ],
)
async def test_a_mapping_that_cannot_be_is_named_by_its_path(
    control: Any, change: Any, field: str
) -> None:
    ids = await three_models(control)
    body = {"name": "chat", "model_mappings": [{"model_definition_id": ids[0]} | change]}
    reply = await control.call("POST", "/endpoints", body)
    assert (reply.status, reply.json["field"]) == (422, field)
    assert (await control.get("/endpoints")).json["items"] == []


@pytest.mark.parametrize("number", ["1e999", "NaN", "Infinity", "-1e999"])
async def test_weights_are_finite(control: Any, number: Any) -> None:
    ids = await three_models(control)
    raw = (
        f'{{"name":"c","model_mappings":[{{"model_definition_id":"{ids[0]}","weight":{number}}}]}}'
    )
    reply = await control.call(
        "POST", "/endpoints", data=raw, headers={"Content-Type": "application/json"}
    )
    assert reply.status in (400, 422)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "a\n", "x" * 256])
async def test_names_keep_to_the_alphabet(control: Any, name: str) -> None:
    ids = await three_models(control)
    body = {"name": name, "model_mappings": [{"model_definition_id": ids[0]}]}
    reply = await control.call("POST", "/endpoints", body)
    assert (reply.status, reply.json["field"]) == (422, "name")


async def test_the_same_definition_is_primary_and_fallback_but_not_twice_the_same(
    control: Any,
) -> None:
    ids = await three_models(control)
    mapping = {"model_definition_id": ids[0]}
    both = [mapping, mapping | {"linkage_type": "FALLBACK"}]
    endpoint = await control.add_endpoint(model_mappings=both)
    assert len(endpoint["model_mappings"]) == 2
    body = {"name": "twice", "model_mappings": [mapping, mapping]}
    reply = await control.call("POST", "/endpoints", body)
    assert reply.status == 422
    assert reply.json["field"] == "model_mappings[1].model_definition_id"


async def test_a_patch_of_weights_keeps_the_mappings_ids_and_is_published(control: Any) -> None:
    ids = await three_models(control)
    mappings = [{"model_definition_id": found} for found in ids[:2]]
    endpoint = await control.add_endpoint("chat", model_mappings=mappings)
    path = f"/endpoints/{endpoint['endpoint_id']}"
    control.clock.ms += 1
    wanted = [mappings[1] | {"weight": 9}, mappings[0], {"model_definition_id": ids[2]}]
    reply = await control.call("PATCH", path, {"model_mappings": wanted})
    assert reply.status == 200
    old = {row["model_definition_id"]: row["mapping_id"] for row in endpoint["model_mappings"]}
    new = {row["model_definition_id"]: row["mapping_id"] for row in reply.json["model_mappings"]}
    assert {found: new[found] for found in old} == old
    route = control.parts.snapshots.current.endpoints["chat"]
    weights = {target.model_definition_id: target.weight for target in route.primaries}
    assert weights == {ids[0]: 1, ids[1]: 9, ids[2]: 1}


async def test_a_patch_changes_what_it_names_and_resets_what_is_null(control: Any) -> None:
    endpoint = await control.add_endpoint(
        "chat",
        fallback_config={"max_attempts": 2},
        limits={"max_body_bytes": 1000, "idle_timeout_ms": 5},
        tags={"a": "1"},
    )
    assert endpoint["fallback_config"] == {"strategy": "SEQUENTIAL", "max_attempts": 2}
    path = f"/endpoints/{endpoint['endpoint_id']}"
    body = {"fallback_config": None, "limits": None, "tags": {"b": "2"}, "usage_tracking": False}
    body["routing_strategy"] = "REQUEST_BASED_TRAFFIC_SPLIT"
    reply = (await control.call("PATCH", path, body)).json
    assert reply["fallback_config"] is None
    assert set(reply["limits"].values()) == {None}
    assert reply["tags"] == {"b": "2"}
    assert reply["usage_tracking"] is False
    assert reply["name"] == "chat"
    assert reply["model_mappings"] == endpoint["model_mappings"]
    assert (await control.get(path)).json == reply


@pytest.mark.parametrize("name", ["tags", "model_mappings", "usage_tracking", "name"])
async def test_null_is_no_value_where_the_field_is_not_nullable(control: Any, name: str) -> None:
    endpoint = await control.add_endpoint()
    path = f"/endpoints/{endpoint['endpoint_id']}"
    reply = await control.call("PATCH", path, {name: None})
    assert (reply.status, reply.json["field"]) == (422, name)


async def test_an_empty_patch_changes_nothing(control: Any) -> None:
    endpoint = await control.add_endpoint()
    before = control.parts.snapshots.current.epoch
    reply = await control.call("PATCH", f"/endpoints/{endpoint['endpoint_id']}", {})
    assert (reply.status, reply.json) == (200, endpoint)
    assert control.parts.snapshots.current.epoch == before


async def test_rename_to_a_taken_name(control: Any) -> None:
    await control.add_endpoint("one")
    two = await control.add_endpoint("two")
    reply = await control.call("PATCH", f"/endpoints/{two['endpoint_id']}", {"name": "one"})
    assert (reply.status, reply.json["field"]) == (409, "name")


async def test_bindings_hold_an_endpoint_until_force(control: Any) -> None:
    endpoint = await control.add_endpoint()
    key = {"endpoint_id": endpoint["endpoint_id"], "resource_type": "job", "resource_id": "7"}
    await control.call("PUT", "/bindings", key)
    path = f"/endpoints/{endpoint['endpoint_id']}"
    reply = await control.call("DELETE", path)
    assert (reply.status, reply.json["code"], reply.json["count"]) == (409, "in_use", 1)
    assert reply.json["users"] == [{"kind": "binding", "id": "job/7", "name": "job/7"}]
    assert (await control.call("DELETE", f"{path}?force=true")).status == 204
    assert (await control.get("/bindings")).json["items"] == []
    assert (await control.get(path)).status == 404
    assert (await control.call("DELETE", path)).status == 404


async def test_filters(control: Any) -> None:
    ids = await three_models(control)
    await control.add_endpoint("chat-a", model_mappings=[{"model_definition_id": ids[0]}])
    await control.add_endpoint("CHAT-b", model_mappings=[{"model_definition_id": ids[1]}])
    other = await control.add_model("other")
    mapping = {"model_definition_id": other["model_definition_id"]}
    await control.add_endpoint("embed", model_mappings=[mapping])
    for query, names in [
        ({"q": "chat"}, ["chat-a", "CHAT-b"]),
        ({"q": "chat", "model_definition_id": ids[1]}, ["CHAT-b"]),
        ({"secret_id": other["secret_id"]}, ["embed"]),
        ({"provider": "gemini"}, []),
        ({"name": "embed"}, ["embed"]),
        ({"q": "%"}, []),
    ]:
        found = (await control.get("/endpoints", params=query)).json["items"]
        assert [row["name"] for row in found] == names


# --- single mappings ----------------------------------------------------------------------


async def test_attach_change_detach(control: Any) -> None:
    ids = await three_models(control)
    endpoint = await control.add_endpoint(model_mappings=[{"model_definition_id": ids[0]}])
    path = f"/endpoints/{endpoint['endpoint_id']}/mappings"
    body = {"model_definition_id": ids[1], "weight": 3}
    added = await control.call("POST", path, body)
    assert added.status == 201
    assert added.json["share"] == 0.75
    own = f"{path}/{added.json['mapping_id']}"
    assert added.headers["Location"] == f"/api/v1{own}"
    assert (await control.get(own)).json == added.json
    changed = await control.call("PATCH", own, {"linkage_type": "FALLBACK"})
    assert (changed.status, changed.json["fallback_order"], changed.json["share"]) == (200, 0, 0)
    changed = await control.call("PATCH", own, {"linkage_type": "PRIMARY", "weight": 1})
    assert (changed.json["fallback_order"], changed.json["share"]) == (None, 0.5)
    assert (await control.call("DELETE", own)).status == 204
    assert (await control.get(own)).status == 404
    left = (await control.get(path)).json
    assert [row["model_definition_id"] for row in left["items"]] == [ids[0]]


async def test_fallbacks_without_an_order_come_after_the_others(control: Any) -> None:
    ids = await three_models(control)
    endpoint = await control.add_endpoint(model_mappings=[{"model_definition_id": ids[0]}])
    path = f"/endpoints/{endpoint['endpoint_id']}/mappings"
    orders = []
    for found in ids[1:]:
        body = {"model_definition_id": found, "linkage_type": "FALLBACK"}
        orders.append((await control.call("POST", path, body)).json["fallback_order"])
    assert orders == [0, 1]


async def test_the_last_primary_stays(control: Any) -> None:
    ids = await three_models(control)
    mappings = [
        {"model_definition_id": ids[0]},
        {"model_definition_id": ids[1], "weight": 0},
        {"model_definition_id": ids[2], "linkage_type": "FALLBACK"},
    ]
    endpoint = await control.add_endpoint(model_mappings=mappings)
    last = endpoint["model_mappings"][0]["mapping_id"]
    path = f"/endpoints/{endpoint['endpoint_id']}/mappings/{last}"
    reply = await control.call("DELETE", path)
    assert (reply.status, reply.json["code"]) == (409, "conflict")
    for change in ({"weight": 0}, {"linkage_type": "FALLBACK"}):
        reply = await control.call("PATCH", path, change)
        assert (reply.status, reply.json["field"]) == (422, "weight")
    assert (await control.get(f"/endpoints/{endpoint['endpoint_id']}")).json == endpoint


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"weight": -0.5}, "weight"),
        ({"fallback_order": 1}, "fallback_order"),
        ({"mapping_id": "m-1"}, "mapping_id"),
        ({"endpoint_id": "e-1"}, "endpoint_id"),
        ({"model_definition_id": "d-1"}, "model_definition_id"),
    ],
)
async def test_a_wrong_change_of_a_mapping_names_its_own_field(
    control: Any, change: Any, field: str
) -> None:
    endpoint = await control.add_endpoint()
    own = endpoint["model_mappings"][0]["mapping_id"]
    path = f"/endpoints/{endpoint['endpoint_id']}/mappings/{own}"
    reply = await control.call("PATCH", path, change)
    assert (reply.status, reply.json["field"]) == (422, field)


async def test_a_duplicate_attached_is_refused(control: Any) -> None:
    endpoint = await control.add_endpoint()
    body = {"model_definition_id": endpoint["model_mappings"][0]["model_definition_id"]}
    path = f"/endpoints/{endpoint['endpoint_id']}/mappings"
    reply = await control.call("POST", path, body)
    assert (reply.status, reply.json["field"]) == (422, "model_definition_id")


@pytest.mark.parametrize("wrapped", [True, False])
async def test_put_replaces_all_mappings_or_none(control: Any, wrapped: Any) -> None:
    ids = await three_models(control)
    endpoint = await control.add_endpoint(model_mappings=[{"model_definition_id": ids[0]}])
    path = f"/endpoints/{endpoint['endpoint_id']}/mappings"
    wanted = [{"model_definition_id": ids[1], "weight": 3}, {"model_definition_id": ids[2]}]
    body = {"model_mappings": wanted} if wrapped else wanted
    reply = await control.call("PUT", path, body)
    assert reply.status == 200
    shares = [(row["model_definition_id"], row["share"]) for row in reply.json["model_mappings"]]
    assert shares == [(ids[1], 0.75), (ids[2], 0.25)]
    wanted = [{"model_definition_id": ids[0]}, {"model_definition_id": "d-" + "f" * 32}]
    body = {"model_mappings": wanted} if wrapped else wanted
    refused = await control.call("PUT", path, body)
    assert refused.status == 422
    assert refused.json["field"] == "model_mappings[1].model_definition_id"
    seen = await control.get(f"/endpoints/{endpoint['endpoint_id']}")
    assert seen.json["model_mappings"] == reply.json["model_mappings"]


async def test_a_mapping_is_found_under_its_own_endpoint_only(control: Any) -> None:
    one, two = await control.add_endpoint("one"), await control.add_endpoint("two")
    foreign = two["model_mappings"][0]["mapping_id"]
    path = f"/endpoints/{one['endpoint_id']}/mappings/{foreign}"
    for method, body in [("GET", None), ("PATCH", {"weight": 2}), ("DELETE", None)]:
        reply = await control.call(method, path, body)
        assert (reply.status, reply.json["field"]) == (404, "mapping_id")


# --- tags ---------------------------------------------------------------------------------


async def test_tags_are_set_and_removed_one_by_one(control: Any) -> None:
    endpoint = await control.add_endpoint(tags={"team": "search"})
    path = f"/endpoints/{endpoint['endpoint_id']}/tags"
    reply = await control.call("PUT", f"{path}/cost%2Fcentre", {"value": "ä\n7"})
    assert (reply.status, reply.json["tags"]) == (200, {"team": "search", "cost/centre": "ä\n7"})
    assert (await control.call("DELETE", f"{path}/team")).status == 204
    assert (await control.call("DELETE", f"{path}/team")).status == 404
    seen = await control.get(f"/endpoints/{endpoint['endpoint_id']}")
    assert seen.json["tags"] == {"cost/centre": "ä\n7"}


async def test_tags_that_cannot_be(control: Any) -> None:
    endpoint = await control.add_endpoint(tags={f"t{number}": "" for number in range(100)})
    path = f"/endpoints/{endpoint['endpoint_id']}/tags"
    reply = await control.call("PUT", f"{path}/{'k' * 256}", {"value": "x"})
    assert (reply.status, reply.json["field"]) == (422, "key")
    reply = await control.call("PUT", f"{path}/a%00b", {"value": "x"})
    assert (reply.status, reply.json["field"]) == (422, "key")
    reply = await control.call("PUT", f"{path}/t1", {"value": "a\0b"})
    assert (reply.status, reply.json["field"]) == (422, "value")
    reply = await control.call("PUT", f"{path}/one-more", {"value": "x"})
    assert (reply.status, reply.json["field"]) == (422, "key")
    assert (await control.call("PUT", f"{path}/t1", {"value": "x"})).status == 200
