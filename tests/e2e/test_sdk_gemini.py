"""The official google-genai SDK, unmodified, with only its base URL pointed at the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from google import genai
from google.genai import errors, types

from tests.e2e.conftest import BREAKS, CANARY, GatewayServer

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession"),
]

WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            parameters=types.Schema(
                type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}
            ),
        )
    ]
)


@pytest_asyncio.fixture(
    loop_scope="module", params=[("", None), ("", "v1"), ("", "v1beta"), ("/gemini", None)]
)
async def sdk(
    gateway_server: GatewayServer, request: pytest.FixtureRequest
) -> AsyncIterator[genai.client.AsyncClient]:
    prefix, version = request.param
    client = genai.Client(
        api_key=gateway_server.key,
        http_options=types.HttpOptions(base_url=gateway_server.url + prefix, api_version=version),
    )
    yield client.aio
    await client.aio.aclose()
    client.close()


async def test_generate(sdk: genai.client.AsyncClient, gateway_server: GatewayServer) -> None:
    answer = await sdk.models.generate_content(model="gem", contents="hello")
    assert "gemini-2.5-flash" in (answer.text or "")
    (call,) = gateway_server.sim.calls
    assert call.headers["x-goog-api-key"] == CANARY


async def test_generate_streamed(sdk: genai.client.AsyncClient) -> None:
    stream = await sdk.models.generate_content_stream(model="gem", contents="hello")
    text = "".join([chunk.text or "" async for chunk in stream])
    assert "gemini-2.5-flash" in text


async def test_tools(sdk: genai.client.AsyncClient) -> None:
    answer = await sdk.models.generate_content(
        model="gem",
        contents="hello",
        config=types.GenerateContentConfig(tools=[WEATHER]),
    )
    (call,) = answer.function_calls or []
    assert call.name == "get_weather"


async def test_count_tokens(sdk: genai.client.AsyncClient) -> None:
    counted = await sdk.models.count_tokens(model="gem", contents="hello")
    assert (counted.total_tokens or 0) > 0


async def test_embeddings(sdk: genai.client.AsyncClient) -> None:
    answer = await sdk.models.embed_content(model="gem-embed", contents=["one", "two"])
    assert len(answer.embeddings or []) == 2


async def test_models(sdk: genai.client.AsyncClient) -> None:
    names = [model.name async for model in await sdk.models.list()]
    assert "models/gem" in names
    assert (await sdk.models.get(model="gem")).name == "models/gem"


async def test_a_wrong_key(gateway_server: GatewayServer) -> None:
    client = genai.Client(
        api_key="wrong-key", http_options=types.HttpOptions(base_url=gateway_server.url)
    )
    with pytest.raises(errors.ClientError) as caught:
        await client.aio.models.generate_content(model="gem", contents="hello")
    await client.aio.aclose()
    client.close()
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")


async def test_an_unknown_endpoint(sdk: genai.client.AsyncClient) -> None:
    with pytest.raises(errors.ClientError) as caught:
        await sdk.models.generate_content(model="nothing", contents="hello")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


async def test_an_overload_is_a_server_error(
    sdk: genai.client.AsyncClient, gateway_server: GatewayServer
) -> None:
    gateway_server.sim.set_fault("status=503")
    with pytest.raises(errors.ServerError) as caught:
        await sdk.models.generate_content(model="gem", contents="hello")
    assert caught.value.code == 503


@pytest.mark.parametrize(("fault", "code"), BREAKS)
async def test_a_stream_that_breaks_raises_behind_its_text(
    sdk: genai.client.AsyncClient, gateway_server: GatewayServer, fault: str, code: str
) -> None:
    gateway_server.sim.set_fault("chunks=8," + fault.format(n=3))
    texts: list[str] = []
    with pytest.raises(errors.ServerError) as caught:
        async for chunk in await sdk.models.generate_content_stream(model="gem", contents="hello"):
            texts.append(chunk.text or "")  # noqa: PERF401  kept when it raises
    assert code in str(caught.value.details)
    assert caught.value.code == (504 if code == "upstream_stalled" else 502)
    assert len(texts) == 3
