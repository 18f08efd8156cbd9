"""The matrix: each client format on each provider format, plain and streamed, in each task.

    python -m tests.translation.matrix        prints it (`make dialects`)

A cell passes, is refused by the target's table of losses (r), passes with something dropped and
reported (d), or went unread to a server of the client's own format that refuses it (p).
It fails otherwise.

Rule: what the client gets is judged by hand-written readers, the provider's counts by what the
simulator really sent.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp

from tests.translation.asks import ASKS, Ask, Seen
from tests.translation.clients import CLIENTS
from tests.translation.counts import check_counts, find_counts, find_sent
from tests.translation.judge import Cell, judge
from tests.translation.world import UPSTREAMS, World, open_world


async def fill(world: World, session: aiohttp.ClientSession, cell: Cell) -> Cell:
    """Run one cell."""
    ask = ASKS[cell.task]
    if cell.task in cell.upstream.lacks or cell.client.build(ask, "", stream=False) is None:
        return replace(cell, mark="n/a")
    try:
        seen = await send(world, session, cell, ask)
        sent = find_sent(world)
        mark = judge(cell, ask, seen, sent)
        if seen.error is None:
            check_counts(seen, await find_counts(world, session, sent))
    except (AssertionError, KeyError, IndexError, TypeError, ValueError, StopIteration) as error:
        return replace(cell, mark="FAIL", note=f"{type(error).__name__}: {error}"[:400])
    return replace(cell, mark=mark, note=seen.dropped)


async def send(world: World, session: aiohttp.ClientSession, cell: Cell, ask: Ask) -> Seen:
    """Send a cell's request and read its answer."""
    world.sim.calls.clear()
    world.sim.clear_faults()
    world.forget_failures()
    if ask.fault is not None:
        world.sim.set_fault(ask.fault, model=cell.upstream.model)
    client, name = cell.client, cell.upstream.name
    headers = {"Authorization": f"Bearer {world.key}", "anthropic-version": "2023-06-01"}
    body = client.build(ask, name, stream=cell.stream)
    url = world.url + client.path(name, stream=cell.stream)
    async with session.post(url, json=body, headers=headers) as response:
        text = await response.text()
        dropped = response.headers.get("x-lockgate-dropped", "")
        if response.status != 200:
            told = json.loads(text)
            passed = find_sent(world) is client.dialect  # unread, in whatever form its server has
            error = told if passed and ask.fault is None else client.read_error(told)
            return Seen(response.status, error=error, dropped=dropped)
        return replace(client.read(200, text, stream=cell.stream), dropped=dropped)


# --- all of it ----------------------------------------------------------------------------------


def list_cells() -> Iterator[Cell]:
    """Yield every cell, empty."""
    for client in CLIENTS:
        for upstream in UPSTREAMS:
            for task in ASKS:
                for stream in (False, True):
                    yield Cell(client, upstream, task, stream, "")


async def fill_all(data: Path) -> list[Cell]:
    """Run every cell, one after the other."""
    connector = aiohttp.TCPConnector(limit=1)
    async with open_world(data) as world, aiohttp.ClientSession(connector=connector) as session:
        return [await fill(world, session, cell) for cell in list_cells()]


def render(cells: list[Cell]) -> str:
    """Return the matrix as text: a table per client, a row per task, plain/streamed."""
    found = {
        (cell.client.dialect, cell.upstream.name, cell.task, cell.stream): cell.mark
        for cell in cells
    }
    lines = []
    for client in CLIENTS:
        names = [upstream.name for upstream in UPSTREAMS]
        lines += ["", client.dialect.value, " " * 16 + "".join(f"{name:>14}" for name in names)]
        for task in ASKS:
            pairs = [
                "/".join(found[client.dialect, name, task, stream] for stream in (False, True))
                for name in names
            ]
            lines.append(f"{task:<16}" + "".join(f"{pair:>14}" for pair in pairs))
    failed = [cell for cell in cells if cell.mark == "FAIL"]
    lines.append("")
    lines += [
        f"FAIL {cell.client.dialect.value} -> {cell.upstream.name}, {cell.task}, "
        f"{'streamed' if cell.stream else 'plain'}: {cell.note}"
        for cell in failed
    ]
    counted = {
        mark: sum(cell.mark == mark for cell in cells) for mark in ("ok", "d", "r", "p", "n/a")
    }
    lines.append(
        f"{counted['ok']} pass, {counted['d']} pass with something dropped and reported (d), "
        f"{counted['r']} are refused by a documented rule (r), {counted['p']} "
        f"passed unread and were refused by the provider itself (p), "
        f"{counted['n/a']} cannot be asked for by the client or are nothing that the provider "
        f"has (n/a), {len(failed)} fail"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        every = asyncio.run(fill_all(Path(folder) / "data"))
    sys.stdout.write(render(every) + "\n")
    sys.exit(any(cell.mark == "FAIL" for cell in every))
