"""The end of a key term."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.entities import PageRequest, ServingProcess
from gateway.errors import RotationError, VaultIntegrityError
from gateway.installation import Installation, crypto_status, open_installation
from gateway.installation.retirement import retire_term
from gateway.installation.rotation import Actor, RotationParts, rotate
from gateway.settings import Settings
from tests.installation.test_crypto import add_secrets

ME = Actor(name="tester")


@pytest.fixture
async def rotated(tmp_path: Path) -> Any:
    """An installation whose term 1 is retired and whose term 2 is active."""
    made = await open_installation(Settings(data=tmp_path / "data"), SystemClock())
    await add_secrets(made, "one", "two")
    await rotate(RotationParts(store=made.store, keys=made.keys, clock=made.clock, actor=ME))
    yield made
    await made.close()


Write = Callable[[Installation], Awaitable[None]]


async def _serve(made: Installation, epoch: int) -> None:
    now = made.clock.now_ms()
    row = ServingProcess(
        process_id="p",
        host="elsewhere",
        pid=7,
        workers=1,
        started_at=now,
        seen_at=now,
        lease_until=now + 60_000,
        loaded_term=2,
        served_epoch=epoch,
    )
    async with made.store.write() as tx:
        await tx.rotation.put_process(row)


async def test_a_destroyed_key_is_gone_from_the_database_and_from_memory(
    rotated: Installation,
) -> None:
    assert rotated.keyring.get_kek(1)
    await retire_term(rotated, 1, ME, destroy=True)
    async with rotated.store.read() as tx:
        first = (await tx.vault.list_terms())[0]
        audit = await tx.admin.list_audit(PageRequest(limit=1))
    assert (first.state.value, first.wrapped_key) == ("retired", b"")
    assert (audit.items[0].action, audit.items[0].entity_id) == ("delete", "1")
    with pytest.raises(VaultIntegrityError) as caught:
        rotated.keyring.get_kek(1)
    assert caught.value.reason == "key term 1 was destroyed"
    assert (await crypto_status(rotated)).advice == ()


@pytest.mark.parametrize(
    ("term", "destroy", "why"),
    [
        (2, True, "active: rotate first"),
        (9, True, "there is no key term 9"),
        (1, False, "retired already"),
    ],
)
async def test_what_may_not_end_is_refused(
    rotated: Installation, term: int, destroy: bool, why: str
) -> None:
    with pytest.raises(RotationError, match=why):
        await retire_term(rotated, term, ME, destroy=destroy)


async def test_a_term_is_destroyed_once(rotated: Installation) -> None:
    await retire_term(rotated, 1, ME, destroy=True)
    with pytest.raises(RotationError, match="destroyed before"):
        await retire_term(rotated, 1, ME, destroy=True)


async def test_a_term_with_records_stays(rotated: Installation) -> None:
    async with rotated.store.write() as tx:
        old = (await tx.rotation.list_records(2, after=None, limit=1))[0]
        await tx.rotation.move_record(old, term=1, record=old.sealed.record)
    with pytest.raises(RotationError, match="1 records stand under key term 1"):
        await retire_term(rotated, 1, ME, destroy=True)


async def test_no_key_is_destroyed_while_a_process_serves_what_was_before(
    rotated: Installation,
) -> None:
    async with rotated.store.read() as tx:
        epoch = await tx.get_epoch()
    await _serve(rotated, epoch - 1)
    destroying = asyncio.create_task(retire_term(rotated, 1, ME, destroy=True))
    await asyncio.sleep(0.3)
    assert not destroying.done()
    await _serve(rotated, epoch)
    await destroying
    async with rotated.store.read() as tx:
        assert (await tx.vault.list_terms())[0].wrapped_key == b""
