"""What a client can cause alone leaves the target in service, as seen from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gateway.simulator import RunningSimulator
from tests.proxy.rig import Endpoint, Model, Rig

TOO_LARGE = (
    b'{"error":{"message":"Request too large for gpt-4o on tokens per min","type":"tokens"}}'
)
NO_SCOPE = b'{"error":{"message":"Missing scopes: api.responses.write","code":"missing_scope"}}'
PAGE = b"<!DOCTYPE html><title>Sorry, you have been blocked</title>"
UNABLE = b'{"error":{"message":"This server does not support tools","type":"not_supported_error"}}'

CASES = [
    # status, body, status alone, code alone (None: the provider's own body passes)
    (429, TOO_LARGE, 429, None),
    (401, NO_SCOPE, 502, "credential_rejected"),
    (403, PAGE, 502, "upstream_malformed"),
    (501, UNABLE, 501, None),
]


@asynccontextmanager
async def serve(status: int, body: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve one answer to everything; yields the URL and the paths that were asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        kind = "text/html" if body.startswith(b"<") else "application/json"
        return web.Response(status=status, body=body, content_type=kind)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("status", "body", "shown", "code"), CASES)
async def test_alone_the_client_learns_what_it_can_use(
    status: int, body: bytes, shown: int, code: str | None
) -> None:
    async with serve(status, body) as (url, asked), Rig({"chat": Endpoint([Model(url)])}) as rig:
        answer = await rig.chat()
        assert rig.parts.healths.list_blocked(0) == []
    assert answer.status == shown
    assert answer.body == body if code is None else answer.code == code
    assert len(asked) == 1


@pytest.mark.parametrize(("status", "body"), [case[:2] for case in CASES])
async def test_the_next_target_answers_and_the_first_stays_in_service(
    sim: RunningSimulator, status: int, body: bytes
) -> None:
    async with serve(status, body) as (url, asked):
        models = [Model(url, name="one"), Model(sim.url, order=1, name="two")]
        async with Rig({"chat": Endpoint(models)}) as rig:
            answers = [await rig.chat() for _ in range(6)]
            assert rig.parts.healths.list_blocked(0) == []
    assert {(answer.status, answer.own("model")) for answer in answers} == {(200, "two")}
    assert len(asked) == 6  # more in a row than a circuit bears


async def test_a_long_prompt_opens_no_circuit() -> None:
    body = (
        b'{"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}'
    )
    async with serve(500, body) as (url, asked), Rig({"chat": Endpoint([Model(url)])}) as rig:
        answers = [await rig.chat() for _ in range(6)]
        assert rig.parts.healths.list_blocked(0) == []
    assert {answer.status for answer in answers} == {500}
    assert len(asked) == 6
