"""What Gemini is asked, whatever the client's format."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gateway.dialects.gemini.request_out import LOSSES, dump_count, dump_request
from gateway.dialects.hub import (
    Audio,
    CacheMark,
    ChatRequest,
    Destination,
    Document,
    Family,
    Feature,
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
    Video,
)
from gateway.entities import Dialect, Quirks
from gateway.errors import NotExpressibleError

PIXEL = Media("image/png", data="iVBORw0KGgo=")
FUNCTION = Tool("f", "does", {"type": "object"}, at="tools[0]")
ASKED = ChatRequest(
    Dialect.OPENAI_CHAT, "chat", (Message(Role.USER, (Text("hi"),), at="messages[0]"),)
)


def dump(
    request: ChatRequest = ASKED,
    model: str = "gemini-2.5-flash",
    quirks: Quirks | None = None,
    **changes: Any,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    losses = Losses("Gemini", LOSSES)
    to = Destination(model, quirks or Quirks())
    return dump_request(dataclasses.replace(request, **changes), to, losses), losses.dropped


def dump_turns(
    *messages: tuple[Role, tuple[Part, ...]],
    model: str = "gemini-2.5-flash",
    dialect: Dialect = Dialect.OPENAI_CHAT,
    quirks: Quirks | None = None,
) -> list[dict[str, Any]]:
    turns = tuple(Message(role, parts, at="messages[0]") for role, parts in messages)
    body, _ = dump(ChatRequest(dialect, "chat", turns), model, quirks)
    return list(body["contents"])


def dump_part(part: Part, **more: Any) -> dict[str, Any]:
    (turn,) = dump_turns((Role.USER, (part,)), **more)
    (dumped,) = turn["parts"]
    return dict(dumped)


def test_every_feature_has_its_fate() -> None:
    of_vectors = {Feature.EMBEDDING_TOKENS, Feature.DIMENSIONS, Feature.TASK_TYPE}
    known = {Feature.TOOLS, Feature.TOOL_CHOICE_NONE, Feature.TOOL_CHOICE_REQUIRED}
    assert set(Feature) - set(LOSSES) <= known | of_vectors


def test_the_user_speaks_first_and_turns_alternate() -> None:
    turns = dump_turns(
        (Role.ASSISTANT, (Text("a"),)),
        (Role.ASSISTANT, (Text(""),)),
        (Role.ASSISTANT, (Text("b"),)),
        (Role.USER, (Text("c"),)),
    )
    assert turns == [
        {"role": "user", "parts": [{"text": " "}]},
        {"role": "model", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "user", "parts": [{"text": "c"}]},
    ]


def test_a_system_message_alone_still_asks() -> None:
    body, _ = dump(messages=(Message(Role.SYSTEM, (Text("s"),)),))
    assert body == {
        "contents": [{"role": "user", "parts": [{"text": " "}]}],
        "systemInstruction": {"parts": [{"text": "s"}]},
    }


@pytest.mark.parametrize(
    ("part", "dumped"),
    [
        (Image(PIXEL), {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}),
        (
            Image(Media(data="/9j/4A==")),
            {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/4A=="}},
        ),
        (
            Audio(Media("audio/mp3", "AA==")),
            {"inlineData": {"mimeType": "audio/mp3", "data": "AA=="}},
        ),
        (Video(Media(data="AA==")), {"inlineData": {"mimeType": "video/mp4", "data": "AA=="}}),
        (
            Document(Media(data="JVBERi0=")),
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
        ),
        (Document(Media(text="hé")), {"inlineData": {"mimeType": "text/plain", "data": "aMOp"}}),
        (
            Image(Media("image/png", url="gs://b/a")),
            {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a"}},
        ),
        (Video(Media(url="https://youtu.be/x")), {"fileData": {"fileUri": "https://youtu.be/x"}}),
        (Refusal("no"), {"text": "no"}),
        (Opaque(Family.GEMINI, "x", {"x": 1}), {"x": 1}),
    ],
)
def test_a_part(part: Part, dumped: dict[str, Any]) -> None:
    assert dump_part(part) == dumped


@pytest.mark.parametrize(
    "part",
    [
        Image(Media(url="https://example.com/a.png"), at="messages[0].content[0]"),
        Document(Media(url="https://example.com/a.pdf"), at="messages[0].content[0]"),
        Video(Media(url="https://example.com/a.mp4"), at="messages[0].content[0]"),
        Audio(Media(url="https://example.com/a.mp3"), at="messages[0].content[0]"),
        Document(Media(file_id="file-1"), at="messages[0].content[0]"),
    ],
)
def test_what_google_cannot_fetch_is_refused(part: Part) -> None:
    with pytest.raises(NotExpressibleError) as caught:
        dump_part(part)
    assert caught.value.field == "messages[0].content[0]"


def test_what_is_lost_is_told() -> None:
    parts = (
        Text("x", cache=CacheMark(), at="a"),
        Image(PIXEL, detail="high", at="b"),
        Document(Media(data="JVBERi0="), context="c", citations=True, at="c"),
        Reasoning("Hm.", "ErUB", origin=Family.ANTHROPIC, at="d"),
        Opaque(Family.ANTHROPIC, "server_tool_use", {}, at="e"),
    )
    body, dropped = dump(messages=(Message(Role.USER, parts, name="n", at="m"),), extra={"x": 1})
    assert len(body["contents"][0]["parts"]) == 3
    assert dropped == (
        *("a.cache_control", "b.detail", "c.context", "c.citations", "d", "e"),
        *("x", "m.name"),
    )


def test_a_call_without_ids_for_servers_that_know_none() -> None:
    turns = dump_turns(
        (Role.USER, (Text("hi"),)),
        (Role.ASSISTANT, (ToolCall("c", "f", "{}"),)),
        (Role.TOOL, (ToolResult("c", (Text("x"),)),)),
        quirks=Quirks(call_ids=False),
    )
    assert turns[1]["parts"] == [{"functionCall": {"name": "f", "args": {}}}]
    assert turns[2]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]


def test_results_stand_together_before_what_they_show() -> None:
    turns = dump_turns(
        (Role.USER, (Text("hi"),)),
        (Role.ASSISTANT, (ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}"))),
        (Role.TOOL, (ToolResult("c", (Image(PIXEL),)),)),
        (Role.TOOL, (ToolResult("d", (Text("x"),)),)),
    )
    assert [next(iter(part)) for part in turns[2]["parts"]] == [
        *("functionResponse", "functionResponse", "text", "inlineData"),
    ]


def test_a_custom_call_is_a_function_with_one_input() -> None:
    tool = Tool("sh", kind=ToolKind.CUSTOM, grammar={"type": "grammar"}, at="tools[0]")
    body, dropped = dump(
        messages=(*ASKED.messages, Message(Role.ASSISTANT, (ToolCall("c", "sh", "ls", True),))),
        tools=(tool,),
    )
    (declared,) = body["tools"][0]["functionDeclarations"]
    assert declared["parametersJsonSchema"]["required"] == ["input"]
    assert body["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": "ls"}
    assert dropped == ("tools[0].format",)


def test_own_thoughts_and_signatures_go_back() -> None:
    turns = dump_turns(
        (Role.USER, (Text("hi"),)),
        (
            Role.ASSISTANT,
            (
                Reasoning("Hm.", "sig1", origin=Family.GEMINI),
                Text("", signature="sig2"),
                ToolCall("c", "f", "{}", signature="sig3"),
            ),
        ),
        model="models/gemini-3-flash",
    )
    assert turns[1]["parts"] == [
        {"text": "Hm.", "thought": True, "thoughtSignature": "sig1"},
        {"text": "", "thoughtSignature": "sig2"},
        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "sig3"},
    ]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (None, None),
        (ToolChoice(ToolMode.AUTO), {"mode": "AUTO"}),
        (ToolChoice(ToolMode.NONE), {"mode": "NONE"}),
        (ToolChoice(ToolMode.REQUIRED), {"mode": "ANY"}),
        (ToolChoice(ToolMode.REQUIRED, ("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice(ToolMode.NAMED, ("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice(ToolMode.AUTO, ("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (ToolChoice(ToolMode.AUTO, strict=True), {"mode": "VALIDATED"}),
    ],
)
def test_how_tools_may_be_called(choice: ToolChoice | None, calling: Any) -> None:
    body, _ = dump(tools=(FUNCTION,), tool_choice=choice)
    assert body.get("toolConfig", {}).get("functionCallingConfig") == calling


def test_a_strict_tool_is_validated() -> None:
    body, dropped = dump(tools=(dataclasses.replace(FUNCTION, strict=True),))
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "VALIDATED"}
    assert not dropped


def test_hosted_tools_stay_with_their_vendor() -> None:
    own = Tool("googleSearch", kind=ToolKind.HOSTED, raw={"googleSearch": {}}, family=Family.GEMINI)
    foreign = Tool("web", kind=ToolKind.HOSTED, raw={}, family=Family.OPENAI, at="tools[1]")
    body, dropped = dump(tools=(own, foreign), parallel_calls=False)
    assert body["tools"] == [{"googleSearch": {}}]
    assert dropped == ("tools[1]",)
    with pytest.raises(NotExpressibleError) as caught:
        dump(tools=(foreign, FUNCTION), tool_choice=ToolChoice(ToolMode.NAMED, ("web",)))
    assert caught.value.field == "tool_choice"


FORM = OutputFormat(OutputKind.SCHEMA, {"type": "object"})


@pytest.mark.parametrize(
    ("model", "tools", "choice", "calling"),
    [
        ("gemini-2.5-flash", (FUNCTION,), None, {"mode": "ANY"}),
        (
            "gemini-2.5-flash",
            (FUNCTION,),
            ToolChoice(ToolMode.NONE),
            {"mode": "ANY", "allowedFunctionNames": ["lockgate_answer"]},
        ),
        (
            "gemini-2.5-flash",
            (FUNCTION,),
            ToolChoice(ToolMode.NAMED, ("f",)),
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
        ("gemini-2.5-flash", (), None, None),
        ("gemini-3-flash", (FUNCTION,), None, None),
    ],
)
def test_an_answer_in_a_form(model: str, tools: Any, choice: Any, calling: Any) -> None:
    body, _ = dump(model=model, tools=tools, tool_choice=choice, output=FORM)
    assert body.get("toolConfig", {}).get("functionCallingConfig") == calling
    has_form = "responseJsonSchema" in body.get("generationConfig", {})
    assert has_form is (calling is None)


def test_json_beside_tools_takes_the_third_generation() -> None:
    form = OutputFormat(OutputKind.JSON)
    body, _ = dump(model="gemini-3-flash", tools=(FUNCTION,), output=form)
    assert body["generationConfig"] == {"responseMimeType": "application/json"}
    with pytest.raises(NotExpressibleError):
        dump(tools=(FUNCTION,), output=form)


def test_servers_of_the_subset_get_it() -> None:
    schema = {"type": "object", "additionalProperties": False}
    body, dropped = dump(
        quirks=Quirks(openapi_schema=True),
        tools=(dataclasses.replace(FUNCTION, parameters=schema),),
    )
    assert body["tools"][0]["functionDeclarations"][0]["parameters"] == {"type": "OBJECT"}
    assert dropped == ("tools[0].additionalProperties",)
    body, dropped = dump(
        quirks=Quirks(openapi_schema=True), output=OutputFormat(OutputKind.SCHEMA, schema)
    )
    assert body["generationConfig"]["responseSchema"] == {"type": "OBJECT"}
    assert dropped == ("response_format.additionalProperties",)


@pytest.mark.parametrize(
    ("model", "asked", "config", "is_lost"),
    [
        ("gemini-2.5-flash", ReasoningConfig(effort="low"), {"thinkingBudget": 1024}, False),
        ("gemini-2.5-flash", ReasoningConfig(effort="max"), {"thinkingBudget": 24576}, False),
        ("gemini-2.5-flash", ReasoningConfig(effort="none"), {"thinkingBudget": 0}, False),
        ("gemini-2.5-pro", ReasoningConfig(enabled=False), {"thinkingBudget": 128}, True),
        (
            "gemini-2.5-pro",
            ReasoningConfig(enabled=True, budget_tokens=90_000),
            {"thinkingBudget": 32768},
            False,
        ),
        (
            "gemini-2.5-flash-lite",
            ReasoningConfig(enabled=True, budget_tokens=100),
            {"thinkingBudget": 512},
            False,
        ),
        ("gemini-2.5-pro", ReasoningConfig(adaptive=True), {"thinkingBudget": -1}, False),
        (
            "gemini-3-pro-preview",
            ReasoningConfig(effort="minimal"),
            {"thinkingLevel": "LOW"},
            False,
        ),
        (
            "gemini-3-pro-preview",
            ReasoningConfig(effort="medium"),
            {"thinkingLevel": "HIGH"},
            False,
        ),
        ("gemini-3.1-pro", ReasoningConfig(effort="medium"), {"thinkingLevel": "MEDIUM"}, False),
        ("gemini-3-flash", ReasoningConfig(effort="minimal"), {"thinkingLevel": "MINIMAL"}, False),
        ("gemini-3.8-flash", ReasoningConfig(effort="minimal"), {"thinkingLevel": "LOW"}, False),
        ("gemini-3-flash", ReasoningConfig(enabled=False), {"thinkingLevel": "MINIMAL"}, True),
        ("gemini-3-flash", ReasoningConfig(budget_tokens=30_000), {"thinkingLevel": "HIGH"}, False),
        ("gemini-3-flash", ReasoningConfig(adaptive=True), {}, False),
        ("gemini-3-flash", ReasoningConfig(effort="odd"), {}, False),
        ("gemini-flash-latest", ReasoningConfig(effort="xhigh"), {"thinkingLevel": "HIGH"}, False),
        ("gemini-2.0-flash", ReasoningConfig(effort="high"), None, True),
        ("gemini-2.0-flash", ReasoningConfig(effort="none"), None, False),
        ("my-tuned-model", ReasoningConfig(effort="high"), None, True),
        ("gemini-2.5-flash-image", ReasoningConfig(effort="high"), None, True),
    ],
)
def test_how_much_to_think(
    model: str, asked: ReasoningConfig, config: dict[str, Any] | None, is_lost: bool
) -> None:
    body, dropped = dump(model=f"publishers/google/models/{model}", reasoning=asked)
    shown = asked.enabled is not False and asked.effort != "none" and config is not None
    expected = config if not shown or config is None else {**config, "includeThoughts": True}
    assert body.get("generationConfig", {}).get("thinkingConfig") == expected
    assert dropped == (("reasoning_effort",) if is_lost else ())


def test_thoughts_are_hidden_from_who_does_not_want_them() -> None:
    body, _ = dump(reasoning=ReasoningConfig(effort="low", show=False))
    assert body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 1024}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stop": ("a", "b", "c", "d", "e", "f")}, "stop"),
        ({"previous_id": "resp_1"}, "previous_id"),
        ({"modalities": ("text", "audio"), "audio": {"voice": "x"}}, "modalities"),
        ({"modalities": ("smell",)}, "modalities"),
    ],
)
def test_what_would_change_the_answer_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(NotExpressibleError) as caught:
        dump(**changes)
    assert caught.value.field == field


def test_pictures_may_be_part_of_the_answer() -> None:
    body, _ = dump(modalities=("text", "image"))
    assert body["generationConfig"]["responseModalities"] == ["TEXT", "IMAGE"]


@pytest.mark.parametrize(
    ("tier", "sent", "dropped"),
    [("flex", "flex", ()), ("auto", None, ()), ("scale", None, ("service_tier",))],
)
def test_service_tiers(tier: str, sent: str | None, dropped: tuple[str, ...]) -> None:
    body, lost = dump(service_tier=tier)
    assert (body.get("serviceTier"), lost) == (sent, dropped)


def test_a_server_that_refuses_a_field_does_not_get_it() -> None:
    body, dropped = dump(quirks=Quirks(unsupported=frozenset({"seed", "reasoning"})), seed=1)
    assert "generationConfig" not in body
    assert dropped == ("seed",)


def test_a_count_wraps_the_request_or_takes_its_fields() -> None:
    request = dataclasses.replace(ASKED, max_tokens=5)
    losses = Losses("Gemini", LOSSES)
    wrapped = dump_count(request, Destination("gemini-2.5-flash"), losses)
    assert wrapped["generateContentRequest"]["model"] == "models/gemini-2.5-flash"
    flat = dump_count(request, Destination("g", Quirks(flat_count=True)), losses)
    assert list(flat) == ["contents", "generationConfig"]
