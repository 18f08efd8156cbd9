"""Load generator: a fixed number of requests over a fixed number of kept connections.

Run as ``python -m bench.load URL KEY MODEL REQUESTS CONNECTIONS MODE``; prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Tally:
    """What came back."""

    left: int
    ok: int = 0
    failed: int = 0
    latencies_s: list[float] = field(default_factory=list)
    first_bytes_s: list[float] = field(default_factory=list)


class Client(asyncio.Protocol):
    """One connection that sends its next request as soon as the last answer is complete."""

    def __init__(self, request: bytes, tally: Tally, done: asyncio.Future[None]) -> None:
        self._request = request
        self._tally = tally
        self._done = done
        self._buffer = bytearray()
        self._started = 0.0
        self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if self._tally.left <= 0:
            self._transport.close()
            return
        self._tally.left -= 1
        self._buffer.clear()
        self._first = 0.0
        self._started = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._first:
            self._first = time.perf_counter()
        self._buffer += data
        if not self._is_complete():
            return
        now = time.perf_counter()
        self._tally.latencies_s.append(now - self._started)
        self._tally.first_bytes_s.append(self._first - self._started)
        if self._buffer.startswith(b"HTTP/1.1 200"):
            self._tally.ok += 1
        else:
            self._tally.failed += 1
        self._send()

    def _is_complete(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._buffer[:end]).lower()
        at = head.find(b"content-length:")
        if at >= 0:
            return len(self._buffer) >= end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        return self._buffer.endswith(b"0\r\n\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._tally.left > 0 or exc is not None:
            self._tally.failed += 1
        if not self._done.done():
            self._done.set_result(None)


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def run_load(
    url: str, key: str, model: str, requests: int, connections: int, mode: str
) -> dict[str, float]:
    """Send `requests` over `connections`; `mode` is ``plain`` or ``stream``."""
    parts = urlsplit(url)
    body = json.dumps(
        {
            "model": model,
            "stream": mode == "stream",
            "messages": [{"role": "user", "content": "x" * 400}],
        }
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    tally = Tally(left=requests)
    loop = asyncio.get_running_loop()
    waits = []
    started = time.perf_counter()
    for _ in range(connections):
        done = loop.create_future()
        waits.append(done)
        await loop.create_connection(
            lambda done=done: Client(head + body, tally, done), parts.hostname, parts.port
        )
    await asyncio.wait_for(asyncio.gather(*waits), 600)
    took = time.perf_counter() - started
    return {
        "requests": requests,
        "ok": tally.ok,
        "failed": tally.failed,
        "requests_per_s": round(tally.ok / took, 1),
        "p50_ms": round(_percentile(tally.latencies_s, 0.50) * 1000, 3),
        "p99_ms": round(_percentile(tally.latencies_s, 0.99) * 1000, 3),
        "first_byte_p50_ms": round(_percentile(tally.first_bytes_s, 0.50) * 1000, 3),
    }


if __name__ == "__main__":
    _url, _key, _model, _requests, _connections, _mode = sys.argv[1:]
    _main = run_load(_url, _key, _model, int(_requests), int(_connections), _mode)
    try:
        import uvloop

        _result = uvloop.run(_main)
    except ImportError:
        _result = asyncio.run(_main)
    print(json.dumps(_result))
