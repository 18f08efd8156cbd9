"""Requests for Converse: what Bedrock refuses never reaches it, what is lost is said."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gateway.dialects.bedrock.codec import CODEC
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
    Refusal,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolMode,
    ToolResult,
)
from gateway.entities import Dialect
from gateway.errors import NotExpressibleError

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OLD_CLAUDE = "anthropic.claude-3-7-sonnet-20250219-v1:0"
NEW_CLAUDE = "eu.anthropic.claude-opus-4-6-v1:0"
NOVA = "us.amazon.nova-lite-v1:0"
LLAMA = "meta.llama3-1-70b-instruct-v1:0"
PIXEL = "iVBORw0KGgoAAAANSUhEUg=="
WEATHER = Tool("weather", "Tells it", {"type": "object", "properties": {}}, at="tools[0]")
CALL = ToolCall("call_1", "weather", '{"city":"Rome"}', at="messages[1].tool_calls[0]")
RESULT = ToolResult("call_1", (Text("sunny"),), at="messages[2]")
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


def user(*parts: Part | str) -> Message:
    return say(Role.USER, *parts)


def say(role: Role, *parts: Part | str) -> Message:
    texts = (Text(part) if isinstance(part, str) else part for part in parts)
    return Message(role, tuple(texts), at="messages[0]")


def ask(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(Dialect.OPENAI_CHAT, "chat", messages or (user("Hi"),), **fields)


def dump(request: ChatRequest, model: str = CLAUDE) -> tuple[dict[str, Any], list[str]]:
    assert CODEC.upstream is not None
    losses = Losses("bedrock_converse", CODEC.upstream.losses)
    body = CODEC.upstream.dump_request(request, Destination(model), losses)
    return body, list(losses.dropped)


def refuse(request: ChatRequest, model: str = CLAUDE) -> str | None:
    with pytest.raises(NotExpressibleError) as caught:
        dump(request, model)
    return caught.value.field


LOOP = (user("Weather?"), say(Role.ASSISTANT, CALL), say(Role.TOOL, RESULT))


def test_plain_question() -> None:
    request = ask(
        say(Role.SYSTEM, "Be brief."),
        user("Hi"),
        max_tokens=10,
        temperature=0.5,
        top_p=0.9,
        stop=("END",),
        stream=True,
    )
    assert dump(request, NOVA) == (
        {
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {
                "maxTokens": 10,
                "temperature": 0.5,
                "topP": 0.9,
                "stopSequences": ["END"],
            },
        },
        [],
    )


def test_turns_alternate_begin_with_the_user_and_have_no_blank_text() -> None:
    request = ask(
        say(Role.ASSISTANT, "Welcome", ""),
        user("a", " \n"),
        user("b"),
        say(Role.ASSISTANT, "  "),
        user("c"),
        say(Role.ASSISTANT, "It is "),
    )
    body, dropped = dump(request)
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user", "assistant"]
    assert body["messages"][1]["content"] == [{"text": "Welcome"}]
    assert body["messages"][2]["content"] == [{"text": "a"}, {"text": "b"}, {"text": "c"}]
    assert body["messages"][3]["content"] == [{"text": "It is"}]
    assert dropped == []


def test_a_late_system_message_stays_in_its_place() -> None:
    body, _ = dump(ask(user("a"), say(Role.DEVELOPER, "Be kind."), user("b")))
    texts = [block["text"] for block in body["messages"][0]["content"]]
    assert texts == ["a", "<system>Be kind.</system>", "b"]
    assert "system" not in body


def test_tool_loop_with_results_first_and_tools_always_declared() -> None:
    request = ask(
        user("Weather?"),
        say(Role.ASSISTANT, "Let me see", CALL, ToolCall("call 2/ü", "weather", "")),
        say(Role.TOOL, RESULT),
        user("Quick!"),
        say(Role.TOOL, ToolResult("call 2/ü", (Text(""),), is_error=True)),
    )
    body, dropped = dump(request)
    assistant, results = body["messages"][1]["content"], body["messages"][2]["content"]
    assert assistant[1] == {
        "toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Rome"}}
    }
    made = assistant[2]["toolUse"]["toolUseId"]
    assert made.startswith("tooluse_")
    assert len(made) == 32
    assert results == [
        {"toolResult": {"toolUseId": "call_1", "content": [{"text": "sunny"}]}},
        {
            "toolResult": {
                "toolUseId": made,
                "content": [{"text": "(no output)"}],
                "status": "error",
            }
        },
        {"text": "Quick!"},
    ]
    assert [spec["toolSpec"]["name"] for spec in body["toolConfig"]["tools"]] == ["weather"]
    assert "toolChoice" not in body["toolConfig"]
    assert dropped == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", {}),
        ('{"b":1,"a":2}', {"b": 1, "a": 2}),
        ('{"n":123456789012345678901234567890}', {"n": 123456789012345678901234567890}),
        ('{"broken', {"_raw": '{"broken'}),
        ("[1]", {"_raw": "[1]"}),
    ],
)
def test_arguments_of_every_kind(arguments: str, expected: dict[str, Any]) -> None:
    call = ToolCall("call_1", "weather", arguments)
    body, _ = dump(ask(user("?"), say(Role.ASSISTANT, call), say(Role.TOOL, RESULT)))
    assert body["messages"][1]["content"][0]["toolUse"]["input"] == expected


def test_tool_choices() -> None:
    def choose(mode: ToolMode, *names: str, model: str = CLAUDE) -> Any:
        tools = (WEATHER, Tool("time"))
        return dump(ask(tools=tools, tool_choice=ToolChoice(mode, names)), model)[0].get(
            "toolConfig"
        )

    assert "toolChoice" not in choose(ToolMode.AUTO)
    assert choose(ToolMode.REQUIRED)["toolChoice"] == {"any": {}}
    assert choose(ToolMode.NAMED, "time")["toolChoice"] == {"tool": {"name": "time"}}
    assert choose(ToolMode.NONE) is None
    assert [one["toolSpec"]["name"] for one in choose(ToolMode.AUTO, "time")["tools"]] == ["time"]
    loop = ask(*LOOP, tools=(WEATHER,), tool_choice=ToolChoice(ToolMode.NONE))
    assert refuse(loop) == "tool_choice"
    forced = ask(tools=(WEATHER,), tool_choice=ToolChoice(ToolMode.REQUIRED))
    assert refuse(forced, LLAMA) == "tool_choice"
    missing = ask(tools=(WEATHER,), tool_choice=ToolChoice(ToolMode.NAMED, ("other",)))
    assert refuse(missing) == "tool_choice"


def test_tools_as_converse_takes_them() -> None:
    tools = (
        Tool("none"),
        Tool("strict", "", CLOSED, strict=True),
        Tool("loose", None, {"properties": {}}, strict=True, at="tools[2]"),
        Tool("free", kind=ToolKind.CUSTOM, grammar={"type": "grammar"}, at="tools[3]"),
        Tool("search", kind=ToolKind.HOSTED, at="tools[4]"),
    )
    body, dropped = dump(ask(tools=tools))
    none, strict, loose, free = (one["toolSpec"] for one in body["toolConfig"]["tools"])
    assert none == {"name": "none", "inputSchema": {"json": {"type": "object", "properties": {}}}}
    assert strict == {"name": "strict", "inputSchema": {"json": CLOSED}, "strict": True}
    assert loose["inputSchema"]["json"] == {"type": "object", "properties": {}}
    assert free["inputSchema"]["json"]["required"] == ["input"]
    assert dropped == ["tools[4]", "tools[2].strict", "tools[3].format"]
    assert refuse(ask(tools=(Tool("a.b", at="tools[0]"),))) == "tools[0]"


def test_calls_one_at_a_time() -> None:
    request = ask(tools=(WEATHER,), parallel_calls=False)
    fields = dump(request)[0]["additionalModelRequestFields"]
    assert fields == {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
    assert dump(request, NOVA)[1] == ["parallel_tool_calls"]


def test_media_come_as_bytes_only() -> None:
    parts = (
        Image(Media(None, PIXEL)),
        Image(Media("image/jpeg; q=1", url="s3://bucket/a.jpg")),
        Document(Media("application/pdf", "JVBERi0="), name="A/B_c..  (1).pdf"),
        Document(Media(text="words"), name="A B c (1) pdf", context="old", citations=True),
        Audio(Media("audio/wav", "UklGRg==")),
    )
    body, dropped = dump(ask(user(*parts)))
    content = body["messages"][0]["content"]
    assert content[0] == {"image": {"format": "png", "source": {"bytes": PIXEL}}}
    s3 = {"s3Location": {"uri": "s3://bucket/a.jpg"}}
    assert content[1] == {"image": {"format": "jpeg", "source": s3}}
    assert content[2]["document"]["name"] == "A B c (1) pdf"
    assert content[3] == {
        "document": {
            "format": "txt",
            "source": {"bytes": base64.b64encode(b"words").decode()},
            "name": "A B c (1) pdf (2)",
            "context": "old",
            "citations": {"enabled": True},
        }
    }
    assert content[4] == {"audio": {"format": "wav", "source": {"bytes": "UklGRg=="}}}
    assert content[5]["text"]  # a document never stands without words
    assert dropped == []


@pytest.mark.parametrize(
    "part",
    [
        Image(Media(url="https://example.org/a.png"), at="here"),
        Image(Media("image/tiff", "AAAA"), at="here"),
        Document(Media(url="https://example.org/a.pdf"), at="here"),
        Document(Media(file_id="file-1"), at="here"),
        ToolResult("call_1", (Audio(Media("audio/wav", "AA=="), at="here"),)),
    ],
)
def test_what_cannot_be_read_is_refused(part: Part) -> None:
    assert refuse(ask(user(part))) == "here"


def test_cache_points() -> None:
    mark = CacheMark("1h")
    request = ask(
        say(Role.SYSTEM, Text("s", cache=CacheMark())),
        user(Document(Media(text="d"), cache=mark), Text("a", cache=mark, at="here")),
        tools=(Tool("t", cache=mark, at="tools[0]"),),
    )
    point, long = {"cachePoint": {"type": "default"}}, {"type": "default", "ttl": "1h"}
    body, dropped = dump(request)
    assert body["system"] == [{"text": "s"}, point]
    content = body["messages"][0]["content"]
    assert content[1:] == [
        {"text": "\n"},
        {"cachePoint": long},
        {"text": "a"},
        {"cachePoint": long},
    ]
    assert body["toolConfig"]["tools"][1] == point
    assert dropped == []
    assert "here.cache_control" in dump(request, LLAMA)[1]
    assert dump(request, NOVA)[1] == ["tools[0].cache_control"]


def test_a_cache_point_within_a_result_comes_behind_it() -> None:
    text = Text("sunny", cache=CacheMark())
    content = dump(ask(*LOOP[:2], say(Role.TOOL, ToolResult("call_1", (text,)))))[0]["messages"][2]
    assert content["content"] == [
        {"toolResult": {"toolUseId": "call_1", "content": [{"text": "sunny"}]}},
        {"cachePoint": {"type": "default"}},
    ]


def test_thoughts_go_back_to_claude_alone() -> None:
    signed = Reasoning("hm", signature="sig", origin=Family.ANTHROPIC, at="here")
    hidden = Reasoning(encrypted="abc", redacted=True, origin=Family.ANTHROPIC, at="there")
    foreign = Reasoning("hm", signature="sig", origin=Family.GEMINI, at="foreign")
    request = ask(user("a"), say(Role.ASSISTANT, signed, hidden, foreign, "b"), user("c"))
    body, dropped = dump(request)
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "abc"}},
        {"text": "b"},
    ]
    assert dropped == ["foreign"]
    assert dump(request, NOVA)[1] == ["here", "there", "foreign"]


@pytest.mark.parametrize(
    ("model", "wish", "fields"),
    [
        (CLAUDE, ReasoningConfig(budget_tokens=2000), {"budget_tokens": 2000, "type": "enabled"}),
        (CLAUDE, ReasoningConfig(effort="low"), {"budget_tokens": 2048, "type": "enabled"}),
        (OLD_CLAUDE, ReasoningConfig(effort="high"), {"budget_tokens": 7200, "type": "enabled"}),
        (NEW_CLAUDE, ReasoningConfig(adaptive=True, enabled=True), {"type": "adaptive"}),
    ],
)
def test_claude_is_asked_to_think(model: str, wish: ReasoningConfig, fields: Any) -> None:
    body, dropped = dump(ask(reasoning=wish, max_tokens=9000), model)
    assert body["additionalModelRequestFields"] == {"thinking": fields}
    assert dropped == []


def test_others_are_asked_to_think_in_their_makers_words() -> None:
    wish = ask(reasoning=ReasoningConfig(effort="minimal"))
    assert dump(wish, NEW_CLAUDE)[0]["additionalModelRequestFields"] == {
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low"},
    }
    assert dump(wish, "us.amazon.nova-2-lite-v1:0")[0]["additionalModelRequestFields"] == {
        "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}
    }
    assert dump(wish, "openai.gpt-oss-120b-1:0")[0]["additionalModelRequestFields"] == {
        "reasoning_effort": "low"
    }
    assert dump(wish, LLAMA) == (
        {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "inferenceConfig": {}},
        ["reasoning_effort"],
    )
    assert dump(ask(reasoning=ReasoningConfig(effort="none")))[1] == []


def test_what_a_thinking_claude_refuses_is_left_out() -> None:
    wish = ReasoningConfig(budget_tokens=2000)
    body, dropped = dump(ask(reasoning=wish, temperature=0.2, top_p=0.5, top_k=3))
    assert body["inferenceConfig"] == {}
    assert dropped == ["temperature", "top_p", "top_k"]
    forced = ask(reasoning=wish, tools=(WEATHER,), tool_choice=ToolChoice(ToolMode.REQUIRED))
    assert dump(forced)[1] == ["reasoning_effort"]
    assert dump(ask(*LOOP, reasoning=wish))[1] == ["reasoning_effort"]
    assert dump(ask(*LOOP, reasoning=wish), NEW_CLAUDE)[1] == []
    assert dump(ask(reasoning=wish, max_tokens=500))[1] == ["reasoning_effort"]


def test_structured_answers_by_schema_or_by_a_tool() -> None:
    closed = OutputFormat(OutputKind.SCHEMA, CLOSED, "Form", "The form.")
    body, _ = dump(ask(output=closed))
    assert body["outputConfig"]["textFormat"]["structure"]["jsonSchema"] == {
        "schema": '{"type":"object","properties":{"a":{"type":"string"}},'
        '"additionalProperties":false}',
        "name": "Form",
        "description": "The form.",
    }
    assert "toolConfig" not in body
    loose = OutputFormat(OutputKind.SCHEMA, {"type": "object", "properties": {}})
    for request, model in ((ask(output=loose), CLAUDE), (ask(output=closed), NOVA)):
        config = dump(request, model)[0]["toolConfig"]
        assert config["toolChoice"] == {"tool": {"name": "lockgate_answer"}}
    beside = dump(ask(output=loose, tools=(WEATHER,)))[0]["toolConfig"]
    assert beside["toolChoice"] == {"any": {}}
    assert [one["toolSpec"]["name"] for one in beside["tools"]] == ["weather", "lockgate_answer"]
    assert dump(ask(output=OutputFormat(OutputKind.JSON)))[0]["toolConfig"]["toolChoice"]
    assert refuse(ask(output=closed), LLAMA) == "response_format"


def test_makers_own_names_of_top_k() -> None:
    def find(model: str) -> Any:
        return dump(ask(top_k=5), model)[0].get("additionalModelRequestFields")

    assert find(CLAUDE) == {"top_k": 5}
    assert find(NOVA) == {"inferenceConfig": {"topK": 5}}
    assert find("cohere.command-r-v1:0") == {"k": 5}
    assert find("mistral.mistral-large-2407-v1:0") == {"top_k": 5}
    assert dump(ask(top_k=5), LLAMA)[1] == ["top_k"]


def test_hints_are_reported() -> None:
    request = ask(
        Message(Role.USER, (Text("a"),), name="Bo", extra={"x": 1}, at="messages[0]"),
        say(Role.ASSISTANT, Refusal("No."), Opaque(Family.OPENAI, "odd", {}, at="odd")),
        user("b"),
        seed=1,
        user="u",
        presence_penalty=0.5,
        temperature=1.5,
        metadata={"team": "a", "bad": "ü"},
        service_tier="weird",
        verbosity="low",
        extra={"web_search_options": {}},
        logprobs=False,
        candidates=1,
    )
    body, dropped = dump(request)
    assert body["inferenceConfig"] == {"temperature": 1.0}
    assert body["messages"][1]["content"] == [{"text": "No."}]
    assert dropped == [
        "seed",
        "presence_penalty",
        "verbosity",
        "user",
        "web_search_options",
        "messages[0].x",
        "messages[0].name",
        "odd",
        "temperature",
        "service_tier",
        "metadata",
    ]


def test_labels_and_tiers_that_bedrock_knows() -> None:
    body, dropped = dump(ask(metadata={"team": "a b"}, service_tier="flex", stop=("x",)))
    assert body["requestMetadata"] == {"team": "a b"}
    assert body["serviceTier"] == {"type": "flex"}
    assert body["additionalModelResponseFieldPaths"] == ["/stop_sequence"]
    assert dropped == []


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"candidates": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"previous_id": "r"}, "previous_id"),
        ({"modalities": ("text", "audio")}, "modalities"),
    ],
)
def test_what_would_mislead_the_client_is_refused(fields: dict[str, Any], place: str) -> None:
    assert refuse(ask(**fields)) == place


def test_a_count_takes_what_is_input() -> None:
    codec = CODEC.upstream
    assert codec is not None
    assert codec.dump_count is not None
    request = ask(say(Role.SYSTEM, "s"), user("Hi"), tools=(WEATHER,), max_tokens=5)
    losses = Losses("bedrock_converse", codec.losses)
    body = codec.dump_count(request, Destination(CLAUDE), losses)
    assert list(body["input"]["converse"]) == ["messages", "system", "toolConfig"]
