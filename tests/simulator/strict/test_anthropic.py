"""What Messages refuse, in the vendor's words, at Anthropic and at Vertex."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.simulator.seals import build_seal
from tests.simulator.strict.rules import refusal

PATH = "/v1/messages"
USER = {"role": "user", "content": "hello"}
BODY: dict[str, Any] = {"model": "claude-sonnet-4-6", "max_tokens": 2000, "messages": [USER]}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
CALLED = {"role": "assistant", "content": [CALL]}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
ANSWERED = {"role": "user", "content": [RESULT]}
THINKING = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": build_seal("claude", "k", "Hm.")}
TEXT = {"type": "text", "text": "next"}


def _image(media_type: str, data: str) -> dict[str, Any]:
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}


def _say(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [USER, *messages], "tools": [TOOL]}


GOOD: list[dict[str, Any]] = [
    {},
    _say(CALLED, ANSWERED),
    _say(USER, CALLED, {"role": "user", "content": [RESULT, TEXT]}),
    THINKING | _say({"role": "assistant", "content": [THOUGHT, CALL]}, ANSWERED),
    {"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
    _say({"role": "assistant", "content": "So"}),
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"seed": 1}, "seed: Extra inputs are not permitted"),
    ({"messages": [USER | {"name": "x"}]}, "messages.0.name: Extra inputs are not permitted"),
    ({"temperature": 1.5}, "temperature: range: 0..1"),
    ({"temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
    ({"messages": [{"role": "assistant", "content": "x"}]}, 'must use the "user" role'),
    ({"messages": [{"role": "user", "content": ""}]}, "must have non-empty content"),
    ({"messages": [{"role": "user", "content": " "}]}, "must contain non-whitespace text"),
    (_say({"role": "assistant", "content": "So "}), "cannot end with trailing whitespace"),
    ({"messages": [{"role": "user", "content": [{"type": "x"}]}]}, "Input tag 'x' found using"),
    (_say(CALLED), "`tool_use` ids were found without `tool_result` blocks"),
    (_say(CALLED, {"role": "user", "content": [TEXT, RESULT]}), "immediately after: toolu_1"),
    (_say(ANSWERED), "messages.1.content.0: unexpected `tool_use_id` found"),
    (_say({"role": "assistant", "content": [CALL | {"id": "a.b"}]}), "should match pattern"),
    ({"tools": [TOOL | {"name": "a b"}]}, "tools.0.custom.name: String should match pattern"),
    ({"tools": [{"name": "f", "input_schema": {}}]}, "input_schema.type: Field required"),
    ({"tools": [TOOL, TOOL]}, "Tool names must be unique."),
    ({"tool_choice": {"type": "auto"}}, "only be specified while providing tools"),
    ({"thinking": {"type": "enabled", "budget_tokens": 9}}, "greater than or equal to 1024"),
    (THINKING | {"max_tokens": 1024}, "`max_tokens` must be greater than"),
    (THINKING | {"temperature": 0}, "may only be set to 1 when thinking"),
    (THINKING | {"tools": [TOOL], "tool_choice": {"type": "any"}}, "forces tool use"),
    (THINKING | _say(CALLED, ANSWERED), "messages.1.content.0.type: Expected `thinking`"),
    (
        _say({"role": "assistant", "content": [THOUGHT | {"thinking": "Ha."}, TEXT]}, USER),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    (_image("image/tiff", "AAAA"), "Input should be 'image/jpeg'"),
    (_image("image/png", "???"), "invalid base64 data"),
    (_image("image/png", "/9j/AAAA"), "appears to be a image/jpeg image"),
]


@pytest.mark.parametrize("changes", GOOD)
def test_what_the_vendor_takes_is_let_through(changes: dict[str, Any]) -> None:
    assert refusal(PATH, BODY | changes) == ""


@pytest.mark.parametrize(("changes", "sentence"), BAD)
def test_what_the_vendor_refuses_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(PATH, BODY | changes)


def test_a_count_of_tokens_has_no_limit() -> None:
    path = "/v1/messages/count_tokens"
    assert "max_tokens: Extra inputs" in refusal(path, BODY)
    assert refusal(path, {"model": "claude-sonnet-4-6", "messages": [USER]}) == ""


def test_vertex_is_as_strict() -> None:
    path = "/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-6:rawPredict"
    body = {"anthropic_version": "vertex-2023-10-16", "max_tokens": 9, "messages": [USER]}
    assert refusal(path, body) == ""
    assert "seed: Extra inputs" in refusal(path, body | {"seed": 1})
    assert "model: Extra inputs" in refusal(path, body | {"model": "claude-sonnet-4-6"})
