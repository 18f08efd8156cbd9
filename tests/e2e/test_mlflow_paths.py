"""Under the paths of MLflow's AI Gateway: an OpenAI SDK changes only its base URL."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio

from tests.e2e.conftest import CANARY, GatewayServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASKED: list[Any] = [{"role": "user", "content": "hello"}]


@pytest.fixture(params=["/gateway/openai/v1", "/gateway/mlflow/v1"])
def base_url(request: pytest.FixtureRequest, gateway_server: GatewayServer) -> str:
    return gateway_server.url + request.param


@pytest_asyncio.fixture(loop_scope="module")
async def sdk(gateway_server: GatewayServer, base_url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key=gateway_server.key, base_url=base_url, max_retries=0
    ) as client:
        yield client


async def test_chat(sdk: openai.AsyncOpenAI, gateway_server: GatewayServer) -> None:
    raw = await sdk.chat.completions.with_raw_response.create(model="gpt", messages=ASKED)
    assert "gpt-4o-mini" in (raw.parse().choices[0].message.content or "")
    assert raw.headers["x-lockgate-endpoint"] == "gpt"
    (call,) = gateway_server.sim.calls
    assert call.headers["Authorization"] == f"Bearer {CANARY}"


async def test_chat_streamed(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model="gpt", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "gpt-4o-mini" in text
    assert chunks[-1].usage is not None


async def test_models(sdk: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in sdk.models.list()]
    assert sorted(names) == ["claude", "embed", "gem", "gem-embed", "gpt"]
    assert (await sdk.models.retrieve("gpt")).id == "gpt"


async def test_errors(sdk: openai.AsyncOpenAI, gateway_server: GatewayServer) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await sdk.chat.completions.create(model="nothing", messages=ASKED)
    assert missing.value.code == "endpoint_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        await sdk.chat.completions.create(model="claude", messages=ASKED, n=2)
    assert wrong.value.code == "not_expressible"
    gateway_server.sim.set_fault("status=429,retry-after=3")
    with pytest.raises(openai.RateLimitError) as limited:
        await sdk.chat.completions.create(model="gpt", messages=ASKED)
    assert limited.value.response.headers["retry-after"] == "3"


async def test_a_stream_that_breaks(sdk: openai.AsyncOpenAI, gateway_server: GatewayServer) -> None:
    gateway_server.sim.set_fault("chunks=8,cut-after=4")
    stream = await sdk.chat.completions.create(model="gpt", messages=ASKED, stream=True)
    with pytest.raises(openai.APIError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "upstream_truncated"


async def test_a_wrong_key(base_url: str) -> None:
    async with openai.AsyncOpenAI(api_key="wrong-key", base_url=base_url, max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.chat.completions.create(model="gpt", messages=ASKED)
        assert caught.value.code == "unauthenticated"
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()


async def test_an_api_key_as_the_password_that_mlflows_judges_send(
    gateway_server: GatewayServer, base_url: str
) -> None:
    given = base64.b64encode(f"anybody:{gateway_server.key}".encode()).decode()
    headers = {"Authorization": f"Basic {given}"}
    body = {"model": "gpt", "messages": ASKED}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{base_url}/chat/completions", json=body) as found,
    ):
        assert found.status == 200
        assert "gpt-4o-mini" in await found.text()
    (call,) = gateway_server.sim.calls
    assert call.headers["Authorization"] == f"Bearer {CANARY}"
    assert given not in str(call.headers)
