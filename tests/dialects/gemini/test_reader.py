"""What Gemini streams, as events; cut anywhere, framed as events or as an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.dialects.gemini.reader import GeminiReader
from gateway.dialects.hub import (
    ChatAnswer,
    Choice,
    ChoiceEnded,
    Document,
    Ended,
    Event,
    Failed,
    Family,
    Finish,
    Image,
    Opaque,
    Reasoning,
    Text,
    ToolCall,
    collect,
)
from gateway.dialects.spec import Usage
from gateway.errors import UpstreamMalformedError

Json = dict[str, Any]


def build(*parts: Json, reason: str | None = None, **more: Any) -> Json:
    candidate: Json = {"content": {"parts": list(parts), "role": "model"}, **more}
    if reason is not None:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "responseId": "r", "modelVersion": "m"}


def frame(answers: tuple[Json, ...], as_array: bool) -> bytes:
    dumped = [orjson.dumps(answer) for answer in answers]
    if as_array:
        return b"[" + b"\n,\r\n".join(dumped) + b"\n]"
    return b"".join(b"data: " + one + b"\r\n\r\n" for one in dumped)


def read(raw: bytes, size: int) -> list[Event]:
    reader = GeminiReader()
    events = [
        event for at in range(0, len(raw), size) for event in reader.feed(raw[at : at + size])
    ]
    return [*events, *reader.conclude(), *reader.conclude()]


@pytest.fixture(params=[False, True], ids=["sse", "array"])
def read_all(request: pytest.FixtureRequest) -> Callable[..., list[Event]]:
    def read_framed(*answers: Json) -> list[Event]:
        raw = frame(answers, request.param)
        whole = read(raw, len(raw))
        assert whole == read(raw, 1) == read(raw, 7)
        return whole

    return read_framed


def find_choice(events: list[Event]) -> Choice:
    answer: ChatAnswer = collect(events)
    assert len(answer.choices) == 1
    return answer.choices[0]


ReadAll = Callable[..., list[Event]]


def test_text_grows_and_ends_with_the_stream(read_all: ReadAll) -> None:
    events = read_all(
        build({"text": "a"}), build({"text": "b"}), build({"text": ""}, reason="STOP")
    )
    choice = find_choice(events)
    assert choice == Choice((Text("ab"),), Finish.STOP)
    assert isinstance(events[-1], Ended)


def test_without_a_reason_it_was_cut(read_all: ReadAll) -> None:
    events = read_all(build({"text": "a"}), build({"text": "b"}))
    assert not any(isinstance(event, Ended | ChoiceEnded) for event in events)


def test_an_array_without_its_bracket_was_cut() -> None:
    raw = frame((build({"text": "a"}, reason="STOP"),), as_array=True)[:-1]
    assert not any(isinstance(event, Ended) for event in read(raw, 5))


def test_a_last_event_without_its_blank_line_counts_if_it_is_whole() -> None:
    raw = frame((build({"text": "a"}, reason="STOP"),), as_array=False)
    assert isinstance(read(raw.rstrip(), 5)[-1], Ended)
    assert not any(isinstance(event, Ended) for event in read(raw[:-9], 5))


def test_a_reason_in_every_answer_ends_nothing(read_all: ReadAll) -> None:
    events = read_all(build({"text": "a"}, reason="STOP"), build({"text": "b"}, reason="STOP"))
    assert find_choice(events) == Choice((Text("ab"),), Finish.STOP)
    assert sum(isinstance(event, ChoiceEnded) for event in events) == 1


def test_thoughts_text_and_calls_are_parts(read_all: ReadAll) -> None:
    events = read_all(
        build({"text": "Hm", "thought": True}),
        build({"text": ".", "thought": True}, {"text": "Yes."}),
        build(
            {"functionCall": {"name": "f", "args": {"n": 1}, "id": "x"}, "thoughtSignature": "s"},
            {"functionCall": {"name": "g"}},
            reason="STOP",
        ),
    )
    assert find_choice(events) == Choice(
        (
            Reasoning("Hm.", origin=Family.GEMINI),
            Text("Yes."),
            ToolCall("x", "f", '{"n":1}', signature="s"),
            ToolCall("", "g", "{}"),
        ),
        Finish.TOOL_CALLS,
    )


def test_a_signed_text_is_a_part_of_its_own(read_all: ReadAll) -> None:
    events = read_all(
        build({"text": "a"}),
        build({"text": "", "thoughtSignature": "s"}),
        build({"text": "b"}, reason="STOP"),
    )
    assert find_choice(events).parts == (Text("a", signature="s"), Text("b"))


def test_a_signature_alone_is_kept(read_all: ReadAll) -> None:
    events = read_all(build({"thoughtSignature": "s"}, reason="STOP"))
    assert find_choice(events).parts == (Text("", signature="s"),)


def test_arguments_keep_all_digits() -> None:
    raw = (
        b'data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":'
        b'{"b":12345678901234567890123,"a":1}}}]},"finishReason":"STOP"}]}\n\n'
    )
    assert find_choice(read(raw, 3)).parts == (
        ToolCall("", "f", '{"b":12345678901234567890123,"a":1}'),
    )


def test_media_and_unknown_parts(read_all: ReadAll) -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    events = read_all(
        build(
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
            {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/x"}},
            code,
            {"functionCall": {"args": {}}},
            reason="STOP",
        )
    )
    parts = find_choice(events).parts
    assert [type(part) for part in parts] == [Image, Document, Opaque, Opaque]
    assert parts[2] == Opaque(Family.GEMINI, "executableCode", code)


def test_several_candidates(read_all: ReadAll) -> None:
    first, second = build({"text": "a"}, index=0), build({"text": "b"}, index=1, reason="STOP")
    last = build(index=0, reason="MAX_TOKENS")
    answer = collect(read_all(first, second, last))
    assert answer.choices == (
        Choice((Text("a"),), Finish.LENGTH, 0),
        Choice((Text("b"),), Finish.STOP, 1),
    )
    assert not any(isinstance(event, Ended) for event in read_all(first, second))


@pytest.mark.parametrize(
    ("reason", "finish", "detail"),
    [
        ("STOP", Finish.STOP, None),
        ("MAX_TOKENS", Finish.LENGTH, None),
        ("SAFETY", Finish.FILTERED, "SAFETY"),
        ("RECITATION", Finish.FILTERED, "RECITATION"),
        ("MODEL_ARMOR", Finish.FILTERED, "MODEL_ARMOR"),
        ("MALFORMED_FUNCTION_CALL", Finish.FAILED, "MALFORMED_FUNCTION_CALL"),
        ("UNEXPECTED_TOOL_CALL", Finish.FAILED, "UNEXPECTED_TOOL_CALL"),
        ("FUNCTION_CALL", Finish.STOP, "FUNCTION_CALL"),
    ],
)
def test_why_it_ends(read_all: ReadAll, reason: str, finish: Finish, detail: str | None) -> None:
    choice = find_choice(read_all(build({"text": "a"}, reason=reason)))
    assert (choice.finish, choice.detail) == (finish, detail)


def test_an_unspecified_reason_is_none(read_all: ReadAll) -> None:
    events = read_all(build({"text": "a"}, reason="FINISH_REASON_UNSPECIFIED"))
    assert not any(isinstance(event, Ended) for event in events)


def test_a_blocked_prompt_has_no_candidates(read_all: ReadAll) -> None:
    events = read_all({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})
    choice = find_choice(events)
    assert (choice.finish, choice.detail) == (Finish.FILTERED, "PROHIBITED_CONTENT")
    assert isinstance(events[-1], Ended)


def test_counts_are_cumulative(read_all: ReadAll) -> None:
    first = build({"text": "a"}) | {"usageMetadata": {"promptTokenCount": 3}}
    counts = {
        "promptTokenCount": 5,
        "cachedContentTokenCount": 2,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 4,
        "toolUsePromptTokenCount": 1,
    }
    last = build({"text": ""}, reason="STOP") | {"usageMetadata": counts}
    assert collect(read_all(first, last)).usage == Usage(6, 11, 2, None, 4)


def test_an_error_ends_it(read_all: ReadAll) -> None:
    error = {"error": {"code": 503, "message": "full", "status": "UNAVAILABLE"}}
    events = read_all(build({"text": "a"}), error, build({"text": "b"}, reason="STOP"))
    assert isinstance(events[-1], Failed)
    assert (events[-1].failure.status, events[-1].failure.message) == (503, "full")


def test_citations_count_characters(read_all: ReadAll) -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [
            {
                "segment": {"startIndex": 3, "endIndex": 6, "text": "b c"},
                "groundingChunkIndices": [0, 9],
            }
        ],
    }
    sources = {"citations": [{"endIndex": 2, "uri": "https://b"}]}
    last = build({"text": " c"}, reason="STOP", groundingMetadata=grounding) | {}
    last["candidates"][0]["citationMetadata"] = sources
    (text,) = find_choice(read_all(build({"text": "é b"}), last)).parts
    assert isinstance(text, Text)
    assert [(one.url, one.start, one.end) for one in text.citations] == [
        ("https://b", 0, 1),
        ("https://a", 2, 5),
    ]


def test_logprobs(read_all: ReadAll) -> None:
    result = {"chosenCandidates": [{"token": "a", "logProbability": -1.5}]}
    choice = find_choice(read_all(build({"text": "a"}, reason="STOP", logprobsResult=result)))
    assert choice.logprobs == {
        "content": [{"token": "a", "logprob": -1.5, "bytes": [97], "top_logprobs": []}]
    }


def test_comments_and_other_vendors_end_marks_are_passed_over() -> None:
    raw = b": hello\n\n" + frame((build({"text": "a"}, reason="STOP"),), as_array=False)
    assert isinstance(read(raw + b"data: [DONE]\n\n", 4)[-1], Ended)


def test_what_is_no_json_is_malformed() -> None:
    for raw in (b"data: {oops\n\n", b"data: 1\n\n", b"data: []\n\n"):
        with pytest.raises(UpstreamMalformedError):
            GeminiReader().feed(raw)
