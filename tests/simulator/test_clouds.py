"""OpenAI at Azure, Gemini and Claude at Vertex, and the tokens that let in to both."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from gateway.simulator import RunningSimulator

KEY = "canary-key-of-the-simulator"
ASKED = [{"role": "user", "content": "What is a lock? marker-7f3"}]
PROJECT = "/v1/projects/p/locations/europe-west1/publishers"
CLAUDE = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 99, "messages": ASKED}


@pytest.fixture
async def azure_sdk(simulator: RunningSimulator) -> AsyncIterator[openai.AsyncAzureOpenAI]:
    async with openai.AsyncAzureOpenAI(
        api_key=KEY, azure_endpoint=simulator.url, api_version="2024-10-21", max_retries=0
    ) as client:
        yield client


async def test_a_deployment_answers_and_filters(azure_sdk: openai.AsyncAzureOpenAI) -> None:
    chat = azure_sdk.chat.completions
    plain = await chat.create(model="my-gpt", messages=ASKED)
    assert "model my-gpt marker-7f3" in str(plain.choices[0].message.content)
    stream = await chat.create(model="my-gpt", messages=ASKED, stream=True)
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices == []
    assert chunks[0].model_extra["prompt_filter_results"]
    vectors = await azure_sdk.embeddings.create(model="my-embedding", input=["a", "b"])
    assert len(vectors.data) == 2
    with pytest.raises(openai.NotFoundError) as caught:
        await chat.create(model="no-such-model", messages=ASKED)
    assert caught.value.code == "DeploymentNotFound"


async def test_azure_wants_a_key_and_a_version(http: aiohttp.ClientSession) -> None:
    path = "/openai/deployments/my-gpt/chat/completions"
    async with http.post(path, json={"messages": ASKED}) as response:
        assert response.status == 404
    async with http.post(
        f"{path}?api-version=2024-10-21", json={"messages": ASKED}, headers={"api-key": "wrong"}
    ) as response:
        assert response.status == 401
        assert set((await response.json())["error"]) == {"code", "message"}
    async with http.post(
        "/openai/v1/responses", json={"model": "my-gpt", "input": "hello"}
    ) as response:
        assert (await response.json())["object"] == "response"


async def get_google_token(http: aiohttp.ClientSession, **changes: Any) -> tuple[int, Any]:
    def encode(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"iss": "a@b", "aud": "t", "scope": "cloud-platform", "iat": 1, "exp": 3601}
    assertion = f"{encode({'alg': 'RS256'})}.{encode(claims | changes)}.c2lnbmF0dXJl"
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    form = {"grant_type": grant, "assertion": assertion}
    async with http.post("/token", data=form) as response:
        return response.status, await response.json()


async def test_vertex_takes_a_token_of_the_endpoint(simulator: RunningSimulator) -> None:
    async with aiohttp.ClientSession(simulator.url) as http:
        status, issued = await get_google_token(http)
        assert (status, issued["token_type"]) == (200, "Bearer")
        assert (await get_google_token(http, exp=9999))[0] == 400
        headers = {"authorization": f"Bearer {issued['access_token']}"}
        content = {"contents": [{"role": "user", "parts": [{"text": "marker-7f3"}]}]}
        path = f"{PROJECT}/google/models/gemini-2.5-flash:generateContent"
        async with http.post(path, json=content, headers=headers) as response:
            answer = await response.json()
        assert "marker-7f3" in answer["candidates"][0]["content"]["parts"][0]["text"]
        async with http.post(path, json=content, headers={"authorization": "Bearer x"}) as response:
            assert response.status == 401
            assert (await response.json())["error"]["status"] == "UNAUTHENTICATED"


async def test_vertex_answers_as_anthropic(http: aiohttp.ClientSession) -> None:
    path = f"{PROJECT}/anthropic/models/claude-sonnet-4-6"
    async with http.post(f"{path}:rawPredict", json=CLAUDE) as response:
        assert (await response.json())["model"] == "claude-sonnet-4-6"
    async with http.post(f"{path}:streamRawPredict", json=CLAUDE | {"stream": True}) as response:
        assert (await response.text()).startswith("event: message_start")
    async with http.post(f"{path}:rawPredict", json={"messages": ASKED}) as response:
        assert response.status == 400
    counted = {"anthropic_version": "vertex-2023-10-16", "model": "claude", "messages": ASKED}
    count = f"{PROJECT}/anthropic/models/count-tokens:rawPredict"
    async with http.post(count, json=counted) as response:
        assert (await response.json())["input_tokens"] > 0


async def test_vertex_predicts_embeddings(http: aiohttp.ClientSession) -> None:
    path = f"{PROJECT}/google/models/text-embedding-005:predict"
    async with http.post(path, json={"instances": [{"content": "hello"}]}) as response:
        answer = await response.json()
    assert len(answer["predictions"][0]["embeddings"]["values"]) == 768


async def test_entra_gives_a_token_that_azure_takes(simulator: RunningSimulator) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": "secret",
        "scope": "https://cognitiveservices.azure.com/.default",
    }
    async with aiohttp.ClientSession(simulator.url) as http:
        async with http.post("/tenant/oauth2/v2.0/token", data=form) as response:
            token = (await response.json())["access_token"]
        bad = form | {"client_secret": "wrong-secret"}
        async with http.post("/tenant/oauth2/v2.0/token", data=bad) as response:
            assert (response.status, (await response.json())["error"]) == (401, "invalid_client")
        path = "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
        headers = {"authorization": f"Bearer {token}"}
        async with http.post(path, json={"messages": ASKED}, headers=headers) as response:
            assert response.status == 200
