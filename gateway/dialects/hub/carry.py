"""How what only one vendor understands travels through a client of another, and comes back.

A signature or encrypted reasoning goes into a field of the client's dialect for such things, under
a wrapper that names its issuer; Gemini's signature of a tool call, for which other dialects have
no field, goes into the call's id, which every client sends back.

Rule: what comes back is taken apart here alone; to whom it does not belong it is never sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

from gateway.dialects.hub.content import Family

_MARK: Final = b"lockgate:"
_IN_ID: Final = "_lgts_"
_URL_SAFE: Final = str.maketrans("-_", "+/")
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def wrap(issuer: Family, value: str) -> str:
    """Return a foreign signature for a client of another family: base64, as all of them are."""
    return base64.b64encode(_MARK + issuer.value.encode() + b":" + value.encode()).decode()


def unwrap(value: str, own: Family) -> tuple[Family, str]:
    """Return who issued a signature that a client has sent back, and its own form.

    Args:
        value: as it came; SDKs may have changed its base64 to the URL-safe alphabet.
        own: the family of the client's dialect, who issued it if it is not wrapped.
    """
    if not value.startswith("bG9ja2dhdGU6"):  # base64 of the mark
        return own, value
    try:
        plain = base64.b64decode(value.translate(_URL_SAFE) + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return own, value
    name, _, inner = plain.removeprefix(_MARK).partition(b":")
    try:
        return Family(name.decode()), inner.decode()
    except ValueError:
        return own, value


def put_in_id(call_id: str, signature: str | None) -> str:
    """Return a tool call's id that carries a signature in letters that every dialect takes."""
    if signature is None:
        return call_id
    packed = base64.urlsafe_b64encode(signature.encode()).decode().rstrip("=")
    return f"{call_id}{_IN_ID}{packed}"


def take_from_id(call_id: str) -> tuple[str, str | None]:
    """Return a tool call's own id, and the signature that it carries if it does."""
    own, mark, packed = call_id.partition(_IN_ID)
    if not mark:
        return call_id, None
    try:
        signature = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (binascii.Error, ValueError):
        return call_id, None
    return own, signature


def fit_id(call_id: str, allowed: re.Pattern[str], length: int, prefix: str = "") -> str:
    """Return an id that a vendor takes: the same one if it fits, else one made out of it.

    Equal ids give equal ids, so that calls and results still belong together.

    Args:
        call_id: as the client has it, without a signature.
        allowed: matches a whole id that the vendor takes.
        length: characters of a made one, the prefix included.
        prefix: what a made one begins with.
    """
    if allowed.fullmatch(call_id):
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest())
    letters = []
    for _ in range(length - len(prefix)):
        number, digit = divmod(number, len(_DIGITS))
        letters.append(_DIGITS[digit])
    return prefix + "".join(letters)


def build_id(prefix: str, request_id: str, *parts: object, length: int = 24) -> str:
    """Return an id for what a vendor gave none: equal for equal arguments."""
    seed = "\0".join((request_id, *map(str, parts)))
    return prefix + hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:length]
