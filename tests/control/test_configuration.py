"""The configuration as one document: read, planned, applied."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.entities import PageRequest
from tests.control.conftest import CANARY, Control, Reply, run_control
from tests.control.test_roles import bearer, make_token

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


async def test_ids_stay_and_mappings_keep_theirs(control: Control) -> None:
    await apply(control, build_document())
    (before,) = (await control.get("/endpoints")).json["items"]
    other = build_document()["model_definitions"][0] | {"name": "other"}
    changed = build_document(
        model_definitions=[*build_document()["model_definitions"], other],
        endpoints=[
            {
                "name": "chat",
                "model_mappings": [
                    {"model_definition": "mini", "weight": 80},
                    {"model_definition": "other", "linkage_type": "FALLBACK"},
                ],
                "tags": {"team": "search"},
            }
        ],
    )
    assert (await apply(control, changed)).status == 200
    (after,) = (await control.get("/endpoints")).json["items"]
    assert after["endpoint_id"] == before["endpoint_id"]
    assert after["model_mappings"][0]["mapping_id"] == before["model_mappings"][0]["mapping_id"]
    assert after["model_mappings"][1]["fallback_order"] == 0
    exported = (await read(control))["document"]["endpoints"][0]
    assert exported["model_mappings"] == [
        {"model_definition": "mini", "weight": 80},
        {"model_definition": "other", "linkage_type": "FALLBACK", "fallback_order": 0},
    ]


async def test_a_change_by_hand_is_a_conflict_that_says_whose_it_is(control: Control) -> None:
    await apply(control, build_document())
    (endpoint,) = (await control.get("/endpoints")).json["items"]
    path = f"/endpoints/{endpoint['endpoint_id']}"
    await control.call("PATCH", path, {"tags": {"by": "hand"}})
    wanted = build_document()
    wanted["endpoints"][0]["usage_tracking"] = False
    planned = await control.call("POST", "/configuration/plan", {"document": wanted})
    refused = await apply(control, wanted)
    assert (refused.status, refused.json["code"]) == (409, "configuration_conflict")
    (found,) = refused.json["conflicts"]
    assert planned.json["conflicts"] == refused.json["conflicts"]
    assert (found["kind"], found["name"], found["action"]) == ("endpoint", "chat", "update")
    assert (found["changed_by"], found["epoch"]) == ("admin", 2)
    assert found["changed_at"] == control.clock.ms
    assert {"field": "tags", "base": None, "current": {"by": "hand"}, "desired": None} in found[
        "fields"
    ]
    assert (await control.get("/endpoints")).json["items"][0]["tags"] == {"by": "hand"}
    taken = await apply(control, wanted, overwrite=True)
    assert (taken.status, taken.json["applied"]) == (200, True)
    assert (await control.get("/endpoints")).json["items"][0]["tags"] == {}


async def test_a_document_made_from_an_export_may_change_what_it_saw(control: Control) -> None:
    await control.add_endpoint("chat")
    document = (await read(control))["document"]
    document["endpoints"][0]["tags"] = {"team": "search"}
    found = await apply(control, document)
    assert (found.status, found.json["applied"]) == (200, True), found.json
    assert found.json["base_epoch"] is not None
    nameless = {key: value for key, value in document.items() if key != "base"}
    nameless["endpoints"][0]["tags"] = {"team": "other"}
    assert (await apply(control, nameless)).status == 200  # a document made it what it is


async def test_a_document_without_base_does_not_take_what_was_made_by_hand(
    control: Control,
) -> None:
    await control.add_endpoint("chat")
    document = {"lockgate": 1, "endpoints": (await read(control))["document"]["endpoints"]}
    assert (await apply(control, document)).status == 200  # the same: it is the document's now
    await control.add_endpoint("other")
    model = document["endpoints"][0]["model_mappings"][0]
    document["endpoints"].append({"name": "other", "model_mappings": [model]})
    assert (await apply(control, document)).json["code"] == "configuration_conflict"


async def test_prune_removes_what_the_present_sections_lack(control: Control) -> None:
    await apply(control, build_document())
    empty = {"lockgate": 1, "bindings": [], "endpoints": [], "model_definitions": []}
    kept = await apply(control, empty)
    assert (kept.json["applied"], kept.json["unchanged"]) == (False, 0)
    pruned = await apply(control, empty, prune=True)
    assert pruned.status == 200, pruned.json
    assert [row["action"] for row in pruned.json["changes"]] == ["delete"] * 3
    document = (await read(control))["document"]
    assert [len(document[name]) for name in ("secrets", "api_keys", "endpoints")] == [1, 1, 0]


async def test_prune_does_not_take_what_is_used(control: Control) -> None:
    await apply(control, build_document())
    for section in ("model_definitions", "secrets", "endpoints"):
        reply = await apply(control, {"lockgate": 1, section: []}, prune=True)
        assert (reply.status, reply.json["code"]) == (409, "in_use"), section
        assert "is to go" in reply.json["detail"]


async def test_a_pruned_entity_may_come_back(control: Control) -> None:
    await apply(control, build_document())
    await apply(control, build_document(bindings=[]), prune=True)
    assert (await apply(control, build_document())).json["applied"]


async def test_another_value_is_sealed_and_the_same_is_not(control: Control) -> None:
    await apply(control, build_document())
    other = build_document(
        secrets=[
            {
                "secret_name": "prod",
                "provider": "openai",
                "secret_value": {"api_key": {"value": "another-key-of-the-provider"}},
            }
        ]
    )
    changed = await apply(control, other)
    (row,) = changed.json["changes"]
    assert row["fields"] == [{"field": "secret_value", "before": "***", "after": "***"}]
    assert not (await apply(control, other)).json["applied"]
    assert "another-key" not in changed.raw.decode()


async def test_another_origin_needs_the_value(control: Control) -> None:
    await apply(control, build_document())
    moved = {
        "secret_name": "prod",
        "provider": "openai",
        "auth_config": {"api_base": "http://127.0.0.1:9000/v1"},
        "secret_value": {"api_key": "stored"},
    }
    refused = await apply(control, build_document(secrets=[moved]))
    assert (refused.json["code"], refused.json["field"]) == (
        "credential_rebind_required",
        "secrets[0].auth_config.api_base",
    )
    given = await apply(control, build_document(secrets=[moved | {"secret_value": VALUE}]))
    assert (given.status, given.json["applied"]) == (200, True), given.json


async def test_provider_of_a_secret_and_of_its_definitions_change_together(
    control: Control,
) -> None:
    await apply(control, build_document())
    secret = {"secret_name": "prod", "provider": "anthropic", "secret_value": VALUE}
    definition = build_document()["model_definitions"][0] | {"provider": "anthropic"}
    alone = await apply(control, {"lockgate": 1, "secrets": [secret]})
    assert (alone.status, alone.json["code"]) == (409, "conflict")
    both = {"lockgate": 1, "secrets": [secret], "model_definitions": [definition]}
    assert (await apply(control, both)).status == 200


async def test_an_api_key_keeps_its_id_under_a_new_value(control: Control) -> None:
    await apply(control, build_document())
    (before,) = (await control.get("/api-keys")).json["items"]
    document = build_document(api_keys=[{"name": "app", "value": {"value": "lg-" + "z" * 43}}])
    assert (await apply(control, document)).json["applied"]
    (after,) = (await control.get("/api-keys")).json["items"]
    assert after["key_id"] == before["key_id"]
    assert after["masked_value"] == "lg-...zzzz"
    moved = build_document(api_keys=[{"name": "new", "value": {"value": "lg-" + "z" * 43}}])
    assert (await apply(control, moved, prune=True)).status == 200


MAPPING = {"model_definition": "mini"}
WRONG = [
    ({"lockgate": 2}, "lockgate"),
    ({"lockgate": True}, "lockgate"),
    (
        {"secrets": [{"secret_name": "n", "secret_value": {"sk-slipped": "stored"}}]},
        "secrets[0].secret_value",
    ),
    ({"endpoint": []}, "endpoint"),
    ({"secrets": [{"secret_name": "new", "secret_value": {"api_key": "stored"}}]}, None),
    ({"secrets": [{"secret_name": "new"}]}, "secrets[0].secret_value"),
    (
        {"secrets": [{"secret_name": "n", "secret_value": {"api_key": "sk-plain"}}]},
        "secrets[0].secret_value.api_key",
    ),
    (
        {"secrets": [{"secret_name": "n", "provider": "nobody", "secret_value": VALUE}]},
        "secrets[0].provider",
    ),
    (
        {
            "secrets": [
                {
                    "secret_name": "n",
                    "provider": "openai",
                    "secret_value": VALUE,
                    "auth_config": {"api_base": "http://10.0.0.1/v1"},
                }
            ]
        },
        "secrets[0].auth_config.api_base",
    ),
    (
        {"endpoints": [{"name": "a", "model_mappings": [MAPPING | {"weight": -1}]}]},
        "endpoints[0].model_mappings[0].weight",
    ),
    (
        {"endpoints": [{"name": "a", "model_mappings": [MAPPING, MAPPING]}]},
        "endpoints[0].model_mappings[1].model_definition",
    ),
    (
        {"endpoints": [{"name": "a", "model_mappings": [{"model_definition": "none"}]}]},
        "endpoints[0].model_mappings[0].model_definition",
    ),
    (
        {"endpoints": [{"name": "a", "model_mappings": [MAPPING]}] * 2},
        "endpoints[1].name",
    ),
    (
        {"endpoints": [{"name": "a", "model_mappings": [MAPPING], "color": "red"}]},
        "endpoints[0].color",
    ),
    (
        {"bindings": [{"endpoint": "none", "resource_type": "t", "resource_id": "r"}]},
        "bindings[0].endpoint",
    ),
    ({"api_keys": [{"name": "new"}]}, "api_keys[0].value"),
    ({"api_keys": [{"name": "new", "value": {"sha256": "ab"}}]}, "api_keys[0].value.sha256"),
    ({"api_keys": [{"name": "new", "value": {}}]}, "api_keys[0].value"),
    ({"api_keys": [{"name": "n", "value": {"value": "lg-" + "k" * 43}}] * 2}, "api_keys[1].name"),
]


@pytest.mark.parametrize(("sections", "field"), WRONG)
async def test_what_cannot_be_names_its_path(
    control: Control, sections: dict[str, Any], field: str | None
) -> None:
    await apply(control, build_document())
    before = (await read(control))["document"]
    reply = await apply(control, {"lockgate": 1} | sections)
    assert reply.status == 422, reply.json
    assert reply.json["field"] == (field or "secrets[0].secret_value.api_key")
    assert (await read(control))["document"] == before


async def test_all_or_nothing(control: Control) -> None:
    """The last entity's name is free, its value is not: nothing of the rest is there."""
    await control.add_key("other")
    await apply(control, {"lockgate": 1, "api_keys": [{"name": "app", "value": KEY}]})
    epoch = (await read(control))["epoch"]
    reply = await apply(control, build_document(api_keys=[{"name": "again", "value": KEY}]))
    assert reply.status == 422, reply.json
    found = await read(control)
    assert (found["epoch"], found["document"]["secrets"]) == (epoch, [])


KEY = {"value": "lg-" + "k" * 43}


def name_keys(**values: str) -> dict[str, Any]:
    rows = [{"name": name, "value": {"value": "lg-" + part * 43}} for name, part in values.items()]
    return {"lockgate": 1, "api_keys": rows}


async def test_api_keys_swap_their_values(control: Control) -> None:
    await apply(control, name_keys(one="1", two="2"))
    before = {row["name"]: row for row in (await control.get("/api-keys")).json["items"]}
    swapped = await apply(control, name_keys(one="2", two="1"))
    assert swapped.status == 200, swapped.json
    after = {row["name"]: row for row in (await control.get("/api-keys")).json["items"]}
    for name, other in (("one", "two"), ("two", "one")):
        assert after[name]["key_id"] == before[name]["key_id"]
        assert after[name]["masked_value"] == before[other]["masked_value"]
    assert not (await apply(control, name_keys(one="2", two="1"))).json["applied"]


async def test_an_api_key_does_not_take_the_value_of_one_that_stays(control: Control) -> None:
    await apply(control, name_keys(one="1", two="2"))
    for step in ("plan", "apply"):
        body = {"document": name_keys(three="3", four="1")}
        refused = await control.call("POST", f"/configuration/{step}", body)
        assert (refused.status, refused.json["field"]) == (422, "api_keys[1].value")
        assert "'one'" in refused.json["detail"]
    pruned = await apply(control, name_keys(three="3", four="1"), prune=True)
    assert pruned.status == 200, pruned.json


async def test_the_expiry_of_a_secret_is_part_of_it(control: Control, tmp_path: Path) -> None:
    row = {"secret_name": "prod", "provider": "openai", "secret_value": VALUE, "expires_at": 7}
    await apply(control, build_document(secrets=[row]))
    raw = (await control.get("/configuration")).json
    assert raw["document"]["secrets"][0]["expires_at"] == 7
    settings = replace(control.parts.settings, data=tmp_path / "second")
    async with run_control(settings) as second:
        moved = [found | {"secret_value": VALUE} for found in raw["document"]["secrets"]]
        await apply(second, raw["document"] | {"secrets": moved})
        assert (await second.get("/configuration")).json["digest"] == raw["digest"]
    without = build_document(secrets=[{**row, "expires_at": None}])
    changed = (await apply(control, without)).json["changes"]
    assert changed[0]["fields"] == [{"field": "expires_at", "before": 7, "after": None}]
    (secret,) = (await control.get("/secrets")).json["items"]
    assert secret["expires_at"] is None


@pytest.mark.parametrize("expires_at", [-1, 1.5, True, "2027-01-01", 1 << 60])
async def test_an_expiry_that_is_no_time(control: Control, expires_at: object) -> None:
    row = {"secret_name": "prod", "provider": "openai", "secret_value": VALUE}
    reply = await apply(control, build_document(secrets=[row | {"expires_at": expires_at}]))
    assert (reply.status, reply.json["field"]) == (422, "secrets[0].expires_at")


async def test_a_former_value_helps_out_until_a_document_brings_a_new_one(
    control: Control,
) -> None:
    await apply(control, build_document())
    (secret,) = (await control.get("/secrets")).json["items"]
    path = f"/secrets/{secret['secret_id']}"
    rotated = {"api_key": "another-key-of-the-provider"}
    body = {"secret_value": rotated, "grace_ms": 60_000}
    assert (await control.call("POST", f"{path}/rotate", body)).status == 200
    row = {"secret_name": "prod", "provider": "openai"}
    same = row | {"secret_value": {"api_key": {"value": rotated["api_key"]}}, "expires_at": 7}
    reply = await apply(control, build_document(secrets=[same]), overwrite=True)
    assert [found["field"] for found in reply.json["changes"][0]["fields"]] == ["expires_at"]
    assert (await control.get(path)).json["previous_value"] is not None
    new = row | {"secret_value": {"api_key": {"value": "a-third-key-of-the-provider"}}}
    assert (await apply(control, build_document(secrets=[new]))).status == 200
    assert (await control.get(path)).json["previous_value"] is None
    async with control.parts.store.read() as tx:
        assert (await tx.secrets.list_previous(PageRequest(limit=1))).items == ()
    assert not control.parts.snapshots.current.sealed[secret["secret_id"]].previous


async def test_a_state_moves_whole_to_an_empty_gateway(control: Control, tmp_path: Path) -> None:
    await apply(control, build_document())
    raw = (await control.get("/configuration")).json
    document = dict(raw["document"])
    document["secrets"] = [row | {"secret_value": VALUE} for row in document["secrets"]]
    settings = replace(control.parts.settings, data=tmp_path / "second")
    async with run_control(settings) as second:
        assert (await apply(second, document)).status == 200
        again = (await second.get("/configuration")).json
    assert orjson.dumps(again["document"]) == orjson.dumps(raw["document"])
    assert again["digest"] == raw["digest"]


async def test_a_large_document_is_taken_here_and_nowhere_else(control: Control) -> None:
    await apply(control, build_document())
    endpoints = [{"name": f"e{n}", "model_mappings": [MAPPING]} for n in range(200)]
    endpoints[0]["tags"] = {f"t{n}": "x" * 5_000 for n in range(100)}  # type: ignore[assignment]
    endpoints[1]["tags"] = {f"t{n}": "y" * 5_000 for n in range(100)}  # type: ignore[assignment]
    endpoints[2]["tags"] = {f"t{n}": "z" * 5_000 for n in range(100)}  # type: ignore[assignment]
    raw = orjson.dumps({"document": {"lockgate": 1, "endpoints": endpoints}})
    reply = await send(control, "/configuration/apply", raw)
    assert (reply.status, len(reply.json["changes"])) == (200, 200)
    assert (await send(control, "/endpoints", raw)).status == 413


async def send(control: Control, path: str, raw: bytes) -> Reply:
    headers = {"Content-Type": "application/json"}
    return await control.call("POST", path, data=io.BytesIO(raw), headers=headers)


async def test_digests_of_api_keys_are_for_those_who_apply_or_audit_them(control: Control) -> None:
    await apply(control, build_document())
    whole = await read(control)
    for role in ("auditor", "editor", "admin"):
        reply = await control.get("/configuration", **bearer(await make_token(control, role)))
        assert reply.json["document"]["api_keys"] == whole["document"]["api_keys"]
    viewer = bearer(await make_token(control, "viewer"))
    seen = (await control.get("/configuration", **viewer)).json
    assert seen["document"]["api_keys"] == [{"name": "app"}]
    assert seen["digest"] == whole["digest"]
    again = await apply(control, seen["document"], prune=True)
    assert (again.status, again.json["applied"]) == (200, False)


async def test_a_secret_that_the_machine_has_needs_no_value(control: Control) -> None:
    chain = {
        "secret_name": "aws",
        "provider": "bedrock",
        "auth_config": {"region": "us-east-1", "auth_mode": "default_chain"},
    }
    first = await apply(control, {"lockgate": 1, "secrets": [chain]})
    assert first.status == 200, first.json
    second = await apply(control, {"lockgate": 1, "secrets": [chain]})
    assert (second.status, second.json["changes"]) == (200, [])
    keyed = {**chain, "auth_config": {"region": "us-east-1"}}
    third = await apply(control, {"lockgate": 1, "secrets": [keyed]})
    assert (third.status, third.json["field"]) == (422, "secrets[0].secret_value.api_key")
    given = {**keyed, "secret_value": VALUE}
    assert (await apply(control, {"lockgate": 1, "secrets": [given]})).status == 200
