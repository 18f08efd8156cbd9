"""Counts, vectors and structured answers across dialects."""

from __future__ import annotations

import base64
import struct
from typing import Any

import orjson
import pytest

from gateway.simulator import RunningSimulator
from tests.proxy.rig import Answer, Endpoint, Model, Rig, gemini_body, messages_body, serve_raw
from tests.proxy.translation.clients import (
    CLIENTS,
    ask,
    build_endpoint,
    build_model,
    can_be_asked,
    has_vectors,
)

COUNT = "/v1/messages/count_tokens"
GEMINI_COUNT = "/v1beta/models/e:countTokens"
NEEDS_GEMINI = pytest.mark.skipif(
    not can_be_asked("gemini"), reason="Gemini's half of a provider is not in the table"
)
NEEDS_VECTORS = pytest.mark.skipif(
    not has_vectors(), reason="Gemini's vectors are not in the table"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


async def count(rig: Rig) -> Answer:
    body = messages_body("e")
    del body["max_tokens"]
    return await rig.post(COUNT, body)


async def test_a_count_that_nobody_makes_is_estimated_and_marked(sim: RunningSimulator) -> None:
    async with Rig(build_endpoint(sim, "openai")) as rig:
        answer = await count(rig)
        gemini = await rig.post(GEMINI_COUNT, gemini_body())
        rows = rig.ledger.rows
    assert (answer.status, answer.own("estimated"), answer.own("attempts")) == (200, "true", "0")
    assert 0 < answer.json()["input_tokens"] < 20
    assert (gemini.status, gemini.own("estimated")) == (200, "true")
    assert 0 < gemini.json()["totalTokens"] < 20
    assert (sim.calls, rows) == ([], [])


@NEEDS_GEMINI
async def test_a_count_is_asked_of_gemini(sim: RunningSimulator) -> None:
    async with Rig(build_endpoint(sim, "gemini")) as rig:
        answer = await count(rig)
        (row,) = rig.ledger.rows
    assert (answer.status, list(answer.json())) == (200, ["input_tokens"]), answer.body
    assert "x-lockgate-estimated" not in answer.headers
    assert sim.calls[-1].path.endswith(":countTokens")
    assert (row.upstream_dialect, row.input_tokens) == ("gemini", None)


async def test_a_count_is_asked_of_anthropic(sim: RunningSimulator) -> None:
    async with Rig(build_endpoint(sim, "anthropic")) as rig:
        answer = await rig.post(GEMINI_COUNT, gemini_body())
    assert (answer.status, answer.json()["totalTokens"] > 0) == (200, True)
    assert sim.calls[-1].path == COUNT


async def test_whoever_counts_is_asked_before_anything_is_estimated(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    models = [build_model(sim, "openai"), build_model(other, "anthropic", order=0)]
    async with Rig({"e": Endpoint(models)}) as rig:
        counted = await count(rig)
    assert "x-lockgate-estimated" not in counted.headers
    models[1] = build_model(other, "anthropic", "status=500", order=0)
    async with Rig({"e": Endpoint(models)}) as rig:
        estimated = await count(rig)
    assert (estimated.status, estimated.own("estimated")) == (200, "true")


async def test_a_count_of_no_request_is_refused(sim: RunningSimulator) -> None:
    async with Rig(build_endpoint(sim, "openai")) as rig:
        answer = await rig.post(COUNT, {"model": "e", "messages": 5})
    assert (answer.status, answer.code) == (400, "malformed")


@NEEDS_VECTORS
async def test_openai_clients_get_vectors_of_gemini(sim: RunningSimulator) -> None:
    async with Rig({"e": Endpoint([build_embedder(sim, "gemini")])}) as rig:
        body = {"model": "e", "input": ["one", "two"]}
        plain = await rig.post("/v1/embeddings", body)
        packed = await rig.post("/v1/embeddings", {**body, "encoding_format": "base64"})
        (row, _) = rig.ledger.rows
    assert (plain.status, packed.status) == (200, 200)
    first = plain.json()["data"][1]["embedding"]
    data = base64.b64decode(packed.json()["data"][1]["embedding"])
    assert list(struct.unpack(f"<{len(data) // 4}f", data)) == pytest.approx(first, rel=1e-5)
    assert row.upstream_dialect == "gemini"


@NEEDS_VECTORS
async def test_gemini_clients_get_vectors_of_openai(sim: RunningSimulator) -> None:
    content = {"parts": [{"text": "one"}]}
    async with Rig({"e": Endpoint([build_embedder(sim, "openai")])}) as rig:
        single = await rig.post("/v1beta/models/e:embedContent", {"content": content})
        many = await rig.post(
            "/v1beta/models/e:batchEmbedContents",
            {"requests": [{"model": "models/e", "content": content}] * 2},
        )
        rows = rig.ledger.rows
    assert (single.status, many.status) == (200, 200), single.body + many.body
    assert len(single.json()["embedding"]["values"]) > 1
    assert len(many.json()["embeddings"]) == 2
    assert [row.upstream_dialect for row in rows] == ["openai_embeddings"] * 2
    assert all(row.input_tokens for row in rows)


async def test_chats_have_no_vectors(sim: RunningSimulator) -> None:
    async with Rig(build_endpoint(sim, "anthropic")) as rig:
        answer = await rig.post("/v1/embeddings", {"model": "e", "input": "one"})
    assert (answer.status, answer.code) == (400, "dialect_mismatch")


@pytest.mark.parametrize("provider", ["openai", pytest.param("gemini", marks=NEEDS_VECTORS)])
async def test_vectors_of_two_models_never_follow_each_other(
    sim: RunningSimulator, other: RunningSimulator, provider: str
) -> None:
    sim.set_fault("status=503")
    first = build_embedder(sim, provider)
    same = build_embedder(other, provider, order=1, name="same")
    foreign = Model(other.url, provider="openai", model="text-embedding-3-large", order=0)
    body = {"model": "e", "input": "one"}
    async with Rig({"e": Endpoint([first, foreign])}) as rig:
        alone = await rig.post("/v1/embeddings", body)
    async with Rig({"e": Endpoint([first, foreign, same])}) as rig:
        served = await rig.post("/v1/embeddings", body)
    assert alone.status == 503
    assert (served.status, served.own("model")) == (200, "same")


def build_embedder(sim: RunningSimulator, provider: str, **more: Any) -> Model:
    model = {"openai": "text-embedding-3-small", "gemini": "text-embedding-004"}[provider]
    return Model(sim.url, provider=provider, model=model, **more)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_structured_answer_comes_as_text_where_a_tool_stands_in(stream: bool) -> None:
    """A server that knows no schemas: the table of providers says so of none in the simulator."""
    call = {
        "index": 0,
        "id": "c1",
        "type": "function",
        "function": {"name": "lockgate_answer", "arguments": '{"a": 1}'},
    }
    body = orjson.dumps(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": None, "tool_calls": [call]},
                    "finish_reason": "tool_calls",
                }
            ],
        }
    )
    tool = {"name": "lockgate_answer", "input_schema": {"type": "object"}}
    schema = {"type": "json_schema", "schema": {"type": "object"}}
    async with (
        serve_raw(HEAD % len(body), body) as url,
        Rig({"e": Endpoint([Model(url)])}) as rig,
    ):
        answer = await ask(
            rig, "messages", stream=stream, tools=[tool], output_config={"format": schema}
        )
    assert answer.status == 200
    read = CLIENTS["messages"]
    text = read.read_stream(answer.body).text if stream else read.read_text(answer.json())
    assert text == '{"a": 1}'


async def test_what_is_no_answer_goes_to_the_next_target(
    sim: RunningSimulator, other: RunningSimulator
) -> None:
    models = [
        build_model(sim, "anthropic", "malformed=html"),
        build_model(other, "anthropic", order=0),
    ]
    async with Rig({"e": Endpoint(models)}) as rig:
        answer = await rig.chat("e")
        codes = [row.error_code for row in rig.ledger.rows]
    async with Rig({"e": Endpoint(models[:1])}) as rig:
        alone = await rig.chat("e")
    assert (answer.status, answer.own("attempts")) == (200, "2")
    assert codes == ["upstream_malformed", None]
    assert (alone.status, alone.code) == (502, "upstream_malformed")


async def test_a_stream_that_nobody_asked_for_is_read_as_one_answer() -> None:
    events = (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        b'[{"index":0,"delta":{"role":"assistant","content":"whole"},"finish_reason":null}]}\n\n'
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        b'[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    async with serve_raw(head, events) as url, Rig({"e": Endpoint([Model(url)])}) as rig:
        answer = await ask(rig, "messages")
    assert CLIENTS["messages"].read_text(answer.json()) == "whole"
