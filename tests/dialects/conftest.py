"""What the dialects' tests share: feeding a stream in pieces, and the recorded streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest

from gateway.dialects import DIALECTS, StreamFailure, Usage
from gateway.entities import Dialect
from tests.recorded import RECORDED, parametrize_streams


@dataclass(frozen=True)
class Seen:
    """All that a watch tells after a stream, and after how many bytes it was committed."""

    committed_at: int | None
    finished: bool
    failure: StreamFailure | None
    late_failure: bool
    malformed: bytes | None
    usage: Usage | None
    output_chars: int
    at_boundary: bool


def watch_chunks(dialect: Dialect, chunks: Iterable[bytes]) -> Seen:
    watch = DIALECTS[dialect].watch()
    committed_at, length = None, 0
    for chunk in chunks:
        watch.feed(chunk)
        length += len(chunk)
        if watch.committed and committed_at is None:
            committed_at = length
    return Seen(
        committed_at=committed_at,
        finished=watch.finished,
        failure=watch.failure,
        late_failure=watch.late_failure,
        malformed=watch.malformed,
        usage=watch.usage,
        output_chars=watch.output_chars,
        at_boundary=watch.at_boundary,
    )


def split_events(stream: bytes) -> list[bytes]:
    """Split after each blank line, which stays with its event."""
    return [part for part in re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", stream) if part]


def iter_bytes(stream: bytes) -> Iterator[bytes]:
    return (stream[index : index + 1] for index in range(len(stream)))


@pytest.fixture(scope="session")
def watch() -> Callable[[Dialect, bytes], Seen]:
    """Watch a stream whole, byte by byte and event by event; all three must tell the same."""

    def run(dialect: Dialect, stream: bytes) -> Seen:
        seen = watch_chunks(dialect, iter_bytes(stream))
        for chunks in ([stream], split_events(stream)):
            other = watch_chunks(dialect, chunks)
            assert (other.committed_at is None) == (seen.committed_at is None)
            assert other == Seen(other.committed_at, *_rest(seen))
        return seen

    return run


def _rest(seen: Seen) -> tuple[object, ...]:
    return (
        seen.finished,
        seen.failure,
        seen.late_failure,
        seen.malformed,
        seen.usage,
        seen.output_chars,
        seen.at_boundary,
    )


pytest_generate_tests = parametrize_streams


@pytest.fixture(scope="session")
def recorded_answers() -> dict[str, list[bytes]]:
    """Whole generated answers by provider (files name route and status)."""
    if not RECORDED.is_dir():
        pytest.skip("the recorded exchanges are not beside the checkout")
    routes = {
        "openai_chat": "*-completions-200",
        "anthropic": "*-messages-200",
        "gemini": "*-generateContent-200",
        "openai_responses": "*-responses-200",
    }
    return {
        provider: [
            path.read_bytes()
            for path in sorted((RECORDED / provider).glob(f"{pattern}.response.json"))
        ]
        for provider, pattern in routes.items()
    }
