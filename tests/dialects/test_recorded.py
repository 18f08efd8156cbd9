"""Every recorded stream: whole, byte by byte, cut at every event, and ended at every event."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from gateway.dialects import DIALECTS
from gateway.entities import Dialect
from gateway.errors import UpstreamTruncatedError

Recorded = tuple[Dialect, Path]


def test_is_watched_the_same_however_it_is_cut(
    recorded_stream: Recorded, watch: Callable[..., object]
) -> None:
    dialect, path = recorded_stream
    seen = watch(dialect, path.read_bytes())
    assert seen.committed_at is not None
    assert seen.committed_at < path.stat().st_size
    assert (seen.finished, seen.failure, seen.late_failure) == (True, None, False)


def test_counts_are_those_of_the_last_event_that_has_some(
    recorded_stream: Recorded, watch: Callable[..., object]
) -> None:
    dialect, path = recorded_stream
    stream = path.read_bytes()
    usage = watch(dialect, stream).usage
    keys = rb'"(?:output_tokens|completion_tokens|candidatesTokenCount)"\s*:\s*([0-9]+)'
    if not (counts := re.findall(keys, stream)):
        assert usage is None
        return
    thoughts = re.findall(rb'"thoughtsTokenCount"\s*:\s*([0-9]+)', stream) or [b"0"]
    if b'"iterations"' not in stream:  # those hold counts of parts
        assert usage.output_tokens == int(counts[-1]) + int(thoughts[-1])
    assert usage.input_tokens > 0
    assert usage.estimated is False


def test_ended_before_its_last_event_is_not_finished(
    recorded_stream: Recorded,
) -> None:
    dialect, path = recorded_stream
    stream = path.read_bytes()
    spec = DIALECTS[dialect]
    reason = rb"finishReason|blockReason"
    end = max((m.start() for m in re.finditer(reason, stream)), default=len(stream) - 8)
    for cut in range(0, end, 7):
        watch = spec.watch()
        watch.feed(stream[:cut])
        assert not watch.finished, cut


def test_cut_anywhere_the_error_event_can_be_read(recorded_stream: Recorded) -> None:
    dialect, path = recorded_stream
    stream = path.read_bytes()
    error = UpstreamTruncatedError("the answer ended early")
    for cut in range(0, len(stream), 101):
        watch = DIALECTS[dialect].watch()
        watch.feed(stream[:cut])
        text = (stream[:cut] + watch.dump_failure(error, "r-1")).decode(errors="replace")
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        event = text.rstrip().split("\n\n")[-1]
        data = orjson.loads(re.search(r"^data: (.*)$", event, re.MULTILINE)[1])
        assert "upstream_truncated" in orjson.dumps(data).decode()
        assert "[DONE]" not in event


@pytest.mark.parametrize("provider", ["openai_chat", "anthropic", "gemini", "openai_responses"])
def test_whole_answers_have_counts(provider: str, recorded_answers: dict[str, list[bytes]]) -> None:
    dialect = {
        "openai_chat": Dialect.OPENAI_CHAT,
        "anthropic": Dialect.ANTHROPIC_MESSAGES,
        "gemini": Dialect.GEMINI,
        "openai_responses": Dialect.OPENAI_RESPONSES,
    }[provider]
    bodies = recorded_answers[provider]
    assert bodies
    for body in bodies:
        usage = DIALECTS[dialect].parse_usage(body)
        assert usage is not None
        assert usage.input_tokens is not None
