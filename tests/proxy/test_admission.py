"""Who is let in, who waits, who is refused: by itself, and in a data plane on real sockets."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from gateway.errors import OverloadedError
from gateway.proxy.admission import Admission, AdmissionLimits
from gateway.proxy.deadline import now_s
from gateway.routing.limits import Refusal
from gateway.simulator import RunningSimulator
from tests.proxy.front.rig import LIST, Reply, chunked, marked, peer, request, rig_with, settle
from tests.proxy.rig import Endpoint, Model, Rig, build_key, chat_body

OTHER_KEY = "lg-another-key-of-the-tests"
KEYS = [build_key(), build_key("other", OTHER_KEY)]


def build(**limits: Any) -> Admission:
    """One that has served a thousand requests in the last second: places come free."""
    admission = Admission(AdmissionLimits(**limits), {b"a": "a", b"b": "b"}.get)
    for _ in range(500):
        admission.enter()
        admission.leave("a")
    admission.tick(now_s(), 0.25, 0.0)
    return admission


async def fill(admission: Admission, places: int) -> None:
    for _ in range(places):
        await admission.wait("a")


# --- places ---------------------------------------------------------------------------------


async def test_who_waits_is_let_in_when_a_place_comes_free_the_keys_in_turns() -> None:
    admission = build(in_flight=2, queue_s=5.0)
    await fill(admission, 2)
    came: list[str] = []

    async def serve(key: str) -> None:
        await admission.wait(key)
        came.append(key)

    waiting = [asyncio.ensure_future(serve(key)) for key in "aaab"]
    await settle(lambda: admission.queued == 4)
    for count in range(1, 5):
        admission.leave("a")
        await settle(lambda count=count: len(came) == count)
    assert came == ["a", "b", "a", "a"]
    assert (admission.in_flight, admission.queued) == (2, 0)
    await asyncio.gather(*waiting)


async def test_who_waits_too_long_is_refused_and_leaves_no_trace() -> None:
    seen: list[Refusal] = []
    admission = build(in_flight=1, queue_s=0.05)
    admission.on_refused = seen.append
    await fill(admission, 1)
    with pytest.raises(OverloadedError) as caught:
        await admission.wait("a")
    assert caught.value.retry_after_s == 1
    assert (seen, admission.in_flight, admission.queued) == ([Refusal.IN_FLIGHT], 1, 0)


async def test_nobody_waits_where_no_place_comes_free() -> None:
    admission = Admission(AdmissionLimits(in_flight=1, queue_s=60.0), {b"a": "a"}.get)
    admission.enter()
    assert admission.alert
    assert admission.find_refusal(b"a") is Refusal.IN_FLIGHT
    assert admission.find_refusal(b"unknown") is None  # it is told that it is not known
    with pytest.raises(OverloadedError):
        await admission.wait("a")


async def test_a_flood_of_one_key_gives_way_to_another_key() -> None:
    admission = build(in_flight=1, queued=4, queue_s=5.0)
    await fill(admission, 1)
    flood = [asyncio.ensure_future(admission.wait("a")) for _ in range(4)]
    await settle(lambda: admission.queued == 4)
    assert admission.find_refusal(b"a") is Refusal.IN_FLIGHT
    assert admission.find_refusal(b"b") is None
    other = asyncio.ensure_future(admission.wait("b"))
    with pytest.raises(OverloadedError):  # the last of the flood
        await flood[3]
    admission.leave("a")
    await flood[0]
    admission.leave("a")
    await other
    for left in flood[1:3]:
        left.cancel()
    await asyncio.gather(*flood[1:3], return_exceptions=True)
    assert (admission.in_flight, admission.queued) == (1, 0)
    admission.close()


async def test_many_keys_with_one_request_each_fill_the_queue_no_further_than_it_goes() -> None:
    admission = Admission(
        AdmissionLimits(in_flight=1, queued=2, queue_s=60.0), lambda digest: digest.decode()
    )
    for _ in range(5):
        admission.enter()
        admission.leave("a")
    admission.tick(now_s(), 0.25, 0.0)
    await fill(admission, 1)
    waiting = [asyncio.ensure_future(admission.wait(key)) for key in "bc"]
    await settle(lambda: admission.queued == 2)
    assert admission.find_refusal(b"d") is Refusal.IN_FLIGHT
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (admission.in_flight, admission.queued) == (1, 0)
    admission.close()


async def test_who_goes_away_while_waiting_has_no_place() -> None:
    admission = build(in_flight=1, queue_s=60.0)
    await fill(admission, 1)
    waiting = asyncio.ensure_future(admission.wait("a"))
    await settle(lambda: admission.queued == 1)
    admission.leave("a")
    asyncio.get_running_loop().call_soon(waiting.cancel)  # let in, but it has not heard of it
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert admission.in_flight == 0


async def test_a_key_at_its_limit_is_refused_and_others_are_not() -> None:
    admission = build(in_flight_per_key=2)
    assert admission.alert
    await fill(admission, 2)
    assert admission.find_refusal(b"a") is Refusal.KEY
    with pytest.raises(OverloadedError, match="this api key"):
        await admission.wait("a")
    await admission.wait("b")
    admission.leave("a")
    await admission.wait("a")
    assert admission.in_flight == 3


async def test_one_that_waits_while_its_key_gets_to_its_limit_is_refused() -> None:
    admission = build(in_flight=2, in_flight_per_key=2, queue_s=5.0)
    await admission.wait("b")
    await admission.wait("a")
    waiting = [asyncio.ensure_future(admission.wait("a")) for _ in range(2)]
    await settle(lambda: admission.queued == 2)
    admission.leave("b")
    await waiting[0]
    admission.leave("b")  # as another key's would
    with pytest.raises(OverloadedError, match="this api key"):
        await waiting[1]


# --- time -----------------------------------------------------------------------------------


async def run_late(admission: Admission) -> None:
    """Let every turn be too long until one that comes late is refused."""
    admission.tick(now_s(), 0.25, late_s=1.0)
    assert admission.alert
    async with asyncio.timeout(10):
        while not (admission.find_refusal(b"unknown") or admission.find_refusal(b"unknown")):
            await asyncio.sleep(0)


async def test_turns_that_are_too_long_for_half_a_second_are_an_overload() -> None:
    admission = build(turn_s=1e-9)
    first = admission.find_refusal(b"a")  # a burst is none
    await run_late(admission)
    assert (first, admission.find_refusal(b"a")) == (None, Refusal.BUSY)
    with pytest.raises(OverloadedError, match="work off"):
        await admission.wait("a")


async def test_late_in_a_turn_a_key_that_had_few_goes_before_one_that_had_many() -> None:
    admission = build(turn_s=0.4)
    admission.tick(now_s(), 0.25, late_s=1.0)
    for _ in range(3):
        assert admission.find_refusal(b"a") is None  # early in its turn
        time.sleep(0.45)
        await asyncio.sleep(0)
    assert admission.find_refusal(b"a") is None
    for _ in range(4):
        await admission.wait("a")
    time.sleep(0.45)
    assert admission.find_refusal(b"a") is Refusal.BUSY
    assert admission.find_refusal(b"b") is None
    time.sleep(0.45)
    assert admission.find_refusal(b"b") is Refusal.BUSY


async def test_one_turn_that_is_very_long_is_none() -> None:
    admission = build(turn_s=0.2)
    admission.tick(now_s(), 0.25, late_s=1.0)
    assert admission.find_refusal(b"a") is None
    time.sleep(0.8)  # the process is stopped, or parses something huge
    await asyncio.sleep(0)
    assert admission.find_refusal(b"a") is None
    time.sleep(0.3)  # and has a burst to work off
    assert admission.find_refusal(b"unknown") is None


async def test_long_turns_are_forgotten_where_the_alert_has_another_reason() -> None:
    admission = build(turn_s=1e-9, in_flight_per_key=100)
    await run_late(admission)
    admission.tick(now_s() + 2, 0.25, late_s=0.0)
    assert admission.alert
    for _ in range(2):  # in one turn: the second is late in it
        assert admission.find_refusal(b"unknown") is None


async def test_a_turn_that_is_short_again_is_the_end_of_it() -> None:
    admission = build(turn_s=0.2)
    admission.tick(now_s(), 0.25, late_s=1.0)
    for _ in range(10):
        assert admission.find_refusal(b"a") is None
        await asyncio.sleep(0)
    admission.tick(now_s() + 2, 0.25, late_s=0.0)
    assert not admission.alert


async def test_without_a_limit_of_time_nobody_is_late() -> None:
    admission = build()
    admission.tick(now_s(), 0.25, late_s=1.0)
    assert admission.find_refusal(b"a") is None


def test_refusals_are_told_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    admission = build(in_flight=1)
    with caplog.at_level(logging.WARNING):
        for at_s in (100.0, 100.25, 100.5):
            admission.refuse(Refusal.IN_FLIGHT)
            admission.tick(at_s, 0.25, 0.0)
    assert [record.getMessage() for record in caplog.records] == [
        "overloaded: 1 requests or connections were refused"
    ]


# --- in a data plane ------------------------------------------------------------------------


def full_rig(sim: RunningSimulator, **settings: Any) -> Rig:
    """One place; the endpoint `hang` keeps it."""
    endpoints = {
        "chat": Endpoint([Model(sim.url)]),
        "hang": Endpoint([Model(sim.url, model="gpt-4o-mini+hang")]),
    }
    return Rig(endpoints, keys=KEYS, settings={"max_in_flight": 1, **settings})


HANG = request({**chat_body(), "model": "hang"})


def check(reply: Reply) -> None:
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    for name in ("request-id", "endpoint", "model", "provider", "attempts", "overhead-ms"):
        assert f"x-lockgate-{name}" in reply.headers


async def test_a_full_gateway_refuses_before_the_body_has_come_and_keeps_the_connection(
    sim: RunningSimulator,
) -> None:
    async with full_rig(sim) as rig, peer(rig.url) as holder, peer(rig.url) as on:
        holder.send(HANG)
        await settle(lambda: len(sim.calls) == 1)
        wire = marked("later")
        body_at = wire.index(b"\r\n\r\n") + 4
        on.send(wire[:body_at])
        first = await on.read()
        check(first)
        assert (first.code, first.closes) == ("overloaded", False)
        on.send(wire[body_at:-3])
        on.send(wire[-3:] + LIST)  # what is left of the body is no request
        assert (await on.read()).status == 200
        check(await on.ask(wire))
        assert len(sim.calls) == 1
        assert (await on.ask(request(key="wrong"))).status == 401
        holder.reset()
        await settle(lambda: rig.plane.admission.in_flight == 0)
        assert (await on.ask(wire)).status == 200
    text = rig.metrics.render().decode()
    assert 'lockgate_refused_total{reason="in_flight"} 2.0' in text
    assert 'status="503"} 2.0' in text


@pytest.mark.parametrize(
    ("path", "lines", "code"),
    [
        (b"/v1/chat/completions", (), ("error", "code", "overloaded")),
        (b"/v1/messages", (), ("error", "code", "overloaded")),
        (b"/v1beta/models/chat:generateContent", (), ("error", "status", "UNAVAILABLE")),
        (b"/v1/messages", (b'x-lockgate-request-id: a"b',), ("error", "code", "overloaded")),
    ],
)
async def test_it_speaks_the_clients_dialect(
    sim: RunningSimulator, path: bytes, lines: tuple[bytes, ...], code: tuple[str, str, str]
) -> None:
    async with full_rig(sim) as rig, peer(rig.url) as holder, peer(rig.url) as on:
        holder.send(HANG)
        await settle(lambda: len(sim.calls) == 1)
        wire = request(None, *lines, path=path)
        one, two = await on.ask(wire), await on.ask(wire)
        for reply in (one, two):
            check(reply)
            assert reply.json()[code[0]][code[1]] == code[2]
        ids = {reply.headers["x-lockgate-request-id"] for reply in (one, two)}
        assert len(ids) == (1 if lines else 2)
        assert "0" * 32 not in one.body.decode()


@pytest.mark.parametrize(
    "wire",
    [
        chunked(b'{"model": "chat"}')[:-5],
        request(b"x" * 300_000)[:-299_990],
        request(b"x" * 100, b"Expect: 100-continue")[:-100],
    ],
    ids=["chunked", "long", "expects"],
)
async def test_what_cannot_be_skipped_ends_the_connection(
    sim: RunningSimulator, wire: bytes
) -> None:
    async with full_rig(sim) as rig, peer(rig.url) as holder, peer(rig.url) as on:
        holder.send(HANG)
        await settle(lambda: len(sim.calls) == 1)
        reply = await on.ask(wire)
        check(reply)
        assert reply.closes
        assert await on.read_end() == b""


async def test_the_rest_of_a_refused_body_has_to_come(sim: RunningSimulator) -> None:
    async with full_rig(sim) as rig, peer(rig.url) as holder, peer(rig.url) as on:
        rig.plane.front.body_idle_s = 0.3
        holder.send(HANG)
        await settle(lambda: len(sim.calls) == 1)
        check(await on.ask(request(b"x" * 100)[:-50]))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await on.reader.readexactly(1)


async def test_a_request_that_waits_is_served_when_the_place_comes_free(
    sim: RunningSimulator,
) -> None:
    async with full_rig(sim, queue_timeout_ms=10_000) as rig:
        async with peer(rig.url) as on:
            for _ in range(50):  # so that places are known to come free
                assert (await on.ask(request())).status == 200
        async with peer(rig.url) as holder, peer(rig.url) as on:
            rig.plane.admission.tick(now_s(), 0.25, 0.0)
            holder.send(HANG)
            await settle(lambda: len(sim.calls) == 51)
            on.send(request())
            await settle(lambda: rig.plane.admission.queued == 1)
            assert b"lockgate_requests_queued 1.0" in rig.metrics.render()
            holder.reset()
            assert (await on.read()).status == 200
            on.send(HANG)
            await settle(lambda: len(sim.calls) == 53)
        await settle(lambda: rig.plane.admission.in_flight == 0)


async def test_who_waits_goes_with_its_connection_and_at_the_end_of_a_drain(
    sim: RunningSimulator,
) -> None:
    async with full_rig(sim, queue_timeout_ms=60_000) as rig:
        async with peer(rig.url) as on:
            for _ in range(50):
                assert (await on.ask(request())).status == 200
        async with peer(rig.url) as holder, peer(rig.url) as gone, peer(rig.url) as on:
            admission = rig.plane.admission
            admission.tick(now_s(), 0.25, 0.0)
            holder.send(HANG)
            await settle(lambda: len(sim.calls) == 51)
            gone.send(request())
            await settle(lambda: admission.queued == 1)
            gone.reset()
            await settle(lambda: admission.queued == 0)
            assert admission.in_flight == 1
            admission.tick(now_s(), 0.25, 0.0)
            on.send(request())
            await settle(lambda: admission.queued == 1)
            assert await rig.plane.drain(0.2) == 2
            reply = await on.read()
            assert (reply.status, reply.code, reply.closes) == (503, "shutting_down", True)
        assert (admission.in_flight, admission.queued) == (0, 0)
        assert len(sim.calls) == 51


async def test_one_key_cannot_take_all_places(sim: RunningSimulator) -> None:
    async with (
        full_rig(sim, max_in_flight=8, max_in_flight_per_key=1) as rig,
        peer(rig.url) as holder,
        peer(rig.url) as on,
    ):
        holder.send(HANG)
        await settle(lambda: len(sim.calls) == 1)
        check(await on.ask(request()))
        assert (await on.ask(request(key=OTHER_KEY))).status == 200


async def test_a_place_is_given_back_whatever_becomes_of_a_request(sim: RunningSimulator) -> None:
    async with rig_with(sim, "reset") as rig, peer(rig.url) as on:
        statuses = [
            (await on.ask(wire)).status
            for wire in (request(), request(b"{"), request({"model": "none"}), request(key="no"))
        ]
        assert statuses == [502, 400, 404, 401]
        assert rig.plane.admission.in_flight == 0
