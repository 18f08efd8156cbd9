"""What the ledger costs: rows through the writer into a database of their own, by itself.

Run as ``python -m bench.ledger [rows]``; prints CPU per row (record, writing, checkpoints: of the
whole process), what of it the hot path pays, how long a batch keeps other writers waiting, and what
a row takes on the disk. ``--random-ids`` gives requests ids without order, as clients that send
their own may.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.entities import UsageRow
from gateway.proxy import UsageWriter
from gateway.store.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.ports import Store, Transaction

_ENDPOINTS, _MODELS, _KEYS = 10, 2, 10  # 200 combinations: the fewer, the cheaper
_BURST = 500  # rows between two turns of the event loop, whose own cost is not the ledger's
_PER_MS = 5  # requests a millisecond: what ids and times are made from


class _Clock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


@dataclass
class _Watched:
    """A store that notes how long each write held the others off."""

    store: Store
    held_ms: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        async with AsyncExitStack() as stack:
            transaction = await stack.enter_async_context(self.store.write())
            began_s = time.perf_counter()
            yield transaction
            await stack.aclose()
            self.held_ms.append((time.perf_counter() - began_s) * 1000)


def _build_rows(count: int, *, random_ids: bool) -> list[UsageRow]:
    choose = random.Random(7)
    now_ms = time.time_ns() // 1_000_000
    return [_build_row(choose, now_ms + n // _PER_MS, random_ids) for n in range(count)]


def _build_row(choose: random.Random, at_ms: int, random_ids: bool) -> UsageRow:
    tail = choose.getrandbits(80)
    request_id = f"{choose.getrandbits(48) if random_ids else at_ms:012x}{tail:020x}"
    endpoint, model = choose.randrange(_ENDPOINTS), choose.randrange(_MODELS)
    return UsageRow(
        request_id,
        1,
        f"e-{endpoint:032x}",
        f"endpoint-{endpoint}",
        f"d-{model:032x}",
        f"model-{model}",
        "openai",
        f"k-{choose.randrange(_KEYS):032x}",
        "openai_chat",
        "openai_chat",
        at_ms,
        200,
        first_byte_ms=choose.uniform(200, 900),
        duration_ms=choose.uniform(900, 9000),
        input_tokens=choose.randrange(4000),
        output_tokens=choose.randrange(1000),
        streamed=choose.random() < 0.5,
    )


async def measure(count: int, *, random_ids: bool) -> dict[str, Any]:
    """Record and store `count` rows; return the figures by name."""
    rows = _build_rows(count, random_ids=random_ids)
    gc.freeze()  # in a gateway so many rows never wait at once: the collector is not to walk them
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.db")
        store = await open_sqlite(path, clock=_Clock())
        watched = _Watched(store)
        empty_bytes = path.stat().st_size
        usage = UsageWriter(watched, _Clock())  # type: ignore[arg-type]
        usage.start()
        cpu_s, wall_s, recording_s = time.process_time(), time.perf_counter(), 0.0
        for place in range(0, count, _BURST):
            began_s = time.perf_counter()
            for row in rows[place : place + _BURST]:
                usage.record(row)
            recording_s += time.perf_counter() - began_s
            await asyncio.sleep(0)
        await usage.flush()
        await usage.stop()
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        await store.close()
        size_bytes = path.stat().st_size - empty_bytes
    held_ms = sorted(watched.held_ms)
    return {
        "cpu_us": cpu_s / count * 1e6,
        "record_us": recording_s / count * 1e6,
        "rows_per_s": count / wall_s,
        "bytes": size_bytes / count,
        "batches": len(held_ms),
        "held_ms": held_ms[len(held_ms) // 2],
        "held_most_ms": held_ms[-1],
    }


def main() -> None:
    """Parse the arguments, measure, print the run with the least CPU."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=100_000)
    parser.add_argument("--random-ids", action="store_true", help="request ids without order")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    found = [
        asyncio.run(measure(given.rows, random_ids=given.random_ids)) for _ in range(given.runs)
    ]
    best = min(found, key=lambda figures: figures["cpu_us"])
    print(
        f"{best['cpu_us']:.2f} µs of CPU a row, of which {best['record_us']:.2f} in record; "
        f"{best['rows_per_s']:,.0f} rows/s, {best['bytes']:.0f} bytes a row; "
        f"{best['batches']} batches that held the writer {best['held_ms']:.1f} ms "
        f"(at most {best['held_most_ms']:.1f})"
    )


if __name__ == "__main__":
    main()
