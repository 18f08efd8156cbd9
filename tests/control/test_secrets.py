"""Secrets over REST: sealed, masked, bound to their origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.entities import PageRequest
from gateway.errors import VaultIntegrityError
from gateway.providers import allowed_origin
from gateway.vault.envelope import REFUSE_WRAP_AT, secret_context

CANARY = "canary-key-of-the-provider-0001"
OTHER = "canary-key-of-the-provider-0002"
COMPATIBLE = {"api_base": "https://llm.acme.com/v1"}


async def open_value(control: Any, secret_id: Any) -> Any:
    async with control.installation.store.read() as tx:
        sealed = await tx.secrets.get_sealed(secret_id)
    origin = allowed_origin(sealed.provider, sealed.auth_config)
    opened = control.installation.opener.open(secret_context(sealed, origin), sealed.record)
    return orjson.loads(opened.reveal()), sealed


async def test_a_created_secret_opens_to_what_was_sent(control: Any) -> None:
    body = {
        "secret_name": "openai-prod",
        "provider": "openai",
        "secret_value": {"api_key": CANARY},
        "auth_config": {"api_base": "https://api.openai.com/v1", "organization": "org-1"},
    }
    reply = await control.call("POST", "/secrets", body)
    assert reply.status == 201
    assert reply.headers["Location"] == f"/api/v1/secrets/{reply.json['secret_id']}"
    assert reply.json == {
        "secret_id": reply.json["secret_id"],
        "secret_name": "openai-prod",
        "masked_values": {"api_key": "can...0001"},
        "provider": "openai",
        "auth_config": body["auth_config"],
        "expires_at": None,
        "previous_value": None,
        "last_used_at": None,
        "created_at": control.clock.ms,
        "last_updated_at": control.clock.ms,
        "created_by": "admin",
        "last_updated_by": "admin",
    }
    assert reply.json["secret_id"].startswith("s-")
    value, sealed = await open_value(control, reply.json["secret_id"])
    assert value == {"api_key": CANARY}
    assert sealed.secret_version == 1


async def test_the_value_is_in_no_answer_no_audit_row_and_no_file(
    control: Any, settings: Any, caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    secret = await control.add_secret()
    path = f"/secrets/{secret['secret_id']}"
    await control.call("PATCH", path, {"secret_value": {"api_key": OTHER}})
    seen = b"".join(
        [
            (await control.get(path)).raw,
            (await control.get("/secrets")).raw,
            (await control.get("/audit")).raw,
            (await control.get("/status")).raw,
            caplog.text.encode(),
            *(found.read_bytes() for found in Path(settings.data).iterdir() if found.is_file()),
        ]
    )
    assert CANARY.encode() not in seen
    assert OTHER.encode() not in seen
    assert b"can...0002" in seen


async def test_a_short_value_is_masked_whole(control: Any) -> None:
    secret = await control.add_secret(secret_value={"api_key": "short-canary"})
    assert secret["masked_values"] == {"api_key": "***"}


async def test_a_new_value_is_sealed_again_as_the_next_version(control: Any) -> None:
    secret = await control.add_secret()
    path = f"/secrets/{secret['secret_id']}"
    control.clock.ms += 5
    reply = await control.call("PATCH", path, {"secret_value": {"api_key": OTHER}})
    assert reply.status == 200
    assert reply.json["masked_values"] == {"api_key": "can...0002"}
    assert reply.json["last_updated_at"] == secret["created_at"] + 5
    value, sealed = await open_value(control, secret["secret_id"])
    assert value == {"api_key": OTHER}
    assert sealed.secret_version == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"auth_config": {"api_base": "https://evil.acme.com/v1"}}, "auth_config.api_base"),
        ({"auth_config": {"api_base": "https://api.openai.com:8443/v1"}}, "auth_config.api_base"),
        ({"provider": "anthropic"}, "provider"),
        ({"provider": None}, "provider"),
    ],
)
async def test_another_origin_or_provider_needs_the_value_again(
    control: Any, change: Any, field: str
) -> None:
    secret = await control.add_secret()
    path = f"/secrets/{secret['secret_id']}"
    reply = await control.call("PATCH", path, change)
    assert (reply.status, reply.json["code"]) == (409, "credential_rebind_required")
    assert reply.json["field"] == field
    reply = await control.call("PATCH", path, change | {"secret_value": {"api_key": OTHER}})
    assert reply.status == 200
    value, _ = await open_value(control, secret["secret_id"])
    assert value == {"api_key": OTHER}


async def test_a_reset_of_the_settings_is_a_change_of_origin(control: Any) -> None:
    secret = await control.add_secret(auth_config=COMPATIBLE)
    path = f"/secrets/{secret['secret_id']}"
    reply = await control.call("PATCH", path, {"auth_config": None})
    assert reply.json["code"] == "credential_rebind_required"
    body = {"auth_config": None, "secret_value": {"api_key": OTHER}}
    reply = await control.call("PATCH", path, body)
    assert (reply.status, reply.json["auth_config"]) == (200, None)


async def test_settings_of_the_same_origin_change_without_the_value(control: Any) -> None:
    secret = await control.add_secret(auth_config=COMPATIBLE)
    changed = {"auth_config": COMPATIBLE | {"organization": "org-2"}}
    reply = await control.call("PATCH", f"/secrets/{secret['secret_id']}", changed)
    assert reply.status == 200
    value, sealed = await open_value(control, secret["secret_id"])
    assert value == {"api_key": CANARY}
    assert (sealed.secret_version, sealed.auth_config["organization"]) == (1, "org-2")


async def test_a_record_does_not_open_for_another_origin(control: Any) -> None:
    secret = await control.add_secret()
    async with control.installation.store.read() as tx:
        sealed = await tx.secrets.get_sealed(secret["secret_id"])
    with pytest.raises(VaultIntegrityError):
        control.installation.opener.open(
            secret_context(sealed, "https://evil.acme.com:443"), sealed.record
        )


@pytest.mark.parametrize(
    "api_base",
    [
        "http://api.openai.com/v1",
        "https://localhost/v1",
        "https://10.0.0.1/v1",
        "https://169.254.169.254/",
        "http://127.0.0.1:9001/v1",
        "https://[::1]/v1",
        "https://user:word@api.openai.com/v1",
        "ftp://api.openai.com/v1",
        "https://intranet/v1",
        "https://api.openai.com:22/v1",
        "https://api.openai.com:6379/v1",
        "https://api.openai.com:9443/v1",
        "https://2130706433/v1",
        "https://0x7f.1/v1",
        "https://localhost./v1",
        "https://[fd00:ec2::254]/v1",
        "https://[::ffff:127.0.0.1]/v1",
        "not a url",
    ],
)
async def test_an_origin_that_the_operator_does_not_allow_is_refused(
    control: Any, api_base: Any
) -> None:
    body = {"secret_name": "s", "provider": "openai", "secret_value": {"api_key": CANARY}}
    reply = await control.call("POST", "/secrets", body | {"auth_config": {"api_base": api_base}})
    assert (reply.status, reply.json["field"]) == (422, "auth_config.api_base")
    assert (await control.get("/secrets")).json["items"] == []


async def test_a_changed_origin_must_be_allowed_too(control: Any) -> None:
    secret = await control.add_secret()
    path = f"/secrets/{secret['secret_id']}"
    body = {
        "secret_value": {"api_key": OTHER},
        "auth_config": {"api_base": "https://169.254.169.254/v1"},
    }
    reply = await control.call("PATCH", path, body)
    assert (reply.status, reply.json["field"]) == (422, "auth_config.api_base")
    assert (await control.get(path)).json == secret


async def test_a_key_that_has_wrapped_too_many_values_wraps_no_more(control: Any) -> None:
    async with control.installation.store.write() as tx:
        await tx.vault.add_wraps(control.parts.sealer.active_term, REFUSE_WRAP_AT)
    body = {"secret_name": "s", "provider": "openai", "secret_value": {"api_key": CANARY}}
    reply = await control.call("POST", "/secrets", body)
    assert (reply.status, reply.json["code"]) == (409, "conflict")
    assert (await control.get("/secrets")).json["items"] == []


async def test_the_operators_own_origin_is_accepted(control: Any) -> None:
    base = {"api_base": "http://127.0.0.1:9000/v1"}
    secret = await control.add_secret(provider="openai_compatible", auth_config=base)
    assert secret["auth_config"] == base


async def test_a_secret_without_provider_may_have_its_settings_changed(control: Any) -> None:
    secret = await control.add_secret(provider=None, auth_config=COMPATIBLE)
    path = f"/secrets/{secret['secret_id']}"
    changed = COMPATIBLE | {"project": "p-1"}
    reply = await control.call("PATCH", path, {"auth_config": changed})
    assert (reply.status, reply.json["auth_config"]) == (200, changed)


async def test_the_provider_cannot_leave_model_definitions_behind(control: Any) -> None:
    secret = await control.add_secret()
    await control.add_model("mini", secret_id=secret["secret_id"])
    body = {"provider": "anthropic", "secret_value": {"api_key": OTHER}}
    reply = await control.call("PATCH", f"/secrets/{secret['secret_id']}", body)
    assert (reply.status, reply.json["code"], reply.json["field"]) == (409, "conflict", "provider")
    assert "'mini'" in reply.json["detail"]


async def test_settings_that_a_model_definition_needs_cannot_go(control: Any) -> None:
    secret = await control.add_secret(provider=None, auth_config=COMPATIBLE)
    await control.add_model("m", secret_id=secret["secret_id"], provider="openai_compatible")
    body = {"auth_config": None, "secret_value": {"api_key": OTHER}}
    reply = await control.call("PATCH", f"/secrets/{secret['secret_id']}", body)
    assert (reply.status, reply.json["field"]) == (409, "auth_config.api_base")


async def test_the_name_is_taken_once(control: Any) -> None:
    await control.add_secret("one")
    body = {"secret_name": "one", "secret_value": {"api_key": CANARY}}
    reply = await control.call("POST", "/secrets", body)
    assert (reply.status, reply.json["code"]) == (409, "conflict")
    assert reply.json["field"] == "secret_name"


async def test_a_secret_in_use_is_not_deleted_and_its_users_are_listed(control: Any) -> None:
    secret = await control.add_secret()
    for number in range(22):
        await control.add_model(f"m{number:02}", secret_id=secret["secret_id"])
    reply = await control.call("DELETE", f"/secrets/{secret['secret_id']}")
    assert (reply.status, reply.json["code"], reply.json["count"]) == (409, "in_use", 22)
    assert len(reply.json["users"]) == 20
    assert reply.json["users"][0]["kind"] == "model_definition"
    assert reply.json["users"][0]["name"] == "m00"


async def test_force_takes_model_definitions_and_mappings_along(control: Any) -> None:
    gone, stays = await control.add_secret("gone"), await control.add_secret("stays")
    old = await control.add_model("old", secret_id=gone["secret_id"])
    new = await control.add_model("new", secret_id=stays["secret_id"])
    mappings = [
        {"model_definition_id": old["model_definition_id"], "weight": 3},
        {"model_definition_id": new["model_definition_id"]},
        {"model_definition_id": old["model_definition_id"], "linkage_type": "FALLBACK"},
    ]
    endpoint = await control.add_endpoint("chat", model_mappings=mappings)
    reply = await control.call("DELETE", f"/secrets/{gone['secret_id']}?force=true")
    assert reply.status == 204
    assert reply.raw == b""
    left = (await control.get(f"/endpoints/{endpoint['endpoint_id']}")).json["model_mappings"]
    assert [row["model_definition"]["name"] for row in left] == ["new"]
    assert left[0]["share"] == 1
    assert (await control.get(f"/secrets/{gone['secret_id']}")).status == 404
    path = f"/model-definitions/{old['model_definition_id']}"
    assert (await control.get(path)).status == 404


async def test_force_does_not_take_the_last_primary_of_an_endpoint(control: Any) -> None:
    secret = await control.add_secret()
    model = await control.add_model("m", secret_id=secret["secret_id"])
    other = await control.add_model("drained")
    mappings = [
        {"model_definition_id": model["model_definition_id"]},
        {"model_definition_id": other["model_definition_id"], "weight": 0},
    ]
    await control.add_endpoint("chat", model_mappings=mappings)
    reply = await control.call("DELETE", f"/secrets/{secret['secret_id']}?force=true")
    assert (reply.status, reply.json["code"]) == (409, "conflict")
    assert reply.json["endpoints"] == ["chat"]
    async with control.installation.store.read() as tx:
        page = await tx.model_definitions.list_page(PageRequest(limit=10))
    assert len(page.items) == 2  # nothing half-done


async def test_names_filter_and_find(control: Any) -> None:
    await control.add_secret("a")
    await control.add_secret("b", provider="anthropic")
    found = (await control.get("/secrets", params={"name": "b"})).json["items"]
    assert [row["secret_name"] for row in found] == ["b"]
    found = (await control.get("/secrets", params={"provider": "openai"})).json["items"]
    assert [row["secret_name"] for row in found] == ["a"]


# --- ways of authentication -----------------------------------------------------------------

REGION = {"region": "us-east-1"}
AWS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "canary-secret-access-key-0001"}


async def test_a_credential_that_the_machine_has_is_stored_without_a_value(control: Any) -> None:
    config = {**REGION, "auth_mode": "default_chain"}
    body = {"secret_name": "aws", "provider": "bedrock", "auth_config": config}
    made = await control.call("POST", "/secrets", body)
    assert made.status == 201
    assert made.json["masked_values"] == {}
    assert made.json["auth_config"] == config


@pytest.mark.parametrize(
    ("provider", "value", "config", "field"),
    [
        ("bedrock", {}, {"auth_mode": "default_chain"}, "auth_config.region"),
        ("bedrock", {}, REGION, "secret_value.api_key"),
        ("bedrock", AWS, REGION, "secret_value.access_key_id"),
        ("bedrock", {**AWS, "api_key": "x"}, {**REGION, "auth_mode": "access_keys"}, None),
        ("bedrock", {"api_key": "x"}, {"region": "us-east-1.evil.example"}, "auth_config.region"),
        (
            "bedrock",
            {},
            {**REGION, "auth_mode": "default_chain", "api_base": "https://evil.example.com"},
            "auth_config.api_base",
        ),
        ("vertex", {"service_account": "no JSON"}, {"project": "p1"}, None),
        ("azure", {"client_secret": "s"}, {"auth_mode": "entra"}, "auth_config.api_base"),
    ],
)
async def test_what_a_way_of_authentication_needs_is_named(
    control: Any,
    provider: str,
    value: dict[str, str],
    config: dict[str, str],
    field: str | None,
) -> None:
    body = {
        "secret_name": "s",
        "provider": provider,
        "secret_value": value,
        "auth_config": config,
    }
    reply = await control.call("POST", "/secrets", body)
    assert reply.status == 422
    fallback = {"bedrock": "secret_value.api_key", "vertex": "secret_value.service_account"}
    assert reply.json["field"] == (field or fallback[provider])


async def test_another_region_or_way_of_authentication_needs_the_credential_again(
    control: Any,
) -> None:
    config = {**REGION, "auth_mode": "access_keys"}
    body = {
        "secret_name": "aws",
        "provider": "bedrock",
        "secret_value": AWS,
        "auth_config": config,
    }
    made = (await control.call("POST", "/secrets", body)).json
    path = f"/secrets/{made['secret_id']}"
    moved = await control.call("PATCH", path, {"auth_config": {**config, "region": "eu-west-1"}})
    assert (moved.status, moved.json["code"]) == (409, "credential_rebind_required")
    other = await control.call("PATCH", path, {"auth_config": REGION})
    assert (other.status, other.json["field"]) == (422, "secret_value.access_key_id")
    again = {"auth_config": REGION, "secret_value": {"api_key": "canary-api-key-0001"}}
    assert (await control.call("PATCH", path, again)).status == 200


async def test_a_secret_of_no_provider_serves_none_that_wants_more_than_a_key(
    control: Any,
) -> None:
    secret = await control.add_secret("shared", provider=None)
    config = {"project": "proj-1"}
    path = f"/secrets/{secret['secret_id']}"
    await control.call("PATCH", path, {"auth_config": config})
    body = {
        "name": "gemini",
        "provider": "vertex",
        "model_name": "gemini-2.5-pro",
        "secret_id": secret["secret_id"],
    }
    reply = await control.call("POST", "/model-definitions", body)
    assert (reply.status, reply.json["field"]) == (422, "secret_id")
