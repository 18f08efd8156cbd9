"""What Converse refuses, in the service's words."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.simulator.seals import build_seal
from tests.simulator.strict.rules import refusal

PATH = "/model/us.anthropic.claude-sonnet-4-6-v1:0/converse"
USER = {"role": "user", "content": [{"text": "hello"}]}
BODY: dict[str, Any] = {"messages": [USER]}
TOOL = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}
CONFIG = {"toolConfig": {"tools": [TOOL]}}
CALLED = {
    "role": "assistant",
    "content": [{"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}}],
}
RESULT = {"toolResult": {"toolUseId": "t1", "content": [{"text": "done"}]}}
ANSWERED = {"role": "user", "content": [RESULT]}
TOLD = {"text": "Hm.", "signature": build_seal("claude", "k", "Hm.")}


def _thought(**changes: str) -> dict[str, Any]:
    told = {"reasoningContent": {"reasoningText": TOLD | changes}}
    return {"messages": [USER, {"role": "assistant", "content": [told, {"text": "x"}]}, USER]}


def _user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def _image(data: str, kind: str = "png") -> dict[str, Any]:
    return {"image": {"format": kind, "source": {"bytes": data}}}


GOOD: list[dict[str, Any]] = [
    {},
    {"messages": [USER, CALLED, ANSWERED], **CONFIG},
    _thought(),
    {"toolConfig": {"tools": [TOOL], "toolChoice": {"tool": {"name": "f"}}}},
    _user({"text": "x"}, {"cachePoint": {"type": "default"}}),
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"seed": 1}, "extraneous key [seed] is not permitted"),
    (_user({"text": "x", "type": "text"}), "extraneous key [type]"),
    (_user({"text": ""}), "is blank"),
    (_user(), "Member must have length greater than or equal to 1"),
    ({"messages": [CALLED]}, "must start with a user message"),
    ({"messages": [USER, USER]}, "must alternate between user and assistant"),
    ({"messages": [USER, CALLED, ANSWERED]}, "The toolConfig field must be defined"),
    ({"messages": [USER, CALLED, USER], **CONFIG}, "Expected toolResult blocks at messages.2"),
    ({"messages": [ANSWERED], **CONFIG}, "exceeds the number of toolUse blocks"),
    ({"inferenceConfig": {"temperature": 2}}, "less than or equal to 1"),
    ({"inferenceConfig": {"maxTokens": "9"}}, "can not be converted to integer"),
    ({"toolConfig": {"tools": []}}, "Member must have length"),
    ({"toolConfig": {"tools": [TOOL], "toolChoice": {"none": {}}}}, "extraneous key [none]"),
    (_user({"text": "x"}, _image("???")), "Invalid base64"),
    (_user({"text": "x"}, _image("AAAA", "tiff")), "enum value set"),
    (_user({"text": "x"}, _image("/9j/AAAA")), "appears to be a image/jpeg"),
    (_thought(text="Ha."), "Invalid `signature` in `thinking` block"),
]


@pytest.mark.parametrize("changes", GOOD)
def test_what_the_service_takes_is_let_through(changes: dict[str, Any]) -> None:
    assert refusal(PATH, BODY | changes) == ""


@pytest.mark.parametrize(("changes", "sentence"), BAD)
def test_what_the_service_refuses_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(PATH, BODY | changes)
