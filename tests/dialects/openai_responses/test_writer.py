"""What clients of Responses get: judged by openai's own types, and by what a whole answer says."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson
import pytest
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.dialects import CODECS, Usage
from gateway.dialects.hub import (
    Asked,
    Audio,
    Begun,
    ChatAnswer,
    Choice,
    ChoiceEnded,
    Citation,
    ClientCodec,
    Ended,
    Event,
    Family,
    Finish,
    Image,
    Logprobs,
    Media,
    Opaque,
    Part,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
    collect,
    replay,
)
from gateway.dialects.hub.carry import put_in_id, take_from_id
from gateway.entities import Dialect
from gateway.errors import UpstreamTruncatedError

NOW_S = 1_790_000_000
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
QUESTION = {"model": "chat", "input": "Hi", "stream": True}


def find_client() -> ClientCodec:
    client = CODECS[Dialect.OPENAI_RESPONSES].client
    assert client is not None
    return client


def ask(**fields: Any) -> Asked:
    return Asked(find_client().parse_request(QUESTION | fields, "chat", False), "r-1", NOW_S)


def build_answer(*parts: Part, finish: Finish = Finish.STOP, **fields: Any) -> ChatAnswer:
    return ChatAnswer("chatcmpl-1", "m-1", (Choice(parts, finish, **fields),), Usage(7, 5, 2, 1, 3))


def split_events(stream: bytes) -> list[dict[str, Any]]:
    """Return the events, each of them as openai's types take it and numbered in order."""
    events = []
    for block in stream.decode().removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        event = orjson.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        EVENT.validate_python(event)
        events.append(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def write(asked: Asked, events: list[Event]) -> list[dict[str, Any]]:
    writer = find_client().writer(asked)
    return split_events(b"".join(writer.write([event]) for event in events))


def gather_with_sdk(events: list[dict[str, Any]]) -> None:
    """Let openai's own code put the answer together: it refuses what does not fit together."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events:
        state.handle_event(EVENT.validate_python(event))


PARTS = {
    "text": [Text("Hello")],
    "texts": [Text("Hel"), Text("lo")],
    "refusal": [Refusal("I will not.")],
    "summary": [Reasoning("ab", summary=True, texts=("a", "b"), encrypted="x", id="rs_1",
                          origin=Family.OPENAI), Text("Hello")],
    "raw thoughts": [Reasoning("hm"), Text("Hello")],
    "signed thoughts": [Reasoning("hm", signature="sig", origin=Family.ANTHROPIC), Text("Hello")],
    "hidden thoughts": [Reasoning(encrypted="x", redacted=True, origin=Family.ANTHROPIC)],
    "call": [Text("Let me see."), ToolCall("call_1", "look", '{"at":1}')],
    "calls": [ToolCall("call_1", "look", '{"at":1}'), ToolCall("", "look", "")],
    "calls of one id": [ToolCall("0", "look", "{}"), ToolCall("0", "look", "{}")],
    "thoughts of one id": [Reasoning("a", id="rs_1"), Text("b"), Reasoning("c", id="rs_1")],
    "signed call": [ToolCall("call_1", "look", "{}", signature="sig/+=")],
    "text behind a call": [Text("a"), ToolCall("call_1", "look", "{}"), Text("b")],
    "picture": [Text("Here:"), Image(Media("image/png", data="aGk="))],
    "speech": [Audio(Media("audio/wav", data="aGk="), transcript="Hello")],
    "citation": [Text("It is.", citations=(Citation(url="https://a.example", title="A"),))],
    "own tool": [Opaque(Family.OPENAI, "web_search_call", {
        "id": "ws_1", "type": "web_search_call", "status": "completed",
        "action": {"type": "search", "query": "q", "queries": ["q"]}})],
    "foreign part with words": [Opaque(Family.ANTHROPIC, "x", {"type": "x", "text": "words"})],
    "foreign part": [Text("a"), Opaque(Family.ANTHROPIC, "server_tool_use", {"id": "1"})],
    "nothing": [],
}  # fmt: skip


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS.keys())
def test_a_stream_ends_with_the_whole_answer(parts: list[Part]) -> None:
    asked, answer = ask(), build_answer(*parts)
    events = write(asked, list(replay(answer)))
    whole = find_client().dump_answer(answer, asked)
    Response.model_validate(whole)
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"] == whole
    gather_with_sdk(events)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert sorted(done, key=whole["output"].index) == whole["output"]


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS.keys())
def test_deltas_add_up_to_what_is_done(parts: list[Part]) -> None:
    grown: dict[tuple[Any, ...], str] = {}
    for event in write(ask(), list(replay(build_answer(*parts)))):
        place = tuple(event.get(name) for name in ("item_id", "content_index", "summary_index"))
        kind, _, step = event["type"].rpartition(".")
        if step == "delta":
            grown[kind, *place] = grown.get((kind, *place), "") + event["delta"]
        elif step == "done" and (kind, *place) in grown:
            text = next(event[name] for name in ("text", "arguments", "refusal") if name in event)
            assert grown.pop((kind, *place)) == text
    assert not grown


def test_the_events_of_a_text_are_those_of_the_vendor() -> None:
    events = write(ask(), list(replay(build_answer(Text("Hi")))))
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_parallel_calls_may_grow_side_by_side() -> None:
    events = write(
        ask(),
        [
            Begun("", "m"),
            PartBegun(0, 0, ToolCall("a", "look", "")),
            PartBegun(0, 1, ToolCall("b", "look", "")),
            PartDelta(0, 1, "{}"),
            PartDelta(0, 0, '{"x":'),
            PartDelta(0, 0, "1}"),
            PartEnded(0, 1),
            PartEnded(0, 0),
            ChoiceEnded(0, Finish.TOOL_CALLS),
            Ended(),
        ],
    )
    calls = events[-1]["response"]["output"]
    assert [(call["call_id"], call["arguments"]) for call in calls] == [
        ("a", '{"x":1}'),
        ("b", "{}"),
    ]


def test_a_call_waits_for_its_name_and_then_stays_what_it_is() -> None:
    events = write(
        ask(),
        [
            Begun("", "m"),
            PartBegun(0, 0, ToolCall("", "", "")),
            PartAdded(0, 0, signature="sig"),
            PartAdded(0, 0, id="a", name="look"),
            PartDelta(0, 0, "{}"),
            PartAdded(0, 0, signature="late"),
            PartEnded(0, 0),
            Ended(),
        ],
    )
    call = events[-1]["response"]["output"][0]
    assert (call["name"], take_from_id(call["call_id"])) == ("look", ("a", "sig"))


def test_text_that_is_still_open_when_a_call_begins_ends_as_its_own_item() -> None:
    events = write(
        ask(),
        [
            PartBegun(0, 0, Text("")),
            PartDelta(0, 0, "a"),
            PartBegun(0, 1, ToolCall("c", "look", "")),
            PartDelta(0, 0, "b"),
            PartEnded(0, 1),
            PartEnded(0, 0),
            Ended(),
        ],
    )
    message, call = events[-1]["response"]["output"]
    assert (message["content"][0]["text"], call["call_id"]) == ("ab", "c")


def test_a_function_call_of_a_custom_tool_becomes_a_custom_call() -> None:
    asked = ask(tools=[{"type": "custom", "name": "apply_patch"}])
    patch = '*** Begin Patch\n"quoted"\n*** End Patch'
    arguments = orjson.dumps({"input": patch}).decode()
    call = ToolCall("call_1", "apply_patch", arguments)
    events = write(asked, list(replay(build_answer(call, finish=Finish.TOOL_CALLS))))
    assert "response.custom_tool_call_input.done" in [event["type"] for event in events]
    item = events[-1]["response"]["output"][0]
    assert (item["type"], item["input"]) == ("custom_tool_call", patch)


def test_broken_arguments_of_a_custom_tool_are_its_input_up_to_where_they_break() -> None:
    asked = ask(tools=[{"type": "custom", "name": "apply_patch"}])
    answer = build_answer(ToolCall("call_1", "apply_patch", '{"input": "half'))
    assert find_client().dump_answer(answer, asked)["output"][0]["input"] == "half"


def test_a_custom_call_shows_its_input_as_it_is_written() -> None:
    asked = ask(tools=[{"type": "custom", "name": "apply_patch"}])
    pieces = ['{"inp', 'ut": "*** Be', "gin\\", 'nx"}']
    events = write(
        asked,
        [
            PartBegun(0, 0, ToolCall("c", "apply_patch", "")),
            *(PartDelta(0, 0, piece) for piece in pieces),
            PartEnded(0, 0),
            Ended(),
        ],
    )
    deltas = [one["delta"] for one in events if one["type"].endswith("input.delta")]
    assert deltas == ["*** Be", "gin", "\nx"]


def test_a_call_of_a_tool_in_a_namespace_says_the_namespace() -> None:
    tool = {"type": "function", "name": "read", "parameters": {"type": "object"}}
    space = {"type": "namespace", "name": "mcp__files", "description": "Files", "tools": [tool]}
    asked = ask(tools=[space])
    assert [one.name for one in asked.request.tools] == ["mcp__files__read"]
    whole = find_client().dump_answer(build_answer(ToolCall("c", "mcp__files__read", "{}")), asked)
    assert (whole["output"][0]["name"], whole["output"][0]["namespace"]) == ("read", "mcp__files")
    assert whole["tools"] == [space]


def test_a_search_for_tools_that_the_client_runs_is_an_item_of_its_own() -> None:
    search = {"type": "tool_search", "execution": "client", "description": "d",
              "parameters": {"type": "object"}}  # fmt: skip
    asked = ask(tools=[search])
    assert asked.request.tools[0].kind is ToolKind.FUNCTION
    call = ToolCall("call_1", "tool_search", '{"query":"mail"}')
    events = write(asked, list(replay(build_answer(call, finish=Finish.TOOL_CALLS))))
    item = events[-1]["response"]["output"][0]
    assert (item["type"], item["execution"]) == ("tool_search_call", "client")
    assert item["arguments"] == {"query": "mail"}
    assert events[-1]["response"]["tools"] == [search]
    found = {"type": "namespace", "name": "mail", "description": "", "tools": [
        {"type": "function", "name": "send", "parameters": {"type": "object"}}]}  # fmt: skip
    result = {"type": "tool_search_output", "call_id": "call_1", "execution": "client",
              "status": "completed", "tools": [found]}  # fmt: skip
    request = ask(tools=[search], input=[item, result]).request
    assert [tool.name for tool in request.tools] == ["tool_search", "mail__send"]
    turn, results = request.messages
    assert turn.parts == (dataclasses.replace(call, item_id=item["id"]),)
    assert isinstance(results.parts[0], ToolResult)
    assert "mail__send" in str(results.parts[0].parts)


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        (Finish.LENGTH, "incomplete", "max_output_tokens"),
        (Finish.CONTEXT, "incomplete", "max_output_tokens"),
        (Finish.FILTERED, "incomplete", "content_filter"),
        (Finish.REFUSED, "incomplete", "content_filter"),
        (Finish.TOOL_CALLS, "completed", None),
        (Finish.PAUSED, "completed", None),
        (Finish.FAILED, "failed", None),
    ],
)
def test_each_end_has_its_event(finish: Finish, status: str, reason: str | None) -> None:
    last = write(ask(), list(replay(build_answer(Text("a"), finish=finish))))[-1]
    assert last["type"] == f"response.{status}"
    assert (last["response"]["incomplete_details"] or {}).get("reason") == reason
    assert (last["response"]["error"] is not None) == (status == "failed")


def test_words_of_refusal_complete_an_answer() -> None:
    answer = build_answer(Refusal("No."), finish=Finish.REFUSED)
    assert find_client().dump_answer(answer, ask())["status"] == "completed"


def test_logprobs_come_with_the_text_that_they_are_of() -> None:
    asked = ask(include=["message.output_text.logprobs"], top_logprobs=1)
    token = {"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}
    writer = find_client().writer(asked)
    stream = writer.write([PartBegun(0, 0, Text(""))])
    stream += writer.write([PartDelta(0, 0, "Hi"), Logprobs(0, {"content": [token]})])
    stream += writer.write([PartEnded(0, 0), ChoiceEnded(0, Finish.STOP), Ended()])
    events = split_events(stream)
    wanted = [{"token": "Hi", "bytes": [], "logprob": -0.5, "top_logprobs": []}]
    delta = next(event for event in events if event["type"] == "response.output_text.delta")
    assert delta["logprobs"] == wanted
    assert events[-1]["response"]["output"][0]["content"][0]["logprobs"] == wanted


def test_the_response_repeats_what_was_asked() -> None:
    tool = {"type": "function", "name": "look", "description": "d", "strict": True,
            "parameters": {"type": "object"}}  # fmt: skip
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
    asked = ask(
        instructions="Be short.",
        tools=[tool],
        tool_choice={"type": "function", "name": "look"},
        text={"format": form, "verbosity": "low"},
        reasoning={"effort": "high", "summary": "auto"},
        temperature=0.5,
        top_p=1,
        max_output_tokens=99,
        metadata={"a": "b"},
        parallel_tool_calls=False,
        truncation="auto",
        prompt_cache_key="k",
        safety_identifier="u",
    )
    whole = find_client().dump_answer(build_answer(Text("{}")), asked)
    wanted = {
        "instructions": "Be short.",
        "tools": [tool],
        "tool_choice": {"type": "function", "name": "look"},
        "text": {"format": form, "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "auto"},
        "temperature": 0.5,
        "top_p": 1,
        "max_output_tokens": 99,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "truncation": "auto",
        "prompt_cache_key": "k",
        "safety_identifier": "u",
        "store": False,
        "created_at": NOW_S,
        "model": "m-1",
    }
    assert {name: whole[name] for name in wanted} == wanted
    assert whole["usage"] == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 12,
    }


def test_an_error_fails_the_response_and_then_is_said_as_one() -> None:
    writer = find_client().writer(ask())
    stream = writer.write([Begun("", "m"), PartBegun(0, 0, Text("")), PartDelta(0, 0, "a")])
    stream += writer.fail(UpstreamTruncatedError("the answer ended early"))
    failed, error = split_events(stream)[-2:]
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert (error["type"], error["code"]) == ("error", "upstream_truncated")
    assert b"response.completed" not in stream


@pytest.mark.parametrize(
    "thought",
    [
        Reasoning("a b", signature="c2ln", origin=Family.ANTHROPIC),
        Reasoning(encrypted="ZGF0YQ==", redacted=True, origin=Family.ANTHROPIC),
        Reasoning("a", signature="c2ln", origin=Family.GEMINI),
        Reasoning("", signature="c2ln", origin=Family.ANTHROPIC),
        Reasoning("", encrypted="gAAA", origin=Family.OPENAI, id="rs_1"),
        Reasoning("hm", id="rs_1"),
    ],
)
def test_thoughts_come_back_as_they_were(thought: Reasoning) -> None:
    call = ToolCall("call_1", "look", "{}", signature="sig")
    whole = find_client().dump_answer(build_answer(thought, call), ask())
    result = {"type": "function_call_output", "call_id": put_in_id("call_1", "sig"), "output": "1"}
    request = find_client().parse_request(
        QUESTION | {"input": [*whole["output"], result]}, "chat", False
    )
    turn, results = request.messages
    assert turn.parts[0] == thought
    assert isinstance(turn.parts[1], ToolCall)
    assert (turn.parts[1].id, turn.parts[1].signature) == ("call_1", "sig")
    assert results.parts[0].call_id == "call_1"


def test_a_stream_of_letters_is_the_answer_in_one() -> None:
    answer = build_answer(Text("Grüße 👍"), ToolCall("c", "look", '{"a":"b"}'))
    events: list[Event] = []
    for event in replay(answer):
        if isinstance(event, PartDelta):
            events += [event._replace(text=letter) for letter in event.text]
        else:
            events.append(event)
    assert write(ask(), events)[-1]["response"] == find_client().dump_answer(collect(events), ask())
