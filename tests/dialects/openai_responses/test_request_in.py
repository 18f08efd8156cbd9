"""Requests of clients of Responses: of Codex, of the SDKs, and of nobody."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects import CODECS
from gateway.dialects.hub import (
    ChatRequest,
    Document,
    Family,
    Image,
    Opaque,
    OutputKind,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolMode,
    ToolResult,
)
from gateway.entities import Dialect
from gateway.errors import MalformedRequestError, NotExpressibleError


def parse(**body: Any) -> ChatRequest:
    client = CODECS[Dialect.OPENAI_RESPONSES].client
    assert client is not None
    return client.parse_request({"model": "chat", **body}, "chat", False)


# As codex-cli sends it: no field here is made up, texts are shortened.
CODEX = {
    "instructions": "You are a coding agent.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<env/>"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Fix it"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "**Look**"}],
         "content": None, "encrypted_content": "gAAAA"},
        {"type": "message", "role": "assistant", "phase": "commentary",
         "content": [{"type": "output_text", "text": "Let me see."}]},
        {"type": "function_call", "name": "exec_command", "arguments": '{"cmd":"ls"}',
         "call_id": "call_1"},
        {"type": "custom_tool_call", "status": "completed", "call_id": "call_2",
         "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "function_call_output", "call_id": "call_1", "output": "a.py"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "Done"},
        {"type": "local_shell_call", "status": "completed", "call_id": "call_3",
         "action": {"type": "exec", "command": ["ls"], "timeout_ms": 1}},
        {"type": "function_call_output", "call_id": "call_3", "output": "a.py"},
        {"type": "web_search_call", "status": "completed",
         "action": {"type": "search", "query": "q"}},
    ],
    "tools": [
        {"type": "function", "name": "exec_command", "description": "Runs", "strict": False,
         "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}}},
        {"type": "custom", "name": "apply_patch", "description": "Edits",
         "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
        {"type": "local_shell"},
        {"type": "web_search", "external_web_access": False},
        {"type": "namespace", "name": "mcp__docs__", "description": "Docs", "tools": [
            {"type": "function", "name": "find", "parameters": {"type": "object"}}]},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199-thread",
    "text": {"verbosity": "low"},
    "client_metadata": {"x-codex-installation-id": "1"},
}  # fmt: skip


def test_the_turns_of_codex() -> None:
    messages = parse(**CODEX).messages
    assert [message.role.value for message in messages] == [
        "system", "developer", "user", "user", "assistant",
        "tool", "assistant", "user", "assistant",
    ]  # fmt: skip
    turn = messages[4]
    assert turn.parts == (
        Reasoning("**Look**", encrypted="gAAAA", summary=True, origin=Family.OPENAI),
        Text("Let me see."),
        ToolCall("call_1", "exec_command", '{"cmd":"ls"}'),
        ToolCall("call_2", "apply_patch", "*** Begin Patch", custom=True),
    )
    assert [part.at for part in turn.parts] == [
        "input[3]", "input[4].content[0]", "input[5]", "input[6]",
    ]  # fmt: skip
    assert messages[5].parts == (
        ToolResult("call_1", (Text("a.py"),)),
        ToolResult("call_2", (Text("Done"),), custom=True),
    )


def test_what_only_openai_runs_is_opaque_with_its_result() -> None:
    last = [part for message in parse(**CODEX).messages[6:] for part in message.parts]
    assert [(part.kind, part.at) for part in last if isinstance(part, Opaque)] == [
        ("local_shell_call", "input[9]"),
        ("function_call_output", "input[10]"),
        ("web_search_call", "input[11]"),
    ]


def test_the_settings_of_codex() -> None:
    request = parse(**CODEX)
    assert [(tool.name, tool.kind) for tool in request.tools] == [
        ("exec_command", ToolKind.FUNCTION),
        ("apply_patch", ToolKind.CUSTOM),
        ("local_shell", ToolKind.HOSTED),
        ("web_search", ToolKind.HOSTED),
        ("mcp__docs__find", ToolKind.FUNCTION),
    ]
    assert request.reasoning is not None
    assert (request.reasoning.effort, request.reasoning.encrypted) == ("medium", True)
    assert (request.store, request.stream, request.verbosity) == (False, True, "low")
    assert (request.cache_key, request.extra) == ("0199-thread", {})


def test_tools_may_be_declared_among_the_items() -> None:
    tool = {"type": "function", "name": "wait", "parameters": {"type": "object"}}
    items = [{"type": "additional_tools", "role": "developer", "tools": [tool]}]
    request = parse(input=[*items, {"role": "user", "content": "Hi"}])
    assert [(one.name, one.at) for one in request.tools] == [("wait", "input[0].tools[0]")]
    assert len(request.messages) == 1


def test_names_in_namespaces_fit_every_vendor() -> None:
    names = [("n" * 60, "find_documents"), ("mcp__a", "x.y"), ("a b", "c")]
    tools = [
        {"type": "namespace", "name": space, "description": "", "tools": [
            {"type": "function", "name": name, "parameters": {}}]}
        for space, name in names
    ]  # fmt: skip
    found = [tool.name for tool in parse(tools=tools).tools]
    assert len(set(found)) == len(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in found)
    call = {"type": "function_call", "namespace": "n" * 60, "name": "find_documents"}
    turn = parse(input=[call | {"call_id": "c", "arguments": "{}"}]).messages[0]
    assert isinstance(turn.parts[0], ToolCall)
    assert turn.parts[0].name == found[0]


def test_parts_of_all_kinds() -> None:
    content = [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "high"},
        {"type": "input_image", "image_url": "https://a.example/b.png", "detail": "auto"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,aGk=",
        },
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_hologram", "x": 1},
    ]
    parts = parse(input=[{"role": "user", "content": content}]).messages[0].parts
    assert parts[0] == Text("a")
    images = [part for part in parts if isinstance(part, Image)]
    assert [(one.media.media_type, one.media.data, one.detail) for one in images] == [
        ("image/png", "aGk=", "high"),
        (None, None, "auto"),
    ]
    files = [part for part in parts if isinstance(part, Document)]
    assert (files[0].name, files[0].media.data, files[1].media.file_id) == (
        "a.pdf",
        "aGk=",
        "file-1",
    )
    assert isinstance(parts[5], Opaque)
    assert parts[5].at == "input[0].content[5]"


def test_easy_messages_and_refusals() -> None:
    items = [
        {"role": "system", "content": "s"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    ]
    system, refusal = parse(input=items).messages
    assert (system.role, system.parts) == (Role.SYSTEM, (Text("s"),))
    assert refusal.parts == (Refusal("no"),)


def test_results_hold_parts() -> None:
    output = [{"type": "input_text", "text": "a"}, {"type": "input_image", "file_id": "f"}]
    item = {"type": "function_call_output", "call_id": "c", "output": output}
    (message,) = parse(input=[item]).messages
    assert isinstance(message.parts[0], ToolResult)
    assert [part.at for part in message.parts[0].parts] == [
        "input[0].output[0]",
        "input[0].output[1]",
    ]


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("required", ToolChoice(ToolMode.REQUIRED)),
        ({"type": "function", "name": "a"}, ToolChoice(ToolMode.NAMED, ("a",))),
        ({"type": "custom", "name": "a"}, ToolChoice(ToolMode.NAMED, ("a",))),
        ({"type": "web_search"}, ToolChoice(ToolMode.NAMED, ("web_search",))),
        (
            {"type": "allowed_tools", "mode": "required",
             "tools": [{"type": "function", "name": "a"}, {"type": "web_search"}]},
            ToolChoice(ToolMode.REQUIRED, ("a", "web_search")),
        ),
    ],
)  # fmt: skip
def test_choices(choice: Any, wanted: ToolChoice) -> None:
    assert parse(tool_choice=choice).tool_choice == wanted


def test_the_form_of_the_answer() -> None:
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
    output = parse(text={"format": form}).output
    assert output is not None
    assert (output.kind, output.name, output.strict) == (OutputKind.SCHEMA, "n", True)


def test_fields_without_a_name_in_the_hub_are_kept() -> None:
    extra = parse(
        max_tool_calls=3,
        truncation="auto",
        include=["reasoning.encrypted_content", "file_search_call.results"],
        reasoning={"effort": "low", "context": "all_turns"},
    ).extra
    assert extra == {
        "max_tool_calls": 3,
        "truncation": "auto",
        "reasoning.context": "all_turns",
        "include": ["file_search_call.results"],
    }


@pytest.mark.parametrize(
    "nothing",
    [
        {"truncation": "disabled"},
        {"background": False},
        {"stream_options": {"include_obfuscation": False}},
        {"previous_response_id": None},
        {"conversation": None},
    ],
)
def test_what_asks_for_nothing_is_nothing(nothing: dict[str, Any]) -> None:
    assert parse(input="Hi", **nothing) == parse(input="Hi")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "compaction", "encrypted_content": "x"}]}, "input[0]"),
    ],
)
def test_what_the_vendor_keeps_cannot_be_had_elsewhere(body: dict[str, Any], field: str) -> None:
    with pytest.raises(NotExpressibleError) as caught:
        parse(**body)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"input": 3}, "input"),
        ({"input": ["a"]}, "input[0]"),
        ({"input": [{"role": "tool", "content": "a"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [3]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
         "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
         "input[0].content[0].image_url"),
        ({"input": [{"type": "function_call", "name": "a"}]}, "input[0].call_id"),
        ({"tools": [{"name": "a"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "a", "parameters": []}]}, "tools[0].parameters"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"include": [1]}, "include[0]"),
    ],
)  # fmt: skip
def test_malformed_fields_are_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedRequestError) as caught:
        parse(**body)
    assert caught.value.field == field


_WORDS = st.sampled_from(
    ["message", "user", "assistant", "function_call", "reasoning", "input_text", "input_image",
     "function_call_output", "custom", "namespace", "function", "allowed_tools", "a", "data:x,"]
)  # fmt: skip
_KEYS = st.sampled_from(
    ["type", "role", "content", "text", "name", "call_id", "output", "summary", "tools", "id",
     "arguments", "image_url", "encrypted_content", "namespace", "format", "schema", "annotations"]
)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=25,
)
_FIELDS = st.sampled_from(
    ["input", "tools", "tool_choice", "text", "reasoning", "include", "metadata", "instructions",
     "previous_response_id", "stream", "top_logprobs", "user", "x"]
)  # fmt: skip


@given(st.dictionaries(_FIELDS, _JSON))
def test_anything_is_a_request_or_refused(body: dict[str, Any]) -> None:
    with contextlib.suppress(MalformedRequestError, NotExpressibleError):
        assert isinstance(parse(**body), ChatRequest)


def test_a_reference_to_stored_thoughts_is_carried_as_what_only_openai_knows() -> None:
    reference = {"type": "item_reference", "id": "rs_1"}
    request = parse(input=[{"role": "user", "content": "Hi"}, reference])
    (part,) = request.messages[-1].parts
    assert part == Opaque(Family.OPENAI, "item_reference", reference)
    assert part.at == "input[1]"
