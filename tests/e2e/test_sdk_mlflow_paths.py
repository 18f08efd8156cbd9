"""The vendors' SDKs at MLflow AI Gateway's own paths: only the host is another one."""

from __future__ import annotations

from typing import Any

import aiohttp
import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests.e2e.conftest import MODELS, GatewayServer

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession"),
]

ASKED: list[Any] = [{"role": "user", "content": "hello"}]


async def invoke(server: GatewayServer, endpoint: str, body: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {server.key}"}
    url = f"{server.url}/gateway/{endpoint}/mlflow/invocations"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, json=body) as response,
    ):
        assert response.status == 200, await response.text()
        return await response.json()


async def test_invocations(gateway_server: GatewayServer) -> None:
    chat = await invoke(gateway_server, "gpt", {"messages": ASKED})
    assert "gpt-4o-mini" in chat["choices"][0]["message"]["content"]
    embeddings = await invoke(gateway_server, "embed", {"input": ["one", "two"]})
    assert len(embeddings["data"]) == 2


@pytest.mark.parametrize(
    ("path", "model"),
    [("openai", "gpt"), ("proxy/gpt", MODELS["gpt"][1])],
)
async def test_openai(gateway_server: GatewayServer, path: str, model: str) -> None:
    async with openai.AsyncOpenAI(
        api_key=gateway_server.key, base_url=f"{gateway_server.url}/gateway/{path}/v1"
    ) as sdk:
        answer = await sdk.chat.completions.create(model=model, messages=ASKED)
        assert "gpt-4o-mini" in (answer.choices[0].message.content or "")
        response = await sdk.responses.create(model=model, input="hello")
        assert "gpt-4o-mini" in response.output_text
        stream = await sdk.chat.completions.create(model=model, messages=ASKED, stream=True)
        chunks = [chunk async for chunk in stream]
        assert chunks[-1].choices[0].finish_reason == "stop"


async def test_openai_cannot_reach_the_account(gateway_server: GatewayServer) -> None:
    async with openai.AsyncOpenAI(
        api_key=gateway_server.key, base_url=f"{gateway_server.url}/gateway/proxy/gpt/v1"
    ) as sdk:
        with pytest.raises(openai.NotFoundError):
            await sdk.files.list()
        with pytest.raises(openai.NotFoundError):
            await sdk.chat.completions.create(model="gpt-5", messages=ASKED)
    assert gateway_server.sim.calls == []


@pytest.mark.parametrize(
    ("path", "model"),
    [("anthropic", "claude"), ("proxy/claude", MODELS["claude"][1])],
)
async def test_anthropic(gateway_server: GatewayServer, path: str, model: str) -> None:
    async with anthropic.AsyncAnthropic(
        api_key=gateway_server.key, base_url=f"{gateway_server.url}/gateway/{path}"
    ) as sdk:
        answer = await sdk.messages.create(model=model, messages=ASKED, max_tokens=50)
        assert answer.usage.output_tokens > 0
        async with sdk.messages.stream(model=model, messages=ASKED, max_tokens=50) as stream:
            assert (await stream.get_final_message()).stop_reason == "end_turn"


@pytest.mark.parametrize(("path", "model"), [("gemini", "gem"), ("proxy/gem", MODELS["gem"][1])])
async def test_gemini(gateway_server: GatewayServer, path: str, model: str) -> None:
    client = genai.Client(
        api_key=gateway_server.key,
        http_options=types.HttpOptions(base_url=f"{gateway_server.url}/gateway/{path}"),
    )
    async with client.aio as sdk:
        answer = await sdk.models.generate_content(model=model, contents="hello")
        assert "gemini-2.5-flash" in (answer.text or "")
        parts = [
            part.text or ""
            async for part in await sdk.models.generate_content_stream(
                model=model, contents="hello"
            )
        ]
    assert "gemini-2.5-flash" in "".join(parts)
