from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.dialects import DIALECTS, Usage
from gateway.entities import Dialect
from gateway.errors import (
    EndpointNotFoundError,
    NoTargetError,
    UnauthenticatedError,
    UpstreamTruncatedError,
)

GEMINI = Dialect.GEMINI
META = {"usageMetadata": {"promptTokenCount": 4}, "modelVersion": "g"}
FINISH = {"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}]}
ERROR = {"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}


def answer(text: str, **counts: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}}]
    }
    return found | ({"usageMetadata": counts} if counts else {})


def frame(as_array: bool, *answers: dict[str, Any]) -> bytes:
    texts = [
        orjson.dumps(value, option=orjson.OPT_INDENT_2 if as_array else 0) for value in answers
    ]
    if as_array:
        return b"[" + b"\n,\r\n".join(texts)
    return b"".join(b"data: " + text + b"\r\n\r\n" for text in texts)


@pytest.fixture(params=[False, True], ids=["sse", "array"])
def as_array(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize(
    "part",
    [
        {"text": "x"},
        {"functionCall": {"name": "f", "args": {}}},
        {"text": "", "thoughtSignature": "s"},
    ],
)
def test_the_first_part_commits(
    watch: Callable[..., Any], as_array: bool, part: dict[str, Any]
) -> None:
    head = frame(as_array, META, answer(""))
    assert watch(GEMINI, head).committed_at is None
    seen = watch(GEMINI, frame(as_array, META, {"candidates": [{"content": {"parts": [part]}}]}))
    assert seen.committed_at is not None
    assert not seen.finished


def test_the_finish_reason_is_the_end_of_events(watch: Callable[..., Any]) -> None:
    assert not watch(GEMINI, frame(False, answer("a"))).finished
    assert watch(GEMINI, frame(False, answer("a"), FINISH)).finished
    assert watch(GEMINI, frame(False, answer("a"), FINISH).rstrip()).finished


def test_the_bracket_is_the_end_of_an_array(watch: Callable[..., Any]) -> None:
    array = frame(True, answer("a"), FINISH)
    assert not watch(GEMINI, array).finished
    seen = watch(GEMINI, array + b"\n]")
    assert seen.finished
    assert seen.at_boundary


def test_a_blocked_prompt_is_an_answer(watch: Callable[..., Any], as_array: bool) -> None:
    blocked = frame(as_array, {"promptFeedback": {"blockReason": "SAFETY"}})
    seen = watch(GEMINI, blocked + (b"]" if as_array else b""))
    assert seen.committed_at is not None
    assert seen.finished


def test_an_unspecified_reason_is_no_end(watch: Callable[..., Any]) -> None:
    open_end = {"candidates": [{"finishReason": "FINISH_REASON_UNSPECIFIED", "content": {}}]}
    seen = watch(GEMINI, frame(False, open_end))
    assert (seen.finished, seen.committed_at) == (False, None)


def test_the_last_counts_win_and_thoughts_are_output(
    watch: Callable[..., Any], as_array: bool
) -> None:
    last = answer(
        "b",
        promptTokenCount=9,
        toolUsePromptTokenCount=1,
        cachedContentTokenCount=3,
        candidatesTokenCount=5,
        thoughtsTokenCount=2,
    )
    seen = watch(GEMINI, frame(as_array, META, answer("a", promptTokenCount=8), last, FINISH))
    assert seen.usage == Usage(10, 7, 3, None, 2)
    assert seen.output_chars == 2


def test_an_error_before_content_has_its_status(watch: Callable[..., Any], as_array: bool) -> None:
    seen = watch(GEMINI, frame(as_array, META, ERROR))
    assert (seen.failure.status, seen.failure.code) == (503, "UNAVAILABLE")
    named = {"error": {"message": "m", "status": "RESOURCE_EXHAUSTED"}}
    assert watch(GEMINI, frame(as_array, named)).failure.status == 429


def test_an_error_after_content_is_the_providers_own(
    watch: Callable[..., Any], as_array: bool
) -> None:
    seen = watch(GEMINI, frame(as_array, answer("a"), ERROR))
    assert (seen.failure, seen.late_failure) == (None, True)


def test_a_bare_error_object_is_a_failure(watch: Callable[..., Any]) -> None:
    assert watch(GEMINI, orjson.dumps(ERROR)).failure.status == 503


def test_an_image_too_long_to_keep_commits_and_its_end_is_seen(as_array: bool) -> None:
    image = b'{"candidates":[{"content":{"parts":[{"inlineData":{"data":"'
    end = b'"}}]},"finishReason":"STOP"}]}'
    watch = DIALECTS[GEMINI].watch()
    watch.feed(b"[" + image if as_array else b"data: " + image)
    for _ in range(18):
        watch.feed(b"A" * (1 << 20))
    watch.feed(end + (b"]" if as_array else b"\r\n\r\n"))
    assert (watch.committed, watch.finished, watch.failure) == (True, True, None)


def test_our_error_in_an_array_is_one_more_element() -> None:
    watch = DIALECTS[GEMINI].watch()
    array = frame(True, answer("a"), answer("b"))
    watch.feed(array)
    text = array + watch.dump_failure(UpstreamTruncatedError("cut"), "r-1")
    elements = orjson.loads(text + b"]")  # ours to close, not the gateway's
    assert elements[-1]["error"]["details"][0]["reason"] == "upstream_truncated"
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(text)


def test_our_error_in_events() -> None:
    text = DIALECTS[GEMINI].watch().dump_failure(UpstreamTruncatedError("cut"), "r-1")
    assert text.startswith(b"data: {")
    assert text.endswith(b"\r\n\r\n")


def test_our_errors_are_of_googles_shape() -> None:
    error = NoTargetError("none left", retry_after_s=2.5)
    body = orjson.loads(DIALECTS[GEMINI].dump_error(error, "r-1"))["error"]
    assert (body["code"], body["status"], body["message"]) == (503, "UNAVAILABLE", "none left")
    info, retry = body["details"]
    assert info == {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "no_target",
        "domain": "lockgate",
        "metadata": {"request_id": "r-1"},
    }
    assert retry["retryDelay"] == "2.5s"


@pytest.mark.parametrize(
    ("error", "status"),
    [(UnauthenticatedError("d"), "UNAUTHENTICATED"), (EndpointNotFoundError("d"), "NOT_FOUND")],
)
def test_a_status_has_its_name(error: Exception, status: str) -> None:
    assert orjson.loads(DIALECTS[GEMINI].dump_error(error, "r"))["error"]["status"] == status


def test_counts_of_whole_answers_and_arrays() -> None:
    counted = answer("a", promptTokenCount=2, candidatesTokenCount=3)
    parse = DIALECTS[GEMINI].parse_usage
    assert parse(orjson.dumps(counted)) == Usage(2, 3)
    assert parse(orjson.dumps([answer("a", promptTokenCount=1), counted, FINISH])) == Usage(2, 3)
    assert parse(b'{"totalTokens": 31}') is None


def candidate(index: int, reason: str | None = None) -> dict[str, Any]:
    ended = {} if reason is None else {"finishReason": reason}
    return {"index": index, "content": {"parts": [{"text": "x"}]}, **ended}


@pytest.mark.parametrize(
    ("events", "finished"),
    [
        ([[candidate(0), candidate(1)]], False),
        ([[candidate(0), candidate(1)], [candidate(0, "STOP")]], False),
        ([[candidate(0), candidate(1)], [candidate(1, "STOP")], [candidate(0, "STOP")]], True),
        ([[candidate(0, "STOP"), candidate(1, "MAX_TOKENS")]], True),
        ([[candidate(0, "STOP")], [candidate(1)]], False),
        ([[candidate(1)], [candidate(1, "STOP")]], True),
    ],
)
def test_each_of_several_candidates_has_to_end(
    watch: Callable[..., Any], events: list[Any], *, finished: bool
) -> None:
    stream = frame(False, *[{"candidates": candidates} for candidates in events])
    assert watch(GEMINI, stream).finished is finished


def test_a_thought_without_text_does_not_commit(watch: Callable[..., Any], as_array: bool) -> None:
    parts = {"candidates": [{"content": {"parts": [{"text": "", "thought": True}]}}]}
    assert watch(GEMINI, frame(as_array, parts)).committed_at is None


def test_a_block_is_the_providers_last_word(watch: Callable[..., Any], as_array: bool) -> None:
    seen = watch(GEMINI, frame(as_array, {"promptFeedback": {"blockReason": "SAFETY"}}))
    assert (seen.failure, seen.finished) == (None, not as_array)  # the array is still open
    assert seen.committed_at is not None


def test_an_event_that_is_cut_is_malformed(watch: Callable[..., Any]) -> None:
    broken = frame(False, answer("b"))[:-12] + b"\r\n\r\n"
    seen = watch(GEMINI, frame(False, answer("a")) + broken)
    assert seen.malformed == broken.strip()


def test_a_whole_answer_that_is_an_error() -> None:
    find = DIALECTS[GEMINI].find_error
    for body in (orjson.dumps(ERROR), b"[" + orjson.dumps(ERROR) + b"\n]\n"):
        failure = find(body)
        assert failure is not None
        assert failure.status == 503
    call = {"functionCall": {"name": "f", "args": {"error": "x"}}}
    assert find(orjson.dumps({"candidates": [{"content": {"parts": [call]}}]})) is None
