"""Every route of the data plane, with what real clients send besides."""

from __future__ import annotations

import base64
import logging
import struct
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from gateway.errors import ForbiddenError
from gateway.proxy import add_operation_routes, find_renderer
from gateway.proxy.operations import OPERATIONS
from gateway.simulator import RunningSimulator
from gateway.telemetry import Metrics
from gateway.web import build_rescue
from tests.proxy.rig import (
    CANARY,
    CLIENT_KEY,
    Endpoint,
    Model,
    Rig,
    build_key,
    chat_body,
    counted_body,
    gemini_body,
    messages_body,
)

OWN = ["request-id", "endpoint", "model", "provider", "attempts", "overhead-ms"]


def endpoints(sim: RunningSimulator) -> dict[str, Endpoint]:
    return {
        "gpt": Endpoint([Model(sim.url, name="mini")]),
        "emb": Endpoint([Model(sim.url, model="text-embedding-3-small")]),
        "claude": Endpoint([Model(sim.url, provider="anthropic", model="claude-3-5-haiku")]),
        "gem": Endpoint([Model(sim.url, provider="gemini", model="gemini-2.0-flash")]),
        "gem-emb": Endpoint([Model(sim.url, provider="gemini", model="text-embedding-004")]),
    }


CONTENT = {"content": {"parts": [{"text": "hello"}]}}
CALLS: list[tuple[str, dict[str, Any], str]] = [
    # path, body, path at the provider
    ("/v1/chat/completions", chat_body("gpt"), "/v1/chat/completions"),
    ("/v1/completions", {"model": "gpt", "prompt": "hello"}, "/v1/completions"),
    ("/v1/responses", {"model": "gpt", "input": "hello"}, "/v1/responses"),
    ("/v1/embeddings", {"model": "emb", "input": "hello"}, "/v1/embeddings"),
    ("/v1/messages", messages_body("claude"), "/v1/messages"),
    ("/v1/messages?beta=true", messages_body("claude"), "/v1/messages?beta=true"),
    ("/v1/messages/count_tokens", counted_body("claude"), "/v1/messages/count_tokens"),
    ("/anthropic/v1/messages", messages_body("claude"), "/v1/messages"),
    (
        "/v1beta/models/gem:generateContent",
        gemini_body(),
        "/v1beta/models/gemini-2.0-flash:generateContent",
    ),
    (
        "/v1/models/gem:generateContent",
        gemini_body(),
        "/v1/models/gemini-2.0-flash:generateContent",
    ),
    (
        "/gemini/v1beta/models/gem:countTokens",
        gemini_body(),
        "/v1beta/models/gemini-2.0-flash:countTokens",
    ),
    (
        "/v1beta/models/gem:streamGenerateContent?alt=sse",
        gemini_body(),
        "/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse",
    ),
    (
        "/v1beta/models/gem-emb:embedContent",
        {"model": "models/gem-emb", **CONTENT},
        "/v1beta/models/text-embedding-004:embedContent",
    ),
    (
        "/v1beta/models/gem-emb:batchEmbedContents",
        {"requests": [{"model": "models/gem-emb", **CONTENT}]},
        "/v1beta/models/text-embedding-004:batchEmbedContents",
    ),
    ("/gateway/openai/v1/chat/completions", chat_body("gpt"), "/v1/chat/completions"),
    ("/gateway/anthropic/v1/messages", messages_body("claude"), "/v1/messages"),
    (
        "/gateway/gemini/v1beta/models/gem:generateContent",
        gemini_body(),
        "/v1beta/models/gemini-2.0-flash:generateContent",
    ),
    ("/gateway/mlflow/v1/chat/completions", chat_body("gpt"), "/v1/chat/completions"),
]


@pytest.mark.parametrize(("path", "body", "upstream"), CALLS)
async def test_each_route_reaches_its_provider(
    sim: RunningSimulator, path: str, body: dict[str, Any], upstream: str
) -> None:
    async with Rig(endpoints(sim)) as rig:
        answer = await rig.post(path, body)
    assert answer.status == 200, answer.body
    assert sim.calls[0].raw_path == upstream
    assert [answer.own(name) for name in OWN]
    assert CLIENT_KEY not in str(sim.calls[0].headers)


async def test_the_model_inside_of_embedding_requests_is_the_upstreams(
    sim: RunningSimulator,
) -> None:
    async with Rig(endpoints(sim)) as rig:
        await rig.post(
            "/v1beta/models/gem-emb:embedContent", {"model": "models/gem-emb", **CONTENT}
        )
        await rig.post(
            "/v1beta/models/gem-emb:batchEmbedContents",
            {"requests": [{"model": "models/gem-emb", **CONTENT}] * 2},
        )
    assert sim.calls[0].json()["model"] == "models/text-embedding-004"
    assert [item["model"] for item in sim.calls[1].json()["requests"]] == [
        "models/text-embedding-004"
    ] * 2


async def test_base64_embeddings_pass(sim: RunningSimulator) -> None:
    async with Rig(endpoints(sim)) as rig:
        answer = await rig.post(
            "/v1/embeddings", {"model": "emb", "input": "hello", "encoding_format": "base64"}
        )
    raw = base64.b64decode(answer.json()["data"][0]["embedding"])
    assert struct.unpack(f"<{len(raw) // 4}f", raw)


async def test_versions_betas_and_traces_pass_on(sim: RunningSimulator) -> None:
    sent = {
        "anthropic_version": "2026-10-21",
        "anthropic_beta": "tools-2024-04-04,context-1m",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "User_Agent": "client/1.0",
    }
    async with Rig(endpoints(sim)) as rig:
        await rig.post("/v1/messages", messages_body("claude"), **sent)
        await rig.post("/v1/messages", messages_body("claude"))
    first, second = (call.headers for call in sim.calls)
    for name, value in sent.items():
        assert first[name.replace("_", "-")] == value
    assert second["anthropic-version"] == "2023-06-01"  # the API refuses a request without one
    assert first["x-api-key"] == CANARY
    assert "Authorization" not in first


async def test_the_callers_request_id_is_kept(sim: RunningSimulator) -> None:
    async with Rig(endpoints(sim)) as rig:
        good = await rig.post(
            "/v1/chat/completions", chat_body("gpt"), **{"x-lockgate-request-id": "mine-1"}
        )
        bad = await rig.post(
            "/v1/chat/completions", chat_body("gpt"), **{"x-lockgate-request-id": "a b"}
        )
    assert good.own("request-id") == "mine-1"
    assert rig.ledger.rows[0].request_id == "mine-1"
    assert bad.own("request-id") != "a b"


async def test_unknown_headers_of_our_family_are_refused(sim: RunningSimulator) -> None:
    async with Rig(endpoints(sim)) as rig:
        answer = await rig.post(
            "/v1/chat/completions", chat_body("gpt"), **{"x-lockgate-retries": "5"}
        )
        zero = await rig.post(
            "/v1/chat/completions", chat_body("gpt"), **{"x-lockgate-timeout-ms": "0"}
        )
    assert (answer.status, answer.code) == (400, "malformed")
    assert answer.json()["error"]["param"] == "x-lockgate-retries"
    assert zero.status == 400
    assert sim.calls == []


# --- lists of models ------------------------------------------------------------------------


async def get(rig: Rig, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(rig.url + path, headers=headers) as response,
    ):
        for name in OWN:
            assert f"x-lockgate-{name}" in response.headers
        return response.status, await response.json()


BEARER = {"Authorization": f"Bearer {CLIENT_KEY}"}
GOOGLE = {"x-goog-api-key": CLIENT_KEY}
CLAUDE = {**BEARER, "anthropic-version": "2026-10-21"}


async def test_the_list_has_the_shape_of_the_callers_vendor(sim: RunningSimulator) -> None:
    key = build_key(allowed_endpoints=("g*",))
    async with Rig(endpoints(sim), keys=[key]) as rig:
        _, openai = await get(rig, "/v1/models", BEARER)
        _, google = await get(rig, "/v1/models", GOOGLE)
        _, beta = await get(rig, "/v1beta/models", BEARER)
        _, anthropic = await get(rig, "/v1/models", CLAUDE)
        _, mlflow = await get(rig, "/gateway/mlflow/v1/models", BEARER)
    assert [item["id"] for item in openai["data"]] == ["gpt", "gem", "gem-emb"]
    assert [item["name"] for item in google["models"]] == [
        "models/gpt",
        "models/gem",
        "models/gem-emb",
    ]
    assert beta == google
    assert anthropic["has_more"] is False
    assert mlflow == openai


async def test_one_model(sim: RunningSimulator) -> None:
    key = build_key(allowed_endpoints=("gpt",))
    async with Rig(endpoints(sim), keys=[key]) as rig:
        found = await get(rig, "/v1/models/gpt", BEARER)
        hidden = await get(rig, "/v1/models/gem", BEARER)
        google = await get(rig, "/v1beta/models/nothing", GOOGLE)
        stranger = await get(rig, "/v1/models", {})
    assert found[1]["id"] == "gpt"
    assert hidden[0] == 404
    assert google[1]["error"]["status"] == "NOT_FOUND"
    assert stranger[0] == 401


# --- errors in the shape of the client's dialect ----------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "vendor"),
    [
        ("/v1/chat/completions", {}, "openai"),
        ("/v1/messages", {}, "anthropic"),
        ("/anthropic/v1/messages", {}, "anthropic"),
        ("/v1beta/models/x:generateContent", {}, "gemini"),
        ("/v1/models/x:generateContent", {}, "gemini"),
        ("/v1beta/models/x:noSuchAction", {}, "gemini"),
        ("/v1/nothing", {}, "openai"),
        ("/v1/nothing", {"anthropic-version": "2023-06-01"}, "anthropic"),
        ("/v1/nothing", {"x-goog-api-key": "k"}, "gemini"),
    ],
)
async def test_errors_have_the_shape_of_the_dialect(
    sim: RunningSimulator, path: str, headers: dict[str, str], vendor: str
) -> None:
    async with (
        Rig(endpoints(sim)) as rig,
        aiohttp.ClientSession() as session,
        session.post(rig.url + path, json={}, headers=headers) as response,
    ):
        body = await response.json()
        assert response.status in (401, 404)
        for name in OWN:
            assert f"x-lockgate-{name}" in response.headers
    marks = {
        "openai": "param" in body["error"],
        "anthropic": body.get("type") == "error",
        "gemini": "details" in body["error"],
    }
    assert [name for name, has in marks.items() if has] == [vendor]


async def test_a_wrong_method_names_the_right_one(sim: RunningSimulator) -> None:
    async with (
        Rig(endpoints(sim)) as rig,
        rig.client.get("/v1/chat/completions") as response,
    ):
        assert response.status == 405
        assert response.headers["Allow"] == "POST"


async def test_claude_code_probes_the_root(sim: RunningSimulator) -> None:
    async with Rig(endpoints(sim)) as rig:
        for path in ("/", "/anthropic"):
            async with rig.client.head(path) as response:
                assert response.status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/../v1/chat/completions", b"400"), ("http://evil.example/v1/chat/completions", b"200")],
)
async def test_the_route_decides_not_the_url(
    sim: RunningSimulator, path: str, status: bytes
) -> None:
    import asyncio

    body = orjson.dumps(chat_body("gpt"))
    async with Rig(endpoints(sim)) as rig:
        host, port = rig.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: api.evil.example\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: Bearer {CLIENT_KEY}\r\nConnection: close\r\n\r\n".encode()
            + body
        )
        head = await reader.readline()
        await reader.read()
        writer.close()
        await writer.wait_closed()
    assert head.split()[1] == status
    for call in sim.calls:
        assert "evil" not in str(call.headers)
        assert call.path == "/v1/chat/completions"


def test_every_operation_is_routed_once() -> None:
    paths = [(prefix + row.path, row.action) for prefix, rows in OPERATIONS for row in rows]
    assert len(paths) == len(set(paths))


# --- operation --------------------------------------------------------------------------------


async def test_livez_readyz_and_metrics() -> None:
    faults: list[str] = []
    metrics = Metrics()

    async def ready() -> list[str]:
        return faults

    async def may_read(request: web.Request) -> bool:
        if request.headers.get("Authorization") == "Bearer half":
            raise ForbiddenError("half")
        return request.headers.get("Authorization") == "Bearer admin"

    app = web.Application(middlewares=[build_rescue(find_renderer)])

    async def render() -> bytes:
        return metrics.render()

    add_operation_routes(app, ready=ready, render_metrics=render, may_read_metrics=may_read)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:

        async def status(path: str, token: str = "") -> int:
            async with session.get(path, headers={"Authorization": token}) as response:
                return response.status

        assert await status("/livez") == 200
        assert await status("/readyz") == 200
        faults.append("the database is away")
        assert await status("/readyz") == 503
        assert await status("/livez") == 200
        assert await status("/metrics") == 401
        assert await status("/metrics", "Bearer half") == 403
        assert await status("/metrics", "Bearer admin") == 200
    await runner.cleanup()


async def test_the_log_has_successes_at_debug_and_failures_at_info(
    sim: RunningSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "lockgate")
    async with Rig(endpoints(sim)) as rig:
        good = await rig.post("/v1/chat/completions", chat_body("gpt"))
        bad = await rig.post("/v1/chat/completions", chat_body("nothing"))
    lines = [
        (record.name, record.levelname, record.fields["request_id"])
        for record in caplog.records
        if hasattr(record, "fields")
    ]
    assert lines == [
        ("lockgate.proxy", "DEBUG", good.own("request-id")),
        ("lockgate.access", "DEBUG", good.own("request-id")),
        ("lockgate.access", "INFO", bad.own("request-id")),
    ]


async def test_each_request_takes_its_own_traceparent_upstream(sim: RunningSimulator) -> None:
    traces = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 5)]
    async with Rig(endpoints(sim)) as rig:
        for number, trace in enumerate(traces):  # over one connection, of one head
            body = chat_body("gpt", user="x" * number)
            answer = await rig.post("/v1/chat/completions", body, traceparent=trace)
            assert answer.status == 200
        assert rig.plane.front.connections == 1
        plain = await rig.post("/v1/chat/completions", chat_body("gpt"))
    assert plain.status == 200
    assert [call.headers.get("traceparent") for call in sim.calls] == [*traces, None]
