"""Terms that another process has made come into this one's keyring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from gateway.entities import KekState
from gateway.errors import RootKeyError
from gateway.installation import Installation
from gateway.settings import Settings

Start = Callable[..., Awaitable[Installation]]


async def test_a_new_term_is_loaded_and_told_once(start: Start, settings: Settings) -> None:
    mine, other = await start(settings), await start(settings)
    told: list[int] = []
    mine.keys.on_change = lambda: told.append(mine.keyring.newest_term)
    await mine.keys.load()
    async with other.store.write() as tx:
        await tx.vault.insert_term(other.keyring.build_term(2, KekState.PENDING, 1))
    await mine.keys.load()
    async with other.store.write() as tx:
        await tx.vault.add_wraps(1, 5)  # as every admin write does
    await mine.keys.load()
    assert told == [1, 2]
    assert mine.keyring.get_kek(2)
    assert mine.keyring.active_term == 1


async def test_terms_that_do_not_open_leave_the_keys_as_they_were(
    start: Start, settings: Settings
) -> None:
    mine, other = await start(settings), await start(settings)
    await mine.keys.load()
    broken = replace(other.keyring.build_term(2, KekState.ACTIVE, 1), wrapped_key=bytes(60))
    async with other.store.write() as tx:
        await tx.vault.set_term_state(1, KekState.DECRYPT_ONLY)
        await tx.vault.insert_term(broken)
    with pytest.raises(RootKeyError, match="term 2 is damaged"):
        await mine.keys.load()
    assert mine.keyring.active_term == 1
    assert mine.keyring.get_kek(1)
