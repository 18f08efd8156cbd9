"""Reasoning items: whose they are, and how a foreign vendor's signatures travel in them.

``encrypted_content`` is the one field of the format that clients send back unread: OpenAI's own
stands there as it is, a foreign one wrapped (`hub.carry`).

Rule: what `carry_proof` puts there `parse_reasoning` takes apart again, to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dialects.hub import Family, Reasoning
from gateway.dialects.hub.carry import unwrap, wrap
from gateway.dialects.hub.fields import check, join_path, read, want

_REDACTED: Final = "redacted:"  # no signature has a colon
# Their thoughts are summaries by their own account ("summarized thinking", "thought summaries").
_SUMMARISED: Final = frozenset({Family.ANTHROPIC, Family.GEMINI})


def is_summary(part: Reasoning) -> bool:
    """Whether a client of Responses sees thoughts as a summary; else as raw reasoning."""
    return part.summary or part.origin in _SUMMARISED


def carry_proof(part: Reasoning) -> str | None:
    """Return the ``encrypted_content`` of a vendor's thoughts."""
    if part.origin is Family.OPENAI:
        return part.encrypted
    if part.encrypted is not None:
        return wrap(part.origin, _REDACTED + part.encrypted)
    return None if part.signature is None else wrap(part.origin, part.signature)


def parse_reasoning(item: Mapping[str, Any], at: str) -> Reasoning:
    """Read a reasoning item of a client's history."""
    summaries = _read_texts(item, "summary", at)
    raw = _read_texts(item, "content", at)
    proof = read(item, "encrypted_content", str, at)
    issuer, own = (Family.OPENAI, None) if proof is None else unwrap(proof, Family.OPENAI)
    texts = summaries or raw
    if issuer is not Family.OPENAI and own is not None:
        return _build_foreign("".join(texts), issuer, own, at)
    return Reasoning(
        text="".join(texts),
        encrypted=own,
        summary=bool(summaries),
        texts=summaries if len(summaries) > 1 else (),
        # Raw thoughts of an open model are nobody's secret: who wants them gets them.
        origin=Family.OTHER if raw and own is None and not summaries else Family.OPENAI,
        id=read(item, "id", str, at),
        at=at,
    )


def _build_foreign(text: str, issuer: Family, own: str, at: str) -> Reasoning:
    if own.startswith(_REDACTED):
        hidden = own.removeprefix(_REDACTED)
        return Reasoning(encrypted=hidden, redacted=True, origin=issuer, at=at)
    return Reasoning(text, signature=own, origin=issuer, at=at)


def _read_texts(item: Mapping[str, Any], name: str, at: str) -> tuple[str, ...]:
    path = join_path(at, name)
    found = []
    for index, one in enumerate(read(item, name, list, at) or []):
        part = check(one, dict, f"{path}[{index}]")
        found.append(want(part, "text", str, f"{path}[{index}]"))
    return tuple(found)
