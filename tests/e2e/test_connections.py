"""One port for both planes: what a connection that asks for either gets."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress

import aiohttp
import pytest

from tests.e2e.conftest import TOKEN, GatewayServer
from tests.proxy.front.rig import peer, request
from tests.proxy.rig import chat_body

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("path", [b"/livez", b"/", b"/ui/", b"/api/v1/endpoints", b"/nothing"])
async def test_what_is_not_the_data_planes_is_answered_and_closed(
    gateway_server: GatewayServer, path: bytes
) -> None:
    ask = request(chat_body("gpt"), key=gateway_server.key)
    async with peer(gateway_server.url) as on:
        assert (await on.ask(ask)).status == 200
        reply = await on.ask(request(path=path, method=b"GET"))
        assert reply.status in (200, 302, 303, 307, 308, 401, 403, 404)
        assert reply.headers["server"] == "lockgate"
        assert reply.closes
        assert await on.read_end() == b""


async def test_one_client_of_both_planes(gateway_server: GatewayServer) -> None:
    headers = {"Authorization": f"Bearer {gateway_server.key}"}
    async with aiohttp.ClientSession(gateway_server.url, headers=headers) as session:
        for _ in range(10):
            for path in ("/livez", "/v1/models", "/nothing"):
                async with session.get(path) as response:
                    assert response.status == (404 if path == "/nothing" else 200)
                    await response.read()
            async with session.post("/v1/chat/completions", json=chat_body("gpt")) as response:
                assert response.status == 200
                assert (await response.json())["choices"]


async def test_connections_that_are_not_the_data_planes_are_bounded_too(
    gateway_server: GatewayServer,
) -> None:
    wire = request(
        b"x" * 100, b"Content-Type: application/json", path=b"/api/v1/secrets", key=TOKEN
    )
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(peer(gateway_server.url)) for _ in range(1024)]
        for on in held:  # all at once: each has ten seconds
            on.send(wire[:-50])
        async with peer(gateway_server.url) as more:
            with suppress(ConnectionError):
                more.send(wire[:-50])
                assert await more.read_end() == b""
    async with peer(gateway_server.url) as on:
        assert (await on.ask(request(path=b"/livez", method=b"GET"))).status == 200
