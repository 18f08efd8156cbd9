"""Cohere's routes: chat plain and streamed, tools, citations, embeddings, reranking, errors."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

ASKED: dict[str, Any] = {
    "model": "command-a-03-2025",
    "messages": [{"role": "user", "content": "What is a lock? marker-7f3"}],
}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


async def ask(http: aiohttp.ClientSession, body: dict[str, Any], path: str = "/v2/chat") -> Any:
    async with http.post(path, json=body) as response:
        text = await response.text()
    if not body.get("stream"):
        return json.loads(text)
    assert text.endswith("data: [DONE]\n\n")
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


async def test_the_stream_joins_to_the_plain_answer(http: aiohttp.ClientSession) -> None:
    plain = await ask(http, ASKED)
    events = await ask(http, ASKED | {"stream": True})
    text = "".join(
        event["delta"]["message"]["content"]["text"]
        for event in events
        if event["type"] == "content-delta"
    )
    assert plain["message"]["content"] == [{"type": "text", "text": text}]
    assert events[-1]["delta"] == {
        "finish_reason": "COMPLETE",
        "usage": plain["usage"],
    }


async def test_a_call_has_a_plan_and_its_pieces_join(http: aiohttp.ClientSession) -> None:
    plain = await ask(http, ASKED | {"tools": [TOOL]})
    assert plain["finish_reason"] == "TOOL_CALL"
    assert plain["message"]["tool_plan"]
    assert "content" not in plain["message"]
    events = await ask(http, ASKED | {"tools": [TOOL], "stream": True})
    pieces = [
        event["delta"]["message"]["tool_calls"]["function"]["arguments"]
        for event in events
        if event["type"] == "tool-call-delta"
    ]
    call = plain["message"]["tool_calls"][0]
    assert "".join(pieces) == call["function"]["arguments"]


async def test_thoughts_and_citations(http: aiohttp.ClientSession) -> None:
    body = ASKED | {"thinking": {"type": "enabled"}, "documents": ["The source."]}
    plain = await ask(http, body)
    assert [part["type"] for part in plain["message"]["content"]] == ["thinking", "text"]
    cited = plain["message"]["citations"][0]
    text = plain["message"]["content"][1]["text"]
    assert text[cited["start"] : cited["end"]] == cited["text"]
    kinds = [event["type"] for event in await ask(http, body | {"stream": True})]
    assert kinds[-3:] == ["citation-start", "citation-end", "message-end"]


async def test_embeddings_and_reranking(http: aiohttp.ClientSession) -> None:
    body = {
        "model": "embed-v4.0",
        "texts": ["a", "b"],
        "input_type": "search_query",
        "embedding_types": ["float"],
        "output_dimension": 256,
    }
    answer = await ask(http, body, "/v2/embed")
    assert [len(vector) for vector in answer["embeddings"]["float"]] == [256, 256]
    ranked = {
        "model": "rerank-v3.5",
        "query": "lock gate",
        "documents": ["a tree", "the gate of a lock"],
        "top_n": 1,
    }
    assert (await ask(http, ranked, "/v2/rerank"))["results"][0]["index"] == 1


async def test_errors_have_a_message(http: aiohttp.ClientSession) -> None:
    for model, status in (("no-such-model", 404), ("command+status=429", 429)):
        async with http.post("/v2/chat", json=ASKED | {"model": model}) as response:
            assert response.status == status
            assert set(await response.json()) == {"id", "message"}
    async with http.post("/v2/embed", json={"model": "e", "texts": ["a"]}) as response:
        assert response.status == 400
        assert "input_type" in (await response.json())["message"]
