"""Whose thoughts a part holds, and how a foreign vendor's travel in Gemini's parts.

Gemini signs the part that follows its thoughts, and its clients send every ``thoughtSignature``
back with the part that it came with; thought parts themselves many leave out (gemini-cli does). So
whole foreign thoughts travel wrapped (`hub.carry`) in the signature of the next part.

Rule: what `pack` makes `unpack` takes apart again; Gemini's own signatures pass as they are.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.dialects.hub import Family, Reasoning
from gateway.dialects.hub.carry import unwrap, wrap
from gateway.dialects.spec import dump_json, load_object

# What Google's documentation on thought signatures names for calls that no Gemini model has made
# (ai.google.dev/gemini-api/docs/thought-signatures, "FAQs"); in base64 as the field's type asks.
_SKIP: Final = "skip_thought_signature_validator"
NO_SIGNATURE: Final = base64.b64encode(_SKIP.encode()).decode()
_OTHER_SKIP: Final = "context_engineering_is_the_way_to_go"
_NONE: Final = frozenset(
    {
        "",
        _SKIP,
        _OTHER_SKIP,
        NO_SIGNATURE,
        base64.b64encode(_OTHER_SKIP.encode()).decode(),
        base64.urlsafe_b64encode(_OTHER_SKIP.encode()).decode(),
    }
)
_TEXTS: Final = ("text", "signature", "encrypted", "id")
_FLAGS: Final = ("redacted", "summary")


def pack(thoughts: Sequence[Reasoning]) -> str:
    """Return foreign thoughts as a signature that only the gateway reads."""
    values = [_dump(part) for part in thoughts]
    return wrap(Family.OTHER, dump_json({"thoughts": values}).decode())


def unpack(signature: str, at: str = "") -> tuple[str | None, tuple[Reasoning, ...]]:
    """Return Gemini's own signature, if it is one, and the foreign thoughts that it holds."""
    if signature in _NONE:
        return None, ()
    issuer, own = unwrap(signature, Family.GEMINI)
    if own == signature:
        return signature, ()
    if issuer is Family.GEMINI:
        return own, ()
    values = (load_object(own.encode(errors="replace")) or {}).get("thoughts")
    if not isinstance(values, list):
        return None, (Reasoning(signature=own, origin=issuer, at=at),)
    return None, tuple(_parse(value, at) for value in values if isinstance(value, dict))


def is_own(part: Reasoning) -> bool:
    """Tell whether thoughts are Gemini's."""
    return part.origin is Family.GEMINI


def is_worth(part: Reasoning) -> bool:
    """Tell whether the vendor of foreign thoughts wants them back."""
    return part.signature is not None or part.encrypted is not None or part.id is not None


def _dump(part: Reasoning) -> dict[str, Any]:
    values: dict[str, Any] = {"origin": part.origin.value}
    for name in _TEXTS + _FLAGS:
        value = getattr(part, name)
        if value:
            values[name] = value
    if part.texts:
        values["texts"] = part.texts
    return values


def _parse(values: Mapping[str, Any], at: str) -> Reasoning:
    texts = values.get("texts")
    are_texts = isinstance(texts, list) and all(isinstance(one, str) for one in texts)
    signature, encrypted, name = (_read(values, key) for key in _TEXTS[1:])
    try:
        origin = Family(values.get("origin", ""))
    except ValueError:
        origin = Family.OTHER
    return Reasoning(
        _read(values, "text") or "",
        signature,
        encrypted,
        redacted=values.get("redacted") is True,
        summary=values.get("summary") is True,
        texts=tuple(texts) if are_texts and texts else (),
        origin=origin,
        id=name,
        at=at,
    )


def _read(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) else None
