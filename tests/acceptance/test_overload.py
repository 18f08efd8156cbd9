"""Two workers that are full: who is refused, and that whoever watches or steers gets through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from gateway.simulator import RunningSimulator
from tests.acceptance.conftest import TOKEN, Serve, Set, Start, set_up
from tests.acceptance.test_workers import LIMIT_S, read_metric, wait_until
from tests.proxy.front.rig import Peer, Reply, peer, request, settle
from tests.proxy.rig import chat_body

PLACES = 2  # per worker
MOST = 4
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


async def take_all_connections(serve: Serve, made: Set, stack: AsyncExitStack) -> list[Peer]:
    """Open connections until both workers have all that they may; which gets one is a draw."""
    kept: list[Peer] = []
    async with asyncio.timeout(LIMIT_S):
        while len(kept) < MOST * WORKERS:
            one = await stack.enter_async_context(peer(serve.url))
            reply = await one.ask(ask(made, "one"))
            if reply.status == 200:
                kept.append(one)
            else:
                assert reply.code == "overloaded"
                one.reset()
    return kept


async def test_full_workers_refuse_and_still_answer_whoever_watches(
    start: Start, provider: RunningSimulator, stack: AsyncExitStack
) -> None:
    serve = await start_full(start, provider, LOCKGATE_MAX_IN_FLIGHT=str(PLACES))
    made = await set_up_hanging(serve, provider)
    answers: list[asyncio.Task[Reply]] = []

    def list_refused() -> list[Reply]:
        ended = [answer for answer in answers if answer.done()]
        return [answer.result() for answer in ended if answer.exception() is None]

    async with asyncio.timeout(LIMIT_S):
        while len(provider.calls) < PLACES * WORKERS or len(list_refused()) < 2:
            one = await stack.enter_async_context(peer(serve.url))
            answers.append(asyncio.create_task(one.ask(ask(made, "hang"))))
            await settle(lambda: len(provider.calls) + len(list_refused()) == len(answers))
    refused = list_refused()
    for reply in refused:
        assert (reply.status, reply.code, reply.closes) == (503, "overloaded", False)
        assert reply.headers["retry-after"] == "1"
        assert reply.headers["x-lockgate-attempts"] == "0"
        assert len(reply.headers["x-lockgate-request-id"]) == 32
    await check_operators(serve)

    async def refusals_are_told() -> bool:
        return await read_metric(serve, "lockgate_refused_total") == len(refused)

    await wait_until(refusals_are_told)
    assert len(provider.calls) == PLACES * WORKERS
    await stack.aclose()
    await asyncio.gather(*answers, return_exceptions=True)

    async def places_are_free() -> bool:
        return (await serve.ask("one", made.key))[0] == 200

    await wait_until(places_are_free)


async def test_workers_with_all_connections_taken_answer_whoever_watches(
    start: Start, provider: RunningSimulator, stack: AsyncExitStack
) -> None:
    serve = await start_full(start, provider, LOCKGATE_MAX_CONNECTIONS=str(MOST))
    made = await set_up_hanging(serve, provider)
    on = await take_all_connections(serve, made, stack)
    await check_operators(serve)
    more = await stack.enter_async_context(peer(serve.url))
    reply = await more.ask(ask(made, "one"))
    assert (reply.status, reply.code, reply.closes) == (503, "overloaded", True)
    for one in on:
        assert (await one.ask(ask(made, "one"))).status == 200


async def test_an_address_with_all_its_connections_does_not_harm_another(
    start: Start, provider: RunningSimulator, stack: AsyncExitStack
) -> None:
    serve = await start_full(start, provider, LOCKGATE_MAX_CONNECTIONS_PER_SOURCE=str(MOST))
    made = await set_up_hanging(serve, provider)
    on = await take_all_connections(serve, made, stack)
    more = await stack.enter_async_context(peer(serve.url))
    reply = await more.read()
    assert (reply.status, reply.code, await more.read_end()) == (503, "overloaded", b"")
    assert reply.headers["retry-after"] == "1"
    assert len(reply.headers["x-lockgate-request-id"]) == 32
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
