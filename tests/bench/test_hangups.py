"""Clients that hang up in each phase of a request: the short form of `bench.hangups`."""

from __future__ import annotations

import asyncio
import gc

import pytest

from bench.hangups import PHASES, hang_up, judge, open_upstream
from bench.wire import Target
from tests.proxy.rig import CLIENT_KEY, Endpoint, Model, Rig

CLIENTS = 20


class SleepingRig(Rig):
    """Waits in earnest before a second try."""

    async def _nap(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


@pytest.mark.parametrize("phase", list(PHASES))
async def test_nothing_is_left_of_clients_that_hang_up(phase: str) -> None:
    name = f"hang-{phase}"
    async with open_upstream() as upstream:
        model = Model(upstream.urls[phase], "openai_compatible", model=name)
        async with SleepingRig({name: Endpoint([model])}) as rig:
            target = Target(rig.url, CLIENT_KEY, name)
            await hang_up(upstream, target, phase, CLIENTS)
            async with asyncio.timeout(5):
                while rig.metrics.in_flight or rig.plane.front.connections:
                    await asyncio.sleep(0.01)
            assert not upstream.busy
    gc.collect()  # what was never awaited or closed says so now
    rows = rig.ledger.rows
    assert len({row.request_id for row in rows}) == CLIENTS
    if phase != "retry":  # there the first try is over, and a second may not have begun
        assert {(row.client_gone, row.error_code) for row in rows} == {(True, "client_gone")}
    if phase in ("content", "flood"):
        assert all(row.output_tokens and row.estimated for row in rows)


def test_what_is_left_is_a_fault() -> None:
    fine = {"left": 0, "took_s": 0.1, "in_flight": 0, "booked": 2}
    assert judge({"silent": fine}, 2, "all is well") == []
    for wrong in ({"left": 1}, {"took_s": 1.5}, {"in_flight": 1}, {"booked": 1}):
        assert judge({"silent": fine | wrong}, 2, "")
    assert judge({"silent": fine}, 2, "x.py:1: ResourceWarning: unclosed transport")
