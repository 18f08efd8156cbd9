"""/usage, /status, /providers and explain."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.entities import UsageRow
from gateway.providers import PROVIDERS
from gateway.routing import Target, plan


def build_usage(number: Any, **given: Any) -> Any:
    row = {
        "request_id": f"r{number}",
        "attempt": 1,
        "endpoint_id": "e-" + "0" * 32,
        "endpoint_name": "chat",
        "model_definition_id": "d-" + "0" * 32,
        "model_definition_name": "mini",
        "provider": "openai",
        "api_key_id": "k-" + "0" * 32,
        "client_dialect": "openai_chat",
        "upstream_dialect": "openai_chat",
        "started_at": 86_400_000 + number,
        "status": 200,
        "input_tokens": 10,
        "output_tokens": 2,
    }
    return UsageRow(**(row | given))


async def book(control: Any, *rows: Any) -> None:
    async with control.installation.store.write() as tx:
        await tx.usage.insert_many(rows)


async def test_usage_is_flushed_listed_filtered_and_paged(control: Any) -> None:
    await book(
        control,
        build_usage(1),
        build_usage(2, error_code="upstream_connect", status=0, provider="gemini"),
        build_usage(3, streamed=True, endpoint_name="other"),
    )
    reply = await control.get("/usage", params={"limit": 2})
    assert control.facts["flushes"] == 1
    assert [row["request_id"] for row in reply.json["items"]] == ["r3", "r2"]
    query = {"limit": 2, "cursor": reply.json["next_cursor"]}
    rest = (await control.get("/usage", params=query)).json
    assert [row["request_id"] for row in rest["items"]] == ["r1"]
    assert rest["items"][0]["input_tokens"] == 10
    for query, found in [
        ({"error": "true"}, ["r2"]),
        ({"error": "false"}, ["r3", "r1"]),
        ({"provider": "gemini"}, ["r2"]),
        ({"endpoint": "other"}, ["r3"]),
        ({"request_id": "r1"}, ["r1"]),
        ({"since": 86_400_003}, ["r3"]),
        ({"until": 86_400_002}, ["r1"]),
    ]:
        rows = (await control.get("/usage", params=query)).json["items"]
        assert [row["request_id"] for row in rows] == found


@pytest.mark.parametrize(
    ("group_by", "keys"),
    [
        ("endpoint", ["e-" + "0" * 32]),
        ("model_definition", ["d-" + "0" * 32]),
        ("provider", ["openai"]),
        ("api_key", ["k-" + "0" * 32]),
        ("day", [86_400_000]),
        ("hour", [86_400_000]),
    ],
)
async def test_usage_is_summed_by_group(control: Any, group_by: Any, keys: Any) -> None:
    await book(control, build_usage(1), build_usage(2, error_code="x", status=500))
    rows = (await control.get("/usage", params={"group_by": group_by})).json["items"]
    assert [row["key"] for row in rows] == keys
    assert (rows[0]["attempts"], rows[0]["errors"], rows[0]["input_tokens"]) == (2, 1, 20)


async def test_groups_have_no_cursor(control: Any) -> None:
    await book(control, build_usage(1), build_usage(2))
    cursor = (await control.get("/usage", params={"limit": 1})).json["next_cursor"]
    query = {"group_by": "day", "cursor": cursor}
    reply = await control.get("/usage", params=query)
    assert (reply.status, reply.json["field"]) == (422, "cursor")
    reply = await control.get("/usage", params={"group_by": "week"})
    assert (reply.status, reply.json["field"]) == (422, "group_by")


async def test_status_tells_what_is_served_and_what_is_stored(control: Any) -> None:
    await control.add_endpoint()
    await control.add_key()
    control.facts |= {"workers": 1, "quarantined": ({"secret_id": "s-1", "reason": "moved"},)}
    status = (await control.get("/status")).json
    assert (status["epoch"], status["stored_epoch"]) == (4, 4)
    assert (status["secrets"], status["endpoints"], status["api_keys"]) == (1, 1, 1)
    assert status["vault"] == {"active_term": 1, "records": {"1": 1}}
    assert (status["workers"], status["quarantined"][0]["reason"]) == (1, "moved")


async def test_providers_tell_what_a_secret_needs(control: Any) -> None:
    rows = {row["name"]: row for row in (await control.get("/providers")).json["items"]}
    assert set(rows) == set(PROVIDERS)
    assert rows["openai"]["base_url"] == "https://api.openai.com/v1"
    required = [
        row["name"] for row in rows["openai_compatible"]["config_fields"] if row["required"]
    ]
    assert required == ["api_base"]


async def test_providers_tell_what_each_way_of_authentication_needs(control: Any) -> None:
    rows = {row["name"]: row for row in (await control.get("/providers")).json["items"]}
    modes = {mode["name"]: mode for mode in rows["bedrock"]["auth"]}
    assert (
        rows["bedrock"]["auth_modes"] == list(modes) == ["api_key", "access_keys", "default_chain"]
    )
    assert modes["access_keys"]["required"] == [
        "secret_value.access_key_id",
        "secret_value.secret_access_key",
        "auth_config.region",
    ]
    assert modes["default_chain"]["secret_fields"] == []
    fields = {field["name"]: field for field in rows["bedrock"]["secret_fields"]}
    assert fields["session_token"]["modes"] == ["access_keys"]
    assert rows["ollama"]["self_hosted"]
    assert not rows["openai"]["self_hosted"]


async def test_explain_gives_the_order_that_the_plan_has(control: Any) -> None:
    secret = await control.add_secret("shared")
    ids = [
        (await control.add_model(name, secret_id=secret["secret_id"]))["model_definition_id"]
        for name in ("drained", "small", "big", "second", "first")
    ]
    mappings = [
        {"model_definition_id": ids[0], "weight": 0},
        {"model_definition_id": ids[1], "weight": 1},
        {"model_definition_id": ids[2], "weight": 3},
        {"model_definition_id": ids[3], "linkage_type": "FALLBACK", "fallback_order": 7},
        {"model_definition_id": ids[4], "linkage_type": "FALLBACK", "fallback_order": 2},
    ]
    endpoint = await control.add_endpoint(
        "chat", model_mappings=mappings, fallback_config={"max_attempts": 1}
    )
    told = (await control.get(f"/endpoints/{endpoint['endpoint_id']}/explain")).json
    names = [row["model_definition_name"] for row in told["order"]]
    assert names == ["big", "small", "first", "second", "drained"]
    assert [row["share"] for row in told["order"]] == [0.75, 0.25, 0, 0, 0]
    usable = [row["model_definition_name"] for row in told["order"] if row["usable"]]

    def find(target: Target) -> str:
        return target.model_definition_name

    route = control.parts.snapshots.current.endpoints["chat"]
    assert list(plan(route, lambda: 0.99, find)) == usable
    assert told["routing_strategy"] == "REQUEST_BASED_TRAFFIC_SPLIT"
    outcomes = {row["example"]: row for row in told["outcomes"]}
    assert outcomes["the provider answers 401"]["client_gets"] == "502 credential_rejected"
    assert outcomes["the provider answers 400"]["next_target"] is False
    page = outcomes["the provider answers 403 with a page: a firewall before it"]
    assert (page["outcome"], page["target_then"]) == ("blocked", "nothing")


async def explain(control: Any, endpoint: Any, state: str = "", *, wait_ms: int = 40_000) -> Any:
    """Return (usable, reason) by model; the endpoint's first model is in `state`."""
    if state:
        blocked = {
            "model_definition_id": endpoint["model_mappings"][0]["model_definition_id"],
            "state": state,
            "until": control.clock.now_ms() + wait_ms,
            "reason": "rate_limited",
        }
        control.facts["targets"] = [blocked]
    told = (await control.get(f"/endpoints/{endpoint['endpoint_id']}/explain")).json
    return [(row["usable"], row["reason"]) for row in told["order"]]


async def add_pair(control: Any, other: str = "openai", **given: Any) -> Any:
    secret = await control.add_secret("other", provider=other)
    one = await control.add_model("one")
    two = await control.add_model("two", provider=other, secret_id=secret["secret_id"])
    mappings = [
        {"model_definition_id": one["model_definition_id"]},
        {"model_definition_id": two["model_definition_id"], "linkage_type": "FALLBACK"},
    ]
    return await control.add_endpoint("chat", model_mappings=mappings, **given)


async def test_explain_knows_a_target_without_another(control: Any) -> None:
    endpoint = await control.add_endpoint()
    (told,) = await explain(control, endpoint, "cooling")
    assert told[0] is True
    assert told[1].endswith("asked although it cools: it is the only one")
    (told,) = await explain(control, endpoint, "open")
    assert told[0] is False
    assert told[1].endswith("one request in 30 s tries it meanwhile: it is the only one")
    (told,) = await explain(control, endpoint, "open", wait_ms=20_000)
    assert told == (False, "its circuit is open for 20 s more, after rate_limited")


async def test_explain_knows_a_target_with_another(control: Any) -> None:
    endpoint = await add_pair(control)
    told = await explain(control, endpoint, "cooling")
    assert told[0] == (False, "it cools for 40 s more, after rate_limited")
    assert told[1] == (True, "tried in this order when every PRIMARY has failed")


async def test_explain_counts_no_fallback_that_is_never_reached(control: Any) -> None:
    endpoint = await add_pair(control, fallback_config={"max_attempts": 0})
    told = await explain(control, endpoint, "cooling")
    assert told[0][0] is True
    assert told[1] == (False, "beyond the 0 fallback(s) that fallback_config allows")


async def test_explain_tells_dialects_apart(control: Any) -> None:
    endpoint = await add_pair(control, "anthropic", fallback_config={"max_attempts": 1})
    told = await explain(control, endpoint, "quarantined")
    assert told[0][0] is True  # nobody else has what it passes unread
    assert told[1][1].endswith("; not for requests of openai_embeddings, openai_raw")


async def test_explain_tells_in_which_format_each_model_is_asked(control: Any) -> None:
    endpoint = await add_pair(control, "anthropic")
    told = (await control.get(f"/endpoints/{endpoint['endpoint_id']}/explain")).json
    openai, claude = (row["formats"] for row in told["order"])
    assert openai["openai_chat"] == "openai_chat"
    assert (openai["openai_raw"], claude["openai_raw"]) == ("openai_raw", None)
    assert openai["gemini"] == openai["anthropic_messages"]
    assert openai["gemini"] in ("openai_chat", "openai_responses")
    assert claude == {
        "openai_chat": "anthropic_messages",
        "openai_completions": "anthropic_messages",
        "openai_responses": "anthropic_messages",
        "openai_embeddings": None,
        "openai_raw": None,
        "anthropic_messages": "anthropic_messages",
        "gemini": "anthropic_messages",
    }


async def test_explain_counts_the_fallbacks_of_each_dialect(control: Any) -> None:
    secret = await control.add_secret("claude", provider="anthropic")
    ids = [(await control.add_model(name))["model_definition_id"] for name in ("a", "b", "c")]
    claude = await control.add_model("d", provider="anthropic", secret_id=secret["secret_id"])
    ids[1:1] = [claude["model_definition_id"]]
    mappings = [{"model_definition_id": ids[0]}] + [
        {"model_definition_id": row, "linkage_type": "FALLBACK", "fallback_order": order}
        for order, row in enumerate(ids[1:])
    ]
    endpoint = await control.add_endpoint(
        "chat", model_mappings=mappings, fallback_config={"max_attempts": 1}
    )
    told = await explain(control, endpoint)
    assert [usable for usable, _ in told] == [True, True, True, False]


async def test_explain_says_which_secret_does_not_open(control: Any) -> None:
    endpoint = await control.add_endpoint()
    secret_id = endpoint["model_mappings"][0]["model_definition"]["secret_id"]
    control.facts["quarantined"] = [{"secret_id": secret_id, "reason": "the record was changed"}]
    told = (await control.get(f"/endpoints/{endpoint['endpoint_id']}/explain")).json
    assert told["order"][0]["usable"] is False
    assert "the record was changed" in told["order"][0]["reason"]
