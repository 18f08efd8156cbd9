"""The parts of a request's body that routing reads and writes.

Format: RFC 8259. Rule: a body is never re-serialised: all bytes but the model's name
stay where they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import product
from typing import Any, Final, NoReturn

import orjson

from gateway.dialects.spec import RequestHead, dump_json
from gateway.errors import MalformedRequestError

MAX_DEPTH: Final = 64  # deeper than any real tool schema; parsers downstream may recurse
# Letters of "model" can only be spelled \u0064, \u0065, \u006c, \u006d, \u006f.
_ESCAPED_LETTER: Final = b"\\u006"
_PLAIN_KEY: Final = b'"model"'
# Some servers (all that decode with Go's encoding/json) take these for the key itself, and the
# last one counts: a request would choose its model past the endpoint.
_OTHER_SPELLINGS: Final = frozenset(map("".join, product("mM", "oO", "dD", "eE", "lL"))) - {"model"}
# As serialisers write them; other blanks are left to the patterns.
_KEY_AND_COLON: Final = b'"model": '
_KEY_AND_COLON_ALONE: Final = b'"model":'
_KEPT_NAMES: Final = 4096  # of endpoints, as clients send them
_COUNTED_BYTES: Final = 16 << 10
_COPIED_BYTES: Final = 64 << 10  # up to here a copy costs less than a second write
_SEARCHED_BYTES: Final = 1 << 20  # a search takes some milliseconds; longer bodies are images
_LONG_NUMBER = re.compile(rb"[0-9]{19}")  # 2**63 has nineteen digits
_KEY = re.compile(rb'"model"\s*:\s*')
_ESCAPED_KEY = re.compile(
    rb'"(?:m|\\u006[dD])(?:o|\\u006[fF])(?:d|\\u0064)(?:e|\\u0065)(?:l|\\u006[cC])"\s*:\s*'
)
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,}\]]+")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
# Where a Gemini body may name its model: at the top (1), in generateContentRequest (2) or in
# an element of requests (3).
_GEMINI_DEPTHS: Final = frozenset({1, 2, 3})


def parse_head(raw: bytes) -> RequestHead:
    """Read the model's name and whether a stream is asked for.

    Raises:
        MalformedRequestError: not JSON, too deep, no object, a field of the wrong type, or a
            `Model` of another spelling; `field` names it where it is one.
    """
    body = parse_body(raw)
    if not _OTHER_SPELLINGS.isdisjoint(body):
        raise MalformedRequestError("the model's name must be in 'model' alone", field="model")
    model, stream = body.get("model"), body.get("stream")
    if model is not None and (
        not isinstance(model, str) or (not model.isascii() and _SURROGATE.search(model))
    ):
        raise MalformedRequestError("'model' must be a string", field="model")
    if stream is not None and not isinstance(stream, bool):
        raise MalformedRequestError("'stream' must be true or false", field="stream")
    return RequestHead(model, bool(stream))


def parse_body(raw: bytes) -> dict[str, Any]:
    """Parse a request's body.

    Raises:
        MalformedRequestError: not JSON (with line and column), deeper than 64, no object.
    """
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = _parse_leniently(raw)
    if not isinstance(body, dict):
        raise MalformedRequestError("the body must be a JSON object")
    # Only a body with that many brackets can be that deep; those in strings count too, but
    # then the walk settles it. In a long body counting takes longer than the walk.
    if (
        len(raw) > _COUNTED_BYTES or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH
    ) and _is_too_deep(body):
        raise MalformedRequestError(f"the body is nested deeper than {MAX_DEPTH}")
    return body


def parse_values(raw: bytes) -> dict[str, Any]:
    """Parse a body, found valid already, whose values are to be written out again.

    Numbers of more than 64 bits keep all of their digits, unless the body is a very long one.
    """
    if len(raw) <= _SEARCHED_BYTES and _LONG_NUMBER.search(raw):
        body = _parse_leniently(raw)
        if isinstance(body, dict):
            return body
    return parse_body(raw)


def cut_model(raw: bytes, name: str) -> list[bytes | memoryview]:
    """Cut a body where its top-level ``model`` stands: another name goes between the pieces.

    Every top-level occurrence of the key is cut out, however it is spelled; nested ones are
    not. A long body is not copied: its pieces are views.

    Args:
        raw: a valid JSON object.
        name: what `parse_head` found there.
    """
    # Spelled so once and never with escapes, it is the key that the parser has found.
    # (A search for one byte is ten times as quick as one for several: images have no backslash.)
    if raw.count(_PLAIN_KEY) == 1 and (b"\\" not in raw or _ESCAPED_LETTER not in raw):
        value = _dump_name(name)
        at = raw.find(_KEY_AND_COLON + value)
        start = at + len(_KEY_AND_COLON)
        if at < 0:
            at = raw.find(_KEY_AND_COLON_ALONE + value)
            start = at + len(_KEY_AND_COLON_ALONE)
        if at >= 0:
            view = raw if len(raw) <= _COPIED_BYTES else memoryview(raw)
            return [view[:start], view[start + len(value) :]]
    return _cut(raw, lambda depth, _value: depth == 1)


@lru_cache(_KEPT_NAMES)
def _dump_name(name: str) -> bytes:
    return dump_json(name)


def replace_named_model(raw: bytes, old: str, new: str) -> bytes:
    """Put ``models/{new}`` where a Gemini body names the model `old`, with or without prefix.

    Looked at are the places where the API takes a model's name: at the top, in
    ``generateContentRequest`` and in ``requests[]``. `raw` must be valid JSON.
    """
    names = frozenset({old, f"models/{old}"})

    def is_meant(depth: int, value: bytes) -> bool:
        return depth in _GEMINI_DEPTHS and value[:1] == b'"' and _parse_string(value) in names

    return dump_json(f"models/{new}").join(_cut(raw, is_meant))


def _cut(raw: bytes, is_meant: Callable[[int, bytes], bool]) -> list[bytes | memoryview]:
    pieces: list[bytes | memoryview] = []
    done = 0
    for depth, start in _iter_keys(raw):
        if start < done:
            continue  # inside of a value that has been cut out
        end = _find_end(raw, start)
        if is_meant(depth, raw[start:end]):
            pieces.append(raw[done:start])
            done = end
    pieces.append(raw[done:] if done else raw)
    return pieces


def _iter_keys(raw: bytes) -> Iterator[tuple[int, int]]:
    """Yield the depth of each ``model`` key and where its value begins.

    An unescaped quote before ``model"`` always opens a string, and a colon behind makes it a
    key; only the depth needs a look at what surrounds it.
    """
    pattern = _ESCAPED_KEY if _ESCAPED_LETTER in raw else _KEY
    keys = [match for match in pattern.finditer(raw) if not _is_escaped(raw, match.start())]
    if len(keys) == 1:
        yield _find_depth(raw, keys[0].start()), keys[0].end()
        return
    depth = last = 0
    for match in keys:
        depth += _count_depth(raw[last : match.start()])
        last = match.start()
        yield depth, match.end()


def _is_escaped(raw: bytes, at: int) -> bool:
    first = at
    while first > 0 and raw[first - 1] == ord("\\"):
        first -= 1
    return (at - first) % 2 == 1


def _find_depth(raw: bytes, at: int) -> int:
    """Return how many brackets are open at a key, by the shorter of the two sides."""
    if at <= len(raw) // 2:
        return _count_depth(raw[:at])
    return -_count_depth(raw[at:])


def _count_depth(part: bytes) -> int:
    """Return opening minus closing brackets outside of the strings of a part."""
    bare = _STRING.sub(b"", part)
    return bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")


def _find_end(raw: bytes, start: int) -> int:
    """Return the end of the value that begins at `start`."""
    first = raw[start : start + 1]
    if first not in (b"{", b"["):
        match = (_STRING if first == b'"' else _SCALAR).match(raw, start)
        return start if match is None else match.end()
    depth = 0
    for token in _TOKEN.finditer(raw, start):
        bracket = token[0]
        depth += bracket in (b"{", b"[")
        depth -= bracket in (b"}", b"]")
        if depth == 0:
            return token.end()
    return len(raw)


def _parse_string(value: bytes) -> str | None:
    try:
        text = json.loads(value)
    except ValueError:
        return None
    return text if isinstance(text, str) else None


def _parse_leniently(raw: bytes) -> Any:
    """Parse what the strict parser refused: lone surrogates, which real clients send, pass.

    They come from emoji that were cut in two; a provider takes them, so do we.
    """
    try:
        return json.loads(raw.decode(), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise MalformedRequestError(
            f"the body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise MalformedRequestError(f"the body is nested deeper than {MAX_DEPTH}") from None
    except UnicodeDecodeError as error:
        raise MalformedRequestError(f"the body is not UTF-8 at byte {error.start}") from None
    except ValueError:
        raise MalformedRequestError("the body holds a number that JSON does not have") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _is_too_deep(body: dict[str, Any]) -> bool:
    level: list[Any] = [body]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
