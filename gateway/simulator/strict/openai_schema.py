"""The subset of JSON Schema that OpenAI takes where ``strict`` is on.

Source: OpenAI's guide "Structured model outputs", 2026-11.

Rule: every object forbids other properties and requires all of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.simulator.exchange import Json, Problem
from gateway.simulator.strict.openai_words import build_invalid

_FORBIDDEN = ("allOf", "not", "dependentRequired", "if", "then", "else")


def find_schema_problem(body: Json) -> Problem | None:
    """Find what strict mode refuses in the answer's schema or a function's parameters."""
    for label, schema, param in _iterate_schemas(body):
        flaw = _find_flaw(schema, ())
        if flaw is not None:
            message = f"Invalid schema for {label}: {flaw}"
            code = "invalid_function_parameters" if "function" in label else "invalid_json_schema"
            return build_invalid(message, code, param)
    return None


def _iterate_schemas(body: Json) -> Iterator[tuple[str, Any, str]]:
    """Yield label, schema and param of every strict schema, in chat's or Responses' places."""
    chat = (body.get("response_format") or {}).get("json_schema") or {}
    responses = (body.get("text") or {}).get("format") or {}
    for shape, param in ((chat, "response_format"), (responses, "text.format.schema")):
        if shape.get("strict") and isinstance(shape.get("schema"), dict):
            yield f"response_format '{shape.get('name')}'", shape["schema"], param
    for index, tool in enumerate(body.get("tools") or []):
        function = tool.get("function") or tool
        if function.get("strict") and isinstance(function.get("parameters"), dict):
            param = f"tools[{index}].function.parameters"
            yield f"function '{function.get('name')}'", function["parameters"], param


def _find_flaw(schema: Any, context: tuple[str, ...]) -> str | None:
    if not isinstance(schema, dict):
        return None
    where = f"In context={context!r}, "
    unknown = next((name for name in _FORBIDDEN if name in schema), None)
    if unknown is not None:
        return f"{where}'{unknown}' is not permitted."
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return f"{where}'additionalProperties' is required to be supplied and to be false."
        properties = schema.get("properties") or {}
        missing = [name for name in properties if name not in (schema.get("required") or [])]
        if missing:
            return (
                f"{where}'required' is required to be supplied and to be an array including every "
                f"key in properties. Missing '{missing[0]}'."
            )
    flaws = (_find_flaw(one, (*context, *steps)) for steps, one in _iterate_parts(schema))
    return next(filter(None, flaws), None)


def _iterate_parts(schema: Json) -> Iterator[tuple[tuple[str, ...], Any]]:
    for place in ("properties", "$defs", "definitions"):
        for name, part in (schema.get(place) or {}).items():
            yield (place, name), part
    yield ("items",), schema.get("items")
    for index, part in enumerate(schema.get("anyOf") or []):
        yield ("anyOf", str(index)), part
