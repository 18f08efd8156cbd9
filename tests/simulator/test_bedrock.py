"""Bedrock's routes: answers, binary streams, signatures, errors and embeddings."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gateway.simulator import RunningSimulator

MODEL = "us.anthropic.claude-sonnet-4-6-v1%3A0"
TOOL = {
    "toolSpec": {
        "name": "get_weather",
        "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
}
ASKED = {"messages": [{"role": "user", "content": [{"text": "What is a lock? marker-7f3"}]}]}
LIMITED = {"inferenceConfig": {"maxTokens": 999}}


def read_frames(data: bytes) -> list[tuple[dict[str, str], Any]]:
    """Read event-stream frames and hold each to both of its checksums."""
    frames = []
    while data:
        total, length, crc = struct.unpack(">III", data[:12])
        assert zlib.crc32(data[:8]) == crc
        assert zlib.crc32(data[: total - 4]) == struct.unpack(">I", data[total - 4 : total])[0]
        headers, at = {}, 12
        while at < 12 + length:
            size = data[at]
            name = data[at + 1 : at + 1 + size].decode()
            kind, wide = struct.unpack(">BH", data[at + 1 + size : at + 4 + size])
            assert kind == 7
            headers[name] = data[at + 4 + size : at + 4 + size + wide].decode()
            at += 4 + size + wide
        frames.append((headers, json.loads(data[12 + length : total - 4])))
        data = data[total:]
    return frames


async def ask(
    http: aiohttp.ClientSession, body: dict[str, Any], route: str = "converse", model: str = MODEL
) -> tuple[int, bytes, Any]:
    base = str(http._base_url).rstrip("/")
    url = URL(f"{base}/model/{model}/{route}", encoded=True)
    async with (
        aiohttp.ClientSession(headers=http.headers) as plain,
        plain.post(url, json=body) as response,
    ):
        return response.status, await response.read(), response.headers


async def test_a_plain_answer_and_its_stream_are_the_same(http: aiohttp.ClientSession) -> None:
    _, body, _ = await ask(http, ASKED | LIMITED)
    whole = json.loads(body)
    _, stream, headers = await ask(http, ASKED | LIMITED, "converse-stream")
    frames = read_frames(stream)
    assert headers["content-type"] == "application/vnd.amazon.eventstream"
    kinds = [head[":event-type"] for head, _ in frames]
    assert kinds[0] == "messageStart"
    assert kinds[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert "contentBlockStart" not in kinds
    text = "".join(one["delta"]["text"] for _, one in frames if "delta" in one)
    assert [{"text": text}] == whole["output"]["message"]["content"]
    assert "marker-7f3" in text
    assert frames[-1][1]["usage"] == whole["usage"]


async def test_tools_thoughts_and_results(http: aiohttp.ClientSession) -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    body = ASKED | {"toolConfig": {"tools": [TOOL]}, "additionalModelRequestFields": thinking}
    body |= {"inferenceConfig": {"maxTokens": 4000}}
    _, plain, _ = await ask(http, body)
    answer = json.loads(plain)
    thought, call = answer["output"]["message"]["content"]
    assert thought["reasoningContent"]["reasoningText"]["signature"]
    assert call["toolUse"]["input"] == {"city": "city marker-7f3"}
    assert answer["stopReason"] == "tool_use"
    result = {"toolUseId": call["toolUse"]["toolUseId"], "content": [{"text": "22 degrees"}]}
    said = [answer["output"]["message"], {"role": "user", "content": [{"toolResult": result}]}]
    _, plain, _ = await ask(http, body | {"messages": [*ASKED["messages"], *said]})
    text = json.loads(plain)["output"]["message"]["content"][1]["text"]
    assert "The tools said: 22 degrees." in text


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
    ],
)
async def test_errors_are_named_by_a_header(
    http: aiohttp.ClientSession, status: int, kind: str
) -> None:
    got, body, headers = await ask(http, ASKED, model=f"amazon.nova+status={status}")
    assert got == status
    assert headers["x-amzn-errortype"].split(":")[0] == kind
    assert set(json.loads(body)) == {"message"}


async def test_an_error_in_a_stream_is_an_exception_frame(http: aiohttp.ClientSession) -> None:
    model = "amazon.nova+error-event-after=2,status=429"
    _, stream, _ = await ask(http, ASKED, "converse-stream", model)
    head, body = read_frames(stream)[-1]
    assert head[":message-type"] == "exception"
    assert head[":exception-type"] == "throttlingException"
    assert set(body) == {"message"}


async def test_embeddings_of_both_families(http: aiohttp.ClientSession) -> None:
    _, body, _ = await ask(
        http, {"inputText": "hello", "dimensions": 256}, "invoke", "amazon.titan-embed-text-v2%3A0"
    )
    titan = json.loads(body)
    assert len(titan["embedding"]) == 256
    assert titan["inputTextTokenCount"] > 0
    asked = {"texts": ["hello", "there"], "input_type": "search_document"}
    _, body, _ = await ask(http, asked, "invoke", "cohere.embed-english-v3")
    assert len(json.loads(body)["embeddings"]) == 2


async def test_tokens_are_counted(http: aiohttp.ClientSession) -> None:
    _, body, _ = await ask(http, {"input": {"converse": ASKED}}, "count-tokens")
    assert json.loads(body)["inputTokens"] > 0


async def test_a_missing_or_wrong_bearer_is_refused(simulator: RunningSimulator) -> None:
    for headers, kind in (
        ({}, "MissingAuthenticationTokenException"),
        ({"authorization": "Bearer wrong-key"}, "UnrecognizedClientException"),
    ):
        async with aiohttp.ClientSession(simulator.url, headers=headers) as http:
            status, _, got = await ask(http, ASKED)
        assert (status, got["x-amzn-errortype"].split(":")[0]) == (403, kind)
