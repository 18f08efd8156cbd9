"""Requests for ``/v2/chat``."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.cohere.codec import CODEC
from gateway.dialects.hub import (
    Audio,
    CacheMark,
    ChatRequest,
    Destination,
    Document,
    Family,
    Image,
    Losses,
    Media,
    Message,
    Opaque,
    OutputFormat,
    OutputKind,
    Part,
    Reasoning,
    ReasoningConfig,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolMode,
    ToolResult,
)
from gateway.entities import Dialect, Quirks
from gateway.errors import NotExpressibleError

WEATHER = Tool("weather", "Tells it", {"type": "object", "properties": {}}, at="tools[0]")


def say(role: Role, *parts: Part | str) -> Message:
    texts = (Text(part) if isinstance(part, str) else part for part in parts)
    return Message(role, tuple(texts), at="messages[0]")


def user(*parts: Part | str) -> Message:
    return say(Role.USER, *parts)


def ask(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(Dialect.OPENAI_CHAT, "chat", messages or (user("Hi"),), **fields)


def dump(
    request: ChatRequest, model: str = "command-a-03-2025", quirks: Quirks | None = None
) -> tuple[dict[str, Any], list[str]]:
    assert CODEC.upstream is not None
    losses = Losses("cohere_chat", CODEC.upstream.losses)
    body = CODEC.upstream.dump_request(request, Destination(model, quirks or Quirks()), losses)
    return body, list(losses.dropped)


def refuse(request: ChatRequest) -> str | None:
    with pytest.raises(NotExpressibleError) as caught:
        dump(request)
    return caught.value.field


def test_plain_question_in_coheres_names() -> None:
    request = ask(
        say(Role.DEVELOPER, "Be brief."),
        user("Hi", " "),
        say(Role.ASSISTANT, ""),
        max_tokens=10,
        temperature=0.5,
        top_p=1.0,
        top_k=3,
        stop=("END",),
        seed=7,
        frequency_penalty=0.1,
        stream=True,
    )
    assert dump(request) == (
        {
            "model": "command-a-03-2025",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"},
            ],
            "stream": True,
            "max_tokens": 10,
            "temperature": 0.5,
            "p": 0.99,
            "k": 3,
            "stop_sequences": ["END"],
            "seed": 7,
            "frequency_penalty": 0.1,
        },
        [],
    )


def test_numbers_out_of_range() -> None:
    body, dropped = dump(ask(presence_penalty=-1.0, frequency_penalty=2.0, temperature=1.5))
    assert (body["frequency_penalty"], body["temperature"]) == (1, 1)
    assert "presence_penalty" not in body
    assert dropped == ["temperature", "presence_penalty", "frequency_penalty"]
    assert refuse(ask(stop=tuple("abcdef"))) == "stop"


def test_tool_loop_with_text_for_arguments() -> None:
    picture = Image(Media("image/png", "AAAA"))
    calls = (ToolCall("call_1", "weather", ""), ToolCall("call_2", "time", "{broken"))
    request = ask(
        user("Weather?"),
        say(Role.ASSISTANT, Reasoning("I will look."), *calls),
        say(Role.TOOL, ToolResult("call_1", (Text("sunny"), picture)),
            ToolResult("call_2", (Text("no"),), is_error=True)),
    )  # fmt: skip
    body, dropped = dump(request)
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": "{}"},
                },
                {
                    "id": "call_2",
                    "type": "function",
                    "function": {"name": "time", "arguments": '{"_raw":"{broken"}'},
                },
            ],
            "tool_plan": "I will look.",
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": "Error: no"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "(images of the tools' results)"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ],
        },
    ]
    assert dropped == []


def test_tools_and_their_choice() -> None:
    tools = (
        WEATHER,
        Tool("free", kind=ToolKind.CUSTOM, strict=True, at="tools[1]"),
        Tool("search", kind=ToolKind.HOSTED, at="tools[2]"),
    )

    def choose(mode: ToolMode, *names: str) -> dict[str, Any]:
        return dump(ask(tools=tools, tool_choice=ToolChoice(mode, names)))[0]

    body, dropped = dump(ask(tools=tools, parallel_calls=False))
    assert [one["function"]["name"] for one in body["tools"]] == ["weather", "free"]
    assert "tool_choice" not in body
    assert dropped == ["tools[2]", "parallel_tool_calls", "tools[1].strict"]
    assert choose(ToolMode.REQUIRED)["tool_choice"] == "REQUIRED"
    assert choose(ToolMode.NONE)["tool_choice"] == "NONE"
    assert len(choose(ToolMode.NONE)["tools"]) == 2
    named = choose(ToolMode.NAMED, "free")
    assert named["tool_choice"] == "REQUIRED"
    assert [one["function"]["name"] for one in named["tools"]] == ["free"]
    assert named["strict_tools"] is True
    assert refuse(ask(tools=tools, tool_choice=ToolChoice(ToolMode.NAMED, ("x",)))) == "tool_choice"


def test_forms_of_the_answer() -> None:
    schema = {"type": "object"}
    form = OutputFormat(OutputKind.SCHEMA, schema)
    assert dump(ask(output=form))[0]["response_format"] == {
        "type": "json_object",
        "json_schema": schema,
    }
    assert dump(ask(output=OutputFormat(OutputKind.JSON)))[0]["response_format"] == {
        "type": "json_object"
    }
    beside = dump(ask(output=form, tools=(WEATHER,)))[0]
    assert "response_format" not in beside
    assert beside["tool_choice"] == "REQUIRED"
    assert beside["tools"][1]["function"]["name"] == "lockgate_answer"
    none = ask(output=form, tools=(WEATHER,), tool_choice=ToolChoice(ToolMode.NONE))
    assert "tools" not in dump(none)[0]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (ReasoningConfig(effort="low"), {"type": "enabled", "token_budget": 1024}),
        (ReasoningConfig(budget_tokens=77), {"type": "enabled", "token_budget": 77}),
        (ReasoningConfig(enabled=True), {"type": "enabled"}),
        (ReasoningConfig(effort="none"), {"type": "disabled"}),
        (ReasoningConfig(show=True), None),
    ],
)
def test_thinking(wish: ReasoningConfig, expected: Any) -> None:
    assert dump(ask(reasoning=wish), "command-a-reasoning-08-2025")[0].get("thinking") == expected


def test_a_model_that_does_not_think() -> None:
    body, dropped = dump(ask(reasoning=ReasoningConfig(effort="low")))
    assert "thinking" not in body
    assert dropped == ["reasoning_effort"]
    assert dump(ask(reasoning=ReasoningConfig(enabled=False)))[1] == []


def test_media_documents_and_thoughts() -> None:
    request = ask(
        user(
            "a",
            Image(Media(url="https://example.org/a.png"), "low"),
            Document(Media(text="words"), name="n", cache=CacheMark(), at="doc"),
            Document(Media(text="facts"), name="f", citations=True),
        ),
        say(Role.ASSISTANT, Reasoning("hm", at="own"),
            Reasoning("x", origin=Family.ANTHROPIC, at="foreign"), "b"),
        say(Role.ASSISTANT, Opaque(Family.OPENAI, "odd", {}, at="odd")),
    )  # fmt: skip
    body, dropped = dump(request)
    assert body["messages"][0]["content"][1:] == [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
        {"type": "text", "text": '<document name="n">\nwords\n</document>'},
    ]
    assert body["messages"][1] == {"role": "assistant", "content": "b"}
    assert body["documents"] == [{"data": {"title": "f", "text": "facts"}}]
    assert dropped == ["doc.cache_control", "own", "foreign", "odd"]
    thinking = dump(request, "command-a-plus-05-2026")[0]["messages"][1]["content"]
    assert thinking[0] == {"type": "thinking", "thinking": "hm"}


@pytest.mark.parametrize(
    "part",
    [
        Image(Media(file_id="f"), at="here"),
        Image(Media(url="gs://b/a.png"), at="here"),
        Document(Media("application/pdf", "AAAA"), at="here"),
        Audio(Media("audio/wav", "AA=="), at="here"),
        ToolResult("c", (Audio(Media("audio/wav", "AA=="), at="here"),)),
    ],
)
def test_what_cannot_be_read_is_refused(part: Part) -> None:
    assert refuse(ask(user(part))) == "here"


def test_a_server_with_a_default_limit() -> None:
    assert dump(ask(), quirks=Quirks(default_max_tokens=5))[0]["max_tokens"] == 5
