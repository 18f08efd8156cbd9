from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.dialects import DIALECTS, Usage
from gateway.entities import Dialect
from gateway.errors import (
    CredentialRejectedError,
    EndpointNotFoundError,
    LockgateError,
    NoTargetError,
    PayloadTooLargeError,
    QuotaExhaustedError,
    UnauthenticatedError,
    UpstreamFirstByteTimeoutError,
    UpstreamTruncatedError,
)

MESSAGES = Dialect.ANTHROPIC_MESSAGES


def event(kind: str, padding: str = "", **more: Any) -> bytes:
    data = orjson.dumps({"type": kind, **more})
    return f"event: {kind}\n".encode() + b"data: " + data + padding.encode() + b"\n\n"


START = event(
    "message_start",
    message={
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 2,
            "output_tokens": 1,
        }
    },
)
HEAD = (
    START + event("ping") + event("content_block_start", content_block={"type": "text", "text": ""})
)
DELTA = event(
    "content_block_delta", "    ", index=0, delta={"type": "text_delta", "text": "Hello, you"}
)
STOP = event("message_stop", "   ")


@pytest.mark.parametrize(
    "content",
    [
        DELTA,
        event("content_block_delta", delta={"type": "thinking_delta", "thinking": "hm"}),
        event("content_block_delta", delta={"type": "input_json_delta", "partial_json": "{"}),
        event("content_block_stop", index=0),
        event(
            "content_block_start", content_block={"type": "web_search_tool_result", "content": []}
        ),
    ],
)
def test_the_first_content_commits(watch: Callable[..., Any], content: bytes) -> None:
    empty = event("content_block_delta", delta={"type": "input_json_delta", "partial_json": ""})
    seen = watch(MESSAGES, HEAD + empty + content)
    assert seen.committed_at == len(HEAD + empty + content)


def test_a_tool_call_that_only_begins_does_not_commit(watch: Callable[..., Any]) -> None:
    call = event(
        "content_block_start", content_block={"type": "tool_use", "name": "f", "input": {}}
    )
    assert watch(MESSAGES, HEAD + call).committed_at is None


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": ""},
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    ],
)
def test_a_block_commits_only_with_something_in_it(
    watch: Callable[..., Any], block: dict[str, Any]
) -> None:
    begun = START + event("content_block_start", content_block=block)
    assert watch(MESSAGES, begun).committed_at is None
    name = {"text": "text", "thinking": "thinking"}.get(block["type"], "input")
    filled = event("content_block_start", content_block={**block, name: {"a": "b"}})
    assert watch(MESSAGES, START + filled).committed_at is not None


def test_a_start_with_all_of_the_answer_commits(watch: Callable[..., Any]) -> None:
    start = event("message_start", message={"content": [{"type": "text", "text": "Hi"}]})
    assert watch(MESSAGES, start).committed_at is not None


def test_an_event_that_is_cut_is_malformed(watch: Callable[..., Any]) -> None:
    broken = b'event: content_block_delta\ndata: {"type":"content_block_d\n\n'
    seen = watch(MESSAGES, HEAD + DELTA + broken + STOP)
    assert (seen.malformed, seen.finished) == (broken.strip(), False)
    unknown = b"event: keepalive\ndata: \n\n"
    assert watch(MESSAGES, HEAD + DELTA + unknown + STOP).finished


def test_a_whole_answer_that_is_an_error() -> None:
    find = DIALECTS[MESSAGES].find_error
    failure = find(b'{"type":"error","error":{"type":"rate_limit_error","message":"m"}}')
    assert failure is not None
    assert (failure.status, failure.code) == (429, "rate_limit_error")
    assert find(b'{"type":"message","content":[{"type":"text","text":"\\"error\\""}]}') is None


def test_an_empty_answer_commits_at_its_end(watch: Callable[..., Any]) -> None:
    delta = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 0})
    assert watch(MESSAGES, START + delta).committed_at is None
    seen = watch(MESSAGES, START + delta + STOP)
    assert seen.committed_at is not None
    assert seen.finished


def test_the_input_is_counted_with_its_cache(watch: Callable[..., Any]) -> None:
    delta = event("message_delta", delta={}, usage={"output_tokens": 40})
    assert watch(MESSAGES, HEAD + DELTA + delta + STOP).usage == Usage(17, 40, 5, 2)


def test_later_counts_replace_earlier_ones(watch: Callable[..., Any]) -> None:
    usage = {"input_tokens": 90, "cache_read_input_tokens": None, "output_tokens": 40}
    delta = event(
        "message_delta", delta={}, usage=usage | {"output_tokens_details": {"thinking_tokens": 8}}
    )
    assert watch(MESSAGES, HEAD + DELTA + delta + STOP).usage == Usage(97, 40, 5, 2, 8)


def test_the_output_of_a_cut_stream_is_estimated(watch: Callable[..., Any]) -> None:
    seen = watch(MESSAGES, HEAD + DELTA)
    assert not seen.finished
    assert seen.usage == Usage(17, 3, 5, 2, estimated=True)


@pytest.mark.parametrize(
    ("kind", "status"),
    [("overloaded_error", 529), ("rate_limit_error", 429), ("api_error", 500), ("new_error", None)],
)
def test_an_error_before_content_has_its_status(
    watch: Callable[..., Any], kind: str, status: int | None
) -> None:
    error = {"type": kind, "message": "Overloaded"}
    seen = watch(MESSAGES, HEAD + event("error", error=error) + STOP)
    assert (seen.failure.status, seen.failure.code, seen.failure.message) == (
        status,
        kind,
        "Overloaded",
    )


def test_an_error_after_content_is_the_providers_own(watch: Callable[..., Any]) -> None:
    failed = event("error", error={"type": "overloaded_error", "message": "m"})
    seen = watch(MESSAGES, HEAD + DELTA + failed)
    assert (seen.failure, seen.late_failure, seen.finished) == (None, True, False)


def test_counts_of_a_whole_answer() -> None:
    body = orjson.dumps(
        {
            "content": [],
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5},
        }
    )
    assert DIALECTS[MESSAGES].parse_usage(body) == Usage(7, 5, 4)
    assert DIALECTS[MESSAGES].parse_usage(b'{"input_tokens": 12}') is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UnauthenticatedError("d"), "authentication_error"),
        (EndpointNotFoundError("d"), "not_found_error"),
        (PayloadTooLargeError("d"), "request_too_large"),
        (QuotaExhaustedError("d"), "rate_limit_error"),
        (CredentialRejectedError("d"), "api_error"),
        (NoTargetError("d"), "overloaded_error"),
        (UpstreamFirstByteTimeoutError("d"), "timeout_error"),
    ],
)
def test_our_errors_have_the_vendors_type_and_our_code(error: LockgateError, kind: str) -> None:
    assert orjson.loads(DIALECTS[MESSAGES].dump_error(error, "r-1")) == {
        "type": "error",
        "error": {"type": kind, "message": "d", "code": error.code},
        "request_id": "r-1",
    }


def test_our_stream_error_is_an_error_event_without_an_end() -> None:
    text = DIALECTS[MESSAGES].watch().dump_failure(UpstreamTruncatedError("cut"), "r-1")
    assert text.startswith(b"event: error\ndata: {")
    assert b"message_stop" not in text
