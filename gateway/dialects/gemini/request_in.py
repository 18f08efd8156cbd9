"""A client's request, as the hub's.

Source: the Generative Language API's reference, `models.generateContent` and
`models.countTokens`; google-genai 3.4's types; recordings; what gemini-cli sends.

Contents that Google keeps for the client (``cachedContent``) are state at the vendor, as OpenAI's
earlier answers are: nobody else can be asked with them.

Rule: what a field means is read, or the field goes into `extra` under its path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from gateway.dialects.gemini.contents_in import ContentsReader, parse_instruction
from gateway.dialects.gemini.schema_in import parse_schema
from gateway.dialects.gemini.spelling import spell_fields
from gateway.dialects.gemini.tools_in import parse_choice, parse_tools
from gateway.dialects.hub import (
    ChatRequest,
    Message,
    OutputFormat,
    OutputKind,
    ReasoningConfig,
)
from gateway.dialects.hub.fields import check, join_path, read, read_texts, refuse
from gateway.entities import Dialect

_Object = Mapping[str, Any]
_WRAPPED: Final = "generateContentRequest"  # of countTokens
_JSON: Final = "application/json"
_TEXT: Final = "text/plain"
_MOST_DIGITS: Final = 18  # of a 64-bit integer that protobuf writes as a string
_FIELDS: Final = frozenset(
    {"model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}
    | {"serviceTier", "cachedContent"}
)
_TIERS: Final = {"standard": "default", "unspecified": None}


def parse_request(body: _Object, endpoint: str, stream: bool) -> ChatRequest:
    """Read a request for an answer, or for a count of its tokens.

    Raises:
        MalformedRequestError: a field is not what it must be; `field` names it.
    """
    at = ""
    given = spell_fields(body)
    if given.get(_WRAPPED) is not None:
        at = _WRAPPED
        given = spell_fields(check(given[_WRAPPED], dict, at))
    path = join_path(at, "generationConfig")
    config = spell_fields(read(given, "generationConfig", dict, at) or {})
    choice, extra = parse_choice(given, at)
    tier = (read(given, "serviceTier", str, at) or "unspecified").lower()
    numbers = {name: parse(config, field, path) for name, field, parse in _NUMBERS}
    return ChatRequest(
        dialect=Dialect.GEMINI,
        model=endpoint,
        messages=tuple(_parse_messages(given, at)),
        stream=stream,
        tools=tuple(parse_tools(given, at)),
        tool_choice=choice,
        output=_parse_output(config, path),
        reasoning=_parse_reasoning(config, path),
        stop=_parse_stop(config, path),
        logprobs=read(config, "responseLogprobs", bool, path),
        service_tier=_TIERS.get(tier, tier),
        previous_id=read(given, "cachedContent", str, at) or None,
        modalities=tuple(one.lower() for one in read_texts(config, "responseModalities", path)),
        extra=_pick_extra(given, config) | extra,
        **numbers,
    )


def _parse_messages(body: _Object, at: str) -> Iterator[Message]:
    yield from parse_instruction(body, at)
    yield from ContentsReader().read(body, at)


def _read_integer(values: _Object, name: str, at: str) -> int | None:
    """Return an integer, which may be written as a float (SDKs do) or a string (protobuf does)."""
    value = values.get(name)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value) if len(value) <= _MOST_DIGITS else refuse(join_path(at, name), "smaller")
    return read(values, name, int, at)


def _read_number(values: _Object, name: str, at: str) -> float | None:
    return read(values, name, float, at)


_NUMBERS: Final[tuple[tuple[str, str, Callable[[_Object, str, str], Any]], ...]] = (
    ("max_tokens", "maxOutputTokens", _read_integer),
    ("temperature", "temperature", _read_number),
    ("top_p", "topP", _read_number),
    ("top_k", "topK", _read_integer),
    ("seed", "seed", _read_integer),
    ("presence_penalty", "presencePenalty", _read_number),
    ("frequency_penalty", "frequencyPenalty", _read_number),
    ("top_logprobs", "logprobs", _read_integer),
    ("candidates", "candidateCount", _read_integer),
)
_SCHEMAS: Final = ("responseJsonSchema", "_responseJsonSchema", "responseSchema")
_CONFIG_FIELDS: Final = frozenset(
    {field for _, field, _ in _NUMBERS}
    | {"responseLogprobs", "stopSequences", "responseModalities", "thinkingConfig"}
)


def _parse_stop(config: _Object, at: str) -> tuple[str, ...]:
    stop = read_texts(config, "stopSequences", at)
    for index, one in enumerate(stop):
        if not one:
            refuse(f"{at}.stopSequences[{index}]", "a string that is not empty")
    return stop


def _parse_output(config: _Object, at: str) -> OutputFormat | None:
    kind = read(config, "responseMimeType", str, at)
    for name in _SCHEMAS:
        schema = read(config, name, dict, at)
        if schema is not None and kind in {None, _JSON}:
            own = parse_schema(schema) if name == "responseSchema" else schema
            return OutputFormat(OutputKind.SCHEMA, own)
    return OutputFormat(OutputKind.JSON) if kind == _JSON else None


def _parse_reasoning(config: _Object, at: str) -> ReasoningConfig | None:
    given = read(config, "thinkingConfig", dict, at)
    if given is None:
        return None
    path = f"{at}.thinkingConfig"
    thinking = spell_fields(given)
    budget = thinking.get("thinkingBudget")
    if budget != -1:
        budget = _read_integer(thinking, "thinkingBudget", path)
    level = (read(thinking, "thinkingLevel", str, path) or "").lower()
    return ReasoningConfig(
        enabled=None if budget is None else budget != 0,
        effort=level if level and level != "thinking_level_unspecified" else None,
        budget_tokens=budget,
        show=read(thinking, "includeThoughts", bool, path),
    )


def _pick_extra(body: _Object, config: _Object) -> dict[str, Any]:
    extra = {
        name: value for name, value in body.items() if name not in _FIELDS and value is not None
    }
    kind = config.get("responseMimeType")
    known = _CONFIG_FIELDS
    if kind in {None, _JSON, _TEXT}:  # another is a form that the hub has no word for
        known = known.union(_SCHEMAS, ("responseMimeType",))
    for name, value in config.items():
        if name not in known and value is not None:
            extra[f"generationConfig.{name}"] = value
    return extra
