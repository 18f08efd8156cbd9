"""Circuit, cooling, quarantine and budget as requests meet them, against simulated providers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.entities import EndpointLimits, Resilience
from gateway.routing.health import IN_A_ROW, Block, HealthEvent, TargetHealth
from gateway.routing.health_table import build_health_key, list_states
from gateway.simulator import RunningSimulator
from tests.proxy.rig import Answer, Endpoint, Model, Rig, chat_body, messages_body, wait_for

SHORT = {"circuit_open_ms": 150, "quarantine_ms": 150}
SHORT_S = 0.17  # an interval with its jitter
PACED = EndpointLimits(first_byte_timeout_ms=100)


def pair(first: RunningSimulator, second: RunningSimulator, **more: Any) -> dict[str, Endpoint]:
    models = [Model(first.url, name="one"), Model(second.url, order=0, name="two")]
    return {"chat": Endpoint(models, **more)}


def lone(sim: RunningSimulator) -> dict[str, Endpoint]:
    return {"chat": Endpoint([Model(sim.url, name="one")])}


async def ask(rig: Rig, *, stream: bool = False) -> Answer:
    return await rig.chat(stream=True) if stream else await rig.chat()


@pytest.fixture(params=[False, True], ids=["plain", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


# --- cooling and quarantine -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("status=429,retry-after=30", Block.COOLING),
        ("status=503,retry-after=30", Block.COOLING),
        ("status=529,retry-after=30", Block.COOLING),
        ("error=bad-key", Block.QUARANTINE),
        ("error=quota", Block.QUARANTINE),
        ("error=no-model", Block.QUARANTINE),
    ],
)
async def test_a_target_that_wants_peace_is_not_asked_again(
    sim: RunningSimulator, other: RunningSimulator, fault: str, state: Block, stream: bool
) -> None:
    sim.set_fault(fault)
    async with Rig(pair(sim, other)) as rig:
        answers = [await ask(rig, stream=stream) for _ in range(5)]
        (blocked,) = rig.parts.healths.list_blocked(0)
    assert {answer.status for answer in answers} == {200}
    assert [answer.own("attempts") for answer in answers] == ["2", "1", "1", "1", "1"]
    assert len(sim.calls) == 1
    assert blocked.block is state


async def test_it_is_asked_again_when_its_time_is_over(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    sim.set_fault("error=bad-key", times=1)
    async with Rig(pair(sim, other), settings=SHORT) as rig:
        assert (await rig.chat()).own("model") == "two"
        assert (await rig.chat()).own("model") == "two"
        await asyncio.sleep(SHORT_S)
        assert (await rig.chat()).own("model") == "one"
        assert rig.parts.healths.list_blocked(0) == []


async def test_a_lone_target_is_asked_whatever_it_says(sim: RunningSimulator, stream: bool) -> None:
    sim.set_fault("status=429,retry-after=30")
    async with Rig(lone(sim)) as rig:
        answers = [await ask(rig, stream=stream) for _ in range(8)]
    assert {answer.status for answer in answers} == {429}
    assert {answer.headers["Retry-After"] for answer in answers} == {"30"}
    assert len(sim.calls) == 8


async def test_a_model_that_is_primary_and_fallback_is_still_the_only_one(
    sim: RunningSimulator,
) -> None:
    sim.set_fault("status=429,retry-after=30")
    models = [Model(sim.url, name="one"), Model(sim.url, name="one", order=0, same_as=0)]
    async with Rig({"chat": Endpoint(models)}) as rig:
        assert [(await rig.chat()).status for _ in range(3)] == [429] * 3
    assert len(sim.calls) == 3


async def test_when_all_cool_the_client_learns_when_the_first_is_back(
    sim: RunningSimulator, other: RunningSimulator, stream: bool
) -> None:
    sim.set_fault("status=429,retry-after=40")
    other.set_fault("status=429,retry-after=20")
    async with Rig(pair(sim, other)) as rig:
        first = await ask(rig, stream=stream)
        second = await ask(rig, stream=stream)
    assert first.status == 429
    assert (second.status, second.code) == (503, "no_target")
    assert 18 <= int(second.headers["Retry-After"]) <= 20
    assert second.own("attempts") == "0"
    assert (len(sim.calls), len(other.calls)) == (1, 1)


async def test_a_credential_that_was_replaced_is_tried_at_once(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    sim.set_fault("error=bad-key", times=1)
    endpoints = pair(sim, other)
    async with Rig(endpoints) as rig:
        await rig.chat()
        assert (await rig.chat()).own("model") == "two"
        one, two = endpoints["chat"].models
        mended = replace(one, more_config={"organization": "org-other"})
        rig.configure({"chat": Endpoint([mended, two])})
        assert (await rig.chat()).own("model") == "one"
        snapshot = rig.parts.snapshots.current
        assert list_states(rig.parts.healths, snapshot, 0.0) == []  # of the old one nobody hears


async def test_two_endpoints_share_what_is_known_of_a_model(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    sim.set_fault("status=529,retry-after=30")
    async with Rig(pair(sim, other)) as rig:
        await rig.chat()
        states = list_states(rig.parts.healths, rig.parts.snapshots.current, 0.0)
    assert [(state.model_definition_name, state.reason) for state in states] == [
        ("one", "overloaded")
    ]


# --- circuit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["reset", "status=500", "hang", "truncate"])
async def test_a_broken_target_is_cut_off(
    sim: RunningSimulator, other: RunningSimulator, fault: str, stream: bool
) -> None:
    sim.set_fault(fault)
    async with Rig(pair(sim, other, limits=PACED)) as rig:
        answers = [await ask(rig, stream=stream) for _ in range(IN_A_ROW + 3)]
    assert {answer.status for answer in answers} == {200}
    assert len(sim.calls) == IN_A_ROW


async def test_a_target_that_was_mended_comes_back(
    sim: RunningSimulator, other: RunningSimulator, stream: bool
) -> None:
    sim.set_fault("reset")
    async with Rig(pair(sim, other), settings=SHORT) as rig:
        while not rig.parts.healths.list_blocked(0):
            await ask(rig, stream=stream)
        sim.clear_faults()
        await asyncio.sleep(SHORT_S)
        for _ in range(3):
            assert (await ask(rig, stream=stream)).own("model") == "one"
        assert rig.parts.healths.list_blocked(0) == []


async def test_what_breaks_after_the_first_content_counts_too(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    sim.set_fault("cut-after=2")
    async with Rig(pair(sim, other)) as rig:
        for _ in range(IN_A_ROW):
            assert (await rig.chat(stream=True)).own("model") == "one"
        assert (await rig.chat(stream=True)).own("model") == "two"


async def test_while_a_circuit_is_open_nothing_reaches_the_target(sim: RunningSimulator) -> None:
    sim.set_fault("reset")
    async with Rig(lone(sim)) as rig:
        for _ in range(IN_A_ROW):
            assert (await rig.chat()).code == "upstream_reset"
        refused = await asyncio.gather(*(rig.chat() for _ in range(50)))
    assert {answer.code for answer in refused} == {"no_target"}
    assert all(1 <= int(answer.headers["Retry-After"]) <= 33 for answer in refused)
    assert len(sim.calls) == IN_A_ROW


async def test_who_has_no_other_target_waits_for_its_next_turn_only(
    sim: RunningSimulator,
) -> None:
    async with Rig(lone(sim)) as rig:
        await rig.chat()
        at_s = time.monotonic()
        opened = HealthEvent(get_health(rig, 0).key, "open", at_s + 300, "code", 5)
        rig.parts.healths.hear(opened, at_s)
        refused = await rig.chat()
    assert (refused.code, len(sim.calls)) == ("no_target", 1)
    assert int(refused.headers["Retry-After"]) <= 30


async def test_one_probe_at_a_time_reaches_a_dead_target(sim: RunningSimulator) -> None:
    sim.set_fault("reset", times=IN_A_ROW)
    sim.set_fault("hang")
    async with Rig(lone(sim), settings=SHORT) as rig:
        for _ in range(IN_A_ROW):
            await rig.chat()
        await asyncio.sleep(SHORT_S)
        probe = asyncio.create_task(rig.chat())
        while len(sim.calls) == IN_A_ROW:
            await asyncio.sleep(0.01)
        others = await asyncio.gather(*(rig.chat() for _ in range(50)))
        assert {answer.code for answer in others} == {"no_target"}
        assert len(sim.calls) == IN_A_ROW + 1
        probe.cancel()


async def test_faults_of_clients_open_nothing(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    sim.set_fault("status=400")
    async with Rig(pair(sim, other)) as rig:
        answers = [await rig.chat() for _ in range(20)]
    assert {answer.status for answer in answers} == {400}
    assert other.calls == []


async def test_deadlines_of_clients_open_nothing(sim: RunningSimulator) -> None:
    sim.set_fault("hang")
    async with Rig(lone(sim)) as rig:
        for _ in range(IN_A_ROW + 1):
            answer = await rig.post(
                "/v1/chat/completions", chat_body(), **{"x-lockgate-timeout-ms": "120"}
            )
            assert answer.code == "deadline_exceeded"
    assert len(sim.calls) == IN_A_ROW + 1


# --- budget and caps --------------------------------------------------------------------------


async def test_when_everything_fails_there_is_hardly_more_than_one_call_per_request(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    sim.set_fault("status=500")
    other.set_fault("status=500")
    async with Rig(pair(sim, other)) as rig:
        for _ in range(20):
            assert (await rig.chat()).status in (500, 503)
        await asyncio.gather(*(rig.chat() for _ in range(180)))
    assert len(sim.calls) + len(other.calls) <= 220


async def test_a_target_that_fails_again_and_again_gets_no_retries(sim: RunningSimulator) -> None:
    model = Model(sim.url, name="one")
    # Success and failure by turns: the circuit stays closed, the budget is used up.
    async with Rig({"chat": Endpoint([model])}) as rig:
        for _ in range(30):
            sim.set_fault("status=500", times=2)
            await rig.chat()
            sim.clear_faults()
            for _ in range(3):
                await rig.chat()
    retried = [row for row in rig.ledger.rows if row.attempt == 2]
    assert 10 <= len(retried) <= 20


def get_health(rig: Rig, index: int) -> TargetHealth:
    snapshot = rig.parts.snapshots.current
    target = snapshot.endpoints["chat"].targets[index]
    return rig.parts.healths.get(build_health_key(target, snapshot.sealed[target.secret_id]))


async def test_a_target_without_budget_is_no_second_choice(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    sim.set_fault("status=500", times=3)
    async with Rig(pair(sim, other)) as rig:
        assert (await rig.chat()).own("model") == "two"
        health = get_health(rig, 1)
        while health.may_retry:
            health.spend()
        answer = await rig.chat()
    assert (answer.status, answer.own("model")) == (500, "one")
    assert len(other.calls) == 1


async def test_when_all_is_over_no_call_is_under_way(
    sim: RunningSimulator, other: RunningSimulator, stream: bool
) -> None:
    """Whatever became of a call, the place that it took in its target is free again."""
    faults = ["status=500", "status=429", "reset", "error=bad-key", "cut-after=1", "hang", ""]
    async with Rig(pair(sim, other)) as rig:
        await ask(rig)
        healths = [get_health(rig, index) for index in (0, 1)]
        for fault in faults:
            sim.set_fault(fault or "status=400")
            other.set_fault(fault or "status=400")
            fields = {"x-lockgate-timeout-ms": "100"}
            asked = rig.post("/v1/chat/completions", chat_body(stream=stream), **fields)
            await asyncio.gather(asked, return_exceptions=True)
            waiting = asyncio.create_task(ask(rig, stream=stream))
            await asyncio.sleep(0.02)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await wait_for(lambda: all(health.in_flight == 0 for health in healths))


async def test_a_full_target_is_passed_over(sim: RunningSimulator, other: RunningSimulator) -> None:
    sim.set_fault("hang")
    async with Rig(pair(sim, other), settings={"max_in_flight_per_target": 2}) as rig:
        waiting = [asyncio.create_task(rig.chat()) for _ in range(2)]
        while len(sim.calls) < 2:
            await asyncio.sleep(0.01)
        assert (await rig.chat()).own("model") == "two"
        for task in waiting:
            task.cancel()


async def test_when_all_are_full_the_gateway_says_so(sim: RunningSimulator) -> None:
    sim.set_fault("hang")
    async with Rig(lone(sim), settings={"max_in_flight_per_target": 1}) as rig:
        waiting = asyncio.create_task(rig.chat())
        while not sim.calls:
            await asyncio.sleep(0.01)
        answer = await rig.chat()
        assert (answer.status, answer.code) == (503, "overloaded")
        assert answer.headers["Retry-After"] == "1"
        waiting.cancel()


async def test_a_stale_connection_is_an_attempt_of_its_own(sim: RunningSimulator) -> None:
    async with Rig(lone(sim)) as rig:
        assert (await rig.chat()).status == 200
        sim.set_fault("reset", times=1)  # on the connection that was kept
        answer = await rig.chat()
    assert (answer.status, answer.own("attempts")) == (200, "2")
    assert len(sim.calls) == len(rig.ledger.rows) == 3
    assert [row.error_code for row in rig.ledger.rows] == [None, "upstream_reset", None]


# --- opting in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("error=context", "context_window_exceeded"), ("error=policy", "content_policy")],
)
async def test_refusals_go_on_only_where_the_endpoint_says_so(
    sim: RunningSimulator, other: RunningSimulator, fault: str, kind: str, stream: bool
) -> None:
    sim.set_fault(fault)
    async with Rig(pair(sim, other)) as rig:
        refused = await ask(rig, stream=stream)
    assert refused.status == 400
    assert rig.ledger.rows[0].error_code == kind
    async with Rig(pair(sim, other, resilience=Resilience(fallback_on=(kind,)))) as rig:
        answer = await ask(rig, stream=stream)
    assert (answer.status, answer.own("model")) == (200, "two")


async def test_a_refusal_says_its_code_where_the_provider_has_none(sim: RunningSimulator) -> None:
    sim.set_fault("error=context")
    async with Rig({"claude": Endpoint([Model(sim.url, provider="anthropic")])}) as rig:
        answer = await rig.post("/v1/messages", messages_body("claude"))
    assert (answer.status, answer.code) == (400, "context_window_exceeded")


async def test_a_hedge_without_another_target_costs_nothing(sim: RunningSimulator) -> None:
    async with Rig({"chat": Endpoint([Model(sim.url)], resilience=Resilience(hedge=True))}) as rig:
        sim.set_fault("delay-ms=20", times=30)
        await asyncio.gather(*(rig.chat() for _ in range(30)))
        sim.set_fault("delay-ms=200")
        answers = [await rig.chat() for _ in range(3)]
    assert {(answer.status, answer.own("attempts")) for answer in answers} == {(200, "1")}


@pytest.fixture(autouse=True)
async def _faults_end(sim: RunningSimulator, other: RunningSimulator) -> AsyncIterator[None]:
    yield
    sim.clear_faults()
    other.clear_faults()
