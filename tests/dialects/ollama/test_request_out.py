"""Requests for ``/api/chat``."""

from __future__ import annotations

from typing import Any

import pytest

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
from gateway.dialects.ollama.codec import CODEC
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
    request: ChatRequest, model: str = "qwen3", quirks: Quirks | None = None
) -> tuple[dict[str, Any], list[str]]:
    assert CODEC.upstream is not None
    losses = Losses("ollama_chat", CODEC.upstream.losses)
    body = CODEC.upstream.dump_request(request, Destination(model, quirks or Quirks()), losses)
    return body, list(losses.dropped)


def refuse(request: ChatRequest) -> str | None:
    with pytest.raises(NotExpressibleError) as caught:
        dump(request)
    return caught.value.field


def test_plain_question_says_that_it_does_not_stream() -> None:
    request = ask(
        say(Role.DEVELOPER, "Be brief."),
        user("Hi"),
        max_tokens=10,
        temperature=0.5,
        top_k=3,
        stop=("END",),
        seed=7,
        frequency_penalty=0.1,
    )
    assert dump(request) == (
        {
            "model": "qwen3",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"},
            ],
            "stream": False,
            "options": {
                "num_predict": 10,
                "temperature": 0.5,
                "top_k": 3,
                "stop": ["END"],
                "seed": 7,
                "frequency_penalty": 0.1,
            },
        },
        [],
    )
    assert dump(ask(stream=True))[0]["stream"] is True


def test_tool_loop_with_objects_and_names() -> None:
    picture = Image(Media("image/png", "AAAA"))
    call = ToolCall("call_1", "weather", '{"n":123456789012345678901234567890}')
    request = ask(
        user("Weather?"),
        say(Role.ASSISTANT, "Well", call, ToolCall("", "time", "{broken")),
        say(Role.TOOL, ToolResult("call_1", (Text("sunny"), picture)),
            ToolResult("x", (Text("no"),), is_error=True)),
        user("So?"),
    )  # fmt: skip
    body, dropped = dump(request)
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "Well",
            "tool_calls": [
                {
                    "id": "call_1",
                    "function": {
                        "name": "weather",
                        "arguments": {"n": 123456789012345678901234567890},
                    },
                },
                {"function": {"name": "time", "arguments": {"_raw": "{broken"}}},
            ],
        },
        {"role": "tool", "content": "sunny", "tool_name": "weather", "tool_call_id": "call_1"},
        {"role": "tool", "content": "Error: no", "tool_call_id": "x"},
        {"role": "user", "content": "(images of the tools' results)", "images": ["AAAA"]},
        {"role": "user", "content": "So?"},
    ]
    assert dropped == []


def test_tools() -> None:
    tools = (
        WEATHER,
        Tool("free", kind=ToolKind.CUSTOM, strict=True, at="tools[1]"),
        Tool("search", kind=ToolKind.HOSTED, at="tools[2]"),
    )
    body, dropped = dump(ask(tools=tools, parallel_calls=False))
    assert body["tools"][0] == {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Tells it",
            "parameters": {"type": "object", "properties": {}},
        },
    }
    assert body["tools"][1]["function"]["parameters"]["required"] == ["input"]
    assert dropped == ["tools[2]", "parallel_tool_calls", "tools[1].strict"]
    none = dump(ask(tools=tools, tool_choice=ToolChoice(ToolMode.NONE)))[0]
    assert "tools" not in none
    allowed = dump(ask(tools=tools, tool_choice=ToolChoice(ToolMode.AUTO, ("free",))))[0]
    assert [one["function"]["name"] for one in allowed["tools"]] == ["free"]
    for mode, names in ((ToolMode.REQUIRED, ()), (ToolMode.NAMED, ("weather",))):
        assert refuse(ask(tools=tools, tool_choice=ToolChoice(mode, names))) == "tool_choice"


@pytest.mark.parametrize(
    ("wish", "model", "think"),
    [
        (ReasoningConfig(effort="high"), "qwen3", True),
        (ReasoningConfig(effort="high"), "gpt-oss:20b", "high"),
        (ReasoningConfig(effort="minimal"), "gpt-oss:20b", "low"),
        (ReasoningConfig(effort="none"), "qwen3", False),
        (ReasoningConfig(enabled=False), "qwen3", False),
        (ReasoningConfig(budget_tokens=100), "gpt-oss", True),
        (ReasoningConfig(show=True), "qwen3", None),
    ],
)
def test_thinking(wish: ReasoningConfig, model: str, think: Any) -> None:
    assert dump(ask(reasoning=wish), model)[0].get("think") == think


def test_a_server_that_does_not_think() -> None:
    quirks = Quirks(unsupported=frozenset({"reasoning", "seed"}), default_max_tokens=5)
    request = ask(reasoning=ReasoningConfig(effort="low"), seed=1)
    body, dropped = dump(request, quirks=quirks)
    assert "think" not in body
    assert body["options"] == {"num_predict": 5}
    assert dropped == ["seed", "reasoning_effort"]


def test_forms_of_the_answer() -> None:
    schema = {"type": "object"}
    assert dump(ask(output=OutputFormat(OutputKind.SCHEMA, schema)))[0]["format"] == schema
    assert dump(ask(output=OutputFormat(OutputKind.JSON)))[0]["format"] == "json"
    assert "format" not in dump(ask(output=OutputFormat(OutputKind.TEXT)))[0]
    body = dump(ask(logprobs=True, top_logprobs=2))[0]
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)


def test_media_and_thoughts() -> None:
    request = ask(
        user("a", Image(Media("image/png", "AAAA"), "high", at="here"),
             Document(Media(text="words"), name="n", cache=CacheMark(), at="doc")),
        say(Role.ASSISTANT, Reasoning("hm"),
            Reasoning("x", origin=Family.ANTHROPIC, at="foreign"), "b"),
        say(Role.ASSISTANT, Opaque(Family.OPENAI, "odd", {}, at="odd")),
    )  # fmt: skip
    body, dropped = dump(request)
    assert body["messages"] == [
        {
            "role": "user",
            "content": 'a\n<document name="n">\nwords\n</document>',
            "images": ["AAAA"],
        },
        {"role": "assistant", "content": "b", "thinking": "hm"},
    ]
    assert dropped == ["here.detail", "doc.cache_control", "foreign", "odd"]


@pytest.mark.parametrize(
    "part",
    [
        Image(Media(url="https://example.org/a.png"), at="here"),
        Image(Media(file_id="f"), at="here"),
        Document(Media("application/pdf", "AAAA"), at="here"),
        Document(Media(url="https://example.org/a.pdf"), at="here"),
        Audio(Media("audio/wav", "AA=="), at="here"),
        ToolResult("c", (Audio(Media("audio/wav", "AA=="), at="here"),)),
    ],
)
def test_what_cannot_be_read_is_refused(part: Part) -> None:
    assert refuse(ask(user(part))) == "here"
