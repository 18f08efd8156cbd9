from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.hub import (
    CacheMark,
    ChatRequest,
    Destination,
    Document,
    Family,
    Image,
    Losses,
    Media,
    Opaque,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolMode,
    ToolResult,
    Video,
)
from gateway.dialects.openai_chat.completions import parse_request as parse_completions
from gateway.dialects.openai_chat.request_in import parse_request
from gateway.dialects.openai_chat.request_out import LOSSES, dump_request
from gateway.dialects.spec import dump_json
from gateway.entities import Quirks, ToolIds
from gateway.errors import MalformedRequestError, NotExpressibleError

OWN = Quirks(is_openai=True)
MISTRAL = Quirks(tool_ids=ToolIds.NINE, text_only_content=True, reasoning_request="")
OPENROUTER = Quirks(reasoning_request="reasoning")
HI = {"role": "user", "content": "Hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def parse(*messages: dict[str, Any], **body: Any) -> ChatRequest:
    return parse_request({"messages": list(messages) or [HI], **body}, "chat", False)


def parse_part(part: dict[str, Any]) -> Any:
    return parse({"role": "user", "content": [part]}).messages[0].parts[0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [HI, 5]}, "messages[1]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "file:///etc"}}],
                    }
                ]
            },
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"type": "function"}]}]},
            "messages[0].tool_calls[0].function",
        ),
        (
            {"messages": [{"role": "assistant", "reasoning_details": [5]}]},
            "messages[0].reasoning_details[0]",
        ),
        ({"messages": [HI], "temperature": "hot"}, "temperature"),
        ({"messages": [HI], "max_tokens": 0}, "max_tokens"),
        ({"messages": [HI], "n": 1000}, "n"),
        ({"messages": [HI], "stop": ["a", ""]}, "stop"),
        ({"messages": [HI], "stop": ["a", 1]}, "stop[1]"),
        ({"messages": [HI], "logit_bias": {"5": "x"}}, "logit_bias.5"),
        ({"messages": [HI], "tools": [{"type": "function"}]}, "tools[0].function"),
        ({"messages": [HI], "tool_choice": "maybe"}, "tool_choice"),
        ({"messages": [HI], "response_format": {"type": "xml"}}, "response_format.type"),
        (
            {"messages": [HI], "stream_options": {"include_usage": 1}},
            "stream_options.include_usage",
        ),
        ({"messages": [HI], "thinking": {"type": "deep"}}, "thinking.type"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        parse_request(body, "chat", False)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "image_url", "image_url": "https://example.com/a.png"},
            Image(Media(url="https://example.com/a.png")),
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            Image(Media(media_type="image/png", data="AAAA")),
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}},
            Document(Media(media_type="application/pdf", data="AAAA"), name="a.pdf"),
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, Document(Media(file_id="file-1"))),
        (
            {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}},
            Document(Media(url="https://example.com/a.pdf")),
        ),
        (
            {"type": "document_url", "document_url": "https://example.com/a.pdf"},
            Document(Media(url="https://example.com/a.pdf")),
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
            Video(Media(url="https://example.com/a.mp4")),
        ),
        (
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Text("x", cache=CacheMark("1h")),
        ),
        (
            {"type": "smell", "smell": 1},
            Opaque(Family.OPENAI, "smell", {"type": "smell", "smell": 1}),
        ),
    ],
)
def test_parts_of_a_user(part: dict[str, Any], expected: Any) -> None:
    found = parse_part(part)
    assert found == expected
    assert found.at == "messages[0].content[0]"


def test_a_message_given_back_whole_brings_its_thoughts_and_signatures() -> None:
    said = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "parsed": None,
        "reasoning_content": "Hm.",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "H", "format": "anthropic-claude-v1", "index": 0},
            {"type": "reasoning.text", "text": "m.", "format": "anthropic-claude-v1", "index": 0},
            {
                "type": "reasoning.text",
                "text": "",
                "signature": "c2ln",
                "format": "anthropic-claude-v1",
                "index": 0,
            },
            {"type": "reasoning.summary", "summary": "A", "format": "openai-responses-v1"},
            {"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1"},
        ],
        "tool_calls": [CALL | {"id": "c1_lgts_c2ln"}],
    }
    result = {"role": "tool", "tool_call_id": "c1_lgts_c2ln", "content": "1"}
    assistant, tool = parse(said, result).messages
    assert assistant.parts == (
        Reasoning("Hm.", signature="c2ln", origin=Family.ANTHROPIC),
        Reasoning("A", summary=True, texts=("A",), encrypted="x", origin=Family.OPENAI),
        ToolCall("c1", "f", "{}", signature="sig"),
    )
    assert assistant.extra == {}
    assert tool.parts == (ToolResult("c1", (Text("1"),)),)


def test_thoughts_without_details_are_text() -> None:
    (message,) = parse({"role": "assistant", "content": "x", "reasoning": "Hm."}).messages
    assert message.parts == (Reasoning("Hm."), Text("x"))


def test_a_signature_of_googles_own_place_is_found() -> None:
    call = CALL | {"extra_content": {"google": {"thought_signature": "sig"}}}
    (message,) = parse({"role": "assistant", "tool_calls": [call]}).messages
    assert message.parts == (ToolCall("c1", "f", "{}", signature="sig"),)


def test_unknown_fields_are_kept() -> None:
    request = parse(HI | {"mood": "glad"}, web_search_options={})
    assert request.extra == {"web_search_options": {}}
    assert request.messages[0].extra == {"mood": "glad"}


def test_old_functions_are_tools() -> None:
    request = parse(
        {"role": "function", "name": "f", "content": "1"},
        functions=[{"name": "f"}],
        function_call={"name": "f"},
    )
    assert request.tools[0].name == "f"
    assert request.tool_choice is not None
    assert (request.tool_choice.mode, request.tool_choice.names) == (ToolMode.NAMED, ("f",))
    assert request.messages[0].role is Role.TOOL


@pytest.mark.parametrize(
    ("body", "enabled", "effort", "budget"),
    [
        ({"reasoning_effort": "none"}, False, "none", None),
        ({"reasoning_effort": "high"}, True, "high", None),
        ({"reasoning": {"max_tokens": 100}}, None, None, 100),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, True, "high", None),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, True, None, 9),
        ({"thinking": {"type": "disabled"}}, False, None, None),
    ],
)
def test_ways_to_ask_for_thoughts(
    body: dict[str, Any], enabled: bool | None, effort: str | None, budget: int | None
) -> None:
    reasoning = parse(**body).reasoning
    assert reasoning is not None
    found = (reasoning.enabled, reasoning.effort, reasoning.budget_tokens)
    assert found == (enabled, effort, budget)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [5]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": "a", "suffix": "b"}, "suffix"),
        ({"prompt": "a", "echo": True}, "echo"),
        ({"prompt": "a", "best_of": 2}, "best_of"),
        ({"prompt": "a", "logprobs": 0}, "logprobs"),
        ({"prompt": "a", "max_tokens": "b"}, "max_tokens"),
    ],
)
def test_what_only_a_continued_text_can_have_is_refused(body: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        parse_completions(body, "chat", False)
    assert caught.value.field == field


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(0, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
NAMES_TEXT = (
    "role content type text image_url url file input_audio tool_calls id function name arguments"
    " custom reasoning_details reasoning thinking images audio refusal tool_call_id cache_control"
    " format data signature summary index extra_content google"
)
NAMES = st.sampled_from(NAMES_TEXT.split())
WORDS_TEXT = (
    "user assistant tool system function custom text image_url file thinking refusal"
    " reasoning.text reasoning.summary reasoning.encrypted data:image/png;base64,AA"
)
WORDS = st.sampled_from(WORDS_TEXT.split())
NESTED = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
FIELDS_TEXT = (
    "messages prompt stream stream_options tools functions tool_choice function_call stop n"
    " response_format reasoning_effort reasoning thinking logit_bias metadata modalities audio"
    " temperature max_tokens user logprobs prediction"
)
FIELDS = st.sampled_from(FIELDS_TEXT.split())


@given(st.dictionaries(FIELDS, NESTED, max_size=5), st.lists(NESTED, max_size=3))
def test_anything_is_a_request_or_refused(body: dict[str, Any], messages: list[Any]) -> None:
    for one in (body, body | {"messages": messages}, body | {"messages": [HI, *messages]}):
        for parse_one in (parse_request, parse_completions):
            try:
                request = parse_one(one, "chat", False)
            except MalformedRequestError:
                continue
            assert request.messages
            for quirks in (Quirks(), OWN, MISTRAL, OPENROUTER):
                try:
                    body = dump_request(request, Destination("o3", quirks), Losses("x", LOSSES))
                except NotExpressibleError:
                    continue
                assert dump_json(body)
