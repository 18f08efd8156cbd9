"""The main job through a real server: shares, changes at once, fallback."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from gateway.simulator import RunningSimulator
from tests.acceptance.conftest import Serve, Start, set_up

REQUESTS = 20_000
AT_ONCE = 32


async def count_answers(serve: Serve, endpoint: str, key: str, requests: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    left = iter(range(requests))

    async def work() -> None:
        for _ in left:
            status, headers, body = await serve.ask(endpoint, key)
            assert status == 200, body
            seen[headers["x-lockgate-model"]] += 1

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return seen


async def create_split(serve: Serve, name: str, models: dict[str, str], **weights: float) -> dict:
    mappings = [
        {"model_definition_id": models[model], "weight": weight}
        for model, weight in weights.items()
    ]
    return await serve.create("/endpoints", {"name": name, "model_mappings": mappings})


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_shares_of_20_000_requests_are_those_of_the_weights(
    start: Start, provider: RunningSimulator
) -> None:
    serve = await start(LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url, LOCKGATE_LOG_LEVEL="WARNING")
    made = await set_up(serve, provider, {name: f"gpt-{name}" for name in ("a", "b", "c", "d")})
    await create_split(serve, "two", made.models, a=80, b=20, d=0)
    await create_split(serve, "three", made.models, a=7, b=2, c=1, d=0)

    two = await count_answers(serve, "two", made.key, REQUESTS // 2)
    three = await count_answers(serve, "three", made.key, REQUESTS // 2)

    for seen, weights in ((two, {"a": 80, "b": 20}), (three, {"a": 70, "b": 20, "c": 10})):
        assert seen["d"] == 0
        for name, percent in weights.items():
            # 1.5 points are 3.7 standard deviations of 10,000 draws at 20 %.
            assert abs(seen[name] / (REQUESTS // 2) * 100 - percent) <= 1.5, seen
    status, usage = await serve.call("GET", "/usage?group_by=endpoint")
    assert status == 200
    assert sum(row["attempts"] for row in usage["items"]) == REQUESTS


async def test_the_next_request_follows_a_patch_of_the_weights(
    start: Start, provider: RunningSimulator
) -> None:
    serve = await start(LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url)
    made = await set_up(serve, provider, {"a": "gpt-a", "b": "gpt-b"})
    endpoint = await create_split(serve, "chat", made.models, a=1, b=0)
    path = f"/endpoints/{endpoint['endpoint_id']}/mappings"
    first, second = endpoint["model_mappings"]

    for turn in range(20):
        on, off = (second, first) if turn % 2 == 0 else (first, second)
        assert (await serve.call("PATCH", f"{path}/{on['mapping_id']}", {"weight": 5}))[0] == 200
        assert (await serve.call("PATCH", f"{path}/{off['mapping_id']}", {"weight": 0}))[0] == 200
        status, headers, _ = await serve.ask("chat", made.key)
        assert status == 200
        assert headers["x-lockgate-model"] == on["model_definition"]["name"]


async def test_a_failing_first_target_is_not_the_clients_failure(
    start: Start, provider: RunningSimulator
) -> None:
    serve = await start(LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url)
    made = await set_up(serve, provider, {"down": "gpt-4o+status=503", "up": "gpt-4o-mini"})
    await serve.create(
        "/endpoints",
        {
            "name": "safe",
            "model_mappings": [
                {"model_definition_id": made.models["down"]},
                {"model_definition_id": made.models["up"], "linkage_type": "FALLBACK"},
            ],
        },
    )
    for stream, attempts in ((False, "2"), (True, "1")):  # by then the first target cools
        status, headers, body = await serve.ask("safe", made.key, stream=stream)
        assert status == 200
        assert headers["x-lockgate-model"] == "up"
        assert headers["x-lockgate-attempts"] == attempts
        assert body.rstrip().endswith(b"[DONE]") is stream
    status, usage = await serve.call("GET", "/usage")
    assert [(row["model_definition_name"], row["status"]) for row in usage["items"]] == [
        ("up", 200),
        ("up", 200),
        ("down", 503),
    ]


async def test_a_clean_stop_loses_no_usage_row(start: Start, provider: RunningSimulator) -> None:
    serve = await start(LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url)
    made = await set_up(serve, provider, {"a": "gpt-a"})
    await create_split(serve, "chat", made.models, a=1)
    await count_answers(serve, "chat", made.key, 200)
    assert await serve.stop() == 0

    again = await start(LOCKGATE_ALLOWED_PRIVATE_ORIGINS=provider.url)
    _, usage = await again.call("GET", "/usage?group_by=endpoint")
    assert sum(row["attempts"] for row in usage["items"]) == 200
