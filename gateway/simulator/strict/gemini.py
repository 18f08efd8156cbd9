"""What Gemini refuses.

Source: Google's reference and its answers to wrong requests, 2026-11.

Rule: shapes first, then settings and tools, then the conversation: a response to functions stands
right behind their calls, and a Gemini 3 call has the signature that it came with.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

from gateway.simulator.exchange import Inquiry, Json, Problem
from gateway.simulator.gemini_content import SEAL
from gateway.simulator.gemini_question import find, list_contents, list_parts
from gateway.simulator.media import decode, find_type
from gateway.simulator.seals import is_sealed
from gateway.simulator.strict.gemini_schema import find_schema_flaw
from gateway.simulator.strict.gemini_shape import BATCH, BODY, COUNTED, EMBEDDED, dump_snake
from gateway.simulator.strict.shapes import Fault, Flaw, Path

DUMMY_SIGNATURES = frozenset(
    {"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"}
)
"""What Google documents for calls that another model made."""

_MOST_STOPS = 5
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_BAD_NAME = (
    "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, "
    "A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128."
)
_UNSIGNED = (
    "Function call is missing a thought_signature in functionCall parts. This is required for "
    "tools to work correctly, and missing thought_signature may lead to degraded model "
    "performance. Additional data, function call `default_api:{name}` , position {position}. "
    "Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
)
_AFTER_CALL = (
    "Please ensure that function response turn comes immediately after a function call turn."
)
_EQUAL = (
    "Please ensure that the number of function response parts is equal to the number of function "
    "call parts of the function call turn."
)
_DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)
_MEDIA = re.compile(
    r"image/(png|jpe?g|webp|heic|heif|gif)|audio/.+|video/.+|text/.+"
    r"|application/(pdf|json|x-javascript|x-python|rtf)"
)
_TYPES = {
    "string": "TYPE_STRING",
    "integer": "TYPE_INT32",
    "number": "TYPE_FLOAT",
    "boolean": "TYPE_BOOL",
    "object": "type.googleapis.com/google.protobuf.Struct",
    "array": "TYPE_MESSAGE",
}


def find_problem(inquiry: Inquiry) -> Problem | None:
    """Find the first thing that Gemini refuses in any of the actions."""
    shape = {
        "countTokens": COUNTED,
        "embedContent": EMBEDDED,
        "batchEmbedContents": BATCH,
        "predict": None,
    }.get(inquiry.action, BODY)
    flaw = None if shape is None else shape.find(inquiry.body, ())
    if flaw is not None:
        return _invalid(_say_flaw(flaw))
    if shape is not BODY or not find(inquiry.body, "contents"):
        return None
    found = (rule(inquiry.body, inquiry.model) for rule in _RULES)
    message = next(filter(None, found), None)
    return None if message is None else _invalid(message)


def _invalid(message: str) -> Problem:
    return Problem(400, "INVALID_ARGUMENT", message)


def dump_path(path: Path) -> str:
    """Write a path as Google does: in snake_case, places in brackets, keys of maps too."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.startswith("<"):
            text += f"[{step[1:]}]"
        else:
            text += f".{dump_snake(step)}" if text else dump_snake(step)
    return text


def _say_flaw(flaw: Flaw) -> str:
    if flaw.fault is Fault.UNKNOWN:
        where = dump_path(flaw.path[:-1])
        at = f" at '{where}'" if where else ""
        return (
            f'Invalid JSON payload received. Unknown name "{flaw.path[-1]}"{at}: Cannot find field.'
        )
    where, kind = dump_path(flaw.path), _TYPES[flaw.noun]
    if flaw.fault is Fault.VALUE:
        kind = f"type.googleapis.com/google.ai.generativelanguage.{flaw.path[-1]}"
    elif isinstance(flaw.given, list):
        return (
            f'Invalid JSON payload received. Unknown name "{flaw.path[-1]}" at '
            f"'{dump_path(flaw.path[:-1])}': Proto field is not repeating, cannot start list."
        )
    given = f'"{flaw.given}"' if isinstance(flaw.given, str) else flaw.given
    return f"Invalid value at '{where}' ({kind}), {given}"


def _say_field(field: str, sentence: str) -> str:
    return f"* GenerateContentRequest.{field}: {sentence}\n"


def _find_config_flaw(body: Json, model: str) -> str | None:
    config = find(body, "generationConfig") or {}
    for name, low, high in (("temperature", 0.0, 2.0), ("topP", 0.0, 1.0)):
        value = find(config, name)
        if value is not None and not low <= value <= high:
            field = f"generation_config.{dump_snake(name)}"
            return _say_field(field, f"{dump_snake(name)} must be in the range [{low}, {high}].")
    if len(find(config, "stopSequences") or []) > _MOST_STOPS:
        field = "generation_config.stop_sequences"
        return _say_field(field, f"at most {_MOST_STOPS} stop sequences are allowed")
    if any(not stop for stop in find(config, "stopSequences") or []):
        return _say_field("generation_config.stop_sequences", "must not be empty")
    return _find_output_flaw(body, config, model) or _find_thinking_flaw(config, model)


def _find_output_flaw(body: Json, config: Json, model: str) -> str | None:
    mime_type = find(config, "responseMimeType")
    schema, json_schema = find(config, "responseSchema"), find(config, "responseJsonSchema")
    if schema is not None and json_schema is not None:
        return "response_schema and response_json_schema cannot both be set."
    if (schema or json_schema) and mime_type not in {"application/json", "text/x.enum"}:
        return _say_field(
            "generation_config.response_schema",
            "only allowed when response_mime_type is 'application/json'",
        )
    declared = list(_iterate_declarations(body))
    if declared and mime_type == "application/json" and not _is_third(model):
        return "Function calling with a response mime type: 'application/json' is unsupported"
    where = "generation_config.response_schema"
    flaw = None if schema is None else find_schema_flaw(schema, where)
    return None if flaw is None else _say_field(*flaw)


def _find_thinking_flaw(config: Json, model: str) -> str | None:
    thinking = find(config, "thinkingConfig") or {}
    budget, level = find(thinking, "thinkingBudget"), find(thinking, "thinkingLevel")
    if budget is not None and level is not None:
        return "You can only set only one of thinking budget and thinking level."
    if level is not None and not _is_third(model):
        return "Thinking level is not supported for this model."
    if budget == 0 and "2.5-pro" in model:
        return "Budget 0 is invalid. This model only works in thinking mode."
    return None


def _is_third(model: str) -> bool:
    """Tell whether a model is of the third generation or newer."""
    found = re.match(r"gemini-(\d+)", model)
    return found is not None and int(found[1]) >= 3  # noqa: PLR2004 - the generation's number


def _iterate_declarations(body: Json) -> Iterator[tuple[str, Json]]:
    for index, tool in enumerate(body.get("tools") or []):
        for place, one in enumerate(find(tool, "functionDeclarations") or []):
            yield f"tools[{index}].function_declarations[{place}]", one


def _find_tool_flaw(body: Json, _model: str) -> str | None:
    names: list[str] = []
    for where, declared in _iterate_declarations(body):
        name = str(declared.get("name") or "")
        if not _NAME.fullmatch(name):
            return _say_field(f"{where}.name", _BAD_NAME)
        if name in names:
            return f"Duplicate function declaration found: {name}"
        names.append(name)
        parameters = declared.get("parameters")
        if parameters is not None and find(declared, "parametersJsonSchema") is not None:
            return _say_field(where, "parameters and parameters_json_schema cannot both be set.")
        flaw = None if not parameters else find_schema_flaw(parameters, f"{where}.parameters")
        if flaw is not None:
            return _say_field(*flaw)
    return _find_calling_flaw(body, names)


def _find_calling_flaw(body: Json, names: list[str]) -> str | None:
    calling = find(find(body, "toolConfig"), "functionCallingConfig") or {}
    mode, allowed = calling.get("mode"), find(calling, "allowedFunctionNames") or []
    where = "tool_config.function_calling_config"
    if mode == "ANY" and not names:
        return "Function calling config is set without function_declarations."
    if allowed and mode not in {"ANY", "VALIDATED"}:
        sentence = "allowed_function_names should only be set when mode is ANY or VALIDATED."
        return _say_field(f"{where}.allowed_function_names", sentence)
    unknown = [name for name in allowed if name not in names]
    if unknown:
        sentence = f"function '{unknown[0]}' is not declared in the tools."
        return _say_field(f"{where}.allowed_function_names", sentence)
    return None


def _find_part_flaw(body: Json, _model: str) -> str | None:
    for index, content in enumerate(list_contents(body)):
        where = f"contents[{index}].parts"
        parts = list_parts(content)
        if not parts or parts == [None]:
            return _say_field(where, "contents.parts must not be empty.")
        for place, part in enumerate(parts):
            flaw = _find_data_flaw(part, f"{where}[{place}]")
            if flaw is not None:
                return flaw
    return None


def _find_data_flaw(part: Json, where: str) -> str | None:
    present = [name for name in _DATA if find(part, name) is not None]
    if len(present) != 1:
        few = "must have one initialized field" if not present else "cannot have more than one"
        return _say_field(f"{where}.data", f"required oneof field 'data' {few}")
    for name in ("functionCall", "functionResponse"):
        call = find(part, name)
        if call is not None and not call.get("name"):
            return _say_field(f"{where}.{dump_snake(name)}.name", "Name cannot be empty.")
    inline = find(part, "inlineData")
    return None if inline is None else _find_blob_flaw(inline, where)


def _find_blob_flaw(blob: Json, where: str) -> str | None:
    mime_type, content = str(find(blob, "mimeType")), decode(blob.get("data"))
    if content is None:
        return (
            f"Invalid value at '{where}.inline_data.data' (TYPE_BYTES), Base64 decoding failed for "
            f'"{str(blob.get("data"))[:40]}"'
        )
    if not _MEDIA.fullmatch(mime_type):
        return f"Unsupported MIME type: {mime_type}"
    found = find_type(content)
    if not content or (found not in {None, mime_type} and mime_type.startswith("image/")):
        return "Unable to process input image. Please retry or report in https://g.co/aistudio"
    return None


def _count(content: Any, name: str) -> int:
    return sum(1 for part in list_parts(content) if find(part, name) is not None)


def _find_turn_flaw(body: Json, _model: str) -> str | None:
    """Find roles that cannot be and turns of functions in the wrong place."""
    contents = list_contents(body)
    roles = [content.get("role") or "user" for content in contents]
    if any(role not in {"user", "model", "function"} for role in roles):
        return "Please use a valid role: user, model."
    if roles[0] == "model":
        return "Please ensure that multiturn requests begin with a user turn."
    expected = 0
    for calls, responses in _list_turns(contents, roles):
        if responses and not expected:
            return _AFTER_CALL
        if responses != expected:
            return _EQUAL
        expected = calls
    return _EQUAL if expected else None


def _list_turns(contents: list[Any], roles: list[str]) -> list[tuple[int, int]]:
    """Count calls and responses of each turn; contents of one role in a row are one turn."""
    pairs = zip(roles, contents, strict=True)
    groups = itertools.groupby(pairs, key=lambda pair: pair[0] == "model")
    turns = ([content for _, content in group] for _, group in groups)
    return [
        (
            sum(_count(content, "functionCall") for content in turn),
            sum(_count(content, "functionResponse") for content in turn),
        )
        for turn in turns
    ]


def _find_signature_flaw(body: Json, model: str) -> str | None:
    """Find a call of the current turn without its signature, or a signature made up."""
    contents = list_contents(body)
    current = _find_current_turn(contents)
    for index, content in enumerate(contents):
        calls = 0
        for part in list_parts(content):
            signature = find(part, "thoughtSignature")
            if signature and not _is_known(signature):
                return "Thought signature is not valid."
            call = find(part, "functionCall")
            calls += call is not None
            first = call is not None and calls == 1
            if first and index > current and not signature and _is_third(model):
                return _UNSIGNED.format(name=call["name"], position=index + 1)
    return None


def _find_current_turn(contents: list[Any]) -> int:
    """Find where the current turn begins: the last thing that the user said in words."""
    spoken = [
        index
        for index, content in enumerate(contents)
        if (content.get("role") or "user") == "user" and not _count(content, "functionResponse")
    ]
    return spoken[-1] if spoken else -1


def _is_known(signature: Any) -> bool:
    """Take the documented dummies as text or as the base64 that SDKs make of bytes."""
    plain = (decode(signature) or b"").decode("utf-8", "replace")
    return signature in DUMMY_SIGNATURES or plain in DUMMY_SIGNATURES or is_sealed(SEAL, signature)


_RULES: tuple[Callable[[Json, str], str | None], ...] = (
    _find_config_flaw,
    _find_tool_flaw,
    _find_part_flaw,
    _find_turn_flaw,
    _find_signature_flaw,
)
