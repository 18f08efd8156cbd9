from __future__ import annotations

import asyncio

import pytest

from gateway.errors import (
    CredentialRejectedError,
    DeadlineExceededError,
    LockgateError,
    UpstreamConnectError,
)
from gateway.proxy.authorization.kept import Kept
from gateway.proxy.deadline import Moment, now_s
from gateway.proxy.flow import Flow

HOUR = 3600.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Gives numbered values when it is let."""

    def __init__(self, lasts_s: float = HOUR) -> None:
        self.calls = 0
        self.lasts_s = lasts_s
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> tuple[str, float]:
        self.calls += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return f"value-{self.calls}", self.lasts_s


def soon(seconds: float = 5.0) -> Moment:
    return Moment(now_s() + seconds, DeadlineExceededError)


async def test_it_is_fetched_once_and_kept_while_it_is_good() -> None:
    source, clock = Source(), Clock()
    kept = Kept(source.fetch, clock)
    assert kept.find() is None
    assert await kept.get(soon()) == "value-1"
    clock.now += HOUR - 400
    assert (await kept.get(soon()), kept.find(), source.calls) == ("value-1", "value-1", 1)


async def test_it_is_renewed_before_its_end_and_nobody_waits() -> None:
    source, clock = Source(), Clock()
    kept = Kept(source.fetch, clock)
    await kept.get(soon())
    clock.now += HOUR - 200
    source.gate.clear()
    assert kept.find() == "value-1"
    assert kept.find() == "value-1"
    await asyncio.sleep(0)
    assert source.calls == 2
    source.gate.set()
    await asyncio.sleep(0.01)
    assert kept.find() == "value-2"


async def test_a_renewal_that_fails_leaves_the_value_that_is_still_good() -> None:
    source, clock = Source(), Clock()
    kept = Kept(source.fetch, clock)
    await kept.get(soon())
    clock.now += HOUR - 200
    source.failure = UpstreamConnectError("no way")
    assert kept.find() == "value-1"
    await asyncio.sleep(0.01)
    assert await kept.get(soon()) == "value-1"
    assert source.calls == 2  # not asked again at once
    clock.now += 2
    kept.find()
    await asyncio.sleep(0)
    assert source.calls == 3


async def test_in_its_last_minute_it_is_not_used() -> None:
    source, clock = Source(), Clock()
    kept = Kept(source.fetch, clock)
    await kept.get(soon())
    clock.now += HOUR - 59
    assert kept.find() is None
    assert await kept.get(soon()) == "value-2"


async def test_one_that_lasts_only_seconds_is_used_all_the_same() -> None:
    source, clock = Source(lasts_s=8.0), Clock()
    kept = Kept(source.fetch, clock)
    await kept.get(soon())
    clock.now += 5
    assert kept.find() == "value-1"
    clock.now += 2
    assert kept.find() is None


async def test_however_many_wait_one_fetches() -> None:
    source = Source()
    source.gate.clear()
    kept = Kept(source.fetch)
    waiting = [asyncio.create_task(kept.get(soon())) for _ in range(50)]
    await asyncio.sleep(0)
    source.gate.set()
    assert set(await asyncio.gather(*waiting)) == {"value-1"}
    assert source.calls == 1


async def test_one_who_stops_waiting_stops_nobody_else() -> None:
    source = Source()
    source.gate.clear()
    kept = Kept(source.fetch)
    first, second = (asyncio.create_task(kept.get(soon())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await second == "value-1"


async def test_a_wait_ends_at_its_moment_with_its_error() -> None:
    source = Source()
    source.gate.clear()
    kept = Kept(source.fetch)
    with pytest.raises(DeadlineExceededError):
        await kept.get(soon(0.01))
    source.gate.set()
    assert await kept.get(soon()) == "value-1"
    assert source.calls == 1  # it went on for whoever comes next


async def test_a_failure_reaches_all_and_is_not_repeated_at_once() -> None:
    source, clock = Source(), Clock()
    source.failure = CredentialRejectedError("the token service refused it")
    kept = Kept(source.fetch, clock)
    outcomes = await asyncio.gather(*(kept.get(soon()) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [CredentialRejectedError] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3
    with pytest.raises(CredentialRejectedError):
        await kept.get(soon())
    assert source.calls == 1
    clock.now += 2
    source.failure = None
    assert await kept.get(soon()) == "value-2"


async def test_a_foreign_error_becomes_one_of_ours_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Source()
    source.failure = RuntimeError("canary-secret")
    kept = Kept(source.fetch)
    with pytest.raises(LockgateError) as caught:
        await kept.get(soon())
    assert "canary" not in str(caught.value) + caplog.text
    assert "RuntimeError" in caplog.text


async def test_a_refused_value_is_fetched_anew_but_not_one_that_just_came() -> None:
    source, clock = Source(), Clock()
    kept = Kept(source.fetch, clock)
    await kept.get(soon())
    kept.doubt()
    assert kept.find() == "value-1"
    clock.now += 10
    kept.doubt()
    assert await kept.get(soon()) == "value-2"


async def test_a_request_that_runs_without_a_task_waits_too() -> None:
    source = Source()
    source.gate.clear()
    kept = Kept(source.fetch)
    got: list[str] = []
    ended = asyncio.Event()

    async def run() -> None:
        got.append(await kept.get(soon()))

    flow = Flow(run(), ended.set)
    flow.step()
    await asyncio.sleep(0.01)
    assert got == []
    source.gate.set()
    await asyncio.wait_for(ended.wait(), 5)
    assert got == ["value-1"]


async def test_a_request_without_a_task_can_be_stopped_while_it_waits() -> None:
    source = Source()
    source.gate.clear()
    kept = Kept(source.fetch)
    ended = asyncio.Event()
    raised: list[BaseException] = []

    async def run() -> None:
        try:
            await kept.get(soon())
        except DeadlineExceededError as error:
            raised.append(error)

    flow = Flow(run(), ended.set)
    flow.step()
    await asyncio.sleep(0)
    flow.stop(DeadlineExceededError("late"))
    assert ended.is_set()
    assert len(raised) == 1
    source.gate.set()
    assert await kept.get(soon()) == "value-1"
