"""Each fault as it looks from the other end of the connection."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
import zlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.simulator import RunningSimulator, start_simulator

BODY = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
STREAM = {**BODY, "stream": True}
BROKEN = r"Unterminated|Expecting"
PATH = "/v1/chat/completions"
KEY = "canary-key-of-the-simulator"
VENDOR_CALLS = [
    (PATH, BODY),
    ("/v1/responses", {"model": "gpt-5", "input": "hello"}),
    ("/v1/messages", {"model": "claude-haiku-4-5", "max_tokens": 9, **BODY}),
    ("/v1/models/gemini-2.5-pro:generateContent", {"contents": [{"parts": [{"text": "hello"}]}]}),
]
VENDOR_HEADERS = {"anthropic-version": "2023-06-01", "x-goog-api-key": KEY}


def _ask(http: aiohttp.ClientSession, fault: str, body: object = STREAM) -> aiohttp.ClientResponse:
    return http.post(PATH, json=body, headers={"x-sim-fault": fault})


async def _read_events(response: aiohttp.ClientResponse) -> list[bytes]:
    return [event for event in (await response.read()).split(b"\n\n") if event]


async def _expect_silence(reader: asyncio.StreamReader) -> None:
    """Hold that nothing more comes and that the connection stays open."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)


async def _read_to_the_end(reader: asyncio.StreamReader, seen: bytearray) -> None:
    while piece := await reader.read(65536):
        seen += piece


@pytest.fixture
async def raw(simulator: RunningSimulator) -> AsyncIterator[RawCall]:
    call = RawCall(simulator)
    yield call
    await call.close()


class RawCall:
    """A request over a bare socket, to see the bytes that came and how the connection ended."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self._port = simulator.port
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, fault: str, body: object = STREAM) -> asyncio.StreamReader:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        data = json.dumps(body).encode()
        self._writer.write(
            f"POST {PATH} HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer {KEY}\r\n"
            f"x-sim-fault: {fault}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        return reader

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_a_status_is_the_vendors_error(
    http: aiohttp.ClientSession, body: dict[str, object]
) -> None:
    async with _ask(http, "status=503,retry-after=2,retry-after-ms=2000", body) as response:
        error = (await response.json())["error"]
    assert response.status == 503
    assert error["type"] == "server_error"
    assert response.headers["retry-after"] == "2"
    assert response.headers["retry-after-ms"] == "2000"


async def test_a_retry_hint_may_be_a_date(http: aiohttp.ClientSession) -> None:
    async with _ask(http, "status=429,retry-after-date=100") as response:
        at = email.utils.parsedate_to_datetime(response.headers["retry-after"]).timestamp()
    assert 0 < at - time.time() <= 100


async def test_a_delay_comes_before_the_headers(http: aiohttp.ClientSession) -> None:
    started = time.monotonic()
    async with _ask(http, "delay-ms=80") as response:
        assert time.monotonic() - started >= 0.08
        assert response.status == 200


async def test_slow_chunks_take_their_time(http: aiohttp.ClientSession) -> None:
    started = time.monotonic()
    async with _ask(http, "slow-chunk-ms=20,chunks=3") as response:
        events = await _read_events(response)
    assert time.monotonic() - started >= 0.02 * len(events)
    assert events[-1] == b"data: [DONE]"


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_a_stall_sends_its_events_and_then_nothing(
    raw: RawCall, body: dict[str, object]
) -> None:
    reader = await raw.send("stall-after=2", body)
    await reader.readuntil(b"\r\n\r\n")
    if body is STREAM:
        seen = await reader.readuntil(b"\n\n\r\n") + await reader.readuntil(b"\n\n\r\n")
    else:
        seen = await reader.readexactly(128)
    await _expect_silence(reader)
    assert seen.count(b"data: ") == (2 if body is STREAM else 0)
    assert b"[DONE]" not in seen


async def test_a_hang_sends_nothing_at_all(raw: RawCall) -> None:
    await _expect_silence(await raw.send("hang"))


async def test_a_cut_ends_cleanly_without_the_end_marker(http: aiohttp.ClientSession) -> None:
    async with _ask(http, "cut-after=3") as response:
        events = await _read_events(response)
    assert len(events) == 3
    assert not any(b"[DONE]" in event or b'"stop"' in event for event in events)


async def test_a_cut_of_a_plain_answer_leaves_half_a_json(http: aiohttp.ClientSession) -> None:
    async with _ask(http, "cut-after=2", BODY) as response:
        sent = await response.read()
    assert len(sent) == 128
    with pytest.raises(ValueError, match=BROKEN):
        json.loads(sent)


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_a_truncated_answer_breaks_its_framing(
    http: aiohttp.ClientSession, body: dict[str, object]
) -> None:
    async with _ask(http, "truncate", body) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_reset_comes_before_any_byte(raw: RawCall) -> None:
    reader = await raw.send("reset")
    with pytest.raises(ConnectionResetError):
        await reader.read()


async def test_a_late_reset_comes_after_its_events(raw: RawCall) -> None:
    reader = await raw.send("reset-after=2")
    seen = bytearray()
    with pytest.raises(ConnectionResetError):
        await _read_to_the_end(reader, seen)
    assert seen.count(b"data: ") == 2


@pytest.mark.parametrize(("path", "body"), VENDOR_CALLS)
async def test_malformed_json_is_broken_in_every_format(
    http: aiohttp.ClientSession, path: str, body: dict[str, object]
) -> None:
    headers = {**VENDOR_HEADERS, "x-sim-fault": "malformed"}
    async with http.post(path, json=body, headers=headers) as response:
        sent = await response.read()
    assert response.status == 200
    assert "json" in response.headers["content-type"]
    with pytest.raises(ValueError, match=BROKEN):
        json.loads(sent)


async def test_a_malformed_stream_has_one_broken_event(http: aiohttp.ClientSession) -> None:
    async with _ask(http, "malformed,chunks=4") as response:
        events = [event.removeprefix(b"data: ") for event in await _read_events(response)]
    broken = 0
    for event in events[:-1]:
        try:
            json.loads(event)
        except ValueError:
            broken += 1
    assert broken == 1
    assert events[-1] == b"[DONE]"


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_html_comes_with_200(http: aiohttp.ClientSession, body: dict[str, object]) -> None:
    async with _ask(http, "malformed=html", body) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        assert (await response.text()).startswith("<html>")


async def test_an_error_event_comes_first_in_a_stream_only(http: aiohttp.ClientSession) -> None:
    async with _ask(http, "error-event-first,status=429") as response:
        events = await _read_events(response)
    assert response.status == 200
    assert [list(json.loads(event[6:])) for event in events] == [["error"]]
    async with _ask(http, "error-event-first,status=429", BODY) as response:
        assert response.status == 429


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_byte_by_byte_is_the_same_answer_in_many_writes(
    http: aiohttp.ClientSession, raw: RawCall, body: dict[str, object]
) -> None:
    async with _ask(http, "", body) as response:
        whole = await response.read()
    async with _ask(http, "byte-by-byte", body) as response:
        assert await response.read() == whole
    if body is STREAM:
        reader = await raw.send("byte-by-byte", body)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readline() == b"1\r\n"


async def test_a_redirect_points_elsewhere(
    http: aiohttp.ClientSession, simulator: RunningSimulator
) -> None:
    headers = {"x-sim-fault": "redirect=302,echo-key"}
    async with http.post(PATH, json=BODY, headers=headers, allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["location"] == f"/elsewhere{PATH}"
        assert response.headers["x-sim-echo"] == KEY
    assert len(simulator.calls) == 1


@pytest.mark.parametrize("fault", ["echo-key", "echo-key,status=500", "echo-key,error=quota"])
@pytest.mark.parametrize(("path", "body"), VENDOR_CALLS)
async def test_an_echo_repeats_the_key_in_body_and_headers(
    http: aiohttp.ClientSession, path: str, body: dict[str, object], fault: str
) -> None:
    headers = {**VENDOR_HEADERS, "x-sim-fault": fault}
    async with http.post(path, json=body, headers=headers) as response:
        assert response.status >= 400
        assert KEY in await response.text()
        assert response.headers["x-sim-echo"] == KEY


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_a_huge_answer_has_its_size(
    http: aiohttp.ClientSession, body: dict[str, object]
) -> None:
    async with _ask(http, "huge=300000", body) as response:
        assert len(await response.read()) > 300_000


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_an_empty_answer_is_200_without_a_byte(
    http: aiohttp.ClientSession, body: dict[str, object]
) -> None:
    async with _ask(http, "empty", body) as response:
        assert response.status == 200
        assert await response.read() == b""


@pytest.mark.parametrize(("path", "body"), VENDOR_CALLS)
async def test_usage_is_left_out_of_every_format(
    http: aiohttp.ClientSession, path: str, body: dict[str, object]
) -> None:
    for fault, counted in (("", True), ("no-usage", False)):
        headers = {**VENDOR_HEADERS, "x-sim-fault": fault}
        async with http.post(path, json=body, headers=headers) as response:
            answer = await response.json()
        assert any(answer.get(name) for name in ("usage", "usageMetadata")) is counted


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_gzip_comes_unasked_and_unpacks_to_the_same(
    http: aiohttp.ClientSession, body: dict[str, object]
) -> None:
    async with _ask(http, "", body) as response:
        whole = await response.read()
    async with _ask(http, "gzip", body) as response:
        assert response.headers["content-encoding"] == "gzip"
        assert zlib.decompress(await response.read(), wbits=31) == whole


async def test_a_compressed_stream_unpacks_event_by_event(raw: RawCall) -> None:
    reader = await raw.send("gzip,stall-after=2")
    await reader.readuntil(b"\r\n\r\n")
    unpacker = zlib.decompressobj(wbits=31)
    text = b""
    async with asyncio.timeout(5):
        while text.count(b"\n\n") < 2:
            size = int(await reader.readline(), 16)
            text += unpacker.decompress(await reader.readexactly(size))
            await reader.readline()
    assert text.count(b"data: ") == 2


async def test_a_simulator_closes_while_calls_are_silent() -> None:
    running = await start_simulator()
    async with aiohttp.ClientSession(running.url) as http:
        silent = asyncio.create_task(_read_silent(http))
        async with asyncio.timeout(10):
            while not running.calls:
                await asyncio.sleep(0.01)
            await running.close()
            assert await silent == "gone"


async def _read_silent(http: aiohttp.ClientSession) -> str:
    try:
        async with _ask(http, "hang") as response:
            await response.read()
    except aiohttp.ClientError:
        return "gone"
    return "answered"
