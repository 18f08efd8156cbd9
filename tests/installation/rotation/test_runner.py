"""A rotation from its beginning, and from where another has ended."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from gateway.entities import KekState, PageRequest, Rotation, RotationPhase
from gateway.errors import RotationError, VaultIntegrityError
from gateway.installation import crypto_status, crypto_verify
from gateway.installation.rotation import rotate
from gateway.installation.rotation.lease import take_lease
from gateway.secret import Secret
from gateway.vault.envelope import secret_context
from gateway.vault.keyring import KekSet
from tests.installation.rotation.conftest import PAYLOAD_AT, Build, Stage
from tests.installation.test_crypto import CANARY, ORIGIN, add_secrets


class KilledError(Exception):
    """Stands for the end of the process: nothing of ours catches it."""


def kill_at(name: str) -> Any:
    def step(reached: str) -> None:
        if reached == name:
            raise KilledError

    return step


async def test_all_records_move_and_the_old_term_is_retired_with_its_key(build: Build) -> None:
    stage = await build(205)
    before = await stage.records()
    row = await rotate(stage.parts)
    after = await stage.records()
    assert (row.phase, row.to_term, row.moved, row.failed) == (RotationPhase.DONE, 2, 205, 0)
    assert await stage.states() == {1: "retired", 2: "active"}
    assert {one.kek_term for one in after.values()} == {2}
    for name, old in before.items():
        assert after[name].record[PAYLOAD_AT:] == old.record[PAYLOAD_AT:]
    await stage.check_whole()
    assert stage.installation.keyring.get_kek(1)


async def test_nothing_that_an_admin_sees_of_a_secret_changes(stage: Stage) -> None:
    async with stage.installation.store.read() as tx:
        before = await tx.secrets.list_page(PageRequest(limit=10))
    await rotate(stage.parts)
    async with stage.installation.store.read() as tx:
        assert await tx.secrets.list_page(PageRequest(limit=10)) == before


async def test_reencrypt_makes_every_record_anew(stage: Stage) -> None:
    before = await stage.records()
    leaked = KekSet({1: stage.installation.keyring.get_kek(1)}, {})
    await rotate(stage.parts, reencrypt=True)
    after = await stage.records()
    for name, old in before.items():
        assert after[name].record[PAYLOAD_AT:] != old.record[PAYLOAD_AT:]
        assert after[name].kek_term not in leaked.keks
    await stage.check_whole()


async def test_an_empty_vault_rotates_too(build: Build) -> None:
    stage = await build(0)
    assert (await rotate(stage.parts)).to_term == 2
    assert (await rotate(stage.parts)).to_term == 3
    assert await stage.states() == {1: "retired", 2: "retired", 3: "active"}


async def test_each_change_of_a_term_is_in_the_audit_log(stage: Stage) -> None:
    await rotate(stage.parts)
    async with stage.installation.store.read() as tx:
        page = await tx.admin.list_audit(PageRequest(limit=20), entity_type="kek_term")
    told = [(row.action, row.entity_id, row.before, row.after) for row in reversed(page.items)]
    assert told == [
        ("create", "2", None, {"state": "pending"}),
        ("update", "1", {"state": "active"}, {"state": "decrypt_only"}),
        ("update", "2", {"state": "pending"}, {"state": "active"}),
        ("update", "1", {"state": "decrypt_only"}, {"state": "retired"}),
    ]
    assert {(row.actor, row.request_id) for row in page.items} == {("tester", "r-1")}


async def test_progress_is_told(build: Build) -> None:
    stage = await build(150)
    told: list[Rotation] = []
    await rotate(stage.with_(tell=told.append))
    assert [(row.phase.value, row.moved, row.total) for row in told] == [
        ("loading", 0, 0),
        ("moving", 0, 150),
        ("moving", 100, 150),
        ("moving", 150, 150),
        ("done", 150, 150),
    ]


# --- where it stops, it goes on -----------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        "lease-taken",
        "begin-written",
        "begun",
        "loaded",
        "activation-written",
        "activated",
        "batch-read",
        "batch-moved",
        "batch-begun",
        "batch-written",
        "batch-stored",
        "moved",
        "end-written",
        "ended",
    ],
)
async def test_stopped_at_any_step_it_is_whole_and_the_next_run_finishes(
    stage: Stage, step: str
) -> None:
    with pytest.raises(KilledError):
        await rotate(stage.with_(step=kill_at(step)))
    await stage.check_whole()
    row = await rotate(stage.parts)
    assert row.phase is RotationPhase.DONE
    await stage.check_whole()
    assert {one.kek_term for one in (await stage.records()).values()} == {row.to_term}
    assert row.to_term == (3 if step == "ended" else 2)  # one that has ended is not begun again


async def test_a_half_made_term_that_does_not_open_is_given_up(stage: Stage) -> None:
    with pytest.raises(KilledError):
        await rotate(stage.with_(step=kill_at("begun")))
    path = stage.installation.data_dir / "lockgate.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE kek_terms SET wrapped_key = zeroblob(60) WHERE term = 2")
    row = await rotate(stage.parts)
    assert row.to_term == 3
    assert await stage.states() == {1: "retired", 2: "retired", 3: "active"}
    await stage.check_whole()


async def test_an_unfinished_rotation_is_advised_on(stage: Stage) -> None:
    with pytest.raises(KilledError):
        await rotate(stage.with_(step=kill_at("batch-stored")))
    status = await crypto_status(stage.installation)
    assert "unfinished" in status.advice[-1]
    await rotate(stage.parts)
    assert (await crypto_status(stage.installation)).advice == ()


async def test_an_unfinished_one_keeps_its_kind(stage: Stage) -> None:
    with pytest.raises(KilledError):
        await rotate(stage.with_(step=kill_at("begun")))
    with pytest.raises(RotationError, match="finish it first"):
        await rotate(stage.parts, reencrypt=True)
    assert not (await rotate(stage.parts)).reencrypt
    with pytest.raises(KilledError):
        await rotate(stage.with_(step=kill_at("begun")), reencrypt=True)
    assert (await rotate(stage.parts)).reencrypt


# --- one runner ---------------------------------------------------------------------------


async def test_a_second_runner_is_refused_while_the_first_is_alive(stage: Stage) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def follow() -> None:
        reached.set()
        await go_on.wait()

    first = asyncio.create_task(rotate(stage.with_(follow=follow, lease_ms=60_000)))
    await reached.wait()
    with pytest.raises(RotationError, match="runs already, in"):
        await take_lease(stage.parts.store, stage.parts.clock, wait=False)
    go_on.set()
    assert (await first).phase is RotationPhase.DONE


async def test_a_runner_that_lost_its_lease_writes_nothing_more(build: Build) -> None:
    """It slept through its lease; another has finished meanwhile."""
    stage = await build(3)
    slept = False

    async def follow() -> None:
        nonlocal slept
        states = await stage.states()
        if states.get(2) == "active" and not slept:
            slept = True
            await asyncio.sleep(0.4)  # longer than the lease
            assert (await rotate(stage.parts)).moved == 3

    with pytest.raises(RotationError, match="taken the rotation over"):
        await rotate(stage.with_(follow=follow))
    assert slept
    assert await stage.states() == {1: "retired", 2: "active"}
    await stage.check_whole()


# --- other processes ----------------------------------------------------------------------


async def test_no_term_becomes_active_before_every_live_process_has_loaded_it(
    stage: Stage,
) -> None:
    await stage.serve(loaded_term=1)
    with pytest.raises(RotationError, match=r"elsewhere, pid 7 has not loaded key term 2"):
        await rotate(stage.parts)
    assert await stage.states() == {1: "active", 2: "pending"}
    await stage.serve(loaded_term=2)
    assert (await rotate(stage.parts)).to_term == 2


async def test_a_process_whose_lease_has_ended_is_not_waited_for(stage: Stage) -> None:
    await stage.serve(loaded_term=1, lease_until=stage.installation.clock.now_ms() + 200)
    assert (await rotate(stage.parts)).phase is RotationPhase.DONE


# --- writers and damage -------------------------------------------------------------------


async def test_a_record_that_a_writer_changed_meanwhile_keeps_the_writer_s_value(
    stage: Stage,
) -> None:
    """The batch was read and moved in memory; then an admin stored another value."""
    writes: list[asyncio.Task[None]] = []

    async def write() -> None:
        async with stage.installation.store.write() as tx:
            info = (await tx.secrets.list_page(PageRequest(limit=1))).items[0]
            sealed = replace(
                await tx.secrets.get_sealed(info.secret_id), secret_version=2, kek_term=2
            )
            record = stage.installation.sealer.seal(
                secret_context(sealed, ORIGIN), Secret("the writer's")
            )
            await tx.vault.add_wraps(2, 1)
            await tx.secrets.update(replace(info, version=2), replace(sealed, record=record))

    class Writing:
        """The runner's step is no coroutine: the write takes its turn before the batch's."""

        def __call__(self, name: str) -> None:
            if name == "batch-read" and not writes:
                writes.append(asyncio.get_running_loop().create_task(write()))

    # Ten records to a turn of the event loop: more of them let the write come in between.
    await add_secrets(stage.installation, *(f"more{number:03}" for number in range(40)))
    row = await rotate(stage.with_(step=Writing()))
    await writes[0]
    assert row.phase is RotationPhase.DONE
    await stage.check_whole()
    sealed = (await stage.records())["n000"]
    assert sealed.secret_version == 2
    opened = stage.installation.opener.open(secret_context(sealed, ORIGIN), sealed.record)
    assert opened == Secret("the writer's")


async def test_a_record_that_does_not_open_stays_and_is_told(stage: Stage) -> None:
    path = stage.installation.data_dir / "lockgate.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE secrets SET provider = 'anthropic' WHERE secret_name = 'n001'")
    row = await rotate(stage.parts)
    assert (row.phase, row.moved, row.failed) == (RotationPhase.DONE, 2, 1)
    assert await stage.states() == {1: "decrypt_only", 2: "active"}
    status = await crypto_status(stage.installation)
    assert "1 records still stand under key term 1" in status.advice[0]
    report = await crypto_verify(stage.installation)
    assert [one.secret_name for one in report.failed] == ["n001"]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE secrets SET provider = 'openai' WHERE secret_name = 'n001'")
    await rotate(stage.parts)  # a new one, which takes what is mended along
    assert await stage.states() == {1: "retired", 2: "retired", 3: "active"}
    await stage.check_whole()


async def test_an_old_backup_s_records_still_open(stage: Stage) -> None:
    before = (await stage.records())["n000"]
    await rotate(stage.parts)
    opener = stage.installation.opener
    assert opener.open(secret_context(before, ORIGIN), before.record) == Secret(CANARY)
    async with stage.installation.store.write() as tx:
        await tx.rotation.destroy_term(1)
    await stage.installation.keys.load()
    with pytest.raises(VaultIntegrityError) as caught:
        opener.open(secret_context(before, ORIGIN), before.record)
    assert caught.value.reason == "key term 1 was destroyed"


async def test_what_wraps_too_much_stops_and_stays_whole(stage: Stage) -> None:
    with pytest.raises(KilledError):
        await rotate(stage.with_(step=kill_at("activated")))
    path = stage.installation.data_dir / "lockgate.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE kek_terms SET wraps = ? WHERE term = 2", (2**31,))
    with pytest.raises(Exception, match="as many values as is safe"):
        await rotate(stage.parts)
    assert (await stage.states())[1] == KekState.DECRYPT_ONLY.value
    await stage.check_whole()
