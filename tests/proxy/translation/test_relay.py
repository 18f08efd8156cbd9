"""Translated streams: held until the first content, then the provider's own end or one error."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp
import orjson
import pytest

from gateway.dialects.sse import MAX_EVENT_BYTES
from gateway.simulator import RunningSimulator
from tests.proxy.rig import CANARY, Endpoint, Model, Rig, serve_raw, wait_for
from tests.proxy.translation.clients import (
    CLIENTS,
    PAIRS,
    ask,
    build_endpoint,
    build_model,
)

EVERY_PAIR = pytest.mark.parametrize(("client", "provider"), PAIRS)
# Behind the first content, wherever the provider's preamble ends.
LATE = "chunks=8"
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def build_pair(
    sim: RunningSimulator, other: RunningSimulator, provider: str, fault: str
) -> dict[str, Endpoint]:
    """Return an endpoint whose first target fails."""
    first = build_model(sim, provider, fault, name="main")
    return {"e": Endpoint([first, build_model(other, provider, order=0, name="spare")])}


@EVERY_PAIR
@pytest.mark.parametrize(
    "fault",
    ["error-event-first", "cut-after=0", "empty", "malformed=html", "reset-after=0", "status=529"],
)
async def test_what_fails_before_the_first_content_is_served_by_the_next_target(
    sim: RunningSimulator, other: RunningSimulator, client: str, provider: str, fault: str
) -> None:
    async with Rig(build_pair(sim, other, provider, fault)) as rig:
        answer = await ask(rig, client, stream=True)
        codes = [row.error_code for row in rig.ledger.rows]
    told = CLIENTS[client].read_stream(answer.body)
    assert (answer.status, answer.own("model"), answer.own("attempts")) == (200, "spare", "2")
    assert (told.is_ended, told.error) == (True, None)
    assert codes[0] is not None
    assert codes[1] is None


@EVERY_PAIR
async def test_alone_an_error_before_the_first_content_has_its_true_status(
    sim: RunningSimulator, client: str, provider: str
) -> None:
    async with Rig(build_endpoint(sim, provider, "error-event-first,status=429")) as rig:
        answer = await ask(rig, client, stream=True)
    assert answer.status == 429
    assert answer.headers["Content-Type"] == "application/json"
    assert "error" in answer.json()


@EVERY_PAIR
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("cut-after=6", "upstream_truncated"),
        ("reset-after=6", "upstream_truncated"),
        ("malformed=json", "upstream_malformed"),
        ("error-event-after=6", None),
    ],
)
async def test_what_fails_after_it_is_one_error_event_and_no_end(
    sim: RunningSimulator, client: str, provider: str, fault: str, code: str | None
) -> None:
    async with Rig(build_endpoint(sim, provider, f"{LATE},{fault}")) as rig:
        answer = await ask(rig, client, stream=True)
        (row,) = rig.ledger.rows
    told = CLIENTS[client].read_stream(answer.body)
    if answer.status != 200:  # the broken event was the first
        assert code is not None
        assert answer.code == code
        return
    assert not told.is_ended
    assert told.error is not None
    assert row.error_code == (code or "upstream_error")
    if code is not None:
        assert code in str(told.error)


@EVERY_PAIR
async def test_a_stream_that_stalls_ends_with_an_error(
    sim: RunningSimulator, client: str, provider: str
) -> None:
    limits = {"idle_timeout_ms": 300}
    async with Rig(build_endpoint(sim, provider, f"{LATE},stall-after=6"), settings=limits) as rig:
        answer = await ask(rig, client, stream=True)
        (row,) = rig.ledger.rows
    told = CLIENTS[client].read_stream(answer.body)
    assert (answer.status, told.is_ended) == (200, False)
    assert "upstream_stalled" in str(told.error)
    assert row.error_code == "upstream_stalled"


@EVERY_PAIR
async def test_bytes_one_by_one_are_the_same_answer(
    sim: RunningSimulator, client: str, provider: str
) -> None:
    async with Rig(build_endpoint(sim, provider, "byte-by-byte")) as rig:
        single = await ask(rig, client, stream=True)
        whole = await ask(rig, client)
    told = CLIENTS[client].read_stream(single.body)
    assert (told.is_ended, told.error) == (True, None)
    assert told.text == CLIENTS[client].read_text(whole.json())


@pytest.mark.parametrize(("client", "provider"), [("messages", "openai"), ("chat", "anthropic")])
async def test_counts_that_the_provider_leaves_out_are_estimated(
    sim: RunningSimulator, client: str, provider: str
) -> None:
    async with Rig(build_endpoint(sim, provider, "no-usage")) as rig:
        await ask(rig, client, stream=True)
        await ask(rig, client)
        rows = rig.ledger.rows
    for row in rows:
        assert row.estimated
        assert row.output_tokens


async def test_a_stream_that_was_cut_books_an_estimate(sim: RunningSimulator) -> None:
    async with Rig(build_endpoint(sim, "anthropic", f"{LATE},cut-after=6")) as rig:
        await ask(rig, "chat", stream=True)
        (row,) = rig.ledger.rows
    assert row.estimated
    assert row.input_tokens
    assert row.output_tokens


@pytest.mark.parametrize(("client", "provider"), [("messages", "openai"), ("chat", "anthropic")])
async def test_a_client_that_goes_away_ends_the_call(
    sim: RunningSimulator, client: str, provider: str
) -> None:
    case = CLIENTS[client]
    async with Rig(build_endpoint(sim, provider, "chunks=2000,slow-chunk-ms=5")) as rig:
        body = {**case.body, "stream": True}
        with suppress(aiohttp.ClientError):
            async with rig.client.post(case.path, json=body) as response:
                await response.content.readany()
                response.close()
        await wait_for(lambda: bool(rig.ledger.rows))
        (row,) = rig.ledger.rows
        await wait_for(sim.calls[-1].done.is_set)
    assert row.client_gone
    assert sim.calls[-1].client_gone


async def test_a_slow_reader_holds_the_provider_back(sim: RunningSimulator) -> None:
    async with Rig(build_endpoint(sim, "openai", "huge=30000000")) as rig:
        body = {**CLIENTS["messages"].body, "max_tokens": 100_000_000, "stream": True}
        async with rig.client.post("/v1/messages", json=body) as response:
            await response.content.readany()
            await asyncio.sleep(0.3)
            assert not sim.calls[-1].done.is_set()
            size = 0
            async for chunk in response.content.iter_any():
                size += len(chunk)
    assert size > 30_000_000


async def test_the_credential_is_struck_out_of_what_a_stream_says(sim: RunningSimulator) -> None:
    events = (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        b'[{"index":0,"delta":{"role":"assistant","content":"%b"},"finish_reason":null}]}\n\n'
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        b'[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n' % CANARY.encode()
    )
    async with serve_raw(SSE, events) as url, Rig({"e": Endpoint([Model(url)])}) as rig:
        answer = await ask(rig, "messages", stream=True)
    assert answer.status == 200
    assert CANARY.encode() not in answer.body
    assert CLIENTS["messages"].read_stream(answer.body).text == "***"


async def test_what_is_whole_before_a_broken_event_is_passed_however_it_is_cut() -> None:
    good = (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        b'[{"index":0,"delta":{"role":"assistant","content":"so far"},"finish_reason":null}]}\n\n'
    )
    texts = set()
    for parts in ((good + b"data: {broken\n\n",), (good, b"data: {bro", b"ken\n\n")):
        async with serve_raw(SSE, *parts) as url, Rig({"e": Endpoint([Model(url)])}) as rig:
            answer = await ask(rig, "messages", stream=True)
        told = CLIENTS["messages"].read_stream(answer.body)
        assert "upstream_malformed" in str(told.error)
        texts.add(told.text)
    assert texts == {"so far"}


async def test_an_event_without_an_end_is_given_up(sim: RunningSimulator) -> None:
    piece = b"x" * (1 << 20)
    pieces = [b'data: {"id":"', *([piece] * (MAX_EVENT_BYTES // len(piece) + 3))]
    async with serve_raw(SSE, *pieces) as url, Rig({"e": Endpoint([Model(url)])}) as rig:
        answer = await ask(rig, "messages", stream=True)
    told = CLIENTS["messages"].read_stream(answer.body)
    assert not told.is_ended
    assert told.error is not None


async def test_a_whole_answer_to_a_streamed_request_is_told_as_a_stream() -> None:
    body = orjson.dumps(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "whole"},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        }
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    for client in ("messages", "gemini"):
        async with (
            serve_raw(head % len(body), body) as url,
            Rig({"e": Endpoint([Model(url)])}) as rig,
        ):
            answer = await ask(rig, client, stream=True)
            (row,) = rig.ledger.rows
        told = CLIENTS[client].read_stream(answer.body)
        assert (told.text, told.is_ended) == ("whole", True)
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert (row.input_tokens, row.output_tokens) == (3, 2)
