"""Agent loops of LangChain and pydantic-ai on other vendors, two tools at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

from tests.translation.world import World

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # They leave connections to be closed by the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _collect() -> Iterator[None]:
    yield
    gc.collect()


QUESTION = "What are weather and time in Rome?"
RESULTS = {"get_weather": "sunny-17", "get_time": "noon-12"}


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return RESULTS["get_weather"] if city else ""


def get_time(city: str) -> str:
    """Tell the time in a city."""
    return RESULTS["get_time"] if city else ""


def check(text: str, world: World) -> None:
    assert "sunny-17" in text, text
    assert "noon-12" in text, text
    assert len(world.sim.calls) >= 2


@pytest.mark.parametrize("endpoint", ["anthropic", "gemini", "bedrock", "cohere"])
async def test_langchain_on_openais_format(world: World, endpoint: str) -> None:
    chat = ChatOpenAI(model=endpoint, base_url=f"{world.url}/v1", api_key=world.key)
    await run_langchain(chat, world)


@pytest.mark.parametrize("endpoint", ["openai", "responses", "gemini", "ollama"])
async def test_langchain_on_anthropics_format(world: World, endpoint: str) -> None:
    chat = ChatAnthropic(
        model=endpoint, base_url=world.url, api_key=world.key, max_tokens=1000, streaming=True
    )
    await run_langchain(chat, world)


async def run_langchain(chat: Any, world: World) -> None:
    tools = {one.name: one for one in (tool(get_weather), tool(get_time))}
    bound = chat.bind_tools(list(tools.values()))
    messages: list[Any] = [HumanMessage(QUESTION)]
    for _ in range(4):
        answer = await bound.ainvoke(messages)
        messages.append(answer)
        if not answer.tool_calls:
            break
        for call in answer.tool_calls:
            result = await tools[call["name"]].ainvoke(call["args"])
            messages.append(ToolMessage(result, tool_call_id=call["id"]))
    check(str(messages[-1].text), world)
    assert answer.usage_metadata["output_tokens"] > 0


def build_model(kind: str, endpoint: str, world: World) -> Model:
    if kind == "anthropic":
        provider = AnthropicProvider(api_key=world.key, base_url=world.url)
        return AnthropicModel(endpoint, provider=provider)
    if kind == "google":
        google = GoogleProvider(api_key=world.key, base_url=world.url)
        return GoogleModel(endpoint, provider=google)
    openai = OpenAIProvider(api_key=world.key, base_url=f"{world.url}/v1")
    build = OpenAIChatModel if kind == "chat" else OpenAIResponsesModel
    return build(endpoint, provider=openai)


@pytest.mark.parametrize("endpoint", ["openai", "anthropic", "gemini", "bedrock"])
@pytest.mark.parametrize("kind", ["chat", "responses", "anthropic", "google"])
@pytest.mark.parametrize("stream", [False, True])
async def test_pydantic_ai(world: World, kind: str, endpoint: str, stream: bool) -> None:
    agent = Agent(build_model(kind, endpoint, world), tools=[get_weather, get_time])
    if stream:
        async with agent.run_stream(QUESTION) as run:
            text = await run.get_output()
    else:
        text = (await agent.run(QUESTION)).output
    check(text, world)
