"""What the simulator records, and how faults are chosen for a call."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aiohttp
import pytest
import trustme

from gateway.simulator import Fault, RunningSimulator, start_simulator
from gateway.simulator.calls import MOST_CALLS

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
PATH = "/v1/chat/completions"


async def _status(http: aiohttp.ClientSession, model: str = "gpt-4o", header: str = "") -> int:
    body = {**BODY, "model": model}
    async with http.post(PATH, json=body, headers={"x-sim-fault": header}) as response:
        await response.read()
        return response.status


async def test_a_call_is_recorded_as_it_came(
    http: aiohttp.ClientSession, simulator: RunningSimulator
) -> None:
    path = "/v1/models/gemini-2.5-pro%2Bstatus=400:generateContent?alt=sse"
    async with http.post(path, data=b'{"contents": 1}', headers={"X-Extra": "seen"}) as response:
        await response.read()
    call = simulator.calls[0]
    assert (call.method, call.query, call.body) == ("POST", {"alt": "sse"}, b'{"contents": 1}')
    assert call.path == "/v1/models/gemini-2.5-pro+status=400:generateContent"
    assert call.headers["x-extra"] == "seen"
    assert call.json() == {"contents": 1}
    assert call.done.is_set()
    assert not call.client_gone


async def test_the_record_of_a_call_does_not_show_its_key(
    http: aiohttp.ClientSession, simulator: RunningSimulator
) -> None:
    await _status(http)
    shown = repr(simulator.calls)
    assert PATH in shown
    assert "canary-key" not in shown


async def test_a_client_that_leaves_is_noticed(
    http: aiohttp.ClientSession, simulator: RunningSimulator
) -> None:
    headers = {"x-sim-fault": "stall-after=1"}
    async with asyncio.timeout(10):
        async with http.post(PATH, json={**BODY, "stream": True}, headers=headers) as response:
            await response.content.readany()
        await simulator.calls[0].done.wait()
    assert simulator.calls[0].client_gone


async def test_faults_of_header_name_and_program_add_up(
    http: aiohttp.ClientSession, simulator: RunningSimulator
) -> None:
    assert await _status(http, "gpt-4o+status=500") == 500
    assert await _status(http, "gpt-4o+status=500", "status=502") == 502
    simulator.set_fault("status=429", times=1)
    assert await _status(http, "gpt-4o+status=500", "status=502") == 429
    assert await _status(http) == 200


async def test_a_fault_for_one_model_by_its_plain_name(
    http: aiohttp.ClientSession, simulator: RunningSimulator
) -> None:
    simulator.set_fault(Fault(status=503), model="gpt-4o-mini")
    assert await _status(http, "gpt-4o") == 200
    assert await _status(http, "gpt-4o-mini+chunks=2") == 503
    simulator.clear_faults()
    assert await _status(http, "gpt-4o-mini") == 200


async def test_no_fault_hides_a_wrong_key(simulator: RunningSimulator) -> None:
    simulator.set_fault("status=503", times=1)
    headers = {"Authorization": "Bearer wrong-key"}
    async with aiohttp.ClientSession(simulator.url, headers=headers) as wrong:
        assert await _status(wrong) == 401
    headers = {"Authorization": "Bearer canary-key-of-the-simulator"}
    async with aiohttp.ClientSession(simulator.url, headers=headers) as right:
        assert await _status(right) == 503


async def test_a_redirect_may_point_to_another_server(
    http: aiohttp.ClientSession, simulator: RunningSimulator
) -> None:
    async with await start_simulator(name="sim-b") as other:
        simulator.set_fault(Fault(redirect=307, redirect_to=f"{other.url}{PATH}"), times=1)
        async with http.post(PATH, json=BODY) as response:
            answer = await response.json(content_type=None)
        assert "Hello from sim-b" in answer["choices"][0]["message"]["content"]
        assert len(other.calls) == 1


ODD: list[Any] = [
    {},
    [],
    None,
    7,
    {"model": 7},
    {"model": "m", "messages": [7]},
    {"model": "m", "messages": [{"role": "user", "content": {"text": [1]}}], "tools": [1]},
    {"model": "m", "messages": [{"role": "user"}], "response_format": "json", "max_tokens": 9},
    {"model": "m", "messages": [{}], "max_tokens": True, "stream": "yes", "thinking": [1]},
    {"model": "m", "input": [[None]], "text": 7, "reasoning": "low", "prompt": [None]},
    {"contents": "hello", "tools": [{"functionDeclarations": [{}]}], "generationConfig": [1]},
    {"contents": [], "content": 7, "requests": 7},
]
PATHS = [
    PATH,
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/messages/count_tokens",
    *(
        f"/v1/models/gemini:{action}"
        for action in ("generateContent", "streamGenerateContent", "countTokens")
    ),
    "/v1/models/gemini:embedContent",
    "/v1/models/gemini:batchEmbedContents",
    "/v1/projects/p/locations/l/publishers/google/models/gemini:generateContent",
    "/v1/projects/p/locations/l/publishers/anthropic/models/claude:rawPredict",
    "/model/amazon.nova/converse",
    "/model/amazon.nova/converse-stream",
    "/model/amazon.nova/count-tokens",
    "/model/amazon.titan-embed/invoke",
    "/openai/deployments/gpt/chat/completions?api-version=1",
    "/openai/deployments/gpt/embeddings?api-version=1",
    "/v2/chat",
    "/v2/embed",
    "/v2/rerank",
    "/api/chat",
    "/api/embed",
]


@pytest.mark.parametrize("path", PATHS)
async def test_odd_bodies_are_answered_or_refused_never_a_crash(
    http: aiohttp.ClientSession, path: str
) -> None:
    key = "canary-key-of-the-simulator"
    headers = {"anthropic-version": "2023-06-01", "x-goog-api-key": key}
    for body in ODD:
        async with http.post(path, json=body, headers=headers) as response:
            await response.read()
        assert response.status in {200, 400, 404, 422}, body


async def test_a_lenient_one_passes_over_what_a_strict_one_refuses() -> None:
    body = {**BODY, "made_up": 1}
    for strict, status in ((True, 400), (False, 200)):
        async with (
            await start_simulator(strict=strict) as running,
            aiohttp.ClientSession(running.url) as http,
            http.post(PATH, json=body) as response,
        ):
            assert response.status == status


async def test_the_oldest_calls_are_forgotten(
    http: aiohttp.ClientSession, simulator: RunningSimulator
) -> None:
    await _status(http)
    first = simulator.calls[0]
    simulator.calls.extend([first] * MOST_CALLS)
    await _status(http, "newest")
    assert len(simulator.calls) == MOST_CALLS
    assert simulator.calls[-1].json()["model"] == "newest"


async def test_connections_are_told_apart(
    http: aiohttp.ClientSession, simulator: RunningSimulator
) -> None:
    await _status(http)
    await _status(http)
    async with aiohttp.ClientSession(simulator.url) as second:
        await _status(second)
    ports = [call.peer_port for call in simulator.calls]
    assert ports[0] == ports[1] != ports[2]


async def test_it_serves_tls() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with await start_simulator(tls=server) as running:
        assert running.url.startswith("https://")
        connector = aiohttp.TCPConnector(ssl=client)
        async with aiohttp.ClientSession(running.url, connector=connector) as http:
            assert await _status(http) == 200


async def test_a_taken_port_is_an_os_error(simulator: RunningSimulator) -> None:
    with pytest.raises(OSError, match="address already in use"):
        await start_simulator(port=simulator.port)
