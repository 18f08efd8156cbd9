"""Hedging as requests meet it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from gateway.entities import Resilience
from gateway.simulator import RunningSimulator
from tests.proxy.rig import Answer, Endpoint, Model, Rig


def hedged(first: RunningSimulator, second: RunningSimulator) -> dict[str, Endpoint]:
    models = [Model(first.url, name="one"), Model(second.url, order=0, name="two")]
    return {"chat": Endpoint(models, resilience=Resilience(hedge=True))}


async def learn(rig: Rig, sim: RunningSimulator) -> None:
    """Let the endpoint learn what is usual; at once, so that none of these is hedged itself."""
    sim.set_fault("delay-ms=50", times=30)
    await asyncio.gather(*(rig.chat() for _ in range(30)))


async def ask(rig: Rig, stream: bool) -> Answer:
    return await rig.chat(stream=True) if stream else await rig.chat()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_slow_target_is_overtaken(
    sim: RunningSimulator, other: RunningSimulator, stream: bool
) -> None:
    async with Rig(hedged(sim, other)) as rig:
        await learn(rig, sim)
        calls = len(sim.calls)
        sim.set_fault("hang")
        answer = await ask(rig, stream)
        assert answer.status == 200
        assert (answer.own("model"), answer.own("attempts")) == ("two", "2")
        assert len(sim.calls) == calls + 1
        rows = {row.model_definition_name: row for row in rig.ledger.rows[-2:]}
        assert rows["one"].error_code == "hedge_lost"
        assert not rows["one"].client_gone
        assert rows["two"].error_code is None
        assert sorted(row.attempt for row in rows.values()) == [1, 2]
        assert rig.parts.healths.list_blocked(0) == []  # the loser is not blamed


async def test_the_text_comes_once(sim: RunningSimulator, other: RunningSimulator) -> None:
    async with Rig(hedged(sim, other)) as rig:
        await learn(rig, sim)
        sim.set_fault("delay-ms=1000")
        answer = await rig.chat(stream=True)
    assert answer.body.count(b"[DONE]") == 1


async def test_the_first_may_still_win(sim: RunningSimulator, other: RunningSimulator) -> None:
    async with Rig(hedged(sim, other)) as rig:
        await learn(rig, sim)
        sim.set_fault("delay-ms=1000")
        other.set_fault("hang")
        answer = await rig.chat()
        rows = rig.ledger.rows[-2:]
    assert (answer.status, answer.own("model")) == (200, "one")
    assert {row.error_code for row in rows} == {None, "hedge_lost"}


async def test_a_second_that_fails_does_not_spoil_the_first(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    async with Rig(hedged(sim, other)) as rig:
        await learn(rig, sim)
        sim.set_fault("delay-ms=1000")
        other.set_fault("status=500")
        answer = await rig.chat()
    assert (answer.status, answer.own("model")) == (200, "one")


async def test_when_both_fail_the_client_gets_one_failure(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    async with Rig(hedged(sim, other)) as rig:
        await learn(rig, sim)
        sim.set_fault("delay-ms=1000,status=503")
        other.set_fault("status=503")
        answer = await rig.chat()
    assert answer.status == 503


@pytest.mark.parametrize(("most", "asked"), [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1))])
async def test_a_hedge_counts_among_the_attempts(
    sim: RunningSimulator, other: RunningSimulator, most: int, asked: tuple[int, ...]
) -> None:
    endpoints = hedged(sim, other)
    endpoints["chat"].models.append(Model(sim.url, order=1, name="three", model="third"))
    async with Rig(endpoints, settings={"max_attempts": most}) as rig:
        await learn(rig, sim)
        rows = len(rig.ledger.rows)
        sim.set_fault("delay-ms=500,status=503")
        other.set_fault("delay-ms=600,status=503")
        assert (await rig.chat()).status == 503
        called = Counter(row.model_definition_name for row in rig.ledger.rows[rows:])
    assert tuple(called[name] for name in ("one", "two", "three")) == asked


async def test_no_more_than_the_share_is_hedged(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    async with Rig(hedged(sim, other)) as rig:
        await learn(rig, sim)
        sim.set_fault("delay-ms=300")
        for _ in range(20):
            assert (await rig.chat()).status == 200
    assert len(other.calls) <= 2


async def test_a_client_that_leaves_ends_both(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    async with Rig(hedged(sim, other)) as rig:
        await learn(rig, sim)
        sim.set_fault("hang")
        other.set_fault("hang")
        waiting = asyncio.create_task(rig.chat())
        while not other.calls:
            await asyncio.sleep(0.01)
        waiting.cancel()
        while len(rig.ledger.rows) < 32:
            await asyncio.sleep(0.01)
    assert [row.client_gone for row in rig.ledger.rows[-2:]] == [True, True]


async def test_hedging_is_off_by_default(sim: RunningSimulator, other: RunningSimulator) -> None:
    models = [Model(sim.url, name="one"), Model(other.url, order=0, name="two")]
    async with Rig({"chat": Endpoint(models)}) as rig:
        await learn(rig, sim)
        sim.set_fault("delay-ms=1000")
        assert (await rig.chat()).own("model") == "one"
    assert other.calls == []
