"""What Chat Completions refuse, in the vendor's words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.strict.rules import check, refusal

PATH = "/v1/chat/completions"
USER = {"role": "user", "content": "hello"}
BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [USER]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
STRICT = {"name": "x", "strict": True, "schema": {"type": "object", "properties": {}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,???"}}
TIFF = {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}}

GOOD: list[dict[str, Any]] = [
    {},
    {"messages": [USER, CALLED, RESULT], "tools": [TOOL]},
    {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    {"model": "gpt-5", "max_completion_tokens": 9, "temperature": 1, "reasoning_effort": "low"},
    {"stop": ["a", "b"], "n": 2, "seed": 1, "user": None},
    {"messages": [{"role": "developer", "content": [{"type": "text", "text": "x"}]}, USER]},
    {"model": "deepseek-chat", "top_k": 5},
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"top_k": 5}, "Unrecognized request argument supplied: top_k"),
    ({"messages": [USER | {"x": 1}]}, "Unknown parameter: 'messages[0].x'."),
    ({"messages": [{"role": "model", "content": "x"}]}, "Invalid value: 'model'. Supported"),
    ({"messages": [{"role": "user"}]}, "Missing required parameter: 'messages[0].content'."),
    ({"messages": []}, "Invalid 'messages': empty array."),
    ({"temperature": "hot"}, "Invalid type for 'temperature': expected a decimal"),
    ({"temperature": 3}, "Invalid 'temperature': decimal above maximum value."),
    ({"stop": list("abcde")}, "Invalid 'stop': array too long."),
    ({"max_tokens": 0}, "Invalid 'max_tokens': integer below minimum value."),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "does not match pattern"),
    ({"tools": []}, "Invalid 'tools': empty array."),
    ({"tool_choice": "auto"}, "'tool_choice' is only allowed when 'tools' are specified."),
    ({"stream_options": {"include_usage": True}}, "only allowed when 'stream' is enabled."),
    ({"messages": [USER, CALLED]}, "must be followed by tool messages responding"),
    ({"messages": [USER, CALLED, USER]}, "did not have response messages: call_1"),
    ({"messages": [USER, RESULT]}, "must be a response to a preceeding message"),
    ({"messages": [USER, CALLED | {"tool_calls": [CALL | {"id": "x" * 41}]}]}, "too long"),
    ({"messages": [USER, {"role": "assistant", "content": None}]}, "got null"),
    ({"model": "gpt-5", "max_tokens": 9}, "Use 'max_completion_tokens' instead."),
    ({"model": "o3", "temperature": 0.5}, "'temperature' does not support 0.5"),
    ({"model": "o3", "top_p": 0.5}, "Unsupported parameter: 'top_p'"),
    ({"reasoning_effort": "low"}, "Unrecognized request argument supplied: reasoning_effort"),
    ({"response_format": {"type": "json_object"}}, "must contain the word 'json'"),
    ({"response_format": {"type": "json_schema", "json_schema": STRICT}}, "additionalProperties"),
    ({"messages": [{"role": "user", "content": [IMAGE]}]}, "Invalid base64 image_url."),
    ({"messages": [{"role": "user", "content": [TIFF]}]}, "unsupported image"),
]


@pytest.mark.parametrize("changes", GOOD)
def test_what_the_vendor_takes_is_let_through(changes: dict[str, Any]) -> None:
    assert refusal(PATH, BODY | changes) == ""


@pytest.mark.parametrize(("changes", "sentence"), BAD)
def test_what_the_vendor_refuses_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(PATH, BODY | changes)


def test_a_deployment_of_azure_is_as_strict() -> None:
    path = "/openai/deployments/gpt-4o/chat/completions"
    assert refusal(path, {"messages": [USER]}) == ""
    assert "top_k" in refusal(path, {"messages": [USER], "top_k": 1})


MISTRAL: dict[str, Any] = {"model": "mistral-small-latest", "messages": [USER]}
NINE = CALL | {"id": "abcDEF123"}
NINE_CALLED = {"role": "assistant", "content": "", "tool_calls": [NINE]}
NINE_RESULT = RESULT | {"tool_call_id": "abcDEF123"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": 1}, "Extra inputs are not permitted"),
        ({"messages": [USER, CALLED, RESULT]}, "with a length of 9"),
        ({"messages": [USER, NINE_CALLED, NINE_RESULT, USER]}, "Unexpected role 'user' after role"),
        ({"messages": [USER, NINE_CALLED]}, "Not the same number of function calls"),
        ({"messages": [USER, {"role": "assistant", "content": "x"}]}, "Expected last role"),
        ({"messages": [USER, NINE_CALLED, NINE_RESULT]}, ""),
        ({"random_seed": 1, "safe_prompt": True}, ""),
    ],
)
def test_mistral_has_rules_of_its_own(changes: dict[str, Any], sentence: str) -> None:
    problem = check(PATH, MISTRAL | changes)
    assert (problem is None) == (sentence == "")
    assert problem is None or (sentence in problem.message and problem.status in {400, 422})
