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
        {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]},
        {"tool_calls": [{"index": 0, "type": "custom", "custom": {"name": "f", "input": "x"}}]},
        {"function_call": {"arguments": "{"}},
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
    "head",
    [
        chunk(),
        chunk(ROLE),
        chunk({"role": "assistant", "content": None}),
        chunk(prompt_filter_results=[{"prompt_index": 0}]),  # Azure's first one
        chunk({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f"}}]}),
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"content": "", "tool_calls": [], "refusal": None}),
        chunk(usage={"prompt_tokens": 7}),
        b": OPENROUTER PROCESSING\n\nretry: 3000\nid: 1\n\ndata:\n\ndata: \n\n",
    ],
)
def test_a_preamble_that_ends_is_neither_committed_nor_finished(
    watch: Callable[..., Any], head: bytes
) -> None:
    seen = watch(CHAT, head)
    assert seen.committed_at is None
    assert seen.finished is False


def test_an_answer_without_content_commits_at_its_end(watch: Callable[..., Any]) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 0}
    stream = chunk(ROLE) + chunk({}) + chunk(usage=usage)  # not even a reason
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


@pytest.mark.parametrize(
    "broken",
    [b'data: {"error" broken\n\n', b'data: {"choi\n\n', b"data: oops\n\n", b"data: null\n\n"],
)
def test_broken_json_after_content_is_no_event(watch: Callable[..., Any], broken: bytes) -> None:
    seen = watch(CHAT, chunk({"content": "x"}) + broken + chunk({"content": "y"}) + DONE)
    assert (seen.failure, seen.late_failure, seen.finished) == (None, False, False)
    assert seen.malformed == broken.strip()
    assert seen.output_chars == 1


@pytest.mark.parametrize(
    "odd",
    [
        b": a comment\n\n",
        b"data:\n\n",
        b"retry: 10\n\n",
        b'data:{"choices":[]}\n\n',
        b'data: {"choices":[]}   \n\n',
        b'data: {"choices":\ndata: []}\n\n',
        b"event: x\r\ndata: {}\r\n\r\n",
        b"id: 4\rdata: {}\r\r",
    ],
)
def test_what_is_only_unusual_is_not_malformed(watch: Callable[..., Any], odd: bytes) -> None:
    seen = watch(CHAT, chunk({"content": "x"}) + odd + DONE)
    assert (seen.malformed, seen.finished) == (None, True)


def test_what_comes_after_the_end_breaks_nothing(watch: Callable[..., Any]) -> None:
    seen = watch(CHAT, chunk({"content": "x"}) + DONE + b"data: {broken\n\n")
    assert (seen.malformed, seen.finished) == (None, True)


def test_a_reason_to_end_commits_an_empty_answer(watch: Callable[..., Any]) -> None:
    seen = watch(CHAT, chunk(ROLE) + FINISH)
    assert seen.committed_at == len(chunk(ROLE) + FINISH)


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


def choice(index: int, **more: Any) -> bytes:
    return chunk(choices=[{"index": index, "delta": {"content": "x"}, **more}])


END_0, END_1 = (choice(index, finish_reason="stop") for index in (0, 1))


@pytest.mark.parametrize(
    ("tail", "complete"),
    [
        (b"", False),
        (END_1, False),
        (END_0, False),
        (END_0 + END_1, True),
        (END_1 + END_0, True),
        (END_0 + choice(1) + END_1, True),
        (END_1 + END_0 + chunk(usage={"prompt_tokens": 1}), True),
        (END_1 + END_0 + choice(2), False),
    ],
)
@pytest.mark.parametrize("head", [choice(0) + choice(1), choice(1) + choice(0)])
def test_each_of_several_answers_has_to_end(head: bytes, tail: bytes, *, complete: bool) -> None:
    watch = DIALECTS[CHAT].watch()
    watch.feed(head + tail)
    assert watch.complete is complete


def test_an_answer_that_begins_when_the_first_has_ended() -> None:
    watch = DIALECTS[CHAT].watch()
    watch.feed(choice(0) + END_0 + choice(1))
    assert not watch.complete
    watch.feed(END_1)
    assert watch.complete


def test_parallel_tool_calls_are_one_answer() -> None:
    calls = [{"index": index, "function": {"arguments": "{}"}} for index in (0, 1)]
    watch = DIALECTS[CHAT].watch()
    watch.feed(chunk({"tool_calls": calls}) + FINISH)
    assert watch.complete


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"error": {"message": "m", "code": 502}, "user_id": "u"}, 502, "502"),
        ({"id": "x", "error": {"message": "m", "type": "server_error"}}, 500, "server_error"),
        ({"object": "error", "message": "m", "code": 429}, 429, "429"),
        ({"error": "words"}, None, "error"),
    ],
)
def test_a_whole_answer_that_is_an_error(body: Any, status: int | None, code: str) -> None:
    failure = DIALECTS[CHAT].find_error(orjson.dumps(body))
    assert failure is not None
    assert (failure.status, failure.code) == (status, code)


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"content": 'an {"error": {"code": 500}}'}}]},
        {"error": {"code": 500}, "choices": [{"message": {"content": "x"}}]},
        {"error": None, "choices": []},
        {"id": "x" * 2000, "error": {"code": 500}},
        [],
    ],
)
def test_a_whole_answer_that_is_none(body: Any) -> None:
    assert DIALECTS[CHAT].find_error(orjson.dumps(body)) is None
    assert DIALECTS[CHAT].find_error(b'<html>"error"</html>') is None


def test_the_text_of_a_whole_answer_is_counted() -> None:
    message = {"content": "four", "tool_calls": [{"function": {"arguments": "{}"}}]}
    body = orjson.dumps({"choices": [{"message": message}]})
    assert DIALECTS[CHAT].count_output(body) == 6


@pytest.mark.parametrize(
    ("end", "failed", "committed"),
    [
        (b'data: {"error":{"code":503}}', True, False),
        (b"data: [DONE]", False, True),
        (b'data: {"choices":[{"delta":{"content":"x"}}]}', False, False),
        (b'data: {"err', False, False),
        (b"<html>", False, False),
    ],
)
def test_an_end_without_a_blank_line(end: bytes, *, failed: bool, committed: bool) -> None:
    watch = DIALECTS[CHAT].watch()
    watch.feed(chunk(ROLE) + end)
    watch.conclude()
    assert (watch.failure is not None, watch.committed) == (failed, committed)


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
