"""`Idempotency-Key`: sent twice, done once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

DAY_MS = 24 * 3_600_000


def keyed(key: Any = "attempt-1") -> Any:
    return {"Idempotency-Key": key}


async def test_the_same_request_gets_the_first_answer_again(control: Any) -> None:
    body = {"secret_name": "s", "secret_value": {"api_key": "canary-key-of-the-provider"}}
    first = await control.call("POST", "/secrets", body, headers=keyed())
    epoch = control.parts.snapshots.current.epoch
    control.clock.ms += 1000
    again = await control.call("POST", "/secrets", body, headers=keyed())
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    for name in ("Location", "ETag"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len((await control.get("/secrets")).json["items"]) == 1
    assert control.parts.snapshots.current.epoch == epoch
    current = await control.get(f"/secrets/{first.json['secret_id']}")
    assert current.headers["ETag"] == first.headers["ETag"]


async def test_a_mappings_first_answer_comes_again_with_its_tag(control: Any) -> None:
    endpoint, model = await control.add_endpoint(), await control.add_model("more")
    path = f"/endpoints/{endpoint['endpoint_id']}/mappings"
    body = {"model_definition_id": model["model_definition_id"]}
    first = await control.call("POST", path, body, headers=keyed())
    again = await control.call("POST", path, body, headers=keyed())
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["ETag"] == first.headers["ETag"]
    current = await control.get(f"{path}/{first.json['mapping_id']}")
    assert current.headers["ETag"] == first.headers["ETag"]


async def test_an_api_keys_value_is_given_again_although_it_is_not_stored(control: Any) -> None:
    first = await control.call("POST", "/api-keys", {"name": "a"}, headers=keyed())
    again = await control.call("POST", "/api-keys", {"name": "a"}, headers=keyed())
    assert again.json == first.json
    assert again.json["value"].startswith("lg-")


async def test_a_value_does_not_come_back_with_the_same_key_after_its_time(control: Any) -> None:
    first = await control.call("POST", "/api-keys", {"name": "a"}, headers=keyed())
    await control.call("DELETE", f"/api-keys/{first.json['key_id']}")
    control.clock.ms += DAY_MS + 1
    later = await control.call("POST", "/api-keys", {"name": "a"}, headers=keyed())
    assert later.status == 201
    assert later.json["value"] != first.json["value"]


async def test_another_body_under_the_same_key_is_refused(control: Any) -> None:
    await control.call("POST", "/api-keys", {"name": "a"}, headers=keyed())
    reply = await control.call("POST", "/api-keys", {"name": "b"}, headers=keyed())
    assert (reply.status, reply.json["code"]) == (422, "idempotency_mismatch")
    assert reply.json["field"] == "Idempotency-Key"


async def test_a_key_counts_per_route(control: Any) -> None:
    await control.call("POST", "/api-keys", {"name": "a"}, headers=keyed())
    body = {"secret_name": "a", "secret_value": {"api_key": "canary"}}
    assert (await control.call("POST", "/secrets", body, headers=keyed())).status == 201


async def test_a_refused_request_uses_no_key_up(control: Any) -> None:
    await control.add_key("a")
    taken = await control.call("POST", "/api-keys", {"name": "a"}, headers=keyed())
    assert taken.status == 409
    assert (await control.call("POST", "/api-keys", {"name": "b"}, headers=keyed())).status == 201


async def test_duplicates_at_the_same_time_make_one(control: Any) -> None:
    endpoint = await control.add_endpoint()
    model = await control.add_model("other")
    path = f"/endpoints/{endpoint['endpoint_id']}/mappings"
    body = {"model_definition_id": model["model_definition_id"]}
    replies = await asyncio.gather(
        *(control.call("POST", path, body, headers=keyed()) for _ in range(8))
    )
    assert {reply.status for reply in replies} == {201}
    assert len({reply.json["mapping_id"] for reply in replies}) == 1
    assert len({reply.headers["ETag"] for reply in replies}) == 1
    assert len((await control.get(path)).json["items"]) == 2


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256])
async def test_a_key_is_visible_ascii(control: Any, key: Any) -> None:
    reply = await control.call("POST", "/api-keys", {"name": "a"}, headers=keyed(key))
    assert (reply.status, reply.json["field"]) == (422, "Idempotency-Key")


async def test_the_database_cannot_tell_a_guessed_body(control: Any) -> None:
    body = {"name": "a"}
    await control.call("POST", "/api-keys", body, headers=keyed())
    async with control.installation.store.read() as tx:
        row = await tx.admin.find_answer("attempt-1", "admin", "POST /api/v1/api-keys")
    assert row is not None
    assert b"value" not in row.body.replace(b"masked_value", b"")
    assert len(row.body_mac) == 32
