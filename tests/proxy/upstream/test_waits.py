from __future__ import annotations

import asyncio

from gateway.proxy.deadline import now_s
from gateway.proxy.upstream.waits import Waits


class Patience:
    """Waits until a moment, then says so."""

    def __init__(self, waits: Waits, patience_s: float) -> None:
        self.until_s = now_s() + patience_s
        self.over: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.looks = 0
        self._waits = waits
        waits.add(self)

    def look(self, at_s: float) -> None:
        self.looks += 1
        if at_s >= self.until_s and not self.over.done():
            self._waits.discard(self)
            self.over.set_result(at_s)


async def test_a_wait_ends_at_its_moment_and_not_before() -> None:
    waits = Waits()
    short, long = Patience(waits, 0.05), Patience(waits, 0.25)
    assert await short.over >= short.until_s
    assert not long.over.done()
    assert await long.over >= long.until_s
    waits.close()


async def test_the_clock_stands_still_while_nothing_waits() -> None:
    waits = Waits()
    first = Patience(waits, 0.0)
    await first.over
    await asyncio.sleep(0.25)
    assert first.looks == 1
    second = Patience(waits, 0.0)  # and starts again
    await second.over
    waits.close()


async def test_nothing_is_looked_at_after_the_end() -> None:
    waits = Waits()
    wait = Patience(waits, 0.0)
    waits.close()
    await asyncio.sleep(0.15)
    assert wait.looks == 0
