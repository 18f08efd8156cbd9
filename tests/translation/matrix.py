"""The matrix: each client format on each provider format, plain and streamed, in each task.

    python -m tests.translation.matrix        prints it (`make dialects`)

A cell passes, is refused by the target's table of losses (r), or passes with something dropped and
reported (d). It fails otherwise.

Rule: what the client gets is judged by hand-written readers, the provider's counts by what the
simulator really sent.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from gateway.dialects import CODECS
from gateway.dialects.hub import Loss
from gateway.entities import Dialect
from tests.translation.asks import ASKS, MARK, Ask, Seen
from tests.translation.client import Client
from tests.translation.clients import CLIENTS
from tests.translation.world import UPSTREAMS, Upstream, World, open_world

_ERRORS: Final = re.compile(r"error (\d+)")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `mark` is ok, d, r, n/a or FAIL."""

    client: Client
    upstream: Upstream
    task: str
    stream: bool
    mark: str
    note: str = ""


async def fill(world: World, session: aiohttp.ClientSession, cell: Cell) -> Cell:
    """Run one cell."""
    ask = ASKS[cell.task]
    if cell.client.build(ask, "", stream=cell.stream) is None:
        return replace(cell, mark="n/a")
    try:
        seen = await send(world, session, cell, ask)
        sent = find_sent(world)
        mark = judge(cell, ask, seen, sent)
        if seen.error is None:
            check_counts(cell, seen, await find_counts(world, session, sent))
    except (AssertionError, KeyError, IndexError, TypeError, ValueError, StopIteration) as error:
        return replace(cell, mark="FAIL", note=f"{type(error).__name__}: {error}"[:400])
    return replace(cell, mark=mark, note=seen.dropped)


async def send(world: World, session: aiohttp.ClientSession, cell: Cell, ask: Ask) -> Seen:
    """Send a cell's request and read its answer."""
    world.sim.calls.clear()
    world.sim.clear_faults()
    world.forget_failures()
    if ask.fault is not None:
        world.sim.set_fault(ask.fault)
    client, name = cell.client, cell.upstream.name
    headers = {"Authorization": f"Bearer {world.key}", "anthropic-version": "2023-06-01"}
    body = client.build(ask, name, stream=cell.stream)
    url = world.url + client.path(name, stream=cell.stream)
    async with session.post(url, json=body, headers=headers) as response:
        text = await response.text()
        dropped = response.headers.get("x-lockgate-dropped", "")
        if response.status != 200:
            error = client.read_error(json.loads(text))
            return Seen(response.status, error=error, dropped=dropped)
        return replace(client.read(200, text, stream=cell.stream), dropped=dropped)


# Where each format is asked for.
_PATHS: Final = (
    ("/chat/completions", Dialect.OPENAI_CHAT),
    ("/completions", Dialect.OPENAI_COMPLETIONS),
    ("/responses", Dialect.OPENAI_RESPONSES),
    ("/messages", Dialect.ANTHROPIC_MESSAGES),
    ("awPredict", Dialect.ANTHROPIC_MESSAGES),
    ("enerateContent", Dialect.GEMINI),
    ("/model/", Dialect.BEDROCK_CONVERSE),
    ("/v2/chat", Dialect.COHERE_CHAT),
    ("/api/chat", Dialect.OLLAMA_CHAT),
)


def find_sent(world: World) -> Dialect | None:
    """Return the format in which the provider was asked; None where it was not."""
    if not world.sim.calls:
        return None
    path = world.sim.calls[-1].path
    return next(dialect for part, dialect in _PATHS if part in path)


def judge(cell: Cell, ask: Ask, seen: Seen, sent: Dialect | None) -> str:
    """Return a cell's mark; fails where it is neither right nor refused by a rule."""
    expected = _ERRORS.fullmatch(cell.task)
    if expected is not None:
        check_error(cell, int(expected[1]), seen)
        return "ok"
    if seen.error is not None and sent is cell.client.dialect:
        assert seen.status == 400, seen  # it passed unread: what its provider refuses is refused
        return "r"
    if seen.error is not None:
        losses = CODECS[cell.upstream.dialect].upstream
        assert losses is not None
        assert seen.status == 400, seen
        assert "cannot be expressed" in seen.error["message"], seen.error
        assert any(losses.losses.get(one) is Loss.REFUSED for one in ask.features), seen.error
        return "r"
    _CHECKS.get(cell.task, check_text)(ask, seen)
    return "d" if seen.dropped else "ok"


def check_error(cell: Cell, status: int, seen: Seen) -> None:
    """Check that a provider's error has the right status for this client."""
    anthropic = cell.client.dialect == "anthropic_messages"
    wanted = {401: {502}, 529: {529} if anthropic else {503, 529}, 500: {500, 502}}
    assert seen.error is not None, seen
    assert seen.status in wanted.get(status, {status}), seen


def check_text(ask: Ask, seen: Seen) -> None:
    """Check a plain answer."""
    assert MARK in seen.text, seen
    assert ask.system is None or "marker-two" in seen.text, seen
    assert (seen.finish, seen.calls) == ("stop", ()), seen


def check_calls(ask: Ask, seen: Seen) -> None:
    """Check the calls of tools."""
    names = [name for name, _ in seen.calls]
    assert names == ([ask.forced] if ask.forced else list(ask.tools)), seen
    assert all(isinstance(given["city"], str) for _, given in seen.calls), seen
    assert seen.finish in ({"tool_calls", "stop"} if ask.forced else {"tool_calls"}), seen


def check_results(_ask: Ask, seen: Seen) -> None:
    """Check that the results of tools have reached the model."""
    assert "sunny-17" in seen.text, seen
    assert "noon-12" in seen.text, seen


def check_image(ask: Ask, seen: Seen) -> None:
    """Check that the model has seen the image."""
    check_text(ask, seen)
    assert "image/png" in seen.text, seen


def check_structured(_ask: Ask, seen: Seen) -> None:
    """Check that the answer is the object that was asked for."""
    assert isinstance(json.loads(seen.text)["city"], str), seen
    assert (seen.finish, seen.calls) == ("stop", ()), seen


def check_reasoning(ask: Ask, seen: Seen) -> None:
    """Check that the model has thought, as far as its provider shows thoughts."""
    check_text(ask, seen)


def check_stop(_ask: Ask, seen: Seen) -> None:
    """Check that the answer ends before the stop sequence."""
    assert MARK in seen.text, seen
    assert "heard" not in seen.text, seen
    assert seen.finish == "stop", seen


def check_length(_ask: Ask, seen: Seen) -> None:
    """Check that the answer was cut by its limit."""
    assert seen.finish == "length", seen


def check_refusal(_ask: Ask, seen: Seen) -> None:
    """Check that a refusal is one."""
    assert seen.refused or seen.finish == "filtered", seen


_CHECKS = {
    "tool": check_calls,
    "parallel tools": check_calls,
    "forced tool": check_calls,
    "tool result": check_results,
    "image": check_image,
    "structured": check_structured,
    "reasoning": check_reasoning,
    "stop sequence": check_stop,
    "length": check_length,
    "refusal": check_refusal,
}


# --- the provider's own counts ------------------------------------------------------------------

_COUNTS: Final = {
    "openai_chat": (("prompt_tokens",), ("completion_tokens",)),
    "openai_completions": (("prompt_tokens",), ("completion_tokens",)),
    "openai_responses": (("input_tokens",), ("output_tokens",)),
    "anthropic_messages": (
        ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"),
        ("output_tokens",),
    ),
    "gemini": (
        ("promptTokenCount", "toolUsePromptTokenCount"),
        ("candidatesTokenCount", "thoughtsTokenCount"),
    ),
    "bedrock_converse": (
        ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"),
        ("outputTokens",),
    ),
    "cohere_chat": (("input_tokens",), ("output_tokens",)),
    "ollama_chat": (("prompt_eval_count",), ("eval_count",)),
}


async def find_counts(
    world: World, session: aiohttp.ClientSession, sent: Dialect | None
) -> tuple[int, int]:
    """Return input and output tokens as the provider sent them: it is asked the same once more."""
    call = world.sim.calls[-1]
    url = URL(world.sim.url + call.raw_path, encoded=True)  # as it was signed
    async with session.post(url, data=call.body, headers=dict(call.headers)) as response:
        assert response.status == 200
        raw = await response.read()
    assert sent is not None
    inputs, outputs = _COUNTS[sent.value]
    return sum(_find_last(raw, name) for name in inputs), sum(
        _find_last(raw, name) for name in outputs
    )


def _find_last(raw: bytes, name: str) -> int:
    found = re.findall(rb'"%b"\s*:\s*([0-9]+)' % name.encode(), raw)
    return int(found[-1]) if found else 0


def check_counts(cell: Cell, seen: Seen, counts: tuple[int, int]) -> None:
    """Check that the client has been told the provider's counts."""
    assert (seen.input_tokens, seen.output_tokens) == counts, f"{cell.task}: {seen} {counts}"


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
        lines += ["", client.dialect.value, " " * 16 + "".join(f"{name:>12}" for name in names)]
        for task in ASKS:
            pairs = [
                "/".join(found[client.dialect, name, task, stream] for stream in (False, True))
                for name in names
            ]
            lines.append(f"{task:<16}" + "".join(f"{pair:>12}" for pair in pairs))
    failed = [cell for cell in cells if cell.mark == "FAIL"]
    lines.append("")
    lines += [
        f"FAIL {cell.client.dialect.value} -> {cell.upstream.name}, {cell.task}, "
        f"{'streamed' if cell.stream else 'plain'}: {cell.note}"
        for cell in failed
    ]
    counted = {mark: sum(cell.mark == mark for cell in cells) for mark in ("ok", "d", "r", "n/a")}
    lines.append(
        f"{counted['ok']} pass, {counted['d']} pass with something dropped and reported (d), "
        f"{counted['r']} are refused by a documented rule (r), {counted['n/a']} cannot be asked "
        f"for by the client (n/a), {len(failed)} fail"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        every = asyncio.run(fill_all(Path(folder) / "data"))
    sys.stdout.write(render(every) + "\n")
    sys.exit(any(cell.mark == "FAIL" for cell in every))
