"""What Gemini refuses, in the vendor's words."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.simulator.seals import build_seal
from tests.simulator.strict.rules import refusal

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
THIRD = "/v1beta/models/gemini-3-pro:generateContent"
USER = {"role": "user", "parts": [{"text": "hello"}]}
BODY: dict[str, Any] = {"contents": [USER]}
CALL: dict[str, Any] = {"functionCall": {"name": "f", "args": {}}}
SIGNED = CALL | {"thoughtSignature": build_seal("gemini", "key")}
DUMMY = CALL | {"thoughtSignature": "skip_thought_signature_validator"}
GARBAGE = CALL | {"thoughtSignature": "AAAA"}
RESPONSE = {"functionResponse": {"name": "f", "response": {"result": "done"}}}
JSON = {"responseMimeType": "application/json"}


def _turn(call: dict[str, Any], *responses: dict[str, Any]) -> dict[str, Any]:
    called = {"role": "model", "parts": [call]}
    return {"contents": [USER, called, {"role": "user", "parts": list(responses)}]}


def _tool(schema: dict[str, Any], name: str = "f") -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": [{"name": name, "parameters": schema}]}]}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [part]}]}


GOOD: list[tuple[str, dict[str, Any]]] = [
    (PATH, {}),
    (PATH, {"generation_config": {"max_output_tokens": 9}}),
    (PATH, _turn(CALL, RESPONSE)),
    (THIRD, _turn(SIGNED, RESPONSE)),
    (THIRD, _turn(DUMMY, RESPONSE)),
    (PATH, _tool({"type": "OBJECT", "properties": {"a": {"type": "string"}}})),
    (THIRD, _tool({"type": "object"}) | {"generationConfig": JSON}),
]
BAD: list[tuple[str, dict[str, Any], str]] = [
    (PATH, {"seed": 1}, 'Unknown name "seed": Cannot find field.'),
    (PATH, _part({"text": "x", "y": 1}), "Unknown name \"y\" at 'contents[0].parts[0]'"),
    (PATH, _part({"text": 5}), "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5"),
    (PATH, _part({}), "required oneof field 'data'"),
    (PATH, {"contents": [{"role": "model", "parts": [{"text": "x"}]}]}, "begin with a user turn"),
    (PATH, {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "a valid role"),
    (PATH, {"contents": [{"role": "user", "parts": []}]}, "must not be empty"),
    (PATH, {"contents": [{"role": "user", "parts": [RESPONSE]}]}, "after a function call turn"),
    (PATH, _turn(CALL, RESPONSE, RESPONSE), "number of function response parts is equal"),
    (PATH, _turn(CALL, {"text": "x"}), "number of function response parts is equal"),
    (PATH, _turn(CALL, {"functionResponse": {"name": "f", "response": "x"}}), "protobuf.Struct"),
    (PATH, _turn(CALL, {"functionResponse": {"response": {}}}), "Name cannot be empty."),
    (THIRD, _turn(CALL, RESPONSE), "`default_api:f` , position 2."),
    (PATH, _turn(GARBAGE, RESPONSE), "Thought signature is not valid."),
    (PATH, _tool({"type": "object", "additionalProperties": False}), "additionalProperties"),
    (PATH, _tool({"$ref": "#/$defs/x"}), 'Unknown name "$ref"'),
    (PATH, _tool({"type": ["string", "null"]}), "cannot start list"),
    (PATH, _tool({"type": "array"}), "items: missing field."),
    (PATH, _tool({"type": "object", "required": ["a"]}), "property is not defined"),
    (PATH, _tool({"type": "object"}, "a b"), "Invalid function name."),
    (PATH, _tool({"type": "object"}) | {"generationConfig": JSON}, "mime type"),
    (PATH, {"generationConfig": {"temperature": 3}}, "range [0.0, 2.0]"),
    (PATH, {"generationConfig": {"stopSequences": list("abcdef")}}, "at most 5"),
    (PATH, {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_decl"),
    (PATH, _part({"inlineData": {"mimeType": "image/png", "data": "???"}}), "Base64 decoding"),
    (PATH, _part({"inlineData": {"mimeType": "image/tiff", "data": "AAAA"}}), "Unsupported MIME"),
]


@pytest.mark.parametrize(("path", "changes"), GOOD)
def test_what_the_vendor_takes_is_let_through(path: str, changes: dict[str, Any]) -> None:
    assert refusal(path, BODY | changes) == ""


@pytest.mark.parametrize(("path", "changes", "sentence"), BAD)
def test_what_the_vendor_refuses_is_refused(
    path: str, changes: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(path, BODY | changes)
