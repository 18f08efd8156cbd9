"""Streams: held until the first content, then the provider's own end or one error event."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import orjson
import pytest

from gateway.simulator import RunningSimulator
from tests.proxy.rig import (
    CANARY,
    CLIENT_KEY,
    Answer,
    Endpoint,
    Model,
    Rig,
    chat_body,
    gemini_body,
    messages_body,
    serve_raw,
    wait_for,
)

# Each streamed dialect: provider, upstream model, path, body, and the mark of its end.
CASES: dict[str, tuple[str, str, str, dict[str, Any], bytes]] = {
    "chat": (
        "openai",
        "gpt-4o-mini",
        "/v1/chat/completions",
        chat_body("e", stream=True),
        b"data: [DONE]\n\n",
    ),
    "completions": (
        "openai",
        "gpt-3.5-turbo-instruct",
        "/v1/completions",
        {"model": "e", "prompt": "hello", "stream": True},
        b"data: [DONE]\n\n",
    ),
    "responses": (
        "openai",
        "gpt-4o-mini",
        "/v1/responses",
        {"model": "e", "input": "hello", "stream": True},
        b"response.completed",
    ),
    "messages": (
        "anthropic",
        "claude-3-5-haiku",
        "/v1/messages",
        messages_body("e", stream=True),
        b"message_stop",
    ),
    "gemini": (
        "gemini",
        "gemini-2.0-flash",
        "/v1beta/models/e:streamGenerateContent?alt=sse",
        gemini_body(),
        b'"finishReason"',
    ),
    "gemini-array": (
        "gemini",
        "gemini-2.0-flash",
        "/v1beta/models/e:streamGenerateContent",
        gemini_body(),
        b'"finishReason"',
    ),
}
VERSION = {"anthropic-version": "2023-06-01"}
EVERY = pytest.mark.parametrize("case", list(CASES))
MARKED = pytest.mark.parametrize("case", [name for name in CASES if name != "gemini-array"])


def endpoint(
    case: str, sim: RunningSimulator, fault: str = "", other: RunningSimulator | None = None
) -> dict[str, Endpoint]:
    provider, model, *_ = CASES[case]
    upstream = f"{model}+{fault}" if fault else model
    models = [Model(sim.url, provider=provider, model=upstream, name="main")]
    if other is not None:
        models.append(Model(other.url, provider=provider, model=model, order=0, name="spare"))
    return {"e": Endpoint(models)}


async def ask(rig: Rig, case: str, **headers: str) -> Answer:
    _, _, path, body, _ = CASES[case]
    return await rig.post(path, body, **headers)


async def ask_directly(sim: RunningSimulator, case: str) -> bytes:
    provider, model, path, body, _ = CASES[case]
    header = {"openai": "Authorization", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}
    value = f"Bearer {CANARY}" if provider == "openai" else CANARY
    sent = {**body, "model": model} if "model" in body else body
    url = sim.url + path.replace("models/e:", f"models/{model}:")
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=sent, headers={header[provider]: value, **VERSION}) as response,
    ):
        return await response.read()


def strike_ids(text: bytes) -> bytes:
    """Strike out what differs from call to call: ids and times."""
    text = re.sub(rb'"(id|item_id|responseId|obfuscation)": ?"[^"]*"', b"", text)
    return re.sub(rb'"(created|created_at|completed_at)": ?[0-9.]+', b"", text)


def read_error(answer: Answer, case: str) -> dict[str, Any]:
    """Return the error that the stream ends with; it has to be the last thing in it."""
    if case == "gemini-array":
        last = json.loads(answer.body.decode().rstrip() + "]")[-1]
    else:
        events = answer.body.replace(b"\r\n", b"\n").strip().split(b"\n\n")
        data = [line[6:] for line in events[-1].split(b"\n") if line.startswith(b"data: ")]
        last = orjson.loads(b"".join(data))
    error: dict[str, Any] = last.get("error", last)
    return error


def code_of(error: dict[str, Any]) -> str:
    if "details" in error:
        return str(error["details"][0]["reason"])
    return str(error["code"])


# --- whole streams --------------------------------------------------------------------------


@EVERY
async def test_a_stream_passes_byte_for_byte(case: str, sim: RunningSimulator) -> None:
    async with Rig(endpoint(case, sim)) as rig:
        answer = await ask(rig, case)
    assert answer.status == 200
    assert answer.own("model") == "main"
    assert answer.own("attempts") == "1"
    assert CASES[case][4] in answer.body
    (row,) = rig.ledger.rows
    assert (row.streamed, row.error_code, row.client_gone) == (True, None, False)
    assert row.output_tokens


@EVERY
async def test_the_events_are_the_providers_own(case: str, sim: RunningSimulator) -> None:
    direct = await ask_directly(sim, case)
    async with Rig(endpoint(case, sim)) as rig:
        answer = await ask(rig, case)
    assert strike_ids(answer.body) == strike_ids(direct)


@EVERY
@pytest.mark.parametrize("fault", ["byte-by-byte", "slow-chunk-ms=5"])
async def test_a_dripping_stream_passes_unharmed(
    case: str, fault: str, sim: RunningSimulator
) -> None:
    async with Rig(endpoint(case, sim, fault)) as rig:
        answer = await ask(rig, case)
    assert CASES[case][4] in answer.body
    assert rig.ledger.rows[0].error_code is None


@EVERY
async def test_a_streamed_request_answered_with_plain_json(
    case: str, sim: RunningSimulator
) -> None:
    sim.set_fault("status=400")
    async with Rig(endpoint(case, sim)) as rig:
        answer = await ask(rig, case)
    assert answer.status == 400
    assert answer.headers["Content-Type"].startswith("application/json")


# --- before the commit point ----------------------------------------------------------------

EARLY = [
    "reset",
    "reset-after=0",
    "cut-after=0",
    "empty",
    "malformed=html",
    "error-event-first",
    "status=503",
]


@EVERY
@pytest.mark.parametrize("fault", EARLY)
async def test_a_failure_before_content_goes_to_the_next_target(
    case: str, fault: str, sim: RunningSimulator, other: RunningSimulator
) -> None:
    async with Rig(endpoint(case, sim, fault, other)) as rig:
        answer = await ask(rig, case)
    assert answer.status == 200
    assert answer.own("model") == "spare"
    assert answer.own("attempts") == "2"
    assert CASES[case][4] in answer.body
    assert [bool(row.error_code) for row in rig.ledger.rows] == [True, False]


@EVERY
@pytest.mark.parametrize("fault", EARLY)
async def test_a_failure_before_content_alone_has_a_true_status(
    case: str, fault: str, sim: RunningSimulator
) -> None:
    async with Rig(endpoint(case, sim, fault)) as rig:
        answer = await ask(rig, case)
    assert answer.status >= 500
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.own("endpoint") == "e"


async def test_an_early_error_event_keeps_its_status_and_words(sim: RunningSimulator) -> None:
    async with Rig(endpoint("messages", sim, "error-event-first,status=529")) as rig:
        answer = await ask(rig, "messages")
    assert answer.status == 529
    assert answer.json()["error"]["code"] == "upstream_error"


async def test_silence_before_content(sim: RunningSimulator, other: RunningSimulator) -> None:
    settings = {"first_byte_timeout_ms": 150}
    async with Rig(endpoint("chat", sim, "stall-after=1", other), settings=settings) as rig:
        answer = await ask(rig, "chat")
    assert answer.own("model") == "spare"
    assert rig.ledger.rows[0].error_code == "upstream_first_byte_timeout"


# --- after the commit point -----------------------------------------------------------------


@EVERY
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("cut-after={n}", "upstream_truncated"),
        ("reset-after={n}", "upstream_truncated"),
        ("stall-after={n}", "upstream_stalled"),
    ],
)
async def test_a_failure_after_content_is_one_error_event_and_no_end(
    case: str, fault: str, code: str, sim: RunningSimulator, other: RunningSimulator
) -> None:
    # So many events are behind the first content, and before the end, in every dialect.
    count = {"responses": 6, "messages": 5}.get(case, 2)
    models = endpoint(case, sim, f"chunks=8,{fault.format(n=count)}", other)
    async with Rig(models, settings={"idle_timeout_ms": 200}) as rig:
        answer = await ask(rig, case)
    assert answer.status == 200
    assert answer.own("model") == "main"
    assert code_of(read_error(answer, case)) == code
    assert CASES[case][4] not in answer.body
    assert other.calls == []
    assert rig.ledger.rows[0].error_code == code
    assert rig.ledger.rows[0].output_tokens
    assert rig.ledger.rows[0].estimated or case.startswith("gemini")


@MARKED
async def test_the_providers_own_late_error_passes_as_it_is(
    case: str, sim: RunningSimulator
) -> None:
    count = {"responses": 6, "messages": 5}.get(case, 2)
    async with Rig(endpoint(case, sim, f"chunks=8,error-event-after={count}")) as rig:
        answer = await ask(rig, case)
    assert b"upstream_" not in answer.body
    assert read_error(answer, case)
    assert rig.ledger.rows[0].error_code == "upstream_error"


@EVERY
async def test_an_event_that_nobody_can_read_is_one_error_event(
    case: str, sim: RunningSimulator
) -> None:
    async with Rig(endpoint(case, sim, "chunks=8,malformed=json")) as rig:
        answer = await ask(rig, case)
    code = "upstream_truncated" if case == "gemini-array" else "upstream_malformed"
    assert code_of(read_error(answer, case)) == code  # half an element swallows the rest
    assert rig.ledger.rows[0].error_code == code
    assert CASES[case][4] not in answer.body


async def test_the_deadline_ends_a_stream_that_still_flows(sim: RunningSimulator) -> None:
    async with Rig(endpoint("chat", sim, "chunks=200,slow-chunk-ms=20")) as rig:
        answer = await ask(rig, "chat", **{"x-lockgate-timeout-ms": "300"})
    assert code_of(read_error(answer, "chat")) == "deadline_exceeded"


async def test_a_stream_without_counts_is_estimated(sim: RunningSimulator) -> None:
    async with Rig(endpoint("chat", sim, "no-usage")) as rig:
        await ask(rig, "chat")
    (row,) = rig.ledger.rows
    assert row.estimated
    assert row.input_tokens
    assert row.output_tokens


async def test_the_time_a_stream_takes_is_no_overhead(sim: RunningSimulator) -> None:
    async with Rig(endpoint("chat", sim, "chunks=10,slow-chunk-ms=20")) as rig:
        answer = await ask(rig, "chat")
    text = rig.metrics.render().decode()
    overhead_s = float(re.findall(r"lockgate_overhead_seconds_sum ([0-9.e-]+)", text)[0])
    assert overhead_s == pytest.approx(float(answer.own("overhead-ms")) / 1000, abs=1e-5)
    assert overhead_s < rig.ledger.rows[0].duration_ms / 1000


# --- clients that leave, clients that read slowly -------------------------------------------


@pytest.mark.parametrize("fault", ["chunks=50,slow-chunk-ms=50", "hang", "stall-after=3"])
async def test_a_client_that_leaves_cancels_the_upstream_call(
    fault: str, sim: RunningSimulator
) -> None:
    async with Rig(endpoint("chat", sim, fault)) as rig:
        body = chat_body("e", stream=True)
        call = asyncio.ensure_future(rig.client.post("/v1/chat/completions", json=body))
        await wait_for(lambda: bool(sim.calls))
        if fault != "hang":
            response = await call
            await response.content.readany()
            response.close()
        else:
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        async with asyncio.timeout(5):
            await sim.calls[0].done.wait()
        await wait_for(lambda: bool(rig.ledger.rows))
        assert sim.calls[0].client_gone
        assert rig.ledger.rows[0].client_gone
        assert rig.ledger.rows[0].error_code == "client_gone"
        assert rig.metrics.in_flight == 0


async def test_a_slow_reader_stops_the_reading_upstream(sim: RunningSimulator) -> None:
    async with Rig(endpoint("chat", sim, "huge=30000000,chunks=3000")) as rig:
        async with read_slowly(rig):
            await asyncio.sleep(0.5)
            # Thirty megabytes are not in anybody's buffers: the provider is still sending.
            assert not sim.calls[0].done.is_set()
        async with asyncio.timeout(5):
            await sim.calls[0].done.wait()
        assert sim.calls[0].client_gone


async def test_an_answer_that_cannot_be_ended_gets_no_second_one_behind_it() -> None:
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % (b"x" * 60_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    async with serve_raw(head, *[chunk] * 1_000) as url:
        models = {"e": Endpoint([Model(url)])}
        async with (
            Rig(models, settings={"total_timeout_ms": 1_500}) as rig,
            read_slowly(rig) as raw,
        ):
            await wait_for(lambda: bool(rig.ledger.rows))
            await wait_for(lambda: rig.plane.front.connections == 0)  # it had a second to read
            text = await read_rest(raw)
    assert text.count(b"HTTP/1.1 ") == 0  # the first one has been read
    assert not text.endswith(b"0\r\n\r\n")
    assert rig.ledger.rows[0].error_code == "deadline_exceeded"


async def test_the_connection_serves_on_after_a_cut_stream(sim: RunningSimulator) -> None:
    # A connection that is closed unannounced fails the client's next request.
    async with Rig(endpoint("chat", sim, "cut-after=3")) as rig:
        for _ in range(4):  # the fifth in a row would open the circuit
            answer = await ask(rig, "chat")
            assert code_of(read_error(answer, "chat")) == "upstream_truncated"


@asynccontextmanager
async def read_slowly(rig: Rig) -> AsyncIterator[socket.socket]:
    """Ask a stream, read its beginning and then nothing."""
    body = orjson.dumps(chat_body("e", stream=True))
    host, port = rig.url.removeprefix("http://").split(":")
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, (host, int(port)))
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: Bearer {CLIENT_KEY}\r\n\r\n"
        )
        await loop.sock_sendall(raw, head.encode() + body)
        await loop.sock_recv(raw, 4096)
        yield raw


async def read_rest(raw: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    text = bytearray()
    with suppress(ConnectionError):
        while part := await loop.sock_recv(raw, 1 << 20):
            text += part
    return bytes(text)
