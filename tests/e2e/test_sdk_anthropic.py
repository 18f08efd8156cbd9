"""The official anthropic SDK, unmodified, with only its base URL pointed at the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
import pytest_asyncio

from tests.e2e.conftest import BREAKS, CANARY, GatewayServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASKED: list[Any] = [{"role": "user", "content": "hello"}]
WEATHER: Any = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest_asyncio.fixture(loop_scope="module", params=["", "/anthropic"])
async def sdk(
    gateway_server: GatewayServer, request: pytest.FixtureRequest
) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key=gateway_server.key, base_url=gateway_server.url + request.param, max_retries=0
    ) as client:
        yield client


async def test_messages(sdk: anthropic.AsyncAnthropic, gateway_server: GatewayServer) -> None:
    answer = await sdk.messages.create(model="claude", max_tokens=100, messages=ASKED)
    assert answer.content[0].type == "text"
    assert "claude-sonnet-4-6" in answer.content[0].text
    assert answer.usage.output_tokens > 0
    (call,) = gateway_server.sim.calls
    assert call.headers["x-api-key"] == CANARY
    assert "Authorization" not in call.headers


async def test_messages_streamed(sdk: anthropic.AsyncAnthropic) -> None:
    async with sdk.messages.stream(model="claude", max_tokens=100, messages=ASKED) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert "claude-sonnet-4-6" in text
    assert final.stop_reason == "end_turn"


async def test_tools(sdk: anthropic.AsyncAnthropic) -> None:
    answer = await sdk.messages.create(
        model="claude", max_tokens=100, messages=ASKED, tools=[WEATHER]
    )
    assert answer.stop_reason == "tool_use"
    assert any(block.type == "tool_use" and block.name == "get_weather" for block in answer.content)


async def test_beta_messages(sdk: anthropic.AsyncAnthropic, gateway_server: GatewayServer) -> None:
    await sdk.beta.messages.create(
        model="claude", max_tokens=100, messages=ASKED, betas=["context-1m-2025-08-07"]
    )
    (call,) = gateway_server.sim.calls
    assert call.headers["anthropic-beta"] == "context-1m-2025-08-07"


async def test_count_tokens(sdk: anthropic.AsyncAnthropic) -> None:
    counted = await sdk.messages.count_tokens(model="claude", messages=ASKED)
    assert counted.input_tokens > 0


async def test_models(sdk: anthropic.AsyncAnthropic) -> None:
    names = [model.id async for model in sdk.models.list()]
    assert "claude" in names
    assert (await sdk.models.retrieve("claude")).id == "claude"


@pytest.mark.parametrize("options", [{"api_key": "wrong-key"}, {"auth_token": "wrong-key"}])
async def test_a_wrong_key(gateway_server: GatewayServer, options: dict[str, str]) -> None:
    async with anthropic.AsyncAnthropic(
        base_url=gateway_server.url, max_retries=0, **options
    ) as client:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            await client.messages.create(model="claude", max_tokens=9, messages=ASKED)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["code"] == "unauthenticated"


async def test_an_unknown_endpoint(sdk: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        await sdk.messages.create(model="nothing", max_tokens=9, messages=ASKED)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == "not_found_error"


@pytest.mark.parametrize(("fault", "code"), BREAKS)
async def test_a_stream_that_breaks_raises_behind_its_text(
    sdk: anthropic.AsyncAnthropic, gateway_server: GatewayServer, fault: str, code: str
) -> None:
    gateway_server.sim.set_fault("chunks=8," + fault.format(n=6))
    texts: list[str] = []
    with pytest.raises(anthropic.APIStatusError) as caught:
        async with sdk.messages.stream(model="claude", max_tokens=9, messages=ASKED) as stream:
            async for text in stream.text_stream:
                texts.append(text)  # noqa: PERF401  kept when it raises
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["code"] == code
    assert len(texts) == 3


async def test_an_overload_keeps_its_type(
    sdk: anthropic.AsyncAnthropic, gateway_server: GatewayServer
) -> None:
    gateway_server.sim.set_fault("status=529")
    with pytest.raises(anthropic.APIStatusError) as caught:
        await sdk.messages.create(model="claude", max_tokens=9, messages=ASKED)
    assert caught.value.status_code == 529


async def test_a_prompt_of_116_kb(sdk: anthropic.AsyncAnthropic) -> None:
    asked: Any = [{"role": "user", "content": "x" * 116_000}]
    assert await sdk.messages.create(model="claude", max_tokens=9, messages=asked)
