"""A value that must not be seen.

Rule: nothing that prints, formats, serialises or copies a `Secret` out of the
process shows its value. `reveal()` is called in the few files that a test names.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import NoReturn, final

MASK = "***"
_MIN_PARTIAL_MASK = 20  # shorter values would give away too much of themselves


@final
class Secret:
    """Bytes that print as ``***`` and refuse to be pickled.

    Equality is constant-time; hashing is refused so that a secret never becomes a dict key.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes | str) -> None:
        self._value = value.encode() if isinstance(value, str) else value

    def reveal(self) -> bytes:
        """Return the raw value. Every call site is listed in ``tests/test_secret.py``."""
        return self._value

    def digest(self) -> bytes:
        """Return the SHA-256 of the value: what is stored of a random 256-bit token."""
        return hashlib.sha256(self._value).digest()

    def mask(self) -> str:
        """Return the masked form that may be shown (see `mask`)."""
        return mask(self._value.decode(errors="replace"))

    def count_characters(self) -> int:
        """Return the number of characters; bytes that are no UTF-8 count one each."""
        return len(self._text())

    def count_distinct(self) -> int:
        """Return the number of different characters."""
        return len(set(self._text()))

    def letters(self) -> Secret:
        """Return the letters alone, in lower case: what two spellings of one word share."""
        return Secret("".join(filter(str.isalpha, self._text())).lower())

    def fields(self) -> dict[str, Secret] | None:
        """Return the texts of a JSON object, each as a secret; None where it is none of texts."""
        try:
            value = json.loads(self._value)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
            return None
        return {name: Secret(part.encode(errors="replace")) for name, part in value.items()}

    def _text(self) -> str:
        return self._value.decode(errors="surrogateescape")

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # unhashable on purpose

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


def mask(value: str) -> str:
    """Mask a credential for display: the first 3 and last 4 characters of a long one.

    Shorter than 20 characters gives ``***`` alone.
    """
    if len(value) < _MIN_PARTIAL_MASK:
        return MASK
    return f"{value[:3]}...{value[-4:]}"
