"""MLflow's own paths of calls lead to every provider of chats."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.translation.asks import ASKS
from tests.translation.client_chat import OpenAIChat
from tests.translation.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROVIDERS = ("openai", "anthropic", "gemini", "bedrock", "cohere", "ollama")
CHAT = "/gateway/mlflow/v1/chat/completions"
PATHS = ("/gateway/{name}/mlflow/invocations", CHAT)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("path", PATHS, ids=["invocations", "chat"])
@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_chat_of_mlflow_reaches_every_provider(
    world: World, name: str, path: str, stream: bool
) -> None:
    client, ask = OpenAIChat(), ASKS["parallel tools"]
    body: Any = client.build(ask, name, stream=stream)
    if path != CHAT:
        body["model"] = "whatever"  # the endpoint stands in the path
    headers = {"Authorization": f"Bearer {world.key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(world.url + path.format(name=name), json=body, headers=headers) as response,
    ):
        text = await response.text()
        assert response.status == 200, text
    seen = client.read(200, text, stream=stream)
    assert [call[0] for call in seen.calls] == list(ask.tools)
    assert seen.input_tokens
    assert seen.output_tokens
