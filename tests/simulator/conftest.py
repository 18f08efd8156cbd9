"""A running simulator and the vendors' own SDKs pointed at it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import anthropic
import openai
import pytest
from google import genai

from gateway.simulator import RunningSimulator, start_simulator

KEY = "canary-key-of-the-simulator"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    async with await start_simulator(key=KEY, name="sim-a") as running:
        yield running


@pytest.fixture
async def http(simulator: RunningSimulator) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(simulator.url, headers=headers, auto_decompress=False) as http:
        yield http


@pytest.fixture
async def openai_sdk(simulator: RunningSimulator) -> AsyncIterator[openai.AsyncOpenAI]:
    url = f"{simulator.url}/v1"
    async with openai.AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0) as client:
        yield client


@pytest.fixture
async def anthropic_sdk(simulator: RunningSimulator) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key=KEY, base_url=simulator.url, max_retries=0
    ) as client:
        yield client


@pytest.fixture
async def gemini_sdk(simulator: RunningSimulator) -> AsyncIterator[genai.client.AsyncClient]:
    client = genai.Client(api_key=KEY, http_options={"base_url": simulator.url})
    yield client.aio
    await client.aio.aclose()
    client.close()
