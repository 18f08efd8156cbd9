from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from gateway.simulator import RunningSimulator
from tests.proxy.rig import CLIENT_KEY, NOW_MS, Endpoint, Model, Rig, build_key, chat_body

PATH = "/v1/chat/completions"


def rig_with(sim: RunningSimulator, *keys: Any) -> Rig:
    return Rig(
        {"chat": Endpoint([Model(sim.url)]), "chat-2": Endpoint([Model(sim.url)])},
        keys=keys or None,
    )


async def ask(rig: Rig, headers: dict[str, str], query: str = "") -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(rig.url + PATH + query, json=chat_body(), headers=headers) as response,
    ):
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Authorization": f"Bearer {CLIENT_KEY}"}, ""),
        ({"Authorization": f"bearer {CLIENT_KEY}"}, ""),
        ({"x-api-key": CLIENT_KEY}, ""),
        ({"x-goog-api-key": CLIENT_KEY}, ""),
        ({"api-key": CLIENT_KEY}, ""),
        ({}, f"?key={CLIENT_KEY}"),
        ({"Authorization": "Basic abc", "x-api-key": CLIENT_KEY}, ""),
        ({"Authorization": f"Bearer {CLIENT_KEY}", "x-api-key": "wrong"}, ""),
    ],
)
async def test_every_way_to_send_the_key(
    sim: RunningSimulator, headers: dict[str, str], query: str
) -> None:
    async with rig_with(sim) as rig:
        status, _ = await ask(rig, headers, query)
    assert status == 200
    assert CLIENT_KEY not in str(sim.calls[0].headers) + str(sim.calls[0].query)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic abc"},
        {"x-api-key": ""},
        {"x-api-key": CLIENT_KEY + "x"},
        {"x-api-key": "x" * 5000},
        # The first one present counts: nobody learns by adding keys which of them is right.
        {"Authorization": "Bearer wrong", "x-api-key": CLIENT_KEY},
    ],
)
async def test_no_valid_key_no_service(sim: RunningSimulator, headers: dict[str, str]) -> None:
    async with rig_with(sim) as rig:
        status, body = await ask(rig, headers)
        assert rig.ledger.rows == []
    assert status == 401
    assert body["error"]["code"] == "unauthenticated"
    assert body["error"]["type"] == "authentication_error"
    assert sim.calls == []


@pytest.mark.parametrize(
    ("changes", "word"), [({"disabled": True}, "disabled"), ({"expires_at": NOW_MS}, "expired")]
)
async def test_a_key_that_is_no_longer_good(
    sim: RunningSimulator, changes: dict[str, Any], word: str
) -> None:
    async with rig_with(sim, build_key(**changes)) as rig:
        answer = await rig.chat()
    assert answer.status == 401
    assert word in answer.json()["error"]["message"]


async def test_a_key_works_until_it_expires(sim: RunningSimulator) -> None:
    async with rig_with(sim, build_key(expires_at=NOW_MS + 1)) as rig:
        assert (await rig.chat()).status == 200
        rig.clock.now += 1
        assert (await rig.chat()).status == 401


async def test_an_endpoint_out_of_the_keys_globs_looks_like_none(sim: RunningSimulator) -> None:
    async with rig_with(sim, build_key(allowed_endpoints=("chat-*",))) as rig:
        allowed = await rig.chat("chat-2")
        hidden = await rig.chat("chat")
        missing = await rig.chat("nothing")
    assert allowed.status == 200
    assert (hidden.status, hidden.code) == (404, "endpoint_not_found")
    assert missing.status == 404
    assert hidden.body.replace(b"chat", b"nothing") == missing.body


async def test_a_stranger_is_told_before_the_body_is_read(sim: RunningSimulator) -> None:
    async with rig_with(sim) as rig:
        host, port = rig.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Expect: 100-continue\r\nAuthorization: Bearer wrong\r\n\r\n"
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
        writer.close()
    assert head == b"HTTP/1.1 401 Unauthorized\r\n"


async def test_a_friend_is_told_to_continue(sim: RunningSimulator) -> None:
    async with (
        rig_with(sim) as rig,
        rig.client.post(PATH, json=chat_body(), expect100=True) as response,
    ):
        assert response.status == 200
