"""Memory: at rest, with 1,000 open streams, and with bodies of 1 MB under way."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench import loops
from bench.processes import read_worker_rss_mib, settled_rss_mib
from bench.subjects import HOLD, SILENT, Subject
from bench.wire import Target, dump_body, dump_request

_BODY_BYTES = 1_000_000
_BODIES = 48
_WAIT_S = 30.0


async def _hold(
    target: Target, request: bytes, count: int, marker: bytes
) -> list[asyncio.StreamWriter]:
    """Open connections, send on each, wait until each has answered with `marker` in it."""

    async def open_one() -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection(*target.place)
        writer.write(request)
        await writer.drain()
        if marker:
            await asyncio.wait_for(reader.readuntil(marker), _WAIT_S)
        return writer

    writers: list[asyncio.StreamWriter] = []
    for start in range(0, count, 50):
        part = (open_one() for _ in range(min(50, count - start)))
        writers += await asyncio.gather(*part)
    return writers


async def _look_while_held(
    subject: Subject, model: str, body: bytes, count: int, marker: bytes
) -> float:
    target = subject.target(model)
    writers = await _hold(target, dump_request(target, body), count, marker)
    await asyncio.sleep(1.0)
    found = await asyncio.to_thread(settled_rss_mib, subject.pid or 0)
    for writer in writers:
        writer.close()
    await asyncio.sleep(1.0)
    return found


def measure_memory(gateway: Subject, streams: int) -> dict[str, Any]:
    """Measure a gateway that has served nothing yet; it must be fresh."""
    pid = gateway.pid or 0
    time.sleep(1.0)
    idle = read_worker_rss_mib(pid)
    before = settled_rss_mib(pid)
    stream = dump_body(HOLD, stream=True)
    held = loops.run(_look_while_held(gateway, HOLD, stream, streams, b'"word '))
    after = settled_rss_mib(pid)
    body = dump_body(SILENT, stream=False, size=_BODY_BYTES)
    bodies = loops.run(_look_while_held(gateway, SILENT, body, _BODIES, b""))
    return {
        "idle_mib_per_worker": idle,
        "streams": streams,
        "streams_mib": held - before,
        "after_streams_mib": after - before,
        "bodies": _BODIES,
        "mib_per_body_of_1_mb": (bodies - after) / _BODIES,
    }
