"""What the upstream connections cost by themselves: calls of the mock, no server, no ledger.

Run as ``python -m bench.upstream [plain|stream] [requests] [connections]``; prints CPU per request.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

from gateway.proxy.deadline import Limits, now_s
from gateway.proxy.upstream import Upstreams, dump_headers, dump_request, dump_start
from gateway.settings import parse_origin_pattern

_HEADERS = [  # about what an SDK sends
    ("User-Agent", "OpenAI/Python 2.0.0"),
    ("Accept", "application/json"),
    ("X-Stainless-Lang", "python"),
    ("X-Stainless-OS", "Linux"),
    ("Content-Type", "application/json"),
    ("Accept-Encoding", "identity"),
    ("authorization", "Bearer canary-key-of-the-bench"),
]
_ASKED = b'"messages":[{"role":"user","content":"' + b"x" * 400 + b'"}]}'


async def _repeat(upstreams: Upstreams, url: str, mode: str, count: int) -> None:
    body = (b'{"stream":true,' if mode == "stream" else b"{") + _ASKED
    origin, start = dump_start("POST", url)
    head = (start, dump_headers(_HEADERS))
    for _ in range(count):
        limits = Limits(connect_s=5, first_byte_s=60, idle_s=60, deadline_at_s=now_s() + 600)
        request = dump_request(origin, str(origin), "POST", head, (body,))
        answer = await upstreams.send(request, limits)
        if mode == "stream":
            answer.open_chunks()
            while await answer.next_chunk():
                pass
        else:
            assert await answer.read(1 << 20)
        answer.close()


async def measure(origin: str, mode: str, count: int, connections: int) -> float:
    """Return the CPU seconds of this process per request."""
    upstreams = Upstreams([parse_origin_pattern(origin)], environ={})
    url = f"{origin}/v1/chat/completions"
    await _repeat(upstreams, url, mode, 20)  # warm: connection, caches
    before_s = time.process_time()
    share = count // connections
    await asyncio.gather(*(_repeat(upstreams, url, mode, share) for _ in range(connections)))
    took_s = time.process_time() - before_s
    await upstreams.close()
    return took_s / (share * connections)


def main() -> None:
    """Start the mock, measure, print."""
    mode, count, connections = [*sys.argv[1:], *("plain", "20000", "8")[len(sys.argv) - 1 :]]
    mock = subprocess.Popen(
        [sys.executable, "-m", "bench.mock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert mock.stdin is not None
    assert mock.stdout is not None
    origin = f"http://127.0.0.1:{mock.stdout.readline().strip()}"
    run = measure(origin, mode, int(count), int(connections))
    try:
        import uvloop

        cpu_s = uvloop.run(run)
    except ImportError:
        cpu_s = asyncio.run(run)
    mock.stdin.close()
    mock.wait()
    print(f"{mode}: {cpu_s * 1e6:.1f} µs of CPU per request")


if __name__ == "__main__":
    main()
