"""Rotation over REST: the former value stays sealed for its grace, and then is gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from gateway.control.upkeep import Upkeep
from gateway.entities import PageRequest
from gateway.providers import allowed_origin
from gateway.routing.snapshot import SnapshotHolder
from gateway.vault.envelope import secret_context

FIRST = "canary-key-of-the-provider-0001"
SECOND = "canary-key-of-the-provider-0002"
THIRD = "canary-key-of-the-provider-0003"
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
ALL = PageRequest(limit=10)


class Declared:
    """A file that has the secrets."""

    path = Path("lockgate.yaml")
    sections = ("secrets",)

    def describe(self) -> dict[str, Any]:
        return {}


async def rotate(control: Any, secret: Any, value: str, **given: Any) -> Any:
    body = {"secret_value": {"api_key": value}} | given
    return await control.call("POST", f"/secrets/{secret['secret_id']}/rotate", body)


async def list_previous(control: Any) -> Any:
    async with control.installation.store.read() as tx:
        return (await tx.secrets.list_previous(ALL)).items


def open_value(control: Any, sealed: Any) -> Any:
    context = secret_context(sealed, allowed_origin("openai", None))
    return orjson.loads(control.installation.opener.open(context, sealed.record).reveal())


async def test_both_values_are_kept_each_sealed_as_its_own_version(control: Any) -> None:
    secret = await control.add_secret()
    control.clock.ms += 5
    reply = await rotate(control, secret, SECOND, grace_ms=HOUR_MS)
    assert reply.status == 200
    assert reply.json["masked_values"] == {"api_key": "can...0002"}
    assert reply.json["previous_value"] == {
        "masked_values": {"api_key": "can...0001"},
        "grace_until": control.clock.ms + HOUR_MS,
    }
    sealed = control.parts.snapshots.current.sealed[secret["secret_id"]]
    former = sealed.previous.sealed
    assert (sealed.secret_version, former.secret_version) == (2, 1)
    assert open_value(control, sealed) == {"api_key": SECOND}
    assert open_value(control, former) == {"api_key": FIRST}
    assert await list_previous(control) == (former,)
    again = await control.get(f"/secrets/{secret['secret_id']}")
    assert again.json == reply.json
    assert again.headers["ETag"] == reply.headers["ETag"]


async def test_only_the_last_former_value_is_kept(control: Any) -> None:
    secret = await control.add_secret()
    await rotate(control, secret, SECOND)
    await rotate(control, secret, THIRD)
    (former,) = await list_previous(control)
    assert open_value(control, former) == {"api_key": SECOND}


async def test_the_same_rotation_sent_twice_happens_once(control: Any) -> None:
    secret = await control.add_secret()
    path = f"/secrets/{secret['secret_id']}/rotate"
    body, key = {"secret_value": {"api_key": SECOND}}, {"Idempotency-Key": "once"}
    first = await control.call("POST", path, body, headers=key)
    again = await control.call("POST", path, body, headers=key)
    assert (again.status, again.json) == (200, first.json)
    assert again.headers["ETag"] == first.headers["ETag"]
    (former,) = await list_previous(control)
    assert open_value(control, former) == {"api_key": FIRST}
    other = {"secret_value": {"api_key": THIRD}}
    reply = await control.call("POST", path, other, headers=key)
    assert (reply.status, reply.json["code"]) == (422, "idempotency_mismatch")


async def test_without_grace_or_with_a_patch_no_former_value_is_left(control: Any) -> None:
    secret = await control.add_secret()
    path = f"/secrets/{secret['secret_id']}"
    for change in (
        lambda: rotate(control, secret, THIRD, grace_ms=0),
        lambda: control.call("PATCH", path, {"secret_value": {"api_key": THIRD}}),
    ):
        await rotate(control, secret, SECOND)
        reply = await change()
        assert (reply.status, reply.json["previous_value"]) == (200, None)
        assert await list_previous(control) == ()
        assert control.parts.snapshots.current.sealed[secret["secret_id"]].previous is None


async def test_a_change_of_other_things_leaves_the_grace_alone(control: Any) -> None:
    secret = await control.add_secret()
    await rotate(control, secret, SECOND)
    path = f"/secrets/{secret['secret_id']}"
    reply = await control.call("PATCH", path, {"auth_config": {"project": "p"}})
    assert reply.json["previous_value"]["masked_values"] == {"api_key": "can...0001"}
    assert len(await list_previous(control)) == 1


async def test_the_grace_can_be_ended_now(control: Any) -> None:
    secret = await control.add_secret()
    before = await rotate(control, secret, SECOND)
    path = f"/secrets/{secret['secret_id']}/previous"
    assert (await control.call("DELETE", path, headers={"If-Match": '"old"'})).status == 412
    tag = before.headers["ETag"]
    assert (await control.call("DELETE", path, headers={"If-Match": tag})).status == 204
    assert await list_previous(control) == ()
    after = await control.get(f"/secrets/{secret['secret_id']}")
    assert after.json["previous_value"] is None
    assert after.headers["ETag"] != tag
    gone = await control.call("DELETE", path)
    assert (gone.status, gone.json["code"]) == (404, "not_found")


async def test_the_former_value_goes_with_the_end_of_its_grace(control: Any) -> None:
    secret = await control.add_secret()
    await rotate(control, secret, SECOND, grace_ms=HOUR_MS)
    upkeep = Upkeep(control.parts)
    control.clock.ms += HOUR_MS - 1
    await upkeep.look()
    assert len(await list_previous(control)) == 1
    control.clock.ms += 1
    await upkeep.look()
    assert await list_previous(control) == ()
    assert control.published[-1].sealed[secret["secret_id"]].previous is None
    row = (await control.get("/audit")).json["items"][0]
    assert (row["actor"], row["action"]) == ("lockgate", "update")
    assert row["before"]["previous_value"] is not None
    assert row["after"]["previous_value"] is None
    epoch = control.parts.snapshots.current.epoch
    await upkeep.look()
    assert control.parts.snapshots.current.epoch == epoch


async def test_two_gateways_end_a_grace_once(control: Any) -> None:
    secret = await control.add_secret()
    await rotate(control, secret, SECOND, grace_ms=HOUR_MS)
    stale = SnapshotHolder(control.parts.snapshots.current)
    other = Upkeep(replace(control.parts, snapshots=stale))
    control.clock.ms += HOUR_MS
    await Upkeep(control.parts).look()
    epoch = control.parts.snapshots.current.epoch
    await other.look()
    rows = (await control.get("/audit")).json["items"]
    assert [row["actor"] for row in rows].count("lockgate") == 1
    async with control.installation.store.read() as tx:
        assert await tx.get_epoch() == epoch


async def test_a_grace_ends_also_where_a_file_declares_the_secrets(control: Any) -> None:
    secret = await control.add_secret()
    await rotate(control, secret, SECOND, grace_ms=HOUR_MS)
    control.clock.ms += HOUR_MS
    await Upkeep(replace(control.parts, source=Declared())).look()
    assert await list_previous(control) == ()


async def test_a_secret_that_is_deleted_takes_its_former_value_along(control: Any) -> None:
    secret = await control.add_secret()
    await rotate(control, secret, SECOND)
    await control.call("DELETE", f"/secrets/{secret['secret_id']}")
    assert await list_previous(control) == ()


async def test_what_cannot_be_rotated_is_refused_whole(control: Any) -> None:
    secret = await control.add_secret()
    for given, field in (
        ({"secret_value": {"token": "x"}}, "secret_value.token"),
        ({"grace_ms": -1}, "grace_ms"),
        ({"grace_ms": 31 * DAY_MS}, "grace_ms"),
        ({"grace_ms": "1h"}, "grace_ms"),
        ({"grace": 1}, "grace"),
    ):
        reply = await rotate(control, secret, SECOND, **given)
        assert (reply.status, reply.json["field"]) == (422, field)
    missing = {"secret_id": "s-" + "0" * 32}
    assert (await rotate(control, missing, SECOND)).status == 404
    assert await list_previous(control) == ()


async def test_no_answer_and_no_audit_row_shows_a_value(control: Any) -> None:
    secret = await control.add_secret()
    reply = await rotate(control, secret, SECOND)
    seen = reply.raw + (await control.get("/audit")).raw + (await control.get("/secrets")).raw
    assert FIRST.encode() not in seen
    assert SECOND.encode() not in seen


async def test_an_expiry_belongs_to_its_value(control: Any) -> None:
    ends = control.clock.ms + 10 * DAY_MS
    secret = await control.add_secret(expires_at=ends)
    assert secret["expires_at"] == ends
    path = f"/secrets/{secret['secret_id']}"
    reply = await control.call("PATCH", path, {"auth_config": {"project": "p"}})
    assert reply.json["expires_at"] == ends
    assert (await rotate(control, secret, SECOND)).json["expires_at"] is None
    reply = await control.call("PATCH", path, {"expires_at": ends + 1})
    assert reply.json["expires_at"] == ends + 1
    reply = await control.call("PATCH", path, {"secret_value": {"api_key": THIRD}})
    assert reply.json["expires_at"] is None


async def test_what_ends_soon_is_in_the_status_and_in_the_log_once_a_day(
    control: Any, caplog: Any
) -> None:
    now = control.clock.ms
    soon = await control.add_secret("soon", expires_at=now + 10 * DAY_MS)
    await control.add_secret("later", expires_at=now + 15 * DAY_MS)
    past = await control.add_secret("past", expires_at=now - DAY_MS)
    listed = (await control.get("/status")).json["expiring_secrets"]
    assert [(row["secret_id"], row["expired"]) for row in listed] == [
        (past["secret_id"], True),
        (soon["secret_id"], False),
    ]
    upkeep = Upkeep(control.parts)
    await upkeep.look()
    control.clock.ms += 2 * 60_000
    await upkeep.look()
    assert [row.secret_name for row in upkeep.expiring] == ["past", "soon", "later"]
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 2
    assert "'past' has expired" in told[0]
    assert "'soon' expires in" in told[1]
    control.clock.ms += DAY_MS
    await upkeep.look()
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 5  # both again, and what has come near meanwhile
