from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.lib.streaming._deltas import accumulate_delta

from gateway.dialects.hub import (
    Asked,
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
    Media,
    Opaque,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    replay,
)
from gateway.dialects.openai_chat.answer_out import dump_answer
from gateway.dialects.openai_chat.completions import CompletionsWriter
from gateway.dialects.openai_chat.completions import dump_answer as dump_completion
from gateway.dialects.openai_chat.reader import ChatReader
from gateway.dialects.openai_chat.request_in import parse_request
from gateway.dialects.openai_chat.writer import ChatWriter
from gateway.dialects.spec import Usage
from gateway.entities import Dialect
from gateway.errors import UpstreamTruncatedError

ASKED = Asked(ChatRequest(Dialect.OPENAI_CHAT, "chat", ()), "r-1", 1_790_000_000)


def answer(*parts: Any, finish: Finish | None = Finish.STOP) -> ChatAnswer:
    return ChatAnswer("id-1", "m", (Choice(parts, finish),), Usage(3, 2))


def tell(*parts: Any, finish: Finish | None = Finish.STOP) -> dict[str, Any]:
    choice: dict[str, Any] = dump_answer(answer(*parts, finish=finish), ASKED)["choices"][0]
    return choice


def stream(*events: Event) -> list[dict[str, Any]]:
    told = ChatWriter(ASKED).write(events)
    lines = told.removesuffix(b"data: [DONE]\n\n").split(b"\n\n")[:-1]
    return [orjson.loads(line.removeprefix(b"data: ")) for line in lines]


def list_deltas(*parts: Any) -> list[dict[str, Any]]:
    chunks = stream(*replay(answer(*parts)))
    return [chunk["choices"][0]["delta"] for chunk in chunks]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (Finish.STOP, "stop"),
        (Finish.STOP_SEQUENCE, "stop"),
        (Finish.LENGTH, "length"),
        (Finish.CONTEXT, "length"),
        (Finish.TOOL_CALLS, "tool_calls"),
        (Finish.FILTERED, "content_filter"),
        (Finish.REFUSED, "content_filter"),
        (Finish.PAUSED, "stop"),
        (None, "stop"),
    ],
)
def test_reasons(finish: Finish | None, reason: str) -> None:
    assert tell(Text("x"), finish=finish)["finish_reason"] == reason


def test_the_first_delta_says_who_speaks_and_no_other() -> None:
    first, second, last = list_deltas(Text("x"), Text("y"))
    assert first == {"role": "assistant", "content": "x", "refusal": None}
    assert (second, last) == ({"content": "y"}, {})


def test_an_answer_of_nothing_has_a_role_and_a_reason() -> None:
    (chunk,) = stream(Begun("c", "m"), ChoiceEnded(0, Finish.LENGTH), Ended())
    assert chunk["choices"][0]["delta"]["role"] == "assistant"
    assert chunk["choices"][0]["finish_reason"] == "length"


def test_a_call_without_arguments_is_called_with_an_object() -> None:
    call = ToolCall("c1", "f", "")
    assert tell(call)["message"]["tool_calls"][0]["function"]["arguments"] == "{}"
    deltas = [delta["tool_calls"][0] for delta in list_deltas(call)[:-1]]
    assert "".join(delta["function"]["arguments"] for delta in deltas) == "{}"


def test_a_call_without_an_id_gets_the_same_one_either_way() -> None:
    call = ToolCall("", "f", "{}", signature="sig")
    whole = tell(call)["message"]["tool_calls"][0]["id"]
    assert list_deltas(call)[0]["tool_calls"][0]["id"] == whole
    assert whole.endswith("_lgts_c2ln")


def test_thoughts_come_back_as_they_were() -> None:
    thoughts = (
        Reasoning("Hm.", signature="s", origin=Family.ANTHROPIC),
        Reasoning("AB", summary=True, texts=("A", "B"), encrypted="x", origin=Family.OPENAI),
        Reasoning(encrypted="y", redacted=True, origin=Family.ANTHROPIC),
    )
    message = tell(*thoughts)["message"]
    assert message["reasoning_content"] == "Hm.A\n\nB"
    details = message["reasoning_details"]
    assert [detail["index"] for detail in details] == [0, 1, 2, 3, 4]
    deltas = list_deltas(*thoughts)
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Hm.A\n\nB"
    reader = ChatReader()
    told = ChatWriter(ASKED).write(replay(answer(*thoughts)))
    begun = [e.part for e in reader.feed(told) if isinstance(e, PartBegun)]
    assert [part.origin for part in begun if isinstance(part, Reasoning)] == [
        Family.ANTHROPIC,
        Family.OPENAI,
        Family.ANTHROPIC,
    ]


def test_what_openais_sdk_adds_up_is_the_message_that_comes_back() -> None:
    notes = tuple(Citation(url=f"https://example.com/{number}") for number in range(2))
    said = (
        Reasoning("Hm. So", signature="s", origin=Family.ANTHROPIC),
        Reasoning("AB", summary=True, texts=("A", "B"), encrypted="x", origin=Family.OPENAI),
        Text("Hi you", citations=notes),
        Image(Media(media_type="image/png", data="AAAA")),
        Image(Media(media_type="image/png", data="BBBB")),
        ToolCall("c1", "f", '{"a":1}', signature="sig"),
        ToolCall("c2", "g", ""),
    )
    events = [piece for event in replay(answer(*said)) for piece in cut(event)]
    message: dict[Any, Any] = {}
    for chunk in stream(*events):
        message = accumulate_delta(message, chunk["choices"][0]["delta"])
    (parsed,) = parse_request({"messages": [message]}, "chat", False).messages
    assert parsed.parts == (
        *said[:2],
        Text("Hi you"),
        *said[3:6],
        ToolCall("c2", "g", "{}"),
    )


def cut(event: Event) -> list[Event]:
    """Return a delta as two."""
    if not isinstance(event, PartDelta) or len(event.text) < 2:
        return [event]
    return [event._replace(text=event.text[:1]), event._replace(text=event.text[1:])]


def test_citations_count_from_the_begin_of_the_text() -> None:
    cited = Text("cd", citations=(Citation(url="https://example.com", title="t"),))
    expected = {
        "type": "url_citation",
        "url_citation": {
            "url": "https://example.com",
            "title": "t",
            "start_index": 2,
            "end_index": 4,
        },
    }
    assert tell(Text("ab"), cited)["message"]["annotations"] == [expected]
    assert {"annotations": [expected | {"index": 0}]} in list_deltas(Text("ab"), cited)


def test_a_citation_of_responses_is_told_in_this_formats_form() -> None:
    raw = {"type": "url_citation", "url": "https://example.com", "title": "t", "start_index": 0}
    cited = Citation(url="https://example.com", title="t", start=0, end=1, raw=raw)
    (note,) = tell(Text("a", citations=(cited,)))["message"]["annotations"]
    assert note["url_citation"]["end_index"] == 1


def test_what_only_its_vendor_knows_is_told_where_it_holds_text() -> None:
    code = Opaque(Family.GEMINI, "executableCode", {"executableCode": {"code": "print(1)"}})
    search = Opaque(Family.ANTHROPIC, "server_tool_use", {"type": "server_tool_use", "input": {}})
    assert tell(code, search)["message"]["content"] == "print(1)"
    assert tell(search)["message"]["content"] is None
    assert list_deltas(search) == [{"role": "assistant", "content": "", "refusal": None}]


def test_half_an_emoji_passes() -> None:
    events = (PartBegun(0, 0, Text("")), PartDelta(0, 0, "\ud83d"), PartEnded(0, 0))
    assert stream(*events)[0]["choices"][0]["delta"]["content"] == "\\ud83d"


def test_what_is_added_to_a_part_that_is_not_open_is_passed_over() -> None:
    assert stream(PartAdded(0, 3, signature="s"), PartDelta(0, 3, "x"), PartEnded(0, 3)) == []


def test_counts_are_told_if_asked_for() -> None:
    request = ChatRequest(Dialect.OPENAI_CHAT, "chat", (), include_usage=True)
    writer = ChatWriter(Asked(request, "r-1", 1))
    told = writer.write([Begun("c", "m"), Counted(Usage(5, 2)), Ended()])
    (counts, done) = told.split(b"\n\n")[:2]
    value = orjson.loads(counts.removeprefix(b"data: "))
    assert value["choices"] == []
    assert value["usage"]["total_tokens"] == 7
    assert done == b"data: [DONE]"
    assert stream(Begun("c", "m"), Counted(Usage(5, 2)), Ended()) == []


@pytest.mark.parametrize("writer", [ChatWriter, CompletionsWriter])
def test_a_failure_is_an_error_event_and_no_end(writer: Any) -> None:
    told = writer(ASKED).fail(UpstreamTruncatedError("it ended early"))
    assert orjson.loads(told.removeprefix(b"data: "))["error"]["code"] == "upstream_truncated"
    assert b"[DONE]" not in told


def test_who_asks_with_functions_is_answered_with_a_function_call() -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "functions": [{"name": "f"}]}
    asked = Asked(parse_request(body, "chat", False), "r-1", 1)
    said = answer(ToolCall("c1", "f", '{"a":1}'), finish=Finish.TOOL_CALLS)
    (choice,) = dump_answer(said, asked)["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert choice["finish_reason"] == "function_call"
    told = ChatWriter(asked).write(replay(said)).split(b"\n\n")[:-2]
    choices = [orjson.loads(line[6:])["choices"][0] for line in told]
    assert [choice["delta"].get("function_call") for choice in choices] == [
        {"name": "f", "arguments": ""},
        {"arguments": '{"a":1}'},
        None,
    ]
    assert choices[-1]["finish_reason"] == "function_call"


def test_a_refusal_in_completions_is_text_that_was_filtered() -> None:
    said = answer(Refusal("No."))
    (choice,) = dump_completion(said, ASKED)["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("No.", "content_filter")
    told = CompletionsWriter(ASKED).write(replay(said)).split(b"\n\n")[:-2]
    last = orjson.loads(told[-1][6:])["choices"][0]
    assert last["finish_reason"] == "content_filter"


def test_completions_know_text_alone() -> None:
    parts = (Reasoning("Hm"), Text("x"), ToolCall("c", "f", "{}"))
    (choice,) = dump_completion(answer(*parts, finish=Finish.TOOL_CALLS), ASKED)["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("x", "stop")
