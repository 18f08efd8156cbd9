"""What a gateway tells of itself, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.entities import ServingProcess
from gateway.installation import Installation
from gateway.installation.heartbeat import LEASE_MS, Heartbeat, Held
from gateway.settings import Settings

Start = Callable[..., Awaitable[Installation]]


async def _list(made: Installation) -> tuple[ServingProcess, ...]:
    async with made.store.read() as tx:
        return await tx.rotation.list_processes(now=made.clock.now_ms())


async def test_a_beat_tells_what_is_held_until_its_lease_ends(
    start: Start, settings: Settings, clock: Any
) -> None:
    made = await start(settings)
    heart = Heartbeat(made.store, clock, lambda: Held(term=3, epoch=9, workers=2))
    await heart.beat()
    (row,) = await _list(made)
    assert (row.loaded_term, row.served_epoch, row.workers) == (3, 9, 2)
    clock.at_ms += LEASE_MS
    assert await _list(made) == ()


async def test_a_new_key_is_told_at_once_and_an_end_too(
    start: Start, settings: Settings, clock: Any
) -> None:
    made = await start(settings)
    held = Held(term=1, epoch=1, workers=1)
    heart = Heartbeat(made.store, clock, lambda: held)
    heart.start()
    await _until(made, lambda rows: [row.loaded_term for row in rows] == [1])
    held = Held(term=2, epoch=1, workers=1)  # the clock stands still: no beat is due by time
    await _until(made, lambda rows: [row.loaded_term for row in rows] == [2])
    await heart.stop()
    assert await _list(made) == ()


async def test_a_database_that_is_away_does_not_end_it(
    start: Start, settings: Settings, clock: Any
) -> None:
    made = await start(settings)
    looker = await start(settings, read_only=True)
    heart = Heartbeat(looker.store, clock, lambda: Held(term=1, epoch=1, workers=1))
    heart.start()
    await asyncio.sleep(0.05)
    await heart.stop()
    assert await _list(made) == ()


async def _until(made: Installation, is_so: Callable[[tuple[ServingProcess, ...]], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so(await _list(made)):
            await asyncio.sleep(0.01)
