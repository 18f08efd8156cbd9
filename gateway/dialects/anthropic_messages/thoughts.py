"""Whose thoughts a block holds, and how a foreign vendor's travel in Anthropic's blocks.

``signature`` and ``data`` are the fields that clients send back unread: Anthropic's own stand there
as they are, what others need to know their thoughts again is wrapped (`hub.carry`). A thinking
block must have a signature; foreign thoughts without any get a wrapper that holds nothing.

Rule: what `sign` and `hide` put there `parse_thinking` and `parse_hidden` take apart again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.dialects.hub import Family, Reasoning
from gateway.dialects.hub.carry import unwrap, wrap
from gateway.dialects.spec import dump_json, load_object

# The fields of `Reasoning` that a wrapper holds besides a plain signature.
_FIELDS: Final = ("signature", "encrypted", "id")
BETWEEN: Final = "\n\n"  # paragraphs of a summary


def sign(part: Reasoning, lengths: Sequence[int] = ()) -> str:
    """Return the signature of a thinking block.

    Args:
        part: the thoughts; their text does not matter.
        lengths: of its paragraphs, where there are several.
    """
    if part.origin is Family.ANTHROPIC and part.signature is not None:
        return part.signature
    return wrap(part.origin, _pack(part, lengths))


def hide(part: Reasoning) -> str:
    """Return the data of a redacted_thinking block."""
    if part.origin is Family.ANTHROPIC and part.redacted:
        return part.encrypted or ""
    return wrap(part.origin, _pack(part, ()))


def _pack(part: Reasoning, lengths: Sequence[int]) -> str:
    values: dict[str, Any] = {
        name: value for name in _FIELDS if (value := getattr(part, name)) is not None
    }
    if part.summary:
        values["summary"] = True
    if part.redacted:
        values["redacted"] = True
    if len(lengths) > 1:
        values["lengths"] = lengths
    if values.keys() <= {"signature"}:
        return part.signature or ""
    return dump_json(values).decode()


def join_paragraphs(part: Reasoning) -> tuple[str, tuple[int, ...]]:
    """Return thoughts as one text that can be read, and the lengths of its paragraphs."""
    if len(part.texts) < 2:  # noqa: PLR2004  one is no list of paragraphs
        return part.text, ()
    return BETWEEN.join(part.texts), tuple(map(len, part.texts))


def parse_thinking(text: str, signature: str | None, at: str) -> Reasoning:
    """Return the thoughts that a client has sent back; without a signature they are nobody's."""
    if not signature:
        return Reasoning(text, at=at)
    issuer, own = unwrap(signature, Family.ANTHROPIC)
    if issuer is Family.ANTHROPIC and own == signature:
        return Reasoning(text, signature=signature, origin=issuer, at=at)
    return _unpack(text, issuer, own, at)


def parse_hidden(data: str, at: str) -> Reasoning:
    """Return the unreadable thoughts that a client has sent back."""
    issuer, own = unwrap(data, Family.ANTHROPIC)
    if issuer is Family.ANTHROPIC and own == data:
        return Reasoning(encrypted=data, redacted=True, origin=issuer, at=at)
    return _unpack("", issuer, own, at)


def _unpack(text: str, issuer: Family, own: str, at: str) -> Reasoning:
    values = load_object(own.encode(errors="replace")) if own[:1] == "{" else {"signature": own}
    given = values or {}
    texts = _cut(text, given.get("lengths"))
    return Reasoning(
        "".join(texts) or text,
        signature=_read_text(given, "signature"),
        encrypted=_read_text(given, "encrypted"),
        redacted=given.get("redacted") is True,
        summary=given.get("summary") is True,
        texts=texts,
        origin=issuer,
        id=_read_text(given, "id"),
        at=at,
    )


def _read_text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None


def _cut(text: str, lengths: Any) -> tuple[str, ...]:
    """Return a text's paragraphs; none where the client has changed it."""
    if not isinstance(lengths, list) or not all(type(one) is int and one >= 0 for one in lengths):
        return ()
    texts, start = [], 0
    for length in lengths:
        texts.append(text[start : start + length])
        start += length + len(BETWEEN)
    return tuple(texts) if BETWEEN.join(texts) == text else ()
