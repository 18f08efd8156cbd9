"""The official openai SDK, unmodified, with only its base URL pointed at the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio

from tests.e2e.conftest import BREAKS, CANARY, GatewayServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASKED: list[Any] = [{"role": "user", "content": "hello"}]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest_asyncio.fixture(loop_scope="module")
async def sdk(gateway_server: GatewayServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key=gateway_server.key, base_url=f"{gateway_server.url}/v1", max_retries=0
    ) as client:
        yield client


async def test_chat(sdk: openai.AsyncOpenAI, gateway_server: GatewayServer) -> None:
    answer = await sdk.chat.completions.create(model="gpt", messages=ASKED)
    assert "gpt-4o-mini" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    (call,) = gateway_server.sim.calls
    assert call.headers["Authorization"] == f"Bearer {CANARY}"
    assert gateway_server.key not in str(call.headers)


async def test_chat_streamed(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(
        model="gpt", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "gpt-4o-mini" in text
    assert chunks[-1].usage is not None


async def test_tools(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.chat.completions.create(model="gpt", messages=ASKED, tools=[WEATHER])
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"


async def test_tools_streamed(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(model="gpt", messages=ASKED, tools=[WEATHER]) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"


async def test_completions(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.completions.create(model="gpt", prompt="hello")
    assert answer.choices[0].text


async def test_embeddings(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.embeddings.create(model="embed", input=["one", "two"])  # asks for base64
    floats = await sdk.embeddings.create(
        model="embed", input=["one", "two"], encoding_format="float"
    )
    assert len(answer.data) == 2
    assert answer.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-6)
    assert answer.data[0].embedding != answer.data[1].embedding


async def test_responses(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.responses.create(model="gpt", input="hello")
    assert answer.status == "completed"
    assert "gpt-4o-mini" in answer.output_text


async def test_responses_streamed(sdk: openai.AsyncOpenAI) -> None:
    async with sdk.responses.stream(model="gpt", input="hello") as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "gpt-4o-mini" in final.output_text


async def test_models(sdk: openai.AsyncOpenAI) -> None:
    names = [model.id async for model in sdk.models.list()]
    assert sorted(names) == ["claude", "embed", "gem", "gem-embed", "gpt"]
    assert (await sdk.models.retrieve("gpt")).id == "gpt"


async def test_a_wrong_key(gateway_server: GatewayServer) -> None:
    async with openai.AsyncOpenAI(
        api_key="wrong-key", base_url=f"{gateway_server.url}/v1", max_retries=0
    ) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.chat.completions.create(model="gpt", messages=ASKED)
        assert caught.value.code == "unauthenticated"
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()


async def test_an_unknown_endpoint(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await sdk.chat.completions.create(model="nothing", messages=ASKED)
    assert caught.value.code == "endpoint_not_found"
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve("nothing")


async def test_an_endpoint_of_another_dialect(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.chat.completions.create(model="claude", messages=ASKED)
    assert answer.choices[0].message.content
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.embeddings.create(model="claude", input="hello")
    assert caught.value.code == "dialect_mismatch"


@pytest.mark.parametrize(("fault", "code"), BREAKS)
async def test_a_chat_that_breaks_raises_behind_its_text(
    sdk: openai.AsyncOpenAI, gateway_server: GatewayServer, fault: str, code: str
) -> None:
    gateway_server.sim.set_fault("chunks=8," + fault.format(n=4))
    stream = await sdk.chat.completions.create(model="gpt", messages=ASKED, stream=True)
    texts: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        async for chunk in stream:
            texts.append(chunk.choices[0].delta.content or "")  # noqa: PERF401  kept when it raises
    assert caught.value.code == code
    assert len("".join(texts)) > 0
    assert len(texts) == 4


@pytest.mark.parametrize(("fault", "code"), BREAKS)
async def test_a_completion_that_breaks_raises_behind_its_text(
    sdk: openai.AsyncOpenAI, gateway_server: GatewayServer, fault: str, code: str
) -> None:
    gateway_server.sim.set_fault("chunks=8," + fault.format(n=3))
    stream = await sdk.completions.create(model="gpt", prompt="hello", stream=True)
    texts: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        async for chunk in stream:
            texts.append(chunk.choices[0].text)  # noqa: PERF401  kept when it raises
    assert caught.value.code == code
    assert len(texts) == 3


@pytest.mark.parametrize(("fault", "code"), BREAKS)
async def test_a_response_that_breaks_raises_behind_its_text(
    sdk: openai.AsyncOpenAI, gateway_server: GatewayServer, fault: str, code: str
) -> None:
    gateway_server.sim.set_fault("chunks=8," + fault.format(n=7))
    texts: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        async with sdk.responses.stream(model="gpt", input="hello") as stream:
            async for event in stream:
                if event.type == "response.output_text.delta":
                    texts.append(event.delta)  # noqa: PERF401  kept when it raises
    assert caught.value.code == code
    assert len(texts) == 3


async def test_a_rate_limit_keeps_its_type_and_hint(
    sdk: openai.AsyncOpenAI, gateway_server: GatewayServer
) -> None:
    gateway_server.sim.set_fault("status=429,retry-after=3")
    with pytest.raises(openai.RateLimitError) as caught:
        await sdk.chat.completions.create(model="gpt", messages=ASKED)
    assert caught.value.response.headers["retry-after"] == "3"


async def test_the_sdk_asks_again_after_the_hint(gateway_server: GatewayServer) -> None:
    gateway_server.sim.set_fault("status=429,retry-after-ms=1", times=1)
    async with openai.AsyncOpenAI(
        api_key=gateway_server.key, base_url=f"{gateway_server.url}/v1", max_retries=1
    ) as client:
        assert await client.chat.completions.create(model="gpt", messages=ASKED)
    assert len(gateway_server.sim.calls) == 2
