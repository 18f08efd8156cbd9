from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.dialects import DIALECTS, Usage
from gateway.entities import Dialect
from gateway.errors import UpstreamStalledError, UpstreamTruncatedError

CHAT = Dialect.OPENAI_CHAT
DONE = b"data: [DONE]\n\n"
ROLE = {"role": "assistant", "content": ""}


def chunk(delta: dict[str, Any] | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": None}]
    value = {"id": "c-1", "object": "chat.completion.chunk", "choices": choices, **more}
    return b"data: " + orjson.dumps(value) + b"\n\n"


FINISH = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"content": [{"type": "thinking", "thinking": []}]},
        {"reasoning_content": "hm"},
        {"refusal": "no"},
        {"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]},
        {"audio": {"id": "a"}},
    ],
)
def test_content_of_any_kind_commits(watch: Callable[..., Any], delta: dict[str, Any]) -> None:
    head = b": waiting\n\n" + chunk() + chunk(ROLE) + chunk({"role": "assistant", "channel": "a"})
    content = chunk(delta)
    seen = watch(CHAT, head + content + DONE)
    assert seen.committed_at == len(head + content)


def test_content_that_begins_with_half_an_emoji_commits(watch: Callable[..., Any]) -> None:
    halves = [chunk({"content": "?"}).replace(b"?", half) for half in (b"\\ud83d", b"\\ude00")]
    seen = watch(CHAT, b"".join(halves) + DONE)
    assert seen.committed_at == len(halves[0])


@pytest.mark.parametrize(
    "head", [chunk(), chunk(ROLE), chunk({"role": "assistant", "content": None})]
)
def test_a_preamble_that_ends_is_neither_committed_nor_finished(
    watch: Callable[..., Any], head: bytes
) -> None:
    seen = watch(CHAT, head)
    assert seen.committed_at is None
    assert seen.finished is False


def test_an_answer_without_content_commits_at_its_end(watch: Callable[..., Any]) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 0}
    stream = chunk(ROLE) + chunk({}) + chunk(usage=usage)
    assert watch(CHAT, stream).committed_at is None
    seen = watch(CHAT, stream + DONE)
    assert seen.committed_at == len(stream + DONE)
    assert seen.usage == Usage(input_tokens=7, output_tokens=0)


def test_the_end_marker_counts_without_its_blank_line(watch: Callable[..., Any]) -> None:
    stream = chunk({"content": "x"})
    assert not watch(CHAT, stream).finished
    assert not watch(CHAT, stream + b"data: [DON").finished
    assert watch(CHAT, stream + b"data: [DONE]").finished
    assert watch(CHAT, stream + b"data: [DONE]\n").finished


def test_text_that_looks_like_an_end_or_an_error_is_text(watch: Callable[..., Any]) -> None:
    seen = watch(CHAT, chunk({"content": 'data: [DONE]\n\n{"error": {"code": 500}}'}))
    assert (seen.finished, seen.failure, seen.late_failure) == (False, None, False)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"message": "m", "type": "server_error", "code": None}, 500, "server_error"),
        ({"message": "m", "code": 429, "metadata": {}}, 429, "429"),
        ({"message": "m", "code": "503"}, 503, "503"),
        (
            {"message": "m", "type": "tokens", "code": "rate_limit_exceeded"},
            429,
            "rate_limit_exceeded",
        ),
        ({"message": "m", "type": "weird", "code": 7}, None, "7"),
        ("plain words", None, "error"),
    ],
)
def test_an_error_before_content_fails_with_its_true_status(
    watch: Callable[..., Any], error: Any, status: int | None, code: str
) -> None:
    event = b"data: " + orjson.dumps({"error": error}) + b"\n\n"
    seen = watch(CHAT, chunk(ROLE) + event + DONE)
    assert (seen.failure.status, seen.failure.code) == (status, code)
    assert orjson.loads(seen.failure.body) == {"error": error}
    assert seen.committed_at is None


def test_an_error_after_content_is_the_providers_own(watch: Callable[..., Any]) -> None:
    event = b'data: {"error":{"message":"m","code":502},"choices":[]}\n\n'
    seen = watch(CHAT, chunk({"content": "x"}) + event)
    assert (seen.failure, seen.late_failure, seen.finished) == (None, True, False)


def test_broken_json_before_content_fails_as_malformed(watch: Callable[..., Any]) -> None:
    seen = watch(CHAT, b"data: {broken\n\n" + chunk({"content": "x"}))
    assert seen.failure.code == "upstream_malformed"
    assert seen.failure.status is None


def test_broken_json_after_content_passes(watch: Callable[..., Any]) -> None:
    seen = watch(CHAT, chunk({"content": "x"}) + b'data: {"error" broken\n\n' + DONE)
    assert (seen.failure, seen.late_failure, seen.finished) == (None, False, True)


def test_counts_of_the_last_chunk_win_and_null_is_none(watch: Callable[..., Any]) -> None:
    first = {"prompt_tokens": 5, "completion_tokens": 1}
    last = {
        "prompt_tokens": 5,
        "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    stream = chunk({"content": "x"}, usage=first) + chunk(usage=None) + chunk(usage=last) + DONE
    assert watch(CHAT, stream).usage == Usage(5, 9, 4, 1, 3)


def test_counts_under_x_groq(watch: Callable[..., Any]) -> None:
    stream = chunk({"content": "x"}, x_groq={"usage": {"prompt_tokens": 2, "completion_tokens": 3}})
    assert watch(CHAT, stream).usage == Usage(2, 3)


def test_output_is_counted_for_an_estimate(watch: Callable[..., Any]) -> None:
    call = {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}
    stream = chunk({"content": "four"}) + chunk(call) + chunk({"content": "\u00e9"})
    assert watch(CHAT, stream).output_chars == 4 + len('{\\"a\\":1}') + len("\u00e9".encode())


def test_old_completions_commit_at_text(watch: Callable[..., Any]) -> None:
    empty, text = (
        b'data: {"choices":[{"text":"%s","index":0}]}\n\n' % word for word in (b"", b"x")
    )
    seen = watch(Dialect.OPENAI_COMPLETIONS, empty + text + DONE)
    assert seen.committed_at == len(empty + text)
    assert seen.finished


def test_a_failure_ends_the_stream_without_an_end_marker() -> None:
    watch = DIALECTS[CHAT].watch()
    watch.feed(chunk({"content": "x"}))
    event = watch.dump_failure(UpstreamTruncatedError("cut"), "r-1")
    assert event == (
        b'data: {"error":{"message":"cut","type":"server_error","param":null,'
        b'"code":"upstream_truncated"}}\n\n'
    )


def test_a_failure_within_an_event_first_ends_that_event() -> None:
    watch = DIALECTS[CHAT].watch()
    watch.feed(chunk({"content": "x"}) + b'data: {"cho')
    event = watch.dump_failure(UpstreamStalledError("silent"), "r-1")
    assert event.startswith(b"\n\ndata: {")


@pytest.mark.parametrize(
    ("tail", "complete"),
    [
        (b"", False),
        (FINISH, True),
        (FINISH + chunk(None, usage={"prompt_tokens": 1}), True),
        (FINISH + b": a comment\n\n", True),
        (FINISH + chunk({"content": "another choice"}), False),
        (FINISH + b'data: {"choi', False),
        (DONE, True),
    ],
)
def test_a_finish_reason_makes_a_stream_complete(tail: bytes, *, complete: bool) -> None:
    watch = DIALECTS[CHAT].watch()
    watch.feed(chunk(ROLE) + chunk({"content": "x"}) + tail)
    assert watch.complete is complete
    assert watch.finished is (tail == DONE)
