"""The vault over REST, and writers who meet a rotation."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.entities import KekState
from gateway.installation.rotation import Actor, RotationParts, rotate
from tests.control.conftest import CANARY, Control


def _parts(control: Control) -> RotationParts:
    made = control.installation
    return RotationParts(
        store=made.store, keys=made.keys, clock=control.clock, actor=Actor(name="other")
    )


async def _rotate_elsewhere(control: Control) -> None:
    """Rotate as another process does: this one's keyring hears nothing of it."""
    made = control.installation
    second = made.keyring.build_term(2, KekState.ACTIVE, control.clock.ms)
    async with made.store.write() as tx:
        await tx.vault.set_term_state(1, KekState.DECRYPT_ONLY)
        await tx.vault.insert_term(second)


async def _end(control: Control) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while (found := (await control.get("/vault/rotation")).json)["running"]:
            await asyncio.sleep(0.02)
    return found


async def test_the_vault_tells_terms_records_and_no_secret(control: Control) -> None:
    await control.add_secret()
    reply = await control.get("/vault")
    assert reply.status == 200
    (term,) = reply.json["terms"]
    assert (term["term"], term["state"], term["records"]) == (1, "active", 1)
    assert reply.json["rotation"]["phase"] == "idle"
    assert (reply.json["advice"], reply.json["processes"]) == ([], [])
    assert CANARY.encode() not in reply.raw


async def test_advice_comes_with_age(control: Control) -> None:
    control.clock.ms += 400 * 86_400_000
    reply = await control.get("/vault")
    assert reply.json["advice"] == ["key term 1 is 400 days old: rotate it"]


async def test_a_rotation_runs_in_the_background_and_ends(control: Control) -> None:
    secret = await control.add_secret()
    before = await control.get(f"/secrets/{secret['secret_id']}")
    reply = await control.call("POST", "/vault/rotation", {})
    assert reply.status == 202
    assert reply.json["to_term"] == 2
    ended = await _end(control)
    assert (ended["phase"], ended["moved"], ended["failed"], ended["fault"]) == (
        "done",
        1,
        0,
        None,
    )
    assert control.facts["followed"] > 0
    terms = (await control.get("/vault")).json["terms"]
    assert [(term["state"], term["records"]) for term in terms] == [("retired", 0), ("active", 1)]
    after = await control.get(f"/secrets/{secret['secret_id']}")
    assert (after.json, after.headers["ETag"]) == (before.json, before.headers["ETag"])
    actors = {
        row["actor"] for row in (await control.get("/audit?entity_type=kek_term")).json["items"]
    }
    assert actors == {"admin"}


async def test_no_body_means_a_rotation_as_usual(control: Control) -> None:
    assert (await control.call("POST", "/vault/rotation")).status == 202
    assert (await _end(control))["reencrypt"] is False


async def test_a_dry_run_changes_nothing(control: Control) -> None:
    await control.add_secret()
    reply = await control.call("POST", "/vault/rotation", {"dry_run": True})
    assert reply.status == 200
    assert (reply.json["to_term"], reply.json["records"], reply.json["failed"]) == (2, 1, [])
    assert len((await control.get("/vault")).json["terms"]) == 1


async def test_rubbish_is_refused_by_name(control: Control) -> None:
    for body, field in (
        ({"reencript": True}, "reencript"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"reencrypt": None}, "reencrypt"),
    ):
        reply = await control.call("POST", "/vault/rotation", body)
        assert (reply.status, reply.json["field"]) == (422, field)


async def test_one_at_a_time(control: Control) -> None:
    async with control.installation.store.write() as tx:
        await tx.rotation.take_lease("there", now=control.clock.ms, until=control.clock.ms + 1)
    reply = await control.call("POST", "/vault/rotation", {})
    assert (reply.status, reply.json["code"]) == (409, "rotation_refused")
    assert "there" in reply.json["detail"]


async def test_a_rotation_of_the_other_kind_has_to_be_finished_first(control: Control) -> None:
    class KilledError(Exception):
        pass

    def step(name: str) -> None:
        if name == "begun":
            raise KilledError

    with pytest.raises(KilledError):
        await rotate(replace(_parts(control), step=step))
    reply = await control.call("POST", "/vault/rotation", {"reencrypt": True})
    assert (reply.status, reply.json["code"]) == (409, "rotation_refused")
    assert (await control.call("POST", "/vault/rotation", {})).status == 202
    assert (await _end(control))["phase"] == "done"


# --- writers ------------------------------------------------------------------------------


async def test_a_writer_seals_again_when_the_key_was_rotated_under_its_hands(
    control: Control,
) -> None:
    await _rotate_elsewhere(control)
    assert control.parts.sealer.active_term == 1
    secret = await control.add_secret()
    changed = await control.call(
        "PATCH", f"/secrets/{secret['secret_id']}", {"secret_value": {"api_key": CANARY}}
    )
    assert changed.status == 200
    async with control.installation.store.read() as tx:
        assert dict(await tx.vault.count_records()) == {2: 1}


async def test_writers_beside_a_rotation_all_succeed(control: Control) -> None:
    rotating = asyncio.create_task(rotate(_parts(control)))
    for number in range(20):
        await control.add_secret(f"beside-{number}")
    await rotating
    await rotate(_parts(control))
    terms = (await control.get("/vault")).json["terms"]
    assert [term["records"] for term in terms] == [0, 0, 20]
