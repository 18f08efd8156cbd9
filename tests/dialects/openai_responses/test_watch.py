from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.dialects import DIALECTS, Usage
from gateway.entities import Dialect
from gateway.errors import UpstreamTruncatedError

RESPONSES = Dialect.OPENAI_RESPONSES


def event(kind: str, number: int = 0, **more: Any) -> bytes:
    data = orjson.dumps({"type": kind, "sequence_number": number, **more})
    return f"event: {kind}\n".encode() + b"data: " + data + b"\n\n"


HEAD = (
    event("response.created", 0, response={"status": "in_progress", "error": None})
    + event("response.in_progress", 1, response={"status": "in_progress"})
    + event("response.output_item.added", 2, item={"type": "message", "content": []})
    + event("response.content_part.added", 3, part={"type": "output_text", "text": ""})
)
DELTA = event("response.output_text.delta", 4, delta="Hi")


@pytest.mark.parametrize(
    "content",
    [
        DELTA,
        event("response.function_call_arguments.delta", delta="{"),
        event("response.reasoning_summary_text.delta", delta="hm"),
        event("response.output_item.done", item={"type": "reasoning"}),
        event("response.web_search_call.in_progress", item_id="w"),
        event("response.something_new", x=1),
    ],
)
def test_announcements_do_not_commit_and_the_first_content_does(
    watch: Callable[..., Any], content: bytes
) -> None:
    empty = event("response.output_text.delta", delta="")
    seen = watch(RESPONSES, HEAD + empty + content)
    assert seen.committed_at == len(HEAD + empty + content)
    assert not seen.finished


@pytest.mark.parametrize(
    "begun",
    [
        event("response.queued", response={}),
        event("response.output_item.added", item={"type": "reasoning", "summary": []}),
        event(
            "response.output_item.added",
            item={"type": "function_call", "name": "f", "call_id": "c", "arguments": ""},
        ),
        event("response.content_part.added", part={"type": "refusal", "refusal": ""}),
        event("response.reasoning_summary_part.added", part={"text": ""}),
        b": waiting\n\nevent: keepalive\ndata:\n\n",
    ],
)
def test_what_only_begins_does_not_commit(watch: Callable[..., Any], begun: bytes) -> None:
    assert watch(RESPONSES, HEAD + begun).committed_at is None


@pytest.mark.parametrize(
    "begun",
    [
        event("response.output_item.added", item={"type": "function_call", "arguments": "{}"}),
        event("response.content_part.added", part={"type": "output_text", "text": "Hi"}),
    ],
)
def test_what_begins_with_content_commits(watch: Callable[..., Any], begun: bytes) -> None:
    assert watch(RESPONSES, HEAD + begun).committed_at is not None


def test_an_event_that_is_cut_is_malformed(watch: Callable[..., Any]) -> None:
    broken = DELTA[:-9] + b"\n\n"
    seen = watch(RESPONSES, HEAD + DELTA + broken + DELTA)
    assert seen.malformed == broken.strip()


def test_a_whole_answer_that_is_an_error_or_failed() -> None:
    spec = DIALECTS[RESPONSES]
    failed = {"id": "r", "status": "failed", "error": {"code": "server_error"}, "output": []}
    for body in (failed, {"error": {"code": "server_error"}}):
        failure = spec.find_error(orjson.dumps(body))
        assert failure is not None
        assert failure.status == 500
    done = {"id": "r", "error": None, "output": [{"content": [{"text": "four"}]}]}
    assert spec.find_error(orjson.dumps(done)) is None
    assert spec.count_output(orjson.dumps(done)) == 4


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete"])
def test_the_end_brings_the_counts(watch: Callable[..., Any], kind: str) -> None:
    usage = {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 2},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 4},
    }
    seen = watch(RESPONSES, HEAD + DELTA + event(kind, 9, response={"usage": usage}))
    assert seen.finished
    assert seen.usage == Usage(30, 9, 20, 2, 4)
    assert seen.output_chars == 2


def test_an_end_without_content_commits(watch: Callable[..., Any]) -> None:
    seen = watch(RESPONSES, HEAD + event("response.incomplete", response={}))
    assert seen.committed_at is not None
    assert seen.finished


@pytest.mark.parametrize(
    ("failed", "status"),
    [
        (event("error", code="rate_limit_exceeded", message="m", param=None), 429),
        (event("error", error={"type": "server_error", "code": None, "message": "m"}), 500),
        (
            event("response.failed", response={"error": {"code": "server_error", "message": "m"}}),
            500,
        ),
        (event("response.failed", response={"error": {"code": "strange", "message": "m"}}), None),
        (event("response.failed", response={}), None),
    ],
)
def test_a_failure_before_content_has_its_status(
    watch: Callable[..., Any], failed: bytes, status: int | None
) -> None:
    seen = watch(RESPONSES, HEAD + failed)
    assert seen.failure is not None
    assert seen.failure.status == status
    assert seen.committed_at is None


def test_a_failure_after_content_is_the_providers_own(watch: Callable[..., Any]) -> None:
    failed = event("response.failed", response={"error": {"code": "server_error"}})
    seen = watch(RESPONSES, HEAD + DELTA + failed)
    assert (seen.failure, seen.late_failure) == (None, True)
    seen = watch(RESPONSES, HEAD + DELTA + event("error", code="server_error", message="m"))
    assert (seen.failure, seen.late_failure, seen.finished) == (None, True, False)


def test_words_of_the_end_in_the_text_are_text(watch: Callable[..., Any]) -> None:
    text = event("response.output_text.delta", delta='{"type":"response.completed"}')
    seen = watch(
        RESPONSES, HEAD + text + event("response.output_item.done", item={"type": "error"})
    )
    assert (seen.finished, seen.late_failure) == (False, False)


def test_our_error_goes_on_with_the_count_of_events() -> None:
    watch = DIALECTS[RESPONSES].watch()
    watch.feed(HEAD + DELTA)
    text = watch.dump_failure(UpstreamTruncatedError("cut"), "r-1")
    assert text.startswith(b"event: error\ndata: ")
    data = orjson.loads(text.partition(b"data: ")[2])
    assert (data["type"], data["code"], data["sequence_number"]) == (
        "error",
        "upstream_truncated",
        5,
    )
    assert data["error"]["code"] == "upstream_truncated"
