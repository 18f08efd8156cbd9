"""Whose bytes are whose: two tenants on many connections, with aborts anywhere."""

from __future__ import annotations

import asyncio
import random
import re

import orjson

from gateway.simulator import RunningSimulator
from tests.proxy.front.rig import Peer, peer, request, settle
from tests.proxy.rig import Endpoint, Model, Rig, build_key, chat_body

TENANTS = ("alice", "bobby")


async def test_no_byte_of_one_answer_is_ever_in_anothers(sim: RunningSimulator) -> None:
    draw = random.Random(11)
    keys = [build_key(name, f"lg-key-of-{name}-0123456789") for name in TENANTS]
    endpoints = {
        "plain": Endpoint([Model(sim.url)]),
        "drip": Endpoint([Model(sim.url, model="gpt-4o-mini+chunks=6,slow-chunk-ms=1")]),
    }
    async with Rig(endpoints, keys=keys) as rig:
        jobs = [use(rig, tenant, lane, draw) for tenant in TENANTS for lane in range(4)]
        aborted = await asyncio.gather(*jobs)
        assert sum(aborted) > 20
        await settle(lambda: rig.plane.front.connections == 0)
        assert rig.plane.front.busy == 0
        assert rig.metrics.in_flight == 0
        for row in rig.ledger.rows:
            assert row.error_code in (None, "client_gone")


async def use(rig: Rig, tenant: str, lane: int, draw: random.Random) -> int:
    """Ask sixty times, some on connections that were used before; return how often aborted."""
    aborted = number = 0
    while number < 60:
        async with peer(rig.url) as on:
            while number < 60:
                number += 1
                if not await ask_one(on, tenant, f"{lane}-{number}", draw):
                    aborted += 1
                    break
    return aborted


async def ask_one(on: Peer, tenant: str, number: str, draw: random.Random) -> bool:
    """Ask once, or hang up in the middle; tell whether the connection goes on."""
    marker = f"marker-<{tenant}-{number}>"
    body = chat_body(
        draw.choice(["plain", "drip"]),
        messages=[{"role": "user", "content": marker}],
        stream=draw.random() < 0.5,
    )
    wire = request(body, key=f"lg-key-of-{tenant}-0123456789")
    if draw.random() < 0.3:
        on.send(wire[: draw.randint(1, len(wire))] if draw.random() < 0.3 else wire)
        await asyncio.sleep(draw.random() * 0.01)
        return False
    reply = await on.ask(wire)
    assert reply.status == 200
    text = read_stream(reply.body) if body["stream"] else reply.body.decode()
    assert set(re.findall("<[a-z]+-[0-9]+-[0-9]+>", text)) == {f"<{tenant}-{number}>"}
    for other in TENANTS:
        assert other == tenant or other.encode() not in reply.body
    return True


def read_stream(body: bytes) -> str:
    """Return the text of a stream; each event has to be whole."""
    events = [event.removeprefix(b"data: ") for event in body.split(b"\n\n")]
    assert events[-2:] == [b"[DONE]", b""]
    choices = [choice for event in events[:-2] for choice in orjson.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
