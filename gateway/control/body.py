"""Reading a request's body: size, type, JSON, schema.

Rule: an error names the field by its path and never repeats the value; a body with a
field twice, or a field that does not exist, is refused.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError

from gateway.control.schema.base import Strict
from gateway.errors import (
    InvalidValueError,
    LockgateError,
    MalformedRequestError,
    PayloadTooLargeError,
    RequestTimeoutError,
    UnknownFieldError,
    UnsupportedMediaError,
)

_IDLE_S = 10  # a caller that is silent for longer has gone, or means harm
_MAX_NAME = 64  # of a field that is repeated in an error

_OWN = "Value error, "  # what pydantic puts before a sentence of a validator of ours
_SUBJECT = re.compile(r"^(Input|String|List|Tuple|Dictionary) should ")
_SENTENCES = {
    "missing": "is required",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "list_type": "must be an array",
    "tuple_type": "must be an array",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


async def read_body(request: web.Request, max_bytes: int) -> bytes:
    """Read a JSON body of at most `max_bytes`.

    Raises:
        UnsupportedMediaError: another content type, or an encoded body.
        PayloadTooLargeError: more bytes than that.
        MalformedRequestError: no body.
        RequestTimeoutError: the rest of it does not come.
    """
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise UnsupportedMediaError("encoded bodies are not accepted", field="Content-Encoding")
    if request.content_length is not None and request.content_length > max_bytes:
        raise _too_large(max_bytes)
    if not request.can_read_body:
        raise MalformedRequestError("a JSON body is required")
    if request.content_type != "application/json":
        raise UnsupportedMediaError("must be application/json", field="Content-Type")
    raw = bytearray()
    while chunk := await _read_chunk(request):
        raw += chunk
        if len(raw) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(raw)


async def _read_chunk(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_IDLE_S):
            return await request.content.readany()
    except TimeoutError:
        raise RequestTimeoutError(f"no more of the body came for {_IDLE_S} s") from None


def _too_large(max_bytes: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"the body may have at most {max_bytes} bytes")


def parse_body(
    raw: bytes, model: type[BaseModel], array_model: type[BaseModel] | None = None
) -> BaseModel:
    """Parse JSON and check it against a model; an array against `array_model`, where given.

    Raises:
        MalformedRequestError: not JSON, a field twice, or another kind of value.
        UnknownFieldError: a field that the model does not have.
        InvalidValueError: a value that the model refuses.
    """
    value = parse_json(raw)
    chosen = array_model if isinstance(value, list) and array_model is not None else model
    if not isinstance(value, dict) and chosen is model:
        raise MalformedRequestError("the body must be a JSON object")
    try:
        return chosen.model_validate_json(raw)
    except ValidationError as error:
        raise _convert(error, chosen, value) from None


def parse_json(raw: bytes) -> Any:
    """Parse strict JSON: UTF-8, no NaN, no lone surrogates, no field twice.

    Raises:
        MalformedRequestError: with line and column where there is one.
    """
    try:
        orjson.loads(raw)  # strict about encoding and surrogates, and bounded in depth
        return json.loads(
            raw, object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise MalformedRequestError(
            f"the body is not valid JSON: line {error.lineno}, column {error.colno}"
        ) from None
    except (RecursionError, ValueError):
        raise MalformedRequestError("the body nests too deep or has a number too long") from None


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedRequestError("a field is given more than once", field=twice[:_MAX_NAME])
    return built


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedRequestError("the body is not valid JSON: NaN and Infinity are no numbers")


def _convert(error: ValidationError, model: type[BaseModel], value: Any) -> LockgateError:
    # An unknown field first: the missing one beside it is often its right spelling.
    found = error.errors(include_url=False, include_input=False, include_context=True)
    first = next((row for row in found if row["type"] == "extra_forbidden"), found[0])
    if first["loc"] and first["loc"][-1] == "[key]":  # the key itself may be a slipped credential
        return InvalidValueError("has an entry whose name cannot be", field=_parent(first["loc"]))
    loc = first["loc"]
    if issubclass(model, Strict) and len(loc) > 1 and loc[0] == model.root:
        loc, value, model = _descend(loc, value, model)
    path = dump_path(loc)
    if first["type"] == "extra_forbidden":
        return _convert_extra(loc, path, model, value)
    sentence = _SENTENCES.get(first["type"]) or _shorten(first["msg"])
    return InvalidValueError(sentence, field=path or None)


def _descend(
    loc: tuple[int | str, ...], value: Any, model: type[Strict]
) -> tuple[tuple[int | str, ...], Any, type[BaseModel]]:
    """Look at an error from the field whose content paths are in."""
    inner = model.model_fields[str(loc[0])].annotation
    found = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else model
    return loc[1:], value[loc[0]], found


def _convert_extra(
    loc: tuple[int | str, ...], path: str, model: type[BaseModel], value: Any
) -> LockgateError:
    name = str(loc[-1])
    if len(loc) == 1 and issubclass(model, Strict) and name in model.immutable:
        return InvalidValueError("cannot be changed", field=path)
    known = list(model.model_fields) if len(loc) == 1 else []
    nearest = [found for found in get_close_matches(name, known, n=1) if found not in value]
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return UnknownFieldError(f"unknown field{hint}", field=path)


def _parent(loc: tuple[int | str, ...]) -> str:
    return dump_path(loc[:-2])  # without the entry's name and pydantic's mark for a key


def _shorten(message: str) -> str:
    if message.startswith(_OWN):
        return message.removeprefix(_OWN)
    return _SUBJECT.sub("should ", message)


def dump_path(loc: Sequence[int | str]) -> str:
    """Return a location as a path with dots, such as ``model_mappings[2].weight``."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part[:_MAX_NAME]}" if path else part[:_MAX_NAME]
    return path
