"""What clients of Messages get: judged by anthropic's own types, and by the whole answer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
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
    Counted,
    Ended,
    Event,
    Family,
    Finish,
    Image,
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
    replay,
)
from gateway.entities import Dialect
from gateway.errors import UpstreamTruncatedError

EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
QUESTION = {"model": "chat", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
THOUGHTS = Reasoning(
    "One.Two.",
    texts=("One.", "Two."),
    encrypted="gAAAA",
    id="rs_1",
    summary=True,
    origin=Family.OPENAI,
)


def find_client() -> ClientCodec:
    client = CODECS[Dialect.ANTHROPIC_MESSAGES].client
    assert client is not None
    return client


def ask(**fields: Any) -> Asked:
    request = find_client().parse_request(QUESTION | fields, "chat", False)
    return Asked(request, "r-1", 1_790_000_000)


def read_events(stream: bytes) -> list[dict[str, Any]]:
    blocks = [block.split(b"\n") for block in stream.split(b"\n\n") if block]
    events = [orjson.loads(data.removeprefix(b"data: ")) for _, data in blocks]
    assert [name for name, _ in blocks] == [b"event: " + e["type"].encode() for e in events]
    return events


def read_message(stream: bytes) -> Message:
    """Gather a stream as anthropic's SDK does, each event checked by its types."""
    message: Any = None
    buffers: dict[int, bytes] = {}
    index = 0
    for event in read_events(stream):
        if event["type"] == "ping":
            continue
        assert event.get("index", index) == index
        index += event["type"] == "content_block_stop"
        parsed = EVENT.validate_python(event)
        message = accumulate_event(event=parsed, current_snapshot=message, json_bufs=buffers)
    assert isinstance(message, Message)
    return message


def dump_content(message: Message) -> list[dict[str, Any]]:
    return [block.model_dump(exclude={"parsed_output"}) for block in message.content]


def write(events: list[Event], **fields: Any) -> bytes:
    return find_client().writer(ask(**fields)).write(events)


PARTS: list[Part] = [
    Text("Hello"),
    Text(""),
    Text("cited", (Citation(url="https://e.org", title="E", quote="q"), Citation(quote="q"))),
    Reasoning("Hm", origin=Family.OTHER),
    Reasoning("Hm", signature="EqQB", origin=Family.ANTHROPIC),
    Reasoning("", signature="EqQB", origin=Family.ANTHROPIC),
    Reasoning(encrypted="EmwK", redacted=True, origin=Family.ANTHROPIC),
    Reasoning(encrypted="gAAAA", id="rs_1", origin=Family.OPENAI),
    Reasoning("", origin=Family.OTHER),
    THOUGHTS,
    ToolCall("toolu_1", "f", '{"a": [1, "é"]}'),
    ToolCall("", "f", ""),
    ToolCall("call:1/2", "f", "{}", signature="c2ln"),
    ToolCall("call_1", "patch", "*** Begin", custom=True),
    Refusal("I cannot."),
    Image(Media("image/png", data="iVBORw0KGgo=")),
    Audio(Media("audio/wav", data="AAAA"), transcript="spoken"),
    Opaque(Family.OPENAI, "web_search_call", {"type": "web_search_call", "status": "completed"}),
    Opaque(
        Family.ANTHROPIC,
        "server_tool_use",
        {"type": "server_tool_use", "id": "s_1", "name": "web_search", "input": {"query": "x"}},
    ),
]


@settings(deadline=None, max_examples=60)  # each is checked by the SDK's types, which takes a while
@given(st.lists(st.sampled_from(PARTS), max_size=5), st.none() | st.sampled_from(Finish))
def test_a_stream_amounts_to_the_whole_answer(parts: list[Part], finish: Finish | None) -> None:
    answer = ChatAnswer("x", "m", (Choice(tuple(parts), finish),), Usage(9, 5, 3, 2, 1))
    whole = Message.model_validate(find_client().dump_answer(answer, ask()))
    streamed = read_message(write(list(replay(answer))))
    if finish is None:
        whole.stop_reason = streamed.stop_reason
    assert dump_content(streamed) == dump_content(whole)
    assert streamed.stop_reason == whole.stop_reason
    assert streamed.usage.input_tokens == whole.usage.input_tokens == 4
    assert streamed.usage.cache_read_input_tokens == 3
    assert streamed.usage.output_tokens == 5


@pytest.mark.parametrize(
    "part",
    [
        THOUGHTS,
        Reasoning("Hm", origin=Family.OTHER),
        Reasoning("Hm", signature="EqQB", origin=Family.ANTHROPIC),
        Reasoning("Hm", signature="c2ln", origin=Family.GEMINI),
        Reasoning(encrypted="gAAAA", id="rs_1", origin=Family.OPENAI),
        Reasoning(encrypted="EmwK", redacted=True, origin=Family.ANTHROPIC),
        ToolCall("call_1", "f", '{"a":1}', signature="c2ln"),
    ],
)
def test_what_a_client_sends_back_is_what_the_vendor_gave(part: Part) -> None:
    answer = ChatAnswer("x", "m", (Choice((part,), Finish.STOP),))
    content = find_client().dump_answer(answer, ask())["content"]
    messages = [{"role": "assistant", "content": content}]
    (sent,) = find_client().parse_request(QUESTION | {"messages": messages}, "chat", False).messages
    assert sent.parts == (part,)


def test_calls_that_grow_side_by_side_come_one_behind_the_other() -> None:
    events = [
        Begun("x", "m"),
        PartBegun(0, 0, ToolCall("a", "f", "")),
        PartBegun(0, 1, ToolCall("b", "g", "")),
        PartDelta(0, 1, '{"x":'),
        PartDelta(0, 0, '{"y":1}'),
        PartDelta(0, 1, "2}"),
        PartEnded(0, 1),
        PartEnded(0, 0),
        ChoiceEnded(0, Finish.TOOL_CALLS),
        Counted(Usage(10, 5)),
        Ended(),
    ]
    message = read_message(write(events))
    assert [(one.name, one.input) for one in message.content] == [("f", {"y": 1}), ("g", {"x": 2})]
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 5)


def test_a_call_whose_name_comes_late() -> None:
    events = [
        PartBegun(0, 0, ToolCall("", "", "")),
        PartDelta(0, 0, '{"a"'),
        PartAdded(0, 0, id="call_1", name="f"),
        PartDelta(0, 0, ":1}"),
        PartEnded(0, 0),
        ChoiceEnded(0, Finish.TOOL_CALLS),
        Ended(),
    ]
    (call,) = read_message(write(events)).content
    assert (call.id, call.name, call.input) == ("call_1", "f", {"a": 1})


def test_counts_that_come_first_stand_at_the_beginning() -> None:
    begun, *_ = read_events(
        write([Begun("x", "m"), Counted(Usage(7, 1)), PartBegun(0, 0, Text("Hi"))])
    )
    assert begun["message"]["usage"]["input_tokens"] == 7


def test_a_client_that_wants_no_thoughts_gets_their_signature_alone() -> None:
    thinking = {"type": "adaptive", "display": "omitted"}
    answer = ChatAnswer("x", "m", (Choice((THOUGHTS,), Finish.STOP),))
    (block,) = read_message(write(list(replay(answer)), thinking=thinking)).content
    assert block.thinking == ""
    assert block.signature


def test_a_part_that_never_ended_is_closed() -> None:
    events = [
        PartBegun(0, 0, Text("")),
        PartDelta(0, 0, "Hi"),
        PartBegun(0, 1, ToolCall("a", "f", "")),
        PartDelta(0, 1, "{}"),
        ChoiceEnded(0, Finish.LENGTH),
        Ended(),
    ]
    message = read_message(write(events))
    assert [one.type for one in message.content] == ["text", "tool_use"]
    assert message.stop_reason == "max_tokens"


def test_an_error_is_an_event_without_an_end() -> None:
    writer = find_client().writer(ask())
    out = writer.write([Begun("x", "m"), PartBegun(0, 0, Text("Hi"))])
    out += writer.fail(UpstreamTruncatedError("cut"))
    last = read_events(out)[-1]
    assert last["type"] == "error"
    assert last["request_id"] == "r-1"
    assert b"message_stop" not in out


def test_halves_of_an_emoji_pass() -> None:
    events = [PartBegun(0, 0, Text("")), PartDelta(0, 0, "\ud83d"), PartDelta(0, 0, "\ude00")]
    assert b"d83d" in write(events)
