"""Workers know the health of targets together, and the operator sees what they know."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from typing import Any

import aiohttp
import pytest

from gateway.simulator import RunningSimulator
from tests.acceptance.conftest import Serve, Set, Start, set_up
from tests.acceptance.test_workers import list_pids, read_metric, wait_until

MODELS = {"one": "gpt-one", "two": "gpt-two"}
INTERVAL_MS = 3_000  # longer than forty requests take on a busy machine


@pytest.fixture
async def serve(start: Start, provider: RunningSimulator) -> Serve:
    return await start(
        *("--workers", "2"),
        LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url,
        LOCKGATE_CIRCUIT_OPEN_MS=str(INTERVAL_MS),
    )


@pytest.fixture
async def made(serve: Serve, provider: RunningSimulator) -> Set:
    made = await set_up(serve, provider, MODELS)
    for name, models in (("lone", ["one"]), ("pair", ["one", "two"])):
        rows: list[dict[str, Any]] = [{"model_definition_id": made.models[models[0]]}]
        rows += [
            {"model_definition_id": made.models[model], "linkage_type": "FALLBACK"}
            for model in models[1:]
        ]
        await serve.create("/endpoints", {"name": name, "model_mappings": rows})
    return made


async def ask_all(serve: Serve, made: Set, endpoint: str, count: int = 40) -> Counter[int]:
    """Ask on connections of their own, so that every worker gets some."""
    body = {"model": endpoint, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {made.key}"}

    async def ask(session: aiohttp.ClientSession) -> int:
        async with session.post(
            f"{serve.url}/v1/chat/completions", json=body, headers=headers
        ) as response:
            return response.status

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=16)
    ) as session:
        return Counter(await asyncio.gather(*(ask(session) for _ in range(count))))


async def get_state(serve: Serve) -> dict[str, str]:
    _, facts = await serve.call("GET", "/status")
    return {row["model_definition_name"]: row["state"] for row in facts["targets"]}


async def get_reasons(serve: Serve, endpoint: str) -> dict[str, tuple[bool, str]]:
    _, page = await serve.call("GET", f"/endpoints?name={endpoint}")
    path = f"/endpoints/{page['items'][0]['endpoint_id']}/explain"
    _, facts = await serve.call("GET", path)
    return {row["model_definition_name"]: (row["usable"], row["state"]) for row in facts["order"]}


async def test_a_target_that_cools_for_one_worker_cools_for_all(
    serve: Serve, made: Set, provider: RunningSimulator
) -> None:
    provider.set_fault("status=429,retry-after=60", model="gpt-one")
    assert (await serve.ask("pair", made.key))[0] == 200
    await wait_until(lambda: is_state(serve, "one", "cooling"))
    calls = count(provider, "gpt-one")
    assert await ask_all(serve, made, "pair") == {200: 40}
    assert count(provider, "gpt-one") == calls
    assert await get_reasons(serve, "pair") == {"one": (False, "cooling"), "two": (True, "closed")}
    assert await get_reasons(serve, "lone") == {"one": (True, "cooling")}  # its only one
    assert await read_metric(serve, 'lockgate_target_blocked{model="one",state="cooling"}') == 1
    assert (await ask_all(serve, made, "lone", 4)) == {429: 4}


async def test_a_dead_target_gets_one_probe_per_interval_whatever_worker_is_asked(
    serve: Serve, made: Set, provider: RunningSimulator
) -> None:
    provider.set_fault("reset", model="gpt-one")
    while (await get_state(serve)).get("one") != "open":
        await ask_all(serve, made, "lone", 4)
    calls = count(provider, "gpt-one")
    statuses = await ask_all(serve, made, "lone")
    assert statuses == {503: 40}
    assert count(provider, "gpt-one") == calls
    await wait_until(lambda: is_state(serve, "one", "half_open"))
    await ask_all(serve, made, "lone")
    assert count(provider, "gpt-one") == calls + 1
    provider.clear_faults()
    await wait_until(lambda: answers_well(serve, made))
    assert await get_state(serve) == {}
    assert await ask_all(serve, made, "lone") == {200: 40}


async def test_a_new_worker_knows_what_the_old_ones_knew(
    serve: Serve, made: Set, provider: RunningSimulator
) -> None:
    provider.set_fault("status=529,retry-after=60", model="gpt-one")
    assert (await serve.ask("pair", made.key))[0] == 200
    await wait_until(lambda: is_state(serve, "one", "cooling"))
    old = await list_pids(serve)
    serve.process.send_signal(signal.SIGHUP)

    async def is_renewed() -> bool:
        return len(new := await list_pids(serve)) == 2 and not new & old

    await wait_until(is_renewed)
    calls = count(provider, "gpt-one")
    assert await ask_all(serve, made, "pair") == {200: 40}
    assert count(provider, "gpt-one") == calls


async def test_a_worker_that_dies_while_it_probes_leaves_the_target_to_others(
    serve: Serve, made: Set, provider: RunningSimulator
) -> None:
    provider.set_fault("reset", model="gpt-one")
    while (await get_state(serve)).get("one") != "open":
        await ask_all(serve, made, "lone", 4)
    provider.clear_faults()
    provider.set_fault("hang", model="gpt-one", times=1)
    await wait_until(lambda: is_state(serve, "one", "half_open"))
    calls = count(provider, "gpt-one")
    probe = asyncio.create_task(ask_all(serve, made, "lone", 1))
    while count(provider, "gpt-one") == calls:
        await asyncio.sleep(0.01)
        if probe.done():  # a worker was asked whose turn to probe comes some milliseconds later
            probe = asyncio.create_task(ask_all(serve, made, "lone", 1))
    _, facts = await serve.call("GET", "/status")
    (prober,) = (row["pid"] for row in facts["worker_processes"] if row["connections"])
    # One connection, so that only the other worker is asked, not the one that comes in the place.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        assert await ask_lone(serve, made, session) == 503
        os.kill(prober, signal.SIGKILL)
        async with asyncio.timeout(40):  # a claim that nobody ends holds for a minute
            while await ask_lone(serve, made, session) != 200:
                await asyncio.sleep(0.05)
    await asyncio.gather(probe, return_exceptions=True)


async def ask_lone(serve: Serve, made: Set, session: aiohttp.ClientSession) -> int:
    body = {"model": "lone", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {made.key}"}
    url = f"{serve.url}/v1/chat/completions"
    async with session.post(url, json=body, headers=headers) as response:
        await response.read()
        return response.status


async def is_state(serve: Serve, name: str, state: str) -> bool:
    return (await get_state(serve)).get(name) == state


async def answers_well(serve: Serve, made: Set) -> bool:
    statuses = await ask_all(serve, made, "lone", 8)
    return statuses == {200: 8} and not await get_state(serve)


def count(provider: RunningSimulator, model: str) -> int:
    return sum(call.json()["model"] == model for call in provider.calls)
