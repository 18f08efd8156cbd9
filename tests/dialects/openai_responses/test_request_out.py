"""What servers of Responses are asked, whatever the client's format was."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects import CODECS
from gateway.dialects.hub import (
    Audio,
    CacheMark,
    ChatRequest,
    Destination,
    Document,
    Family,
    Feature,
    Image,
    Loss,
    Losses,
    Media,
    Message,
    Opaque,
    OutputFormat,
    OutputKind,
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
    UpstreamCodec,
)
from gateway.entities import Dialect, Quirks
from gateway.errors import NotExpressibleError

ANTHROPIC = Dialect.ANTHROPIC_MESSAGES


def find_upstream() -> UpstreamCodec:
    upstream = CODECS[Dialect.OPENAI_RESPONSES].upstream
    assert upstream is not None
    return upstream


def dump(
    *messages: Message,
    dialect: Dialect = ANTHROPIC,
    model: str = "gpt-5.1",
    quirks: Quirks | None = None,
    **fields: Any,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    upstream = find_upstream()
    losses = Losses("openai_responses", upstream.losses)
    request = ChatRequest(dialect, "chat", messages or (user(Text("Hi")),), **fields)
    body = upstream.dump_request(request, Destination(model, quirks or Quirks()), losses)
    return body, losses.dropped


def user(*parts: Any) -> Message:
    return Message(Role.USER, parts, at="messages[0]")


def assistant(*parts: Any) -> Message:
    return Message(Role.ASSISTANT, parts, at="messages[1]")


def test_nothing_is_stored_and_thoughts_come_back_encrypted() -> None:
    body, dropped = dump()
    assert body == {
        "model": "gpt-5.1",
        "store": False,
        "input": [{"role": "user", "content": "Hi"}],
        "include": ["reasoning.encrypted_content"],
    }
    assert dropped == ()


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4o-mini", "openai/gpt-4o", "gpt-5-chat-latest"])
def test_a_model_that_does_not_think_is_asked_for_no_thoughts(model: str) -> None:
    body, dropped = dump(model=model, reasoning=ReasoningConfig(True, budget_tokens=2048))
    assert not {"include", "reasoning"} & body.keys()
    assert dropped == ("thinking",)


@pytest.mark.parametrize("model", ["o3", "o4-mini", "gpt-5", "openai.gpt-5.6-luna", "gpt-5-codex"])
def test_a_model_that_thinks_is_known_by_its_name(model: str) -> None:
    assert dump(model=model)[0]["include"] == ["reasoning.encrypted_content"]


def test_of_an_unknown_model_thoughts_are_kept_if_somebody_asks_for_some() -> None:
    assert "include" not in dump(model="my-deployment")[0]
    body, _ = dump(model="my-deployment", reasoning=ReasoningConfig(effort="low"))
    assert body["include"] == ["reasoning.encrypted_content"]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (ReasoningConfig(True, budget_tokens=1024), {"effort": "minimal"}),
        (ReasoningConfig(True, budget_tokens=10_000), {"effort": "medium"}),
        (ReasoningConfig(True, budget_tokens=32_000), {"effort": "high"}),
        (ReasoningConfig(True, budget_tokens=-1, show=True), {"summary": "auto"}),
        (ReasoningConfig(False), {"effort": "none"}),
        (ReasoningConfig(effort="high", summary="detailed"),
         {"effort": "high", "summary": "detailed"}),
        (ReasoningConfig(True, adaptive=True), None),
    ],
)  # fmt: skip
def test_thinking(asked: ReasoningConfig, wanted: dict[str, str] | None) -> None:
    assert dump(reasoning=asked)[0].get("reasoning") == wanted


def test_system_text_in_front_is_the_instructions_and_later_stays_in_its_place() -> None:
    system = Message(Role.SYSTEM, (Text("a"), Text("b")))
    late = Message(Role.SYSTEM, (Text("c"),))
    developer = Message(Role.DEVELOPER, (Text("d"),))
    body, _ = dump(system, user(Text("Hi")), late, developer)
    assert body["instructions"] == "a\n\nb"
    assert [item["role"] for item in body["input"]] == ["user", "system", "system"]
    body, _ = dump(developer, quirks=Quirks(is_openai=True))
    assert body["input"][0] == {"role": "developer", "content": "d"}


def test_a_turn_becomes_items_in_order() -> None:
    body, dropped = dump(
        user(Text("Hi")),
        assistant(
            Reasoning("", encrypted="gAAA", origin=Family.OPENAI, id="rs_1"),
            Text("Let me see."),
            ToolCall("toolu_1", "look", '{"a":1}'),
            ToolCall("toolu_2", "look", ""),
            ToolCall("c3", "patch", "free", custom=True),
        ),
        Message(
            Role.TOOL,
            (
                ToolResult("toolu_1", (Text("x"), Image(Media("image/png", data="aGk=")))),
                ToolResult("toolu_2", (Text("it broke"),), is_error=True),
                ToolResult("c3", ()),
            ),
        ),
    )
    assert body["input"][1:] == [
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
        {"role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "toolu_1", "name": "look", "arguments": '{"a":1}'},
        {"type": "function_call", "call_id": "toolu_2", "name": "look", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c3", "name": "patch", "input": "free"},
        {
            "type": "function_call_output",
            "call_id": "toolu_1",
            "output": [
                {"type": "input_text", "text": "x"},
                {"type": "input_image", "detail": "auto",
                 "image_url": "data:image/png;base64,aGk="},
            ],
        },
        {"type": "function_call_output", "call_id": "toolu_2", "output": "Error: it broke"},
        {"type": "custom_tool_call_output", "call_id": "c3", "output": ""},
    ]  # fmt: skip
    assert dropped == ()


def test_ids_of_calls_fit_into_64_characters_and_still_belong_together() -> None:
    body, _ = dump(
        assistant(ToolCall("x" * 80, "look", "{}", signature="sig", at="messages[1].content[0]")),
        Message(Role.TOOL, (ToolResult("x" * 80, (Text("1"),)),)),
    )
    call, result = body["input"]
    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) <= 64


def test_thoughts_of_others_are_reported() -> None:
    thought = Reasoning("hm", signature="s", origin=Family.ANTHROPIC, at="messages[1].content[0]")
    body, dropped = dump(assistant(thought, Text("Hi")))
    assert body["input"] == [{"role": "assistant", "content": "Hi"}]
    assert dropped == ("messages[1].content[0]",)


def test_raw_thoughts_go_back_to_an_open_model_alone() -> None:
    thought = Reasoning("hm", at="messages[1].content[0]")
    body, dropped = dump(assistant(thought, Text("Hi")), model="deepseek-v4")
    content = [{"type": "reasoning_text", "text": "hm"}]
    assert body["input"][0] == {"type": "reasoning", "summary": [], "content": content}
    assert dropped == ()
    assert dump(assistant(thought), model="gpt-5.1")[1] == ("messages[1].content[0]",)


def test_parts_of_all_kinds() -> None:
    body, dropped = dump(
        user(
            Text("See", cache=CacheMark(), at="messages[0].content[0]"),
            Image(Media(url="https://a.example/b.png"), detail="low"),
            Document(Media("application/pdf", data="aGk=")),
            Document(Media(url="https://a.example/b.pdf")),
            Document(Media("text/plain", text="plain"), name="a.txt", context="about"),
            Opaque(Family.ANTHROPIC, "x", {}, at="messages[0].content[5]"),
        ),
        assistant(Refusal("No.")),
    )
    assert body["input"] == [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "See"},
                {"type": "input_image", "detail": "low", "image_url": "https://a.example/b.png"},
                {"type": "input_file", "filename": "document.pdf",
                 "file_data": "data:application/pdf;base64,aGk="},
                {"type": "input_file", "file_url": "https://a.example/b.pdf"},
                {"type": "input_text", "text": "about"},
                {"type": "input_text",
                 "text": '<document title="a.txt">\nplain\n</document>'},
            ],
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "No."}],
        },
    ]  # fmt: skip
    assert dropped == ("messages[0].content[0]", "messages[0].content[5]")


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        (Audio(Media("audio/wav", data="aGk="), at="here"), {}),
        (Image(Media(file_id="file-1"), at="here"), {}),
    ],
)
def test_media_that_it_cannot_read_is_refused(part: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(NotExpressibleError) as caught:
        dump(user(part), **fields)
    assert caught.value.field == "here"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"candidates": 2}, "n"),
        ({"stop": ("END",)}, "stop"),
        ({"previous_id": "resp_1"}, "previous_id"),
        ({"modalities": ("text", "audio")}, "modalities"),
    ],
)
def test_what_changes_the_answer_is_refused(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(NotExpressibleError) as caught:
        dump(dialect=Dialect.OPENAI_CHAT, **fields)
    assert caught.value.field == place


def test_hints_are_dropped_and_reported() -> None:
    body, dropped = dump(
        dialect=Dialect.OPENAI_CHAT,
        seed=1,
        presence_penalty=0.5,
        frequency_penalty=0,
        logit_bias={"1": 1},
        top_k=3,
        prediction={"type": "content"},
        store=True,
        service_tier="turbo",
        candidates=1,
        modalities=("text",),
        extra={"prompt_cache_retention": "24h", "web_search_options": {}},
    )
    assert body["prompt_cache_retention"] == "24h"
    assert set(dropped) == {
        "seed", "presence_penalty", "logit_bias", "top_k", "prediction", "store", "service_tier",
        "web_search_options",
    }  # fmt: skip


def test_a_model_that_thinks_takes_no_temperature() -> None:
    body, dropped = dump(temperature=0.5, top_p=0.9)
    assert not {"temperature", "top_p"} & body.keys()
    assert dropped == ("temperature", "top_p")
    awake = ReasoningConfig(effort="none")
    assert dump(temperature=0.5, reasoning=awake)[0]["temperature"] == 0.5


def test_thoughts_that_led_to_nothing_are_left_out() -> None:
    thought = Reasoning("", encrypted="gAAA", origin=Family.OPENAI)
    body, _ = dump(user(Text("Hi")), assistant(thought), user(Text("Hi?")), assistant(thought))
    assert [item["role"] for item in body["input"]] == ["user", "user"]


def test_settings_under_its_names() -> None:
    body, dropped = dump(
        model="gpt-4.1",
        stream=True,
        max_tokens=1,
        temperature=0.5,
        top_p=0.9,
        parallel_calls=False,
        user="u" * 200,
        metadata={"a": "b"},
        cache_key="k",
        verbosity="low",
        service_tier="flex",
        logprobs=True,
        top_logprobs=2,
    )
    assert dropped == ()
    assert len(body.pop("safety_identifier")) == 64
    assert body == {
        "model": "gpt-4.1",
        "store": False,
        "stream": True,
        "input": [{"role": "user", "content": "Hi"}],
        "max_output_tokens": 16,
        "temperature": 0.5,
        "top_p": 0.9,
        "parallel_tool_calls": False,
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "text": {"verbosity": "low"},
        "service_tier": "flex",
        "top_logprobs": 2,
        "include": ["message.output_text.logprobs"],
    }


def test_silence_about_strict_is_a_no() -> None:
    tool = Tool("look", "d", {"type": "object", "properties": {}})
    assert dump(tools=(tool,))[0]["tools"][0]["strict"] is False
    assert "strict" not in dump(tools=(tool,), dialect=Dialect.OPENAI_RESPONSES)[0]["tools"][0]


def test_tools_and_the_choice_among_them() -> None:
    tools = (
        Tool("look"),
        Tool("patch", kind=ToolKind.CUSTOM, grammar={"type": "grammar"}),
        Tool("web_search", kind=ToolKind.HOSTED, family=Family.ANTHROPIC, at="tools[2]"),
    )
    choice = ToolChoice(ToolMode.REQUIRED, ("look", "patch"))
    body, dropped = dump(tools=tools, tool_choice=choice)
    assert body["tools"] == [
        {"type": "function", "name": "look", "strict": False,
         "parameters": {"type": "object", "properties": {}}},
        {"type": "custom", "name": "patch", "format": {"type": "grammar"}},
    ]  # fmt: skip
    assert body["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "look"}, {"type": "custom", "name": "patch"}],
    }
    assert dropped == ("tools[2]",)
    with pytest.raises(NotExpressibleError):
        dump(tools=tools, tool_choice=ToolChoice(ToolMode.NAMED, ("web_search",)))


def test_a_choice_without_tools_is_left_out() -> None:
    assert "tool_choice" not in dump(tool_choice=ToolChoice(ToolMode.NONE))[0]


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {"a": {}}, "required": ["a"],
          "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, False),
        ({"type": "object", "properties": {}}, False),
        ({"type": "array", "items": {"type": "object", "properties": {}}}, False),
        ({"type": "string"}, True),
    ],
)  # fmt: skip
def test_a_schema_is_strict_where_it_can_be(schema: dict[str, Any], strict: bool) -> None:
    form = dump(output=OutputFormat(OutputKind.SCHEMA, schema))[0]["text"]["format"]
    assert form == {"type": "json_schema", "name": "answer", "schema": schema, "strict": strict}


def test_json_is_named_in_the_input_where_the_client_could_not_know_that_it_has_to_be() -> None:
    output = OutputFormat(OutputKind.JSON)
    body, _ = dump(output=output)
    assert "JSON" in body["input"][-1]["content"]
    assert len(dump(user(Text("As json")), output=output)[0]["input"]) == 1
    assert len(dump(output=output, dialect=Dialect.OPENAI_CHAT)[0]["input"]) == 1


def test_what_a_server_does_not_know_is_dropped_or_called_otherwise() -> None:
    quirks = Quirks(
        unsupported=frozenset({"user", "reasoning_encrypted"}),
        renamed=(("max_output_tokens", "max_tokens"),),
    )
    body, dropped = dump(user="u", max_tokens=100, quirks=quirks)
    assert body["max_tokens"] == 100
    assert not {"include", "safety_identifier"} & body.keys()
    assert "metadata.user_id" in dropped


def test_every_loss_has_a_rule() -> None:
    table = find_upstream().losses
    expressed = {
        Feature.IMAGE, Feature.IMAGE_URL, Feature.IMAGE_DETAIL, Feature.DOCUMENT,
        Feature.DOCUMENT_URL, Feature.REFUSAL_HISTORY, Feature.LATE_SYSTEM,
        Feature.MEDIA_IN_TOOL_RESULT, Feature.TOOLS, Feature.STRICT_TOOL, Feature.CUSTOM_TOOL,
        Feature.TOOL_GRAMMAR, Feature.TOOL_CHOICE_NONE, Feature.TOOL_CHOICE_REQUIRED,
        Feature.ALLOWED_TOOLS, Feature.JSON_OBJECT, Feature.JSON_SCHEMA, Feature.SCHEMA_KEYWORD,
    }  # fmt: skip
    embeddings = {Feature.EMBEDDING_TOKENS, Feature.DIMENSIONS, Feature.TASK_TYPE}
    assert set(table) == set(Feature) - expressed - embeddings
    assert set(table.values()) == set(Loss)
