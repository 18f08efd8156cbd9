"""What Responses refuse, in the vendor's words."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.simulator.seals import build_seal
from tests.simulator.strict.rules import refusal

PATH = "/v1/responses"
BODY: dict[str, Any] = {"model": "gpt-5", "input": "hello"}
USER = {"role": "user", "content": [{"type": "input_text", "text": "hello"}]}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "done"}
SEAL = build_seal("openai", "key")
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SEAL}

GOOD: list[dict[str, Any]] = [
    {},
    {"input": [USER, THOUGHT, CALL, OUTPUT]},
    {"previous_response_id": "resp_1", "input": [OUTPUT]},
    {"max_output_tokens": 16, "reasoning": {"effort": "low", "summary": "auto"}},
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"n": 2}, "Unknown parameter: 'n'."),
    ({"messages": []}, "Unknown parameter: 'messages'."),
    ({"max_output_tokens": 15}, "Expected a value >= 16, but got 15 instead."),
    ({"input": [USER | {"x": 1}]}, "Unknown parameter: 'input[0].x'."),
    ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "'text'"),
    ({"input": [USER, OUTPUT]}, "No tool call found for function call output with call_id call_1."),
    ({"input": [USER, CALL]}, "No tool output found for function call call_1."),
    (
        {"input": [USER, THOUGHT | {"encrypted_content": "x"}, CALL, OUTPUT]},
        "could not be verified",
    ),
    ({"input": [USER, THOUGHT]}, "without its required following item"),
    ({"temperature": 0.2}, "does not support 0.2"),
    ({"model": "gpt-4o", "reasoning": {"effort": "low"}}, "'reasoning.effort' is not supported"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "'tools[0].name'"),
    ({"tool_choice": "required"}, "must be specified with 'tools'"),
    ({"text": {"format": {"type": "json_object"}}}, "must contain the word 'json'"),
]


@pytest.mark.parametrize("changes", GOOD)
def test_what_the_vendor_takes_is_let_through(changes: dict[str, Any]) -> None:
    assert refusal(PATH, BODY | changes) == ""


@pytest.mark.parametrize(("changes", "sentence"), BAD)
def test_what_the_vendor_refuses_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(PATH, BODY | changes)
