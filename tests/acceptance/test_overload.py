"""Two workers that are full: who is refused, and that whoever watches or steers gets through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from gateway.simulator import RunningSimulator
from tests.acceptance.conftest import TOKEN, Serve, Set, Start, set_up
from tests.acceptance.test_workers import read_metric, wait_until
from tests.proxy.front.rig import Peer, peer, request
from tests.proxy.rig import chat_body

PLACES = 2  # per worker
WORKERS = 2


async def start_full(start: Start, provider: RunningSimulator, **environ: str) -> Serve:
    allowed = {"LOCKGATE_ALLOWED_PRIVATE_ORIGINS": provider.url}
    return await start("--workers", str(WORKERS), **allowed, **environ)


async def set_up_hanging(serve: Serve, provider: RunningSimulator) -> Set:
    made = await set_up(serve, provider, {"one": "gpt-4o-mini", "hang": "gpt-4o-mini+hang"})
    for name, model in made.models.items():
        mapping = {"model_definition_id": model}
        await serve.create("/endpoints", {"name": name, "model_mappings": [mapping]})
    return made


def ask(made: Set, model: str) -> bytes:
    return request({**chat_body(), "model": model}, key=made.key)


async def check_operators(serve: Serve) -> None:
    """Check that probes, metrics and the control plane answer, on connections of their own."""
    for path in ("/livez", "/readyz", "/metrics", "/api/v1/status"):
        headers = {"authorization": f"Bearer {TOKEN}", "connection": "close"}
        async with serve.session.get(f"{serve.url}{path}", headers=headers) as response:
            assert response.status == 200, path
            assert await response.read()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def test_full_workers_refuse_and_still_answer_whoever_watches(
    start: Start, provider: RunningSimulator, stack: AsyncExitStack
) -> None:
    serve = await start_full(start, provider, LOCKGATE_MAX_IN_FLIGHT=str(PLACES))
    made = await set_up_hanging(serve, provider)
    on = [await stack.enter_async_context(peer(serve.url)) for _ in range(8)]
    answers = [asyncio.ensure_future(one.ask(ask(made, "hang"))) for one in on]

    async def all_places_are_taken() -> bool:
        refused = sum(answer.done() for answer in answers)
        return len(provider.calls) == PLACES * WORKERS and refused == 8 - PLACES * WORKERS

    await wait_until(all_places_are_taken)
    for answer in answers:
        if answer.done():
            reply = await answer
            assert (reply.status, reply.code, reply.closes) == (503, "overloaded", False)
            assert reply.headers["retry-after"] == "1"
            assert reply.headers["x-lockgate-attempts"] == "0"
            assert len(reply.headers["x-lockgate-request-id"]) == 32
    await check_operators(serve)

    async def refusals_are_told() -> bool:
        return await read_metric(serve, "lockgate_refused_total") == 4

    await wait_until(refusals_are_told)
    assert len(provider.calls) == PLACES * WORKERS
    for one in on:
        one.reset()
    for answer in answers:
        answer.cancel()
    await asyncio.gather(*answers, return_exceptions=True)

    async def places_are_free() -> bool:
        return (await serve.ask("one", made.key))[0] == 200

    await wait_until(places_are_free)


async def test_workers_with_all_connections_taken_answer_whoever_watches(
    start: Start, provider: RunningSimulator, stack: AsyncExitStack
) -> None:
    most = 4
    serve = await start_full(start, provider, LOCKGATE_MAX_CONNECTIONS=str(most))
    made = await set_up_hanging(serve, provider)
    on = [await stack.enter_async_context(peer(serve.url)) for _ in range(most * WORKERS)]
    for one in on:
        assert (await one.ask(ask(made, "one"))).status == 200
    await check_operators(serve)
    more = await stack.enter_async_context(peer(serve.url))
    reply = await more.ask(ask(made, "one"))
    assert (reply.status, reply.code, reply.closes) == (503, "overloaded", True)
    for one in on:
        assert (await one.ask(ask(made, "one"))).status == 200


async def test_an_address_with_all_its_connections_does_not_harm_another(
    start: Start, provider: RunningSimulator, stack: AsyncExitStack
) -> None:
    most = 4
    serve = await start_full(start, provider, LOCKGATE_MAX_CONNECTIONS_PER_SOURCE=str(most))
    made = await set_up_hanging(serve, provider)
    on = [await stack.enter_async_context(peer(serve.url)) for _ in range(most * WORKERS)]
    for one in on:
        assert (await one.ask(ask(made, "one"))).status == 200
    more = await stack.enter_async_context(peer(serve.url))
    assert ((await more.read()).code, await more.read_end()) == ("overloaded", b"")
    port = urlsplit(serve.url).port
    other = Peer(*await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)))
    stack.callback(other.reset)
    assert (await other.ask(ask(made, "one"))).status == 200
    for one in on:
        one.reset()

    async def there_is_room_again() -> bool:
        async with peer(serve.url) as again:
            return (await again.ask(ask(made, "one"))).status == 200

    await wait_until(there_is_room_again)
