"""MLflow AI Gateway's own paths: invocations, and provider paths that are passed through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web

from gateway.entities import Dialect
from gateway.proxy.operations import PASSED, PASSED_ACTIONS
from gateway.proxy.routes import Service, find_route
from gateway.simulator import RunningSimulator
from tests.proxy.rig import CLIENT_KEY, Answer, Endpoint, Model, Rig, build_key

ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2},
}
EVENTS = (
    b'data: {"choices":[{"index":0,"delta":{"content":"hello"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
)
SOUND = b"\xff\xf3\x84\xc4 sound \x00"
MESSAGES = [{"role": "user", "content": "hello"}]
CLOSED = [  # what a provider's key could do besides calling a model
    "v1/fine_tuning/jobs",
    "v1/messages/batches",
    "v1/assistants",
    "v1/threads/thread_1/runs",
    "v1/vector_stores",
    "v1/responses/resp_1",
    "v1/responses/resp_1/cancel",
    "v1/organization/users",
    "v1/organization/admin_api_keys",
    "v1/organizations/api_keys",
    "v1/models",
    "v1/models/gpt-4o-mini",
    "v1beta/files",
    "v1beta/cachedContents",
    "v1beta/tunedModels",
    "v1beta/models/gemini-2.0-flash:predictLongRunning",
    "v1beta/tunedModels/mine:generateContent",
    "upload/v1beta/files",
    # a way out of the base URL
    "../v1/chat/completions",
    "v1/../organization/users",
    "v1/chat/completions/..",
    "v1/./chat/completions",
    "v1/%2e%2e/organization/users",
    "v1%2Fchat%2Fcompletions",
    "v1//chat/completions",
    "/v1/chat/completions",
    "v1/chat/completions/",
    "V1/chat/completions",
    "v1\\chat\\completions",
    "@elsewhere.example/v1/chat/completions",
    "https://elsewhere.example/v1/chat/completions",
    ":80/v1/chat/completions",
    "v1/models/../files:generateContent",
    "v1beta/models/a/b:generateContent",
]


class Provider:
    """Answers as OpenAI's likes do, and keeps what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[tuple[str, bytes, str]] = []
        self.status = 200

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        key = request.headers.get("Authorization", "") + request.headers.get("x-goog-api-key", "")
        self.calls.append((request.raw_path, body, key))
        if self.status != 200:
            return web.json_response({"error": {"message": "no"}}, status=self.status)
        if request.path.endswith("/audio/speech"):
            return web.Response(body=SOUND, content_type="audio/mpeg")
        if orjson.loads(body).get("stream"):
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for event in EVENTS:
                await response.write(event)
            return response
        return web.json_response(ANSWER)


async def _serve(provider: Provider) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner


@pytest.fixture(name="provider")
async def fixture_provider() -> AsyncIterator[Provider]:
    provider = Provider()
    runner = await _serve(provider)
    yield provider
    await runner.cleanup()


@pytest.fixture(name="other")
async def fixture_other() -> AsyncIterator[Provider]:
    provider = Provider()
    runner = await _serve(provider)
    yield provider
    await runner.cleanup()


@pytest.fixture(name="rig")
async def fixture_rig(provider: Provider, other: Provider) -> AsyncIterator[Rig]:
    endpoints = {
        "chat": Endpoint(
            [
                Model(provider.url, name="mini"),
                Model(
                    provider.url, model="gpt-4o", weight=0.0, key="canary-key-of-the-drained-one"
                ),
                Model(other.url, order=0, name="spare", key="canary-key-of-the-spare-one-1"),
            ]
        ),
        "claude": Endpoint([Model(provider.url, provider="anthropic", model="claude-3-5-haiku")]),
        "gem": Endpoint([Model(provider.url, provider="gemini", model="gemini-2.0-flash")]),
    }
    keys = [build_key(allowed_endpoints=("chat", "claude", "gem", "no such"))]
    async with Rig(endpoints, keys=keys) as rig:
        yield rig


# --- invocations -----------------------------------------------------------------------------


async def invoke(rig: Rig, body: Any, endpoint: str = "chat") -> Answer:
    return await rig.post(f"/gateway/{endpoint}/mlflow/invocations", body)


async def test_a_chat_is_told_by_its_messages(rig: Rig, provider: Provider) -> None:
    answer = await invoke(rig, b'{ "messages": [], "temperature": 1.50}')
    assert (answer.status, answer.json()) == (200, ANSWER)
    assert answer.own("model") == "mini"
    path, body, _ = provider.calls[0]
    assert path == "/v1/chat/completions"
    assert body == b'{"model": "gpt-4o-mini",  "messages": [], "temperature": 1.50}'
    row = rig.ledger.rows[0]
    assert (row.client_dialect, row.input_tokens, row.output_tokens) == (Dialect.OPENAI_CHAT, 3, 2)


async def test_embeddings_are_told_by_their_input(rig: Rig, provider: Provider) -> None:
    answer = await invoke(rig, b'{"input":"hello"}')
    assert answer.status == 200
    path, body, _ = provider.calls[0]
    assert path == "/v1/embeddings"
    assert orjson.loads(body) == {"model": "gpt-4o-mini", "input": "hello"}
    assert rig.ledger.rows[0].client_dialect is Dialect.OPENAI_EMBEDDINGS


async def test_a_stream_of_an_invocation_passes_whole(rig: Rig) -> None:
    answer = await invoke(rig, {"messages": MESSAGES, "stream": True})
    assert answer.body == b"".join(EVENTS)
    assert rig.ledger.rows[0].streamed


async def test_a_model_in_an_invocation_is_replaced(rig: Rig, provider: Provider) -> None:
    await invoke(rig, {"model": "anything", "messages": MESSAGES})
    assert orjson.loads(provider.calls[0][1])["model"] == "gpt-4o-mini"


async def test_an_invocation_falls_back(rig: Rig, provider: Provider, other: Provider) -> None:
    provider.status = 500
    answer = await invoke(rig, {"messages": MESSAGES})
    assert (answer.status, answer.own("model"), answer.own("attempts")) == (200, "spare", "2")
    assert len(other.calls) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "malformed"),
        (b"[]", "malformed"),
        (b"{", "malformed"),
        (b'{"prompt": "hello"}', "malformed"),
        (b'{"messages": [], "model": 1}', "malformed"),
        (b'{"messages": [], "model": null}', "malformed"),
        (b'{"messages": [], "stream": 1}', "malformed"),
    ],
)
async def test_what_is_no_invocation_is_refused(
    rig: Rig, provider: Provider, body: bytes, code: str
) -> None:
    answer = await invoke(rig, body)
    assert (answer.status, answer.code) == (400, code)
    assert provider.calls == []


async def test_an_invocation_that_no_model_can_serve_is_told_so(rig: Rig) -> None:
    answer = await invoke(rig, {"input": "hello"}, "claude")
    assert (answer.status, answer.code) == (400, "dialect_mismatch")


async def test_an_invocation_is_served_by_any_provider(sim: RunningSimulator) -> None:
    claude = Model(sim.url, provider="anthropic", model="claude-3-5-haiku")
    async with Rig({"claude": Endpoint([claude])}) as rig:
        answer = await invoke(rig, {"messages": MESSAGES}, "claude")
        (row,) = rig.ledger.rows
    assert (answer.status, answer.json()["object"]) == (200, "chat.completion")
    assert (row.client_dialect, row.upstream_dialect) == ("openai_chat", "anthropic_messages")


async def test_an_unknown_endpoint_has_no_invocations(rig: Rig) -> None:
    answer = await invoke(rig, {"messages": MESSAGES}, "nowhere")
    assert (answer.status, answer.code) == (404, "endpoint_not_found")


# --- passed through ---------------------------------------------------------------------------


async def test_a_body_passes_through_byte_for_byte(rig: Rig, provider: Provider) -> None:
    sent = b'{"model":"gpt-4o-mini" , "messages":[],"x": 1e2}'
    answer = await rig.post("/gateway/proxy/chat/v1/chat/completions?beta=true", sent)
    assert (answer.status, answer.json()) == (200, ANSWER)
    path, body, key = provider.calls[0]
    assert (path, body) == ("/v1/chat/completions?beta=true", sent)
    assert key.startswith("Bearer canary-key")
    assert CLIENT_KEY not in key
    assert answer.own("endpoint") == "chat"
    assert rig.ledger.rows[0].output_tokens == 2


async def test_the_version_may_be_left_to_the_base_url(rig: Rig, provider: Provider) -> None:
    await rig.post("/gateway/proxy/chat/chat/completions", {"model": "gpt-4o-mini"})
    assert provider.calls[0][0] == "/v1/chat/completions"


async def test_a_stream_passes_through(rig: Rig) -> None:
    body = {"model": "gpt-4o-mini", "messages": MESSAGES, "stream": True}
    answer = await rig.post("/gateway/proxy/chat/v1/chat/completions", body)
    assert answer.body == b"".join(EVENTS)


async def test_sound_passes_through_and_is_a_success(rig: Rig) -> None:
    body = {"model": "gpt-4o-mini", "input": "hello", "voice": "alloy"}
    answer = await rig.post("/gateway/proxy/chat/v1/audio/speech", body)
    assert (answer.body, answer.headers["Content-Type"]) == (SOUND, "audio/mpeg")
    row = rig.ledger.rows[0]
    assert (row.error_code, row.client_dialect) == (None, Dialect.OPENAI_RAW)


async def test_a_gemini_model_is_named_by_the_path(rig: Rig, provider: Provider) -> None:
    sent = b'{"contents": [], "model": "models/gem"}'
    path = "/gateway/proxy/gem/v1beta/models/gemini-2.0-flash:countTokens"
    answer = await rig.post(path, sent)
    assert answer.status == 200
    assert provider.calls[0][:2] == ("/v1beta/models/gemini-2.0-flash:countTokens", sent)


async def test_only_targets_with_the_named_model_are_called(
    rig: Rig, provider: Provider, other: Provider
) -> None:
    provider.status = 500
    body = {"model": "gpt-4o-mini", "messages": MESSAGES}
    answer = await rig.post("/gateway/proxy/chat/v1/chat/completions", body)
    assert (answer.status, answer.own("model")) == (200, "spare")
    assert len(provider.calls) == len(other.calls) == 1
    provider.status = 200
    answer = await rig.post("/gateway/proxy/chat/v1/chat/completions", {"model": "gpt-4o"})
    assert (answer.status, answer.own("model")) == (200, "chat-1")


@pytest.mark.parametrize("path", ["v1/chat/completions", "v1/images/generations", "v1/responses"])
async def test_a_model_that_is_not_of_the_endpoint_is_refused(
    rig: Rig, provider: Provider, path: str
) -> None:
    answer = await rig.post(f"/gateway/proxy/chat/{path}", {"model": "gpt-5-pro"})
    assert (answer.status, answer.code) == (404, "endpoint_not_found")
    assert provider.calls == []


async def test_a_gemini_path_cannot_name_another_model(rig: Rig, provider: Provider) -> None:
    for model in ("gemini-3-pro", "gemini-2.0-flash%2F..%2Fx", "..%2Ffiles"):
        path = f"/gateway/proxy/gem/v1beta/models/{model}:generateContent"
        assert (await rig.post(path, {"contents": []})).status == 404
    assert provider.calls == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "gpt-5-pro", "model": "gpt-4o-mini"}',
        b'{"\\u006dodel": "gpt-5-pro", "model": "gpt-4o-mini"}',
        b'{"Model": "gpt-5-pro", "model": "gpt-4o-mini"}',
        b'{"messages": []}',
        b'{"model": null}',
        b"model=gpt-4o-mini",
        b"",
    ],
)
async def test_a_body_that_does_not_name_one_model_is_refused(
    rig: Rig, provider: Provider, body: bytes
) -> None:
    answer = await rig.post("/gateway/proxy/chat/v1/chat/completions", body)
    assert (answer.status, answer.code) == (400, "malformed")
    assert provider.calls == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/gateway/chat/mlflow/invocations",
        "/gateway/proxy/chat/v1/chat/completions",
    ],
)
@pytest.mark.parametrize("name", ["Model", "MODEL", "\\u004dodel"])
async def test_no_other_spelling_names_a_model_past_the_endpoint(
    rig: Rig, provider: Provider, path: str, name: str
) -> None:
    body = b'{"model": "chat", "%s": "gpt-5-pro", "messages": []}' % name.encode()
    answer = await rig.post(path, body)
    assert (answer.status, answer.code) == (400, "malformed")
    assert provider.calls == []


@pytest.mark.parametrize("path", CLOSED)
def test_what_does_not_call_a_model_is_closed(path: str) -> None:
    for method in ("POST", "GET", "DELETE"):
        route = find_route(method, f"/gateway/proxy/chat/{path}")
        assert route is not None
        assert (route.service, route.operation) == (Service.CLOSED, None)


async def test_a_closed_path_is_not_found_and_reaches_nobody(rig: Rig, provider: Provider) -> None:
    answer = await rig.post("/gateway/proxy/chat/v1/files", {"model": "gpt-4o-mini"})
    assert (answer.status, answer.code) == (404, "not_found")
    async with rig.client.get("/gateway/proxy/chat/v1/files") as response:
        assert response.status == 404
    assert provider.calls == []


async def test_a_stranger_learns_nothing_of_paths(rig: Rig) -> None:
    for path in ("v1/files", "v1/chat/completions"):
        answer = await rig.post(f"/gateway/proxy/chat/{path}", {}, Authorization="Bearer wrong")
        assert answer.status == 401


async def test_a_provider_that_does_not_have_the_path_is_not_asked(
    rig: Rig, provider: Provider
) -> None:
    body = {"model": "claude-3-5-haiku"}
    for path in ("v1/chat/completions", "v1/images/generations"):
        answer = await rig.post(f"/gateway/proxy/claude/{path}", body)
        assert (answer.status, answer.code) == (400, "dialect_mismatch")
    assert provider.calls == []


@pytest.mark.parametrize("path", sorted(PASSED))
def test_each_row_is_reached_by_post_alone(path: str) -> None:
    route = find_route("POST", f"/gateway/proxy/a%20b/{path}")
    assert route is not None
    assert (route.service, route.operation, route.name) == (Service.PASS, PASSED[path], "a b")
    refused = find_route("GET", f"/gateway/proxy/chat/{path}")
    assert refused is not None
    assert (refused.service, refused.allow) == (Service.REFUSE, "POST")


@pytest.mark.parametrize(("version", "action"), sorted(PASSED_ACTIONS))
def test_each_action_is_reached_with_its_model(version: str, action: str | None) -> None:
    route = find_route("POST", f"/gateway/proxy/gem/{version}/models/m%2D1:{action}")
    assert route is not None
    assert (route.service, route.name, route.model) == (Service.PASS, "gem", "m-1")


@pytest.mark.parametrize("name", ["proxy", "mlflow", "openai"])
def test_an_endpoint_may_have_the_name_of_a_path(name: str) -> None:
    route = find_route("POST", f"/gateway/{name}/mlflow/invocations")
    assert route is not None
    assert (route.service, route.name) == (Service.INVOKE, name)


@pytest.mark.parametrize("path", ["/gateway/", "/gateway/chat", "/gateway/proxy/chat"])
def test_other_paths_below_are_nobodys(path: str) -> None:
    assert find_route("POST", path) is None
