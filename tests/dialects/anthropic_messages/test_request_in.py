"""What clients of Messages ask for, in the hub's words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.dialects import CODECS
from gateway.dialects.hub import (
    CacheMark,
    ChatRequest,
    ClientCodec,
    Document,
    Family,
    Media,
    Message,
    Opaque,
    ReasoningConfig,
    Role,
    Text,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolMode,
    ToolResult,
)
from gateway.dialects.hub.carry import put_in_id
from gateway.entities import Dialect
from gateway.errors import MalformedRequestError


def find_client() -> ClientCodec:
    client = CODECS[Dialect.ANTHROPIC_MESSAGES].client
    assert client is not None
    return client


def parse(**fields: Any) -> ChatRequest:
    body = {"model": "chat", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
    return find_client().parse_request(body | fields, "chat", False)


def test_results_of_tools_are_messages_of_their_own() -> None:
    content = [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok", "is_error": True},
        {"type": "tool_result", "tool_use_id": "toolu_2"},
        {"type": "text", "text": "go on"},
    ]
    request = parse(messages=[{"role": "user", "content": content}])
    at = "messages[0].content"
    assert request.messages == (
        Message(
            Role.TOOL,
            (
                ToolResult("toolu_1", (Text("ok"),), is_error=True),
                ToolResult("toolu_2", ()),
            ),
        ),
        Message(Role.USER, (Text("go on"),)),
    )
    assert [part.at for one in request.messages for part in one.parts] == [
        f"{at}[0]",
        f"{at}[1]",
        f"{at}[2]",
    ]


def test_a_signature_in_a_calls_id_comes_back_to_the_call() -> None:
    carried = put_in_id("call_1", "c2ln")
    call = {"type": "tool_use", "id": carried, "name": "f", "input": {"n": 2**70}}
    result = {"type": "tool_result", "tool_use_id": carried, "content": "ok"}
    first, second = parse(
        messages=[{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    ).messages
    arguments = '{"n":1180591620717411303424}'
    assert first.parts == (ToolCall("call_1", "f", arguments, signature="c2ln"),)
    assert second.parts == (ToolResult("call_1", (Text("ok"),)),)


def test_what_a_client_has_found_is_a_document() -> None:
    texts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    found = {"type": "search_result", "source": "https://e.org", "title": "E", "content": texts}
    given = {"type": "document", "source": {"type": "content", "content": texts}, "title": "D"}
    image = {"type": "image", "source": {"type": "url", "url": "https://e.org/a.png"}}
    mixed = {"type": "document", "source": {"type": "content", "content": [image]}}
    (message,) = parse(messages=[{"role": "user", "content": [found, given, mixed]}]).messages
    text = Media("text/plain", text="a\n\nb")
    assert message.parts == (
        Document(text, name="E", context="https://e.org", raw=found),
        Document(text, name="D", raw=given),
        Opaque(Family.ANTHROPIC, "document", mixed),
    )


def test_the_billing_line_of_claude_code_is_no_text_of_the_prompt() -> None:
    line = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=fa690;"}
    prompt = {"type": "text", "text": "You are it.", "cache_control": {"type": "ephemeral"}}
    (system, _) = parse(system=[line, prompt]).messages
    assert system.parts == (
        Opaque(Family.ANTHROPIC, "billing_header", line),
        Text("You are it.", cache=CacheMark()),
    )


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            ReasoningConfig(enabled=True, budget_tokens=2048),
        ),
        (
            {
                "thinking": {"type": "adaptive", "display": "omitted"},
                "output_config": {"effort": "max"},
            },
            ReasoningConfig(enabled=True, adaptive=True, show=False, effort="max"),
        ),
        ({"thinking": {"type": "disabled"}}, ReasoningConfig(enabled=False)),
        ({"output_config": {"effort": "low"}}, ReasoningConfig(effort="low")),
        ({"thinking": {"type": "between_tools"}}, None),
        ({}, None),
    ],
)
def test_how_much_to_think(fields: dict[str, Any], reasoning: ReasoningConfig | None) -> None:
    request = parse(**fields)
    assert request.reasoning == reasoning
    assert ("thinking" in request.extra) == (fields.get("thinking") == {"type": "between_tools"})


def test_tools_and_their_choice() -> None:
    tools = [
        {"name": "f", "input_schema": {"type": "object"}, "strict": True, "defer_loading": True},
        {"type": "custom", "name": "g", "description": "G.", "input_schema": {}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        {"type": "mcp_toolset", "mcp_server_name": "s"},
    ]
    choice = {"type": "tool", "name": "f", "disable_parallel_tool_use": True}
    request = parse(tools=tools, tool_choice=choice)
    assert [(one.name, one.kind) for one in request.tools] == [
        ("f", ToolKind.FUNCTION),
        ("g", ToolKind.FUNCTION),
        ("web_search", ToolKind.HOSTED),
        ("mcp_toolset", ToolKind.HOSTED),
    ]
    assert request.tools[0].strict is True
    assert request.tools[0].extra == {"defer_loading": True}
    assert request.tools[2].raw == tools[2]
    assert request.tool_choice == ToolChoice(ToolMode.NAMED, ("f",))
    assert request.parallel_calls is False


def test_what_has_no_name_in_the_hub_stays_as_it_stands() -> None:
    extra = {
        "context_management": {"edits": []},
        "container": "c",
        "output_config": {"task_budget": {"total": 1}},
        "metadata": {"more": "x"},
    }
    fields = extra | {
        "metadata": {"more": "x", "user_id": "u"},
        "output_config": {"task_budget": {"total": 1}, "effort": "low"},
        "mcp_servers": None,
    }
    request = parse(**fields)
    assert request.extra == extra
    assert request.user == "u"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"messages": "Hi"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "messages[0].content[0].text",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}
                ]
            },
            "messages[0].content[0].source.url",
        ),
        ({"system": 5}, "system"),
        ({"max_tokens": "10"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop_sequences": ["a", ""]}, "stop_sequences[1]"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"thinking": {"budget_tokens": 1}}, "thinking.type"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"metadata": {"user_id": 5}}, "metadata.user_id"),
    ],
)
def test_a_wrong_field_is_told_by_its_place(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        parse(**fields)
    assert caught.value.field == place


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_KINDS = ("text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking")
_FIELDS = ("text", "source", "id", "name", "input", "content", "thinking", "signature", "data")
BLOCKS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(_KINDS) | JSON},
        optional=dict.fromkeys((*_FIELDS, "tool_use_id", "citations", "cache_control"), JSON),
    ),
    max_size=3,
)
BODIES = st.fixed_dictionaries(
    {
        "messages": st.lists(
            st.fixed_dictionaries(
                {
                    "role": st.sampled_from(["user", "assistant", "system"]) | JSON,
                    "content": BLOCKS | JSON,
                }
            ),
            max_size=3,
        )
        | JSON
    },
    optional=dict.fromkeys(
        (
            "system",
            "tools",
            "tool_choice",
            "thinking",
            "output_config",
            "output_format",
            "metadata",
            "stop_sequences",
            "max_tokens",
            "stream",
        ),
        JSON | st.lists(st.dictionaries(st.sampled_from(["type", "name", "input_schema"]), JSON)),
    ),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES)
def test_any_json_is_a_request_or_is_refused(body: dict[str, Any]) -> None:
    try:
        request = find_client().parse_request(body, "chat", False)
    except MalformedRequestError:
        return
    assert request.model == "chat"
