"""What Cohere and Ollama refuse, in their words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.strict.rules import refusal

USER = {"role": "user", "content": "hello"}
BODY: dict[str, Any] = {"model": "m", "messages": [USER]}
FUNCTION = {"name": "f", "arguments": "{}"}
CALLED = {
    "role": "assistant",
    "tool_calls": [{"id": "f_1", "type": "function", "function": FUNCTION}],
}
RESULT = {"role": "tool", "tool_call_id": "f_1", "content": "done"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
LOCAL = {"role": "assistant", "content": "", "tool_calls": [{"function": FUNCTION}]}

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("/v2/chat", {}, ""),
    ("/v2/chat", {"messages": [USER, CALLED, RESULT], "tools": [TOOL]}, ""),
    ("/v2/chat", {"top_p": 1}, "unknown field: parameter 'top_p' is not a valid field"),
    ("/v2/chat", {"tool_choice": "auto"}, "must be one of REQUIRED, NONE"),
    ("/v2/chat", {"tool_choice": "REQUIRED"}, "only be set when tools are provided"),
    ("/v2/chat", {"messages": [USER, CALLED]}, "expected tool results for tool calls f_1"),
    ("/v2/chat", {"messages": [USER, RESULT]}, "tool call id not found"),
    ("/v2/chat", {"temperature": 2}, "temperature must be at most 1"),
    ("/v2/chat", {"messages": [{"role": "user", "content": ""}]}, "at least 1 token long"),
    (
        "/v2/chat",
        {"tools": [TOOL], "response_format": {"type": "json_object"}},
        "cannot specify both response_format json_object and tools",
    ),
    ("/api/chat", {"made_up": 1, "options": {"temperature": 2}}, ""),
    ("/api/chat", {"messages": [USER, LOCAL]}, "cannot unmarshal string into Go struct field"),
    ("/api/chat", {"options": []}, "cannot unmarshal array"),
    ("/api/chat", {"messages": [USER | {"images": ["???"]}]}, "illegal base64 data"),
    ("/api/chat", {"messages": [USER | {"content": []}]}, "cannot unmarshal array"),
]


@pytest.mark.parametrize(("path", "changes", "sentence"), CASES)
def test_each_is_refused_in_its_own_words(
    path: str, changes: dict[str, Any], sentence: str
) -> None:
    found = refusal(path, BODY | changes)
    assert sentence in found
    assert bool(found) == bool(sentence)
