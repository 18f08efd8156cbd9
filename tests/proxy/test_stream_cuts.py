"""Every recorded stream, cut at every event and at random bytes: nothing doubled, nothing silent.

The relay runs between a hand-written answer and a hand-written connection, so that thousands of
cuts take seconds; `test_stream.py` has the same over real connections.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.dialects import DIALECTS
from gateway.entities import Dialect
from gateway.errors import LockgateError, UpstreamStalledError
from gateway.proxy.flow import Gate
from gateway.proxy.stream import Relay
from gateway.proxy.upstream import faults
from tests.recorded import RECORDED, parametrize_streams

pytest_generate_tests = parametrize_streams
JSON = "application/json"
ENDS: dict[str, Callable[[], LockgateError] | None] = {
    "close": None,
    "reset": faults.truncated,
    "stall": lambda: UpstreamStalledError("silent"),
}


class Answer:
    """What a provider sends: these chunks, then an end in order or an error."""

    status = 200
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"

    def __init__(
        self, chunks: Iterable[bytes], error: LockgateError | None, kind: str = "text/event-stream"
    ) -> None:
        self._chunks = iter(chunks)
        self._error = error
        self.content_type = kind
        self.gate = Gate()

    def open_chunks(self) -> None:
        pass

    def flow(self) -> None:
        pass

    async def next_chunk(self) -> bytes:
        chunk = next(self._chunks, b"")
        if not chunk and self._error is not None:
            raise self._error
        return chunk


@dataclass
class Connection:
    """What a client receives."""

    head: bytes | None = None
    body: bytes = b""
    is_ended: bool = False
    is_write_paused: bool = False
    on_writable: Any = None

    def begin(self, status: int, lines: bytes) -> None:
        assert status == 200
        self.head = lines

    def write(self, data: bytes) -> None:
        assert self.head is not None
        self.body += data

    def finish(self, *, failed: bool) -> None:
        del failed
        self.is_ended = True


@dataclass
class Exchange:
    spec: Any
    connection: Connection = field(default_factory=Connection)
    request_id: str = "r-1"
    status: int = 0

    def own_lines(self) -> bytes:
        return b""


@dataclass
class Wiring:
    needles: tuple[bytes, ...] = (b"the-key-of-the-provider",)


@dataclass
class Outcome:
    """What came of a stream: before the commit point an error, after it a body."""

    body: bytes | None
    error: str | None
    status: int | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outcome) and (self.body, self.error, self.status) == (
            other.body,
            other.error,
            other.status,
        )

    __hash__ = None  # type: ignore[assignment]


def relay(
    dialect: Dialect,
    chunks: Iterable[bytes],
    end: str = "close",
    kind: str = "text/event-stream",
) -> Outcome:
    """Run a relay to its end; it never has to wait, so one step is all of it."""
    make = ENDS[end]
    answer = Answer(chunks, None if make is None else make(), kind)
    exchange = Exchange(DIALECTS[dialect])
    watch = exchange.spec.watch()
    run = Relay(exchange, Wiring(), answer, watch)  # type: ignore[arg-type]

    async def go() -> Outcome:
        try:
            await run.hold()
        except LockgateError as error:
            assert exchange.connection.head is None
            return Outcome(None, error.code, error.status)
        if watch.failure is not None:
            assert exchange.connection.head is None
            return Outcome(None, watch.failure.code, watch.failure.status)
        await run.send()
        assert exchange.connection.is_ended
        code = run.error.code if run.error is not None else None
        return Outcome(exchange.connection.body, code)

    steps = go()
    try:
        steps.send(None)
    except StopIteration as stop:
        outcome: Outcome = stop.value
        return outcome
    raise AssertionError("the relay waits")


def chop(stream: bytes, seed: int) -> Iterable[bytes]:
    """Cut a stream into random chunks, mostly small."""
    draw = random.Random(seed)
    at = 0
    while at < len(stream):
        size = draw.choice((1, 2, 3, 7, 60, 1000))
        yield stream[at : at + size]
        at += size


def iter_bytes(stream: bytes) -> Iterable[bytes]:
    return (stream[at : at + 1] for at in range(len(stream)))


def list_boundaries(stream: bytes) -> list[int]:
    """Return where each event ends, by the line ends that recordings have."""
    blank = b"\r\n\r\n" if b"\r\n\r\n" in stream else b"\n\n"
    ends, at = [0], 0
    while (at := stream.find(blank, at)) >= 0:
        at += len(blank)
        ends.append(at)
    return ends


def check(dialect: Dialect, stream: bytes, cut: int, end: str, outcome: Outcome) -> None:
    """Check one outcome against the stream contract."""
    if outcome.body is None:
        assert outcome.status is None or outcome.status >= 500
        assert outcome.error in {"upstream_truncated", "upstream_stalled"}
        return
    if outcome.error is None:
        assert outcome.body == stream[:cut] or outcome.body == stream[: len(outcome.body)]
        assert is_whole(dialect, stream[:cut]), "a cut stream that looks finished"
        return
    assert outcome.error == ("upstream_stalled" if end == "stall" else "upstream_truncated")
    whole = max(at for at in list_boundaries(stream) if at <= cut)
    assert outcome.body.startswith(stream[:whole])
    event = outcome.body[whole:].strip()
    lines = event.splitlines()
    assert len(lines) <= 2
    assert lines[0] == b"event: error" or len(lines) == 1
    value = orjson.loads(lines[-1].removeprefix(b"data: "))
    assert value["error"]
    assert outcome.error.encode() in event


def is_whole(dialect: Dialect, sent: bytes) -> bool:
    """Tell whether what was sent holds its dialect's end, in the plainest way."""
    if dialect is Dialect.OPENAI_RESPONSES:
        return b"event: response.completed" in sent or b"event: response.incomplete" in sent
    if dialect is Dialect.ANTHROPIC_MESSAGES:
        return b"event: message_stop" in sent
    if dialect is Dialect.GEMINI:
        return b'"finishReason"' in sent or b'"blockReason"' in sent
    return b"[DONE]" in sent or b'"finish_reason":"' in sent


def pick_cuts(stream: bytes, seed: int) -> list[int]:
    """Return the places to cut at: each event's end, around it, and some at random."""
    draw = random.Random(seed)
    ends = list_boundaries(stream)
    near = [at + step for at in draw.sample(ends, min(len(ends), 12)) for step in (-2, -1, 1, 9)]
    cuts = {*ends, *near, *(draw.randrange(len(stream)) for _ in range(20))}
    return sorted(cut for cut in cuts if 0 <= cut < len(stream))


@pytest.mark.parametrize("end", list(ENDS))
def test_a_cut_stream_is_whole_events_and_one_error(
    recorded_stream: tuple[Dialect, Path], end: str
) -> None:
    dialect, path = recorded_stream
    stream = path.read_bytes()
    for cut in pick_cuts(stream, len(stream)):
        sent = stream[:cut]
        outcome = relay(dialect, [sent] if sent else [], end)
        check(dialect, stream, cut, end, outcome)
        assert relay(dialect, chop(sent, cut), end) == outcome, cut


def test_a_cut_stream_is_the_same_byte_by_byte(recorded_stream: tuple[Dialect, Path]) -> None:
    dialect, path = recorded_stream
    stream = path.read_bytes()
    cuts = pick_cuts(stream, 1)
    for cut in [*random.Random(2).sample(cuts, min(len(cuts), 8)), len(stream)]:
        sent = stream[:cut]
        assert relay(dialect, iter_bytes(sent), "reset") == relay(dialect, [sent], "reset"), cut


@pytest.mark.parametrize("end", list(ENDS))
def test_a_whole_stream_passes_as_it_is_whatever_comes_after_its_end(
    recorded_stream: tuple[Dialect, Path], end: str
) -> None:
    dialect, path = recorded_stream
    stream = path.read_bytes()
    for chunks in ([stream], chop(stream, 3)):
        assert relay(dialect, chunks, end) == Outcome(stream, None)


def test_an_event_that_is_spoiled_never_reaches_the_client(
    recorded_stream: tuple[Dialect, Path],
) -> None:
    dialect, path = recorded_stream
    stream = path.read_bytes()
    ends = list_boundaries(stream)
    for start, stop in pairwise(ends):
        event = stream[start:stop]
        body = event.rstrip()
        if b"data: {" not in event or not relay(dialect, [stream[:start]], "reset").body:
            continue
        blank = event[len(body) :]
        broken = stream[:start] + body[: len(body) // 2 + 4] + blank + stream[stop:]
        outcome = relay(dialect, [broken])
        assert relay(dialect, chop(broken, start)) == outcome
        assert outcome.body is not None
        if outcome.error is not None:
            assert outcome.error == "upstream_malformed"
            assert outcome.body.startswith(stream[:start])
            assert b"upstream_malformed" in outcome.body[start:]
            assert outcome.body[start:].count(b"data: ") == 1
        else:
            assert is_whole(dialect, stream[:start]), "only what follows an end is let through"


def build_array(stream: bytes) -> tuple[bytes, list[bytes]]:
    """Turn Gemini's events into the array that comes without `alt=sse`; and its elements."""
    events = stream.replace(b"\r\n", b"\n").strip().split(b"\n\n")
    elements = [event.removeprefix(b"data: ") for event in events]
    return b"[" + b"\n,\r\n".join(elements) + b"\n]\n", elements


@pytest.mark.parametrize("path", sorted((RECORDED / "gemini").glob("*.sse")))
@pytest.mark.parametrize("end", list(ENDS))
def test_a_cut_array_is_whole_elements_and_one_error(path: Path, end: str) -> None:
    dialect = Dialect.GEMINI
    array, elements = build_array(path.read_bytes())
    assert relay(dialect, [array], end, JSON) == Outcome(array, None)
    draw = random.Random(5)
    for cut in sorted({*(draw.randrange(len(array) - 2) for _ in range(60)), 0, 1}):
        outcome = relay(dialect, [array[:cut]] if cut else [], end, JSON)
        assert relay(dialect, chop(array[:cut], cut), end, JSON) == outcome
        if outcome.body is None:
            continue
        got = orjson.loads(outcome.body + b"]")  # the array stays open
        assert outcome.error in {"upstream_truncated", "upstream_stalled"}
        assert got[:-1] == [orjson.loads(element) for element in elements[: len(got) - 1]]
        assert got[-1]["error"]["details"][0]["reason"] == outcome.error
