"""Sealing and opening of single records: a fresh key per value, wrapped by a term's key.

The data-encryption key (DEK) is used for one value only. It never encrypts
itself: HKDF makes of it the payload key and the commitment, a public value that
fixes which DEK a record was made with (GCM alone lets one ciphertext open under
several keys).

Rule: three narrow classes. `RecordSealer` cannot read a record back,
`RecordOpener` cannot make one, and `RecordMover` takes one to another term
without giving its value away. Every failure to open is VaultIntegrityError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, final

from gateway.entities import SealContext, SealedSecret
from gateway.errors import ConflictError, VaultIntegrityError
from gateway.secret import Secret
from gateway.vault import aead
from gateway.vault.format import (
    Record,
    dump_fields,
    dump_payload_aad,
    dump_record,
    dump_wrap_aad,
    parse_record,
)
from gateway.vault.keyring import Keyring

# Nonces of the wraps are random: NIST SP 800-38D (8.3) allows 2^32 uses of one key with them.
# Advice comes at a quarter of it, the refusal at half.
ADVISE_ROTATION_AT = 2**30
REFUSE_WRAP_AT = 2**31

_PAYLOAD_KEY_LABEL = b"lockgate/record/v1/payload-key"
_COMMITMENT_LABEL = b"lockgate/record/v1/commitment"


@final
class RecordSealer:
    """Seals values under the active term (`Sealer`).

    Args:
        keyring: where the active key comes from.
        entropy: returns that many random bytes; another one only where tests fix the output.
    """

    __slots__ = ("_entropy", "_keyring")

    def __init__(
        self, keyring: Keyring, *, entropy: Callable[[int], bytes] = aead.random_bytes
    ) -> None:
        self._keyring = keyring
        self._entropy = entropy

    @property
    def active_term(self) -> int:
        """The term that new records are sealed under."""
        return self._keyring.active_term

    def seal(self, context: SealContext, value: Secret) -> bytes:
        """Return a new record of `value`, bound to `context`.

        Raises:
            VaultIntegrityError: the value is longer than a record may hold.
        """
        term = self._keyring.active_term
        return _seal(self._keyring.get_kek(term), term, context, value, self._entropy)


class KekSource(Protocol):
    """Where the keys of terms come from: a `Keyring`, or a `KekSet` in a worker."""

    def get_kek(self, term: int) -> Secret:
        """Return the key of `term`. Raises VaultIntegrityError where there is none."""
        ...


@final
class RecordOpener:
    """Opens records of every term that the keyring holds (`Opener`)."""

    __slots__ = ("_keyring",)

    def __init__(self, keyring: KekSource) -> None:
        self._keyring = keyring

    def open(self, context: SealContext, record: bytes) -> Secret:
        """Return the value of `record`.

        Raises:
            VaultIntegrityError: changed, moved, unknown term or version, other origin.
        """
        parsed = parse_record(record)
        dek = _open_dek(self._keyring, context, parsed)
        aad = dump_payload_aad(parsed.commitment, context)
        try:
            return aead.open_aes_256_gcm(_payload_key(dek), parsed.nonce, parsed.sealed, aad)
        except VaultIntegrityError:
            raise VaultIntegrityError(_CHANGED) from None


@final
class RecordMover:
    """Takes records to another term. What they hold is never given out.

    Args:
        keyring: has the keys of both terms.
        entropy: as that of `RecordSealer`.
    """

    __slots__ = ("_entropy", "_keyring", "_opener")

    def __init__(
        self, keyring: KekSource, *, entropy: Callable[[int], bytes] = aead.random_bytes
    ) -> None:
        self._keyring = keyring
        self._opener = RecordOpener(keyring)
        self._entropy = entropy

    def rewrap(self, context: SealContext, record: bytes, term: int) -> bytes:
        """Return `record` with its DEK wrapped by `term`; the payload stays byte for byte.

        The new record was opened before it is returned: a damaged one comes to no new term.

        Raises:
            VaultIntegrityError: `record` does not open, or there is no such term.
        """
        parsed = parse_record(record)
        dek = _open_dek(self._keyring, context, parsed)
        kek, nonce = self._keyring.get_kek(term), self._entropy(aead.NONCE_BYTES)
        wrapped = aead.seal_aes_256_gcm(kek, nonce, dek, dump_wrap_aad(term, context))
        moved = dump_record(replace(parsed, term=term, wrap_nonce=nonce, wrapped_dek=wrapped))
        self._opener.open(context, moved)
        return moved

    def reencrypt(self, context: SealContext, record: bytes, term: int) -> bytes:
        """Return a new record of the same value under `term`, with a DEK that nobody knew before.

        For a key-encryption key that leaked: with it the old DEKs may have leaked too.

        Raises:
            VaultIntegrityError: `record` does not open, or there is no such term.
        """
        value = self._opener.open(context, record)
        moved = _seal(self._keyring.get_kek(term), term, context, value, self._entropy)
        if self._opener.open(context, moved) != value:
            raise VaultIntegrityError(_CHANGED)
        return moved


_CHANGED = "the record was changed, moved to another row, or pointed at another origin"


def secret_context(sealed: SealedSecret, origin: str) -> SealContext:
    """Return what the record of a provider credential is bound to.

    Args:
        sealed: the row; its `record` is not looked at, so that it may still be empty.
        origin: scheme://host:port that the credential may go to.
    """
    return SealContext(
        table="secrets",
        row_id=sealed.secret_id,
        name=sealed.secret_name,
        field="secret_value",
        version=sealed.secret_version,
        provider=sealed.provider or "",
        origin=origin,
    )


def check_wraps(wraps: int) -> bool:
    """Tell whether a rotation is due, given the wraps that a term has done.

    Call it inside the write transaction, with what `add_wraps` returned.

    Raises:
        ConflictError: the term has done so many that it must not wrap again.
    """
    if wraps > REFUSE_WRAP_AT:
        raise ConflictError(
            "the active key has wrapped as many values as is safe: "
            "run `lockgate crypto rotate-kek` first"
        )
    return wraps >= ADVISE_ROTATION_AT


def _seal(
    kek: Secret,
    term: int,
    context: SealContext,
    value: Secret,
    entropy: Callable[[int], bytes],
) -> bytes:
    dek = Secret(entropy(aead.KEY_BYTES))
    wrap_nonce = entropy(aead.NONCE_BYTES)
    nonce = entropy(aead.NONCE_BYTES)
    commitment = _commit(dek)
    return dump_record(
        Record(
            term=term,
            wrap_nonce=wrap_nonce,
            wrapped_dek=aead.seal_aes_256_gcm(kek, wrap_nonce, dek, dump_wrap_aad(term, context)),
            commitment=commitment,
            nonce=nonce,
            sealed=aead.seal_aes_256_gcm(
                _payload_key(dek), nonce, value, dump_payload_aad(commitment, context)
            ),
        )
    )


def _open_dek(keyring: KekSource, context: SealContext, record: Record) -> Secret:
    kek = keyring.get_kek(record.term)
    aad = dump_wrap_aad(record.term, context)
    try:
        dek = aead.open_aes_256_gcm(kek, record.wrap_nonce, record.wrapped_dek, aad)
    except VaultIntegrityError:
        raise VaultIntegrityError(_CHANGED) from None
    if not aead.equal(_commit(dek), record.commitment):
        raise VaultIntegrityError(_CHANGED)
    return dek


def _payload_key(dek: Secret) -> Secret:
    return aead.derive_key(dek, salt=b"", info=dump_fields(_PAYLOAD_KEY_LABEL))


def _commit(dek: Secret) -> bytes:
    return aead.hkdf_sha256(dek, salt=b"", info=dump_fields(_COMMITMENT_LABEL))
