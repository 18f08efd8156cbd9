"""What Gemini's clients send, in the hub's words."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.gemini.request_in import parse_request
from gateway.dialects.gemini.thoughts import pack
from gateway.dialects.hub import (
    Audio,
    ChatRequest,
    Document,
    Family,
    Image,
    Opaque,
    OutputKind,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolMode,
    ToolResult,
    Video,
)
from gateway.errors import MalformedRequestError

HELLO = [{"role": "user", "parts": [{"text": "hi"}]}]


def parse(**body: Any) -> ChatRequest:
    return parse_request({"contents": HELLO} | body, "chat", False)


def parse_parts(*parts: dict[str, Any], role: str = "user") -> tuple[Any, ...]:
    request = parse(contents=[{"role": role, "parts": list(parts)}])
    return tuple(part for message in request.messages for part in message.parts)


@pytest.mark.parametrize(
    "instruction",
    [
        "Be brief.",
        {"parts": [{"text": "Be brief."}], "role": "user"},
        {"text": "Be brief."},
        [{"text": "Be brief."}],
    ],
)
@pytest.mark.parametrize("name", ["systemInstruction", "system_instruction"])
def test_a_system_instruction_has_many_forms(name: str, instruction: Any) -> None:
    first = parse(**{name: instruction}).messages[0]
    assert first.role is Role.SYSTEM
    assert [part.text for part in first.parts if isinstance(part, Text)] == ["Be brief."]
    assert first.at == "systemInstruction"


def test_both_spellings_mean_the_same() -> None:
    camel = parse(
        generationConfig={"maxOutputTokens": 5, "thinkingConfig": {"includeThoughts": True}},
        toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}},
        tools=[{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"a_b": 1}}]}],
    )
    snake = parse(
        generation_config={"max_output_tokens": 5, "thinking_config": {"include_thoughts": True}},
        tool_config={
            "function_calling_config": {"mode": "any", "allowed_function_names": ["f", "g"]}
        },
        tools=[{"function_declarations": [{"name": "f", "parameters_json_schema": {"a_b": 1}}]}],
    )
    assert camel == snake
    assert camel.tools[0].parameters == {"a_b": 1}
    assert camel.tool_choice == ToolChoice(ToolMode.REQUIRED, ("f", "g"))


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"inlineData": {"mimeType": "image/png", "data": "iVBORw0K-_o"}}, Image),
        ({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}, Audio),
        ({"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}}, Video),
        ({"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}}, Document),
        ({"fileData": {"fileUri": "https://youtu.be/x"}}, Video),
        ({"fileData": {"fileUri": "gs://b/a.png"}}, Image),
        ({"executableCode": {"code": "1"}}, Opaque),
        ({"text": "x", "videoMetadata": {"fps": 1}}, Opaque),
    ],
)
def test_a_part_is_what_it_holds(part: dict[str, Any], kind: type) -> None:
    (parsed,) = parse_parts(part)
    assert isinstance(parsed, kind)
    assert parsed.at == "contents[0].parts[0]"


def test_data_is_in_the_standard_alphabet() -> None:
    (image,) = parse_parts({"inlineData": {"mimeType": "image/png", "data": "iVBORw0K-_o"}})
    assert image.media.data == "iVBORw0K+/o="


def test_inline_text_is_text() -> None:
    (document,) = parse_parts({"inlineData": {"mimeType": "text/plain", "data": "aMOp"}})
    assert document.media.text == "hé"


def test_an_uploaded_file_is_one_of_googles() -> None:
    uri = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    (file,) = parse_parts({"fileData": {"fileUri": uri, "mimeType": "application/pdf"}})
    assert file.media.file_id == uri


def test_calls_without_ids_meet_their_results_by_name_and_order() -> None:
    request = parse(
        contents=[
            *HELLO,
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"name": "f", "args": {"n": 1}}},
                    {"functionCall": {"name": "g", "args": {}}},
                    {"functionCall": {"name": "f", "args": {"n": 2}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "g", "response": {"result": "G"}}},
                    {"functionResponse": {"name": "f", "response": {"result": "F1"}}},
                    {"functionResponse": {"name": "f", "response": {"result": "F2"}}},
                    {"text": "go on"},
                ],
            },
        ]
    )
    _, asked, answered, rest = request.messages
    calls = [part for part in asked.parts if isinstance(part, ToolCall)]
    results = [part for part in answered.parts if isinstance(part, ToolResult)]
    assert len({call.id for call in calls}) == 3
    assert [one.call_id for one in results] == [calls[1].id, calls[0].id, calls[2].id]
    assert (answered.role, rest.role) == (Role.TOOL, Role.USER)


def test_made_ids_stay_when_the_conversation_goes_on() -> None:
    turns = [*HELLO, {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}]
    first = parse(contents=turns).messages[1].parts[0]
    later = parse(contents=[*turns, *turns]).messages[1].parts[0]
    assert first == later


def test_a_result_with_an_id_of_no_call_is_matched_by_name() -> None:
    _, call, result = parse(
        contents=[
            *HELLO,
            {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"id": "x", "name": "f", "response": {"a": 1}}}],
            },
        ]
    ).messages
    assert isinstance(call.parts[0], ToolCall)
    assert isinstance(result.parts[0], ToolResult)
    assert result.parts[0].call_id == call.parts[0].id
    assert result.parts[0].structured == {"a": 1}


@pytest.mark.parametrize(
    ("response", "text", "is_error", "structured"),
    [
        ({"output": "x"}, "x", False, None),
        ({"result": "x"}, "x", False, None),
        ({"error": "x"}, "x", True, None),
        ({"error": {"code": 1}}, None, True, {"error": {"code": 1}}),
        ({"output": {"a": 1}}, None, False, {"output": {"a": 1}}),
        ({}, None, False, {}),
    ],
)
def test_a_result_is_text_where_it_is_no_more(
    response: dict[str, Any], text: str | None, is_error: bool, structured: Any
) -> None:
    (result,) = parse_parts({"functionResponse": {"name": "f", "response": response}})
    assert [part.text for part in result.parts] == ([] if text is None else [text])
    assert (result.is_error, result.structured) == (is_error, structured)


def test_a_result_may_hold_media() -> None:
    media = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    (result,) = parse_parts(
        {"functionResponse": {"name": "f", "response": {"output": "x"}, "parts": [media]}}
    )
    assert [type(part) for part in result.parts] == [Text, Image]


def test_dummies_are_no_signatures() -> None:
    for dummy in (
        "skip_thought_signature_validator",
        "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",
        "context_engineering_is_the_way_to_go",
    ):
        (call,) = parse_parts({"functionCall": {"name": "f"}, "thoughtSignature": dummy})
        assert call.signature is None


def test_foreign_thoughts_come_out_of_the_signature_once() -> None:
    thoughts = Reasoning("Hm.", "ErUB", origin=Family.ANTHROPIC)
    parts = parse_parts(
        {"text": "Hm.", "thought": True},
        {"text": "Yes.", "thought_signature": pack([thoughts])},
        {"functionCall": {"name": "f"}},
        role="model",
    )
    assert parts[:2] == (thoughts, Text("Yes."))
    assert len(parts) == 3


def test_thoughts_of_nobody_stay() -> None:
    parts = parse_parts({"text": "Hm.", "thought": True}, {"text": "Yes."}, role="model")
    assert parts == (Reasoning("Hm."), Text("Yes."))


def test_the_pieces_of_a_stream_are_one_turn() -> None:
    pieces: list[dict[str, Any]] = [
        {"text": "Let me "},
        {"text": "see."},
        {"functionCall": {"name": "f", "id": "x"}},
        {"text": ""},
    ]
    turns = [{"role": "model", "parts": [piece]} for piece in pieces]
    result = {"functionResponse": {"name": "f", "id": "x", "response": {"output": "1"}}}
    request = parse(contents=[*HELLO, *turns, {"role": "user", "parts": [result]}])
    assert [message.role for message in request.messages] == [Role.USER, Role.ASSISTANT, Role.TOOL]
    assert request.messages[1].parts == (Text("Let me see."), ToolCall("x", "f", "{}"))


def test_shown_copies_of_foreign_thoughts_go_from_pieces_too() -> None:
    thoughts = Reasoning("Hm. Yes.", "ErUB", origin=Family.ANTHROPIC)
    pieces: list[dict[str, Any]] = [
        {"text": "Hm. ", "thought": True},
        {"text": "Yes.", "thought": True},
        {"functionCall": {"name": "f", "id": "x"}, "thoughtSignature": pack([thoughts])},
    ]
    turns = [{"role": "model", "parts": [piece]} for piece in pieces]
    request = parse(contents=[*HELLO, *turns])
    assert request.messages[1].parts == (thoughts, ToolCall("x", "f", "{}"))


def test_an_empty_turn_of_the_model_is_none() -> None:
    request = parse(contents=[*HELLO, {"role": "model", "parts": [{"text": ""}]}, *HELLO])
    assert [message.role for message in request.messages] == [Role.USER, Role.USER]


def test_tools_that_run_at_google_are_hosted() -> None:
    request = parse(tools=[{"googleSearch": {}}, {"codeExecution": {}, "urlContext": {}}])
    assert [(tool.name, tool.kind) for tool in request.tools] == [
        ("googleSearch", ToolKind.HOSTED),
        ("codeExecution", ToolKind.HOSTED),
        ("urlContext", ToolKind.HOSTED),
    ]
    assert request.tools[2].at == "tools[1].urlContext"


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice(ToolMode.AUTO)),
        ({}, ToolChoice(ToolMode.AUTO)),
        ({"mode": "NONE"}, ToolChoice(ToolMode.NONE)),
        ({"mode": "ANY"}, ToolChoice(ToolMode.REQUIRED)),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(ToolMode.NAMED, ("f",))),
        ({"mode": "VALIDATED"}, ToolChoice(ToolMode.AUTO, strict=True)),
    ],
)
def test_how_tools_may_be_called(calling: dict[str, Any], choice: ToolChoice) -> None:
    assert parse(toolConfig={"functionCallingConfig": calling}).tool_choice == choice


def test_an_answer_in_a_form() -> None:
    form = {"responseMimeType": "application/json"}
    assert parse(generationConfig=form).output.kind is OutputKind.JSON  # type: ignore[union-attr]
    for name, schema in (
        ("responseJsonSchema", {"type": "object"}),
        ("response_schema", {"type": "OBJECT"}),
    ):
        output = parse(generationConfig=form | {name: schema}).output
        assert output is not None
        assert (output.kind, output.schema) == (OutputKind.SCHEMA, {"type": "object"})


def test_a_form_without_a_word_in_the_hub_is_carried() -> None:
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a"]}}
    request = parse(generationConfig=config)
    assert request.output is None
    assert request.extra == {f"generationConfig.{name}": value for name, value in config.items()}


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ({"thinkingBudget": 0}, (False, None, 0, None)),
        ({"thinkingBudget": -1}, (True, None, -1, None)),
        ({"thinkingBudget": 512, "includeThoughts": True}, (True, None, 512, True)),
        ({"thinkingLevel": "HIGH"}, (None, "high", None, None)),
        ({"includeThoughts": False}, (None, None, None, False)),
    ],
)
def test_how_much_to_think(thinking: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = parse(generationConfig={"thinkingConfig": thinking}).reasoning
    assert found is not None
    assert (found.enabled, found.effort, found.budget_tokens, found.show) == expected


def test_fields_without_a_name_are_carried_by_their_paths() -> None:
    request = parse(
        safetySettings=[],
        labels={"a": "b"},
        generationConfig={"mediaResolution": "LOW", "speechConfig": {}},
        toolConfig={"retrievalConfig": {"x": 1}},
    )
    assert list(request.extra) == [
        "safetySettings",
        "labels",
        "generationConfig.mediaResolution",
        "generationConfig.speechConfig",
        "toolConfig.retrievalConfig",
    ]


def test_a_count_may_wrap_the_request() -> None:
    wrapped = {"model": "models/x", "contents": HELLO, "systemInstruction": "s"}
    request = parse_request({"generateContentRequest": wrapped}, "chat", False)
    assert [message.role for message in request.messages] == [Role.SYSTEM, Role.USER]
    assert request.messages[1].at == "generateContentRequest.contents[0]"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": {"parts": []}}, "contents"),
        ({"contents": [1]}, "contents[0]"),
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": 1}]}]}, "contents[0].parts[0].text"),
        (
            {"contents": [{"parts": [{"functionCall": {"args": {}}}]}]},
            "contents[0].parts[0].functionCall.name",
        ),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "f", "response": []}}]}]},
            "contents[0].parts[0].functionResponse.response",
        ),
        (
            {"contents": HELLO, "tools": [{"functionDeclarations": [{"name": 1}]}]},
            "tools[0].functionDeclarations[0].name",
        ),
        (
            {"contents": HELLO, "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            {"contents": HELLO, "generationConfig": {"maxOutputTokens": 1.5}},
            "generationConfig.maxOutputTokens",
        ),
        (
            {"contents": HELLO, "generationConfig": {"stopSequences": [""]}},
            "generationConfig.stopSequences[0]",
        ),
        (
            {"contents": HELLO, "generationConfig": {"thinkingConfig": {"thinkingBudget": "x"}}},
            "generationConfig.thinkingConfig.thinkingBudget",
        ),
        ({"generateContentRequest": {}}, "generateContentRequest.contents"),
    ],
)
def test_what_is_wrong_is_told_by_its_path(body: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        parse_request(body, "chat", False)
    assert caught.value.field == field
