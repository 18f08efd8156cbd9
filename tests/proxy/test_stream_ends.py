"""How streams begin and end, in the bytes of providers that are not like the others."""

from __future__ import annotations

import asyncio

import pytest

from tests.proxy.rig import Endpoint, Model, Rig, serve_raw, wait_for
from tests.proxy.test_stream import ask, code_of, read_error

CONTENT = b'data:{"choices":[{"delta":{"content":"hello"}}]}\r\n\r\n'
FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
COUNTS = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'


@pytest.mark.parametrize("kind", [b"text/event-stream", b"text/plain", None])
@pytest.mark.parametrize("end", [b"", b": done\n\n", COUNTS, COUNTS + b"data:[DONE]\n\n"])
async def test_harmless_oddities_of_compatible_servers_pass(kind: bytes | None, end: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + (b"Content-Type: %s\r\n" % kind if kind else b"") + b"\r\n"
    text = b": OPENROUTER PROCESSING\n\n" + CONTENT + FINISH + end
    async with serve_raw(head, text) as url:
        models = {"e": Endpoint([Model(url, "openai_compatible")])}
        async with Rig(models) as rig:
            answer = await ask(rig, "chat")
    assert (answer.status, answer.body) == (200, text)
    assert rig.ledger.rows[0].error_code is None


@pytest.mark.parametrize("end", [b"", b'data: {"choices":[{"delta":{}', FINISH + b"data: {"])
async def test_an_end_without_marker_and_reason_is_a_cut(end: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    async with serve_raw(head, CONTENT + end) as url:
        models = {"e": Endpoint([Model(url, "openai_compatible")])}
        async with Rig(models) as rig:
            answer = await ask(rig, "chat")
    assert code_of(read_error(answer, "chat")) == "upstream_truncated"


ERROR = b'data: {"error":{"message":"m","type":"server_error","code":503}}\n\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'


@pytest.mark.parametrize("end", [b"", b"data: {broken\n\n", b'data: {"choices":[{"del'])
@pytest.mark.parametrize("length", [b"", b"Content-Length: 9999\r\n"])
async def test_nothing_is_added_to_the_providers_own_error(end: bytes, length: bytes) -> None:
    async with serve_raw(HEAD + length + b"\r\n" + CONTENT + ERROR + end) as url:
        models = {"e": Endpoint([Model(url, "openai_compatible")])}
        async with Rig(models) as rig:
            answer = await ask(rig, "chat")
    assert answer.body.startswith(CONTENT + ERROR)
    assert b"upstream_" not in answer.body
    assert rig.ledger.rows[0].error_code == "upstream_error"


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        (ROLE + ERROR, 503, "upstream_error"),
        (ROLE + ERROR.rstrip(), 503, "upstream_error"),
        (b'{"error":{"message":"m","code":429}}', 429, "upstream_error"),
        (ROLE, 502, "upstream_truncated"),
        (ROLE + CONTENT.rstrip(), 502, "upstream_truncated"),
        (ROLE + b"data: {broken\n\n", 502, "upstream_malformed"),
    ],
)
async def test_an_end_before_content_has_its_true_status(
    text: bytes, status: int, code: str
) -> None:
    async with serve_raw(HEAD + b"\r\n" + text) as url:
        models = {"e": Endpoint([Model(url, "openai_compatible")])}
        async with Rig(models) as rig:
            answer = await ask(rig, "chat")
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    ("text", "error"),
    [(FINISH + b"data: [DONE]\n\n", None), (ERROR, "upstream_error"), (b"", "upstream_truncated")],
)
async def test_a_preamble_beyond_the_limit_passes(text: bytes, error: str | None) -> None:
    preamble = b": " + b"x" * 1000 + b"\n\n"
    async with serve_raw(HEAD + b"\r\n", preamble * 400, text) as url:
        models = {"e": Endpoint([Model(url, "openai_compatible")])}
        async with Rig(models) as rig:
            answer = await ask(rig, "chat")
    assert answer.status == 200
    assert answer.body.startswith(preamble * 400 + text)
    assert rig.ledger.rows[0].error_code == error
    assert (b"upstream_truncated" in answer.body) is (error == "upstream_truncated")


async def test_a_large_web_page_is_no_stream() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
    async with serve_raw(head, b"<p>x</p>\n\n" * 40_000) as url:
        models = {"e": Endpoint([Model(url, "openai_compatible")])}
        async with Rig(models) as rig:
            answer = await ask(rig, "chat")
    assert (answer.status, answer.code) == (502, "upstream_malformed")


async def test_a_client_that_leaves_before_content_has_its_counts_booked() -> None:
    start = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":0}}\n\n'
    waiting = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"\r\n" + start)
        await writer.drain()
        waiting.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Rig({"e": Endpoint([Model(url, "openai_compatible")])}) as rig:
            call = asyncio.ensure_future(ask(rig, "chat"))
            await waiting.wait()
            await asyncio.sleep(0.05)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await wait_for(lambda: bool(rig.ledger.rows))
    assert (rig.ledger.rows[0].client_gone, rig.ledger.rows[0].input_tokens) == (True, 7)
