"""Thoughts in chat messages: `reasoning_details`, as OpenRouter has published them.

Source: OpenRouter's guide "Reasoning tokens" (2026-11): a list of objects of the types
``reasoning.text`` (text, signature), ``reasoning.summary`` (summary) and ``reasoning.encrypted``
(data), each with a `format` that names whose they are.

Rule: a client that gives an assistant's message back whole gives all of its thoughts back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.dialects.hub import Family, Reasoning, ToolCall
from gateway.dialects.hub.fields import check, read
from gateway.dialects.spec import read_object

_FORMATS: Final = {
    Family.ANTHROPIC: "anthropic-claude-v1",
    Family.OPENAI: "openai-responses-v1",
    Family.GEMINI: "google-gemini-v1",
    Family.OTHER: "unknown",
}
_FAMILIES: Final = {
    **{name: family for family, name in _FORMATS.items()},
    "azure-openai-responses-v1": Family.OPENAI,
}
_TEXT: Final = "reasoning.text"
_SUMMARY: Final = "reasoning.summary"
_ENCRYPTED: Final = "reasoning.encrypted"


def parse_details(details: list[Any], at: str) -> Iterator[Reasoning]:
    """Yield the thoughts of a message.

    A summary and what is encrypted behind it are one; so are pieces of one `index`, which a client
    that has read a stream gives back as they came.

    Raises:
        MalformedRequestError: one of them is none.
    """
    held: Reasoning | None = None
    last: object = None
    for index, given in enumerate(details):
        path = f"{at}[{index}]"
        one = _parse(check(given, dict, path), path)
        if one is None:
            continue
        place = (given.get("type"), given.get("index"))
        joined = None if held is None else _join(held, one, is_same=place == last)
        if held is not None and joined is None:
            yield held
        held, last = joined or one, place
    if held is not None:
        yield held


def _join(held: Reasoning, one: Reasoning, *, is_same: bool) -> Reasoning | None:
    """Return two details as one thought; None where they are two.

    `is_same`: they are pieces of one text.
    """
    if held.redacted or held.encrypted is not None:
        return None
    if held.summary and one.redacted and held.origin is one.origin:
        return replace(held, encrypted=one.encrypted, id=one.id or held.id)
    if held.summary and one.summary and held.id == one.id:
        texts = (*held.texts[:-1], held.texts[-1] + one.text) if is_same else held.texts + one.texts
        return replace(held, text="".join(texts), texts=texts)
    if is_same and held.signature is None and not (held.summary or one.redacted):
        return replace(held, text=held.text + one.text, signature=one.signature)
    return None


def _parse(value: dict[str, Any], at: str) -> Reasoning | None:
    """Return one detail as a thought; None where nothing is in it."""
    origin = find_family(read(value, "format", str, at))
    kind, item = value.get("type"), read(value, "id", str, at)
    if kind == _ENCRYPTED:
        data = read(value, "data", str, at)
        if not data:
            return None
        return Reasoning(encrypted=data, redacted=True, origin=origin, id=item, at=at)
    if kind == _SUMMARY:
        text = read(value, "summary", str, at) or ""
        return Reasoning(text, summary=True, texts=(text,), origin=origin, id=item, at=at)
    signature = read(value, "signature", str, at) or None
    text = read(value, "text", str, at) or ""
    if not text and signature is None:
        return None
    return Reasoning(text, signature=signature, origin=origin, id=item, at=at)


def dump_details(thoughts: list[Reasoning]) -> list[dict[str, Any]]:
    """Return thoughts as `reasoning_details`."""
    details: list[dict[str, Any]] = []
    for one in thoughts:
        shared = {"id": one.id, "format": _FORMATS[one.origin]}
        if one.summary:
            texts = one.texts or ((one.text,) if one.text else ())
            details += [{"type": _SUMMARY, "summary": text} | shared for text in texts]
        elif one.text or one.signature:
            details.append({"type": _TEXT, "text": one.text, "signature": one.signature} | shared)
        if one.encrypted is not None:
            details.append({"type": _ENCRYPTED, "data": one.encrypted} | shared)
    return [detail | {"index": index} for index, detail in enumerate(details)]


def dump_signature(call: ToolCall, call_id: str, index: int) -> dict[str, Any]:
    """Return Gemini's signature of a call as OpenRouter has it: a detail with the call's id."""
    return {
        "type": _ENCRYPTED,
        "data": call.signature,
        "id": call_id,
        "format": _FORMATS[Family.GEMINI],
        "index": index,
    }


def find_signature(call: Mapping[str, Any]) -> str | None:
    """Return Gemini's signature of a call, where Google's compatible server has put it."""
    google = read_object(read_object(call, "extra_content"), "google")
    found = google.get("thought_signature")
    return found if isinstance(found, str) and found else None


def find_family(name: object) -> Family:
    """Return whose a `format` is; OpenAI's SDK has joined it to itself where it was repeated."""
    if not isinstance(name, str):
        return Family.OTHER
    found = _FAMILIES.get(name)
    if found is None and name:
        known = (one for one in _FAMILIES if name.startswith(one + one))
        found = _FAMILIES.get(next(known, ""))
    return found or Family.OTHER


def find_format(family: Family) -> str:
    """Return the `format` of a family."""
    return _FORMATS[family]
