"""Thoughts in chat messages: `reasoning_details`, as OpenRouter has published them.

Source: OpenRouter's guide "Reasoning tokens" (2026-11): a list of objects of the types
``reasoning.text`` (text, signature), ``reasoning.summary`` (summary) and ``reasoning.encrypted``
(data), each with a `format` that names whose they are.

Rule: a client that gives an assistant's message back whole gives all of its thoughts back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gateway.dialects.hub import Family, Reasoning
from gateway.dialects.hub.fields import check, read

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
    """Yield the thoughts of a message; a summary and what is encrypted behind it are one.

    Raises:
        MalformedRequestError: one of them is none.
    """
    held: Reasoning | None = None
    for index, given in enumerate(details):
        path = f"{at}[{index}]"
        one = _parse(check(given, dict, path), path)
        if held is not None and held.summary and one.redacted and held.origin is one.origin:
            held = Reasoning(
                held.text, summary=True, texts=held.texts, encrypted=one.encrypted,
                origin=held.origin, id=one.id or held.id, at=held.at,
            )  # fmt: skip
            continue
        if held is not None and held.summary and one.summary and held.id == one.id:
            texts = (*held.texts, *one.texts)
            held = Reasoning(
                "".join(texts), summary=True, texts=texts, origin=held.origin, id=held.id,
                at=held.at,
            )  # fmt: skip
            continue
        if held is not None:
            yield held
        held = one
    if held is not None:
        yield held


def _parse(value: dict[str, Any], at: str) -> Reasoning:
    origin = _FAMILIES.get(read(value, "format", str, at) or "", Family.OTHER)
    kind, item = value.get("type"), read(value, "id", str, at)
    if kind == _ENCRYPTED:
        data = read(value, "data", str, at)
        return Reasoning(encrypted=data, redacted=True, origin=origin, id=item, at=at)
    if kind == _SUMMARY:
        text = read(value, "summary", str, at) or ""
        return Reasoning(text, summary=True, texts=(text,), origin=origin, id=item, at=at)
    signature = read(value, "signature", str, at)
    text = read(value, "text", str, at) or ""
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


def find_family(name: object) -> Family:
    """Return whose a `format` is."""
    return _FAMILIES.get(name, Family.OTHER) if isinstance(name, str) else Family.OTHER


def find_format(family: Family) -> str:
    """Return the `format` of a family."""
    return _FORMATS[family]
