"""Work that is to end in order although its task is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from gateway.store.sqlite_session import settle


async def test_cancellation_waits_for_the_end_however_often_it_comes() -> None:
    finish = asyncio.Event()
    ended = []

    async def work() -> None:
        await finish.wait()
        ended.append(True)

    task = asyncio.create_task(settle(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    finish.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_result_and_error_pass() -> None:
    async def succeed() -> int:
        return 7

    async def fail() -> None:
        raise LookupError

    assert await settle(succeed()) == 7
    with pytest.raises(LookupError):
        await settle(fail())


async def test_cancellation_goes_before_an_error() -> None:
    finish = asyncio.Event()

    async def fail() -> None:
        await finish.wait()
        raise LookupError

    task = asyncio.create_task(settle(fail()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    finish.set()
    with pytest.raises(asyncio.CancelledError):
        await task
