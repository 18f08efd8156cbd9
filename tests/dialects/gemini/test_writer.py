"""What Gemini's clients are streamed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.genai.types import GenerateContentResponse

from gateway.dialects import DIALECTS
from gateway.dialects.gemini.answer_out import dump_answer
from gateway.dialects.gemini.thoughts import unpack
from gateway.dialects.gemini.writer import GeminiArrayWriter, GeminiWriter
from gateway.dialects.hub import (
    Asked,
    Audio,
    Begun,
    ChatAnswer,
    ChatRequest,
    Choice,
    ChoiceEnded,
    Citation,
    Counted,
    Ended,
    Event,
    Family,
    Finish,
    Image,
    Logprobs,
    Media,
    Opaque,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    ReasoningConfig,
    Refusal,
    Text,
    ToolCall,
    replay,
)
from gateway.dialects.spec import Usage
from gateway.entities import Dialect
from gateway.errors import UpstreamTruncatedError

SHOWN = Asked(
    ChatRequest(Dialect.GEMINI, "chat", (), reasoning=ReasoningConfig(show=True)), "r-1", 1
)
HIDDEN = Asked(ChatRequest(Dialect.GEMINI, "chat", ()), "r-1", 1)
CLAUDE = Reasoning("Hm.", "ErUB", origin=Family.ANTHROPIC)
Json = dict[str, Any]


def write(*events: Event, asked: Asked = SHOWN) -> list[Json]:
    writer = GeminiWriter(asked)
    raw = b"".join(writer.write([event]) for event in events)
    watch = DIALECTS[Dialect.GEMINI].watch()
    watch.feed(raw)
    assert watch.finished == any(isinstance(event, Ended) for event in events)
    answers = [orjson.loads(one[6:]) for one in raw.split(b"\r\n\r\n") if one]
    for answer in answers:
        GenerateContentResponse.model_validate(answer)
    return answers


def write_choice(*parts: Any, finish: Finish = Finish.STOP, **more: Any) -> tuple[Json, list[Json]]:
    """Return what a whole answer is and what its stream amounts to."""
    asked = more.pop("asked", SHOWN)
    answer = ChatAnswer("id", "m", (Choice(parts, finish, **more),), Usage(3, 2))
    answers = write(*replay(answer), asked=asked)
    return dump_answer(answer, asked), answers


def list_parts(answers: list[Json]) -> list[Json]:
    return [
        part
        for answer in answers
        for candidate in answer.get("candidates", ())
        for part in candidate["content"]["parts"]
        if part != {"text": ""}
    ]


@pytest.mark.parametrize(
    "parts",
    [
        (Text("a"),),
        (Text("a", signature="c2ln"),),
        (Refusal("no"),),
        (Reasoning("Hm.", origin=Family.GEMINI), Text("a")),
        (CLAUDE, Text("a"), ToolCall("c", "f", '{"a":1}')),
        (CLAUDE, ToolCall("c", "f", ""), ToolCall("d", "g", '{"x": oops')),
        (CLAUDE,),
        (
            Reasoning("ab", texts=("a", "b"), encrypted="E", id="rs", origin=Family.OPENAI),
            Text("a"),
        ),
        (Image(Media("image/png", data="AA==")), Text("a")),
        (Audio(Media("audio/wav", data="AA=="), transcript="hi"),),
        (Opaque(Family.GEMINI, "executableCode", {"executableCode": {"code": "1"}}),),
        (Opaque(Family.ANTHROPIC, "x", {"text": "t"}),),
        (Opaque(Family.ANTHROPIC, "x", {"n": 1}), Text("a")),
        (ToolCall("c", "f", "{}", signature="c2ln"),),
    ],
)
@pytest.mark.parametrize("asked", [SHOWN, HIDDEN], ids=["shown", "hidden"])
def test_a_stream_amounts_to_the_whole_answer(parts: Any, asked: Asked) -> None:
    whole, answers = write_choice(*parts, asked=asked)
    (candidate,) = whole["candidates"]
    streamed = join(list_parts(answers))
    assert streamed == join(candidate["content"]["parts"])
    last = answers[-1]["candidates"][0]
    for name in ("finishReason", "finishMessage"):
        assert last.get(name) == candidate.get(name)
    assert answers[-1]["usageMetadata"] == whole["usageMetadata"]
    assert {answer["responseId"] for answer in answers} == {whole["responseId"]}
    assert not any("finishReason" in one["candidates"][0] for one in answers[:-1])


def join(parts: list[Json]) -> list[Json]:
    """Join texts of a kind; a signature may come before or behind the letters that it is of."""
    joined: list[Json] = []
    for part in parts:
        last = joined[-1] if joined else {}
        if part.keys() & last.keys() >= {"text"} and part.get("thought") == last.get("thought"):
            joined[-1] = {**last, **part, "text": last["text"] + part["text"]}
        elif part != {"text": ""}:
            joined.append(part)
    return joined


def test_foreign_thoughts_travel_in_the_next_part() -> None:
    _, answers = write_choice(CLAUDE, ToolCall("c", "f", "{}"), asked=HIDDEN)
    (part,) = list_parts(answers)
    assert unpack(part["thoughtSignature"]) == (None, (CLAUDE,))


def test_thoughts_that_nobody_wants_back_do_not_travel() -> None:
    _, answers = write_choice(Reasoning("Hm."), Text("a"), asked=HIDDEN)
    assert list_parts(answers) == [{"text": "a"}]


def test_parallel_calls_come_whole_and_in_their_order() -> None:
    answers = write(
        Begun("id", "m"),
        PartBegun(0, 0, ToolCall("a", "f", "")),
        PartBegun(0, 1, ToolCall("", "", "")),
        PartDelta(0, 1, '{"n":2}'),
        PartAdded(0, 1, id="b", name="g"),
        PartEnded(0, 1),
        PartDelta(0, 0, '{"n":1}'),
        ChoiceEnded(0, Finish.TOOL_CALLS),
        Ended(),
    )
    calls = [part["functionCall"] for part in list_parts(answers)]
    assert calls == [
        {"id": "a", "name": "f", "args": {"n": 1}},
        {"id": "b", "name": "g", "args": {"n": 2}},
    ]


def test_calls_without_an_id_get_one() -> None:
    _, answers = write_choice(ToolCall("", "f", "{}"), ToolCall("", "f", "{}"))
    ids = [part["functionCall"]["id"] for part in list_parts(answers)]
    assert len(set(ids)) == 2


def test_counts_stand_in_every_answer_once_they_are_known() -> None:
    answers = write(
        Begun("id", "m"),
        Counted(Usage(3, 0)),
        PartBegun(0, 0, Text("")),
        PartDelta(0, 0, "a"),
        Counted(Usage(3, 9, 1, None, 4, audio_input_tokens=1)),
        PartDelta(0, 0, "b"),
        PartEnded(0, 0),
        ChoiceEnded(0, Finish.STOP),
        Ended(),
    )
    assert [one["usageMetadata"]["totalTokenCount"] for one in answers] == [3, 12, 12]
    counts = answers[-1]["usageMetadata"]
    assert (counts["candidatesTokenCount"], counts["thoughtsTokenCount"]) == (5, 4)
    assert counts["promptTokensDetails"][1] == {"modality": "AUDIO", "tokenCount": 1}


def test_several_candidates_end_together() -> None:
    answers = write(
        Begun("", ""),
        PartBegun(0, 0, Text("a")),
        PartBegun(1, 0, Text("b")),
        ChoiceEnded(1, Finish.LENGTH),
        PartDelta(0, 0, "c"),
        ChoiceEnded(0, Finish.STOP),
        Ended(),
    )
    assert [one["finishReason"] for one in answers[-1]["candidates"]] == ["STOP", "MAX_TOKENS"]
    assert [one["candidates"][0]["index"] for one in answers[:-1]] == [0, 1, 0]
    assert answers[0]["modelVersion"] == "chat"


@pytest.mark.parametrize(
    ("finish", "detail", "reason", "message"),
    [
        (Finish.STOP_SEQUENCE, None, "STOP", None),
        (Finish.CONTEXT, None, "MAX_TOKENS", None),
        (Finish.FILTERED, "RECITATION", "RECITATION", None),
        (Finish.FILTERED, "other", "SAFETY", "other"),
        (Finish.REFUSED, None, "SAFETY", None),
        (Finish.PAUSED, "pause_turn", "OTHER", "pause_turn"),
        (Finish.FAILED, "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL", None),
    ],
)
def test_why_it_ends(finish: Finish, detail: Any, reason: str, message: Any) -> None:
    _, answers = write_choice(Text("a"), finish=finish, detail=detail)
    last = answers[-1]["candidates"][0]
    assert (last["finishReason"], last.get("finishMessage")) == (reason, message)


def test_a_refusal_is_no_plain_stop() -> None:
    whole, answers = write_choice(Refusal("no"))
    assert whole["candidates"][0]["finishReason"] == "SAFETY"
    assert answers[-1]["candidates"][0]["finishReason"] == "SAFETY"


@pytest.mark.parametrize(("detail", "reason"), [("MODEL_ARMOR", "MODEL_ARMOR"), ("x", "SAFETY")])
def test_nothing_but_a_filter_is_a_blocked_prompt(detail: str, reason: str) -> None:
    whole, answers = write_choice(finish=Finish.FILTERED, detail=detail)
    assert whole["promptFeedback"] == {"blockReason": reason}
    assert answers == [whole]


def test_citations_count_bytes_of_the_whole_text() -> None:
    cited = Text("é b", (Citation("https://a", "A", start=0, end=1),))
    whole, answers = write_choice(Text("ü "), cited)
    expected = {"citations": [{"startIndex": 3, "endIndex": 5, "uri": "https://a", "title": "A"}]}
    assert whole["candidates"][0]["citationMetadata"] == expected
    assert answers[-1]["candidates"][0]["citationMetadata"] == expected


def test_logprobs() -> None:
    token = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}
    answers = write(
        PartBegun(0, 0, Text("a")),
        Logprobs(0, {"content": [token]}),
        Logprobs(0, {"content": [token | {"logprob": -2.0}], "refusal": None}),
        ChoiceEnded(0, Finish.STOP),
        Ended(),
    )
    last = answers[-1]["candidates"][0]
    assert last["avgLogprobs"] == -1.5
    assert len(last["logprobsResult"]["chosenCandidates"]) == 2


def test_an_array_is_closed_by_the_end_alone() -> None:
    answer = ChatAnswer("id", "m", (Choice((Text("a"), Text("b")), Finish.STOP),))
    writer = GeminiArrayWriter(HIDDEN)
    raw = b"".join(writer.write([event]) for event in replay(answer))
    assert len(orjson.loads(raw)) == 3
    watch = DIALECTS[Dialect.GEMINI].watch()
    watch.feed(raw)
    assert watch.finished


@pytest.mark.parametrize("kind", [GeminiWriter, GeminiArrayWriter])
def test_an_error_ends_the_stream_openly(kind: type[GeminiWriter]) -> None:
    writer = kind(HIDDEN)
    raw = writer.write([PartBegun(0, 0, Text("a"))])
    raw += writer.fail(UpstreamTruncatedError("cut"))
    watch = DIALECTS[Dialect.GEMINI].watch()
    watch.feed(raw)
    assert not watch.finished
    assert watch.late_failure


def test_nothing_but_an_end_is_an_answer_too() -> None:
    (only,) = write(Ended())
    assert only["candidates"][0]["finishReason"] == "STOP"
