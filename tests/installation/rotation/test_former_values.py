"""Former values of secrets, whose grace is not over, move with the records that followed them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from gateway.entities import GracedSecret, PageRequest, RotationPhase, SealedSecret
from gateway.errors import RotationError
from gateway.installation import crypto_verify
from gateway.installation.retirement import retire_term
from gateway.installation.rotation import Actor, rotate
from gateway.secret import Secret
from gateway.vault.envelope import secret_context
from tests.installation.rotation.conftest import PAYLOAD_AT, Build, Stage
from tests.installation.rotation.test_runner import KilledError, kill_at
from tests.installation.test_crypto import ORIGIN

ME = Actor(name="tester")
GRACE_UNTIL = 1 << 50


async def rotate_value(stage: Stage, name: str) -> None:
    """Give a secret a new value and keep the one before, as the control plane does."""
    installation = stage.installation
    before = (await stage.records())[name]
    now = replace(before, secret_version=before.secret_version + 1, previous=None)
    now = replace(now, kek_term=installation.sealer.active_term)
    record = installation.sealer.seal(secret_context(now, ORIGIN), Secret("the new value"))
    async with installation.store.write() as tx:
        info = await tx.secrets.get(before.secret_id)
        graced = GracedSecret(sealed=replace(before, previous=None), grace_until=GRACE_UNTIL)
        await tx.vault.add_wraps(now.kek_term, 1)
        info = replace(info, version=info.version + 1)
        await tx.secrets.update(info, replace(now, record=record))
        await tx.secrets.put_previous(graced, {"api_key": "***"})
        await tx.bump_epoch()


async def find_former(stage: Stage) -> dict[str, SealedSecret]:
    records = await stage.records()
    return {name: row.previous.sealed for name, row in records.items() if row.previous is not None}


async def test_former_values_move_too_and_open_to_what_they_were(build: Build) -> None:
    stage = await build(230)
    for number in range(0, 230, 2):  # more than a batch of them
        await rotate_value(stage, f"n{number:03}")
    before = await find_former(stage)
    row = await rotate(stage.parts)
    after = await find_former(stage)
    assert (row.phase, row.total, row.moved, row.failed) == (RotationPhase.DONE, 345, 345, 0)
    assert await stage.states() == {1: "retired", 2: "active"}
    assert before.keys() == after.keys()
    for name, old in before.items():
        assert after[name].kek_term == 2
        assert after[name].record[PAYLOAD_AT:] == old.record[PAYLOAD_AT:]
    await stage.check_whole()


async def test_reencrypt_makes_former_values_anew(stage: Stage) -> None:
    await rotate_value(stage, "n001")
    before = (await find_former(stage))["n001"]
    await rotate(stage.parts, reencrypt=True)
    after = (await find_former(stage))["n001"]
    assert after.record[PAYLOAD_AT:] != before.record[PAYLOAD_AT:]
    opener = stage.installation.opener
    context = secret_context(after, ORIGIN)
    assert opener.open(context, after.record) == opener.open(context, before.record)
    await retire_term(stage.installation, 1, ME, destroy=True)
    await stage.check_whole()


async def test_a_term_that_a_former_value_stands_under_does_not_end(stage: Stage) -> None:
    for name in ("n000", "n001", "n002"):
        await rotate_value(stage, name)
    path = stage.installation.data_dir / "lockgate.db"
    with closing(sqlite3.connect(path)) as database, database:  # one that does not open
        database.execute("UPDATE secret_previous_values SET secret_version = 9 WHERE rowid = 2")
    row = await rotate(stage.parts)
    assert (row.moved, row.failed) == (5, 1)
    assert await stage.states() == {1: "decrypt_only", 2: "active"}
    (failed,) = (await crypto_verify(stage.installation)).failed
    assert failed.secret_name == "n001"
    assert failed.reason.startswith("its former value: ")
    for destroy in (False, True):
        with pytest.raises(RotationError, match="1 records stand under key term 1"):
            await retire_term(stage.installation, 1, ME, destroy=destroy)
    with closing(sqlite3.connect(path)) as database, database:  # its grace has ended
        database.execute("DELETE FROM secret_previous_values WHERE secret_version = 9")
    await retire_term(stage.installation, 1, ME, destroy=True)
    await stage.check_whole()


@pytest.mark.parametrize("step", ["activated", "batch-read", "batch-moved", "batch-stored"])
async def test_a_value_that_becomes_a_former_one_while_records_move(
    stage: Stage, step: str
) -> None:
    """Its record was read as the current one's; the next pass finds it where it is by then."""
    writes: list[asyncio.Task[None]] = []

    def write(reached: str) -> None:
        if reached == step and not writes:
            writes.append(asyncio.get_running_loop().create_task(rotate_value(stage, "n001")))

    await rotate(stage.with_(step=write))
    await writes[0]
    assert await stage.states() == {1: "retired", 2: "active"}
    assert {row.kek_term for row in (await find_former(stage)).values()} == {2}
    await stage.check_whole()


async def test_stopped_among_former_values_the_next_run_finishes(build: Build) -> None:
    stage = await build(2)
    await rotate_value(stage, "n001")
    seen = 0

    def step(reached: str) -> None:
        nonlocal seen
        seen += reached == "batch-written"
        if seen == 2:
            raise KilledError

    with pytest.raises(KilledError):
        await rotate(stage.with_(step=step))
    assert {row.kek_term for row in (await find_former(stage)).values()} == {1}
    with pytest.raises(KilledError):
        await rotate(stage.with_(step=kill_at("batch-begun")))
    await stage.check_whole()
    await rotate(stage.parts)
    assert await stage.states() == {1: "retired", 2: "active"}
    await stage.check_whole()


async def test_who_serves_a_former_value_is_given_the_moved_record(stage: Stage) -> None:
    await rotate_value(stage, "n001")
    former = (await find_former(stage))["n001"]
    async with stage.installation.store.read() as tx:
        epoch = await tx.get_epoch()
    await rotate(stage.parts)
    async with stage.installation.store.read() as tx:
        changes = await tx.read_changes(epoch)
        states = await tx.history.list_page(PageRequest(limit=1))
    assert changes is not None
    told = {row.secret_name: row.previous for row in changes.secrets}
    moved = told["n001"]
    assert moved is not None
    assert (moved.sealed.kek_term, moved.grace_until) == (2, GRACE_UNTIL)
    assert moved.sealed.secret_version == former.secret_version
    assert states.items[0].epoch <= epoch  # in the history nothing has become another
