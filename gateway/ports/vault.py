"""Time, and what seals, opens and derives.

Rule: who may only seal gets no way to open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from gateway.entities import (
    SealContext,
    SealedSecret,
    Trial,
)
from gateway.secret import Secret


class Clock(Protocol):
    """Time, so that tests can set it."""

    def now_ms(self) -> int:
        """Return wall-clock milliseconds since the epoch."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...


class Sealer(Protocol):
    """Seals credentials; cannot read one back."""

    @property
    def active_term(self) -> int:
        """The KEK term that new records are sealed under."""
        ...

    def seal(self, context: SealContext, value: Secret) -> bytes:
        """Return a new record of `value`, bound to `context`, under the active term."""
        ...


class Opener(Protocol):
    """Opens sealed credentials."""

    def open(self, context: SealContext, record: bytes) -> Secret:
        """Return the value of `record`.

        Raises:
            VaultIntegrityError: changed, moved, unknown term or version, other origin.
        """
        ...


class CredentialTrials(Protocol):
    """Tries credentials at their providers, by a call that costs nothing.

    Whoever asks learns whether a credential works, never the credential.
    """

    async def try_stored(self, sealed: SealedSecret, provider: str) -> Trial:
        """Try a stored credential. Raises VaultIntegrityError, TooManyRequestsError."""
        ...

    async def try_value(
        self, provider: str, value: Secret, auth_config: Mapping[str, Any] | None
    ) -> Trial:
        """Try a credential that is stored nowhere. Raises TooManyRequestsError."""
        ...


class KeyDeriver(Protocol):
    """Gives purposes of our own (sessions, idempotency) a key that only this installation has."""

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes, the same for the same purpose as long as the root key lives."""
        ...
