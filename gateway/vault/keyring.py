"""The root key of an installation and the key-encryption keys (terms) under it.

unlocking key (content of the key file, or made from the passphrase)
  wraps the root key (random, kept in `VaultMeta.wrapped_root`)
    derives the wrapping key (HKDF), which wraps the KEK of each term (`KekTerm`)

So changing the key file or the passphrase rewrites one row, and a new term
touches no other.

Rule: a key that was unwrapped is used only after its check value agreed, and
each wrap is bound to the installation and to what it is for. What is wrong is
said to the operator: wrong root key, missing term, or damaged row.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn, final

from gateway.entities import KekState, KekTerm, VaultMeta
from gateway.errors import RootKeyError, VaultIntegrityError
from gateway.secret import Secret
from gateway.vault import aead
from gateway.vault.format import MAX_TERM, WRAPPED_KEY_BYTES, dump_fields

KEY_FILE = "key_file"
PASSPHRASE = "passphrase"  # noqa: S105  # the kind, not a passphrase
SALT_BYTES = 32

_UNLOCK_LABEL = b"lockgate/vault/v1/unlock"
_ROOT_CHECK_LABEL = b"lockgate/vault/v1/root-check"
_ROOT_WRAP_LABEL = b"lockgate/vault/v1/root"
_KEK_WRAP_LABEL = b"lockgate/vault/v1/kek"
_KEK_CHECK_LABEL = b"lockgate/vault/v1/kek-check"
_WRAPPING_LABEL = b"lockgate/vault/v1/wrapping"
_PURPOSE_LABEL = b"lockgate/vault/v1/purpose"
_WRAP_BYTES = aead.NONCE_BYTES + WRAPPED_KEY_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class RootProtection:
    """How the root key is protected: the columns of `VaultMeta` that describe it."""

    kind: str  # KEY_FILE or PASSPHRASE
    kdf: str | None
    kdf_params: Mapping[str, int]
    salt: bytes


def build_key_file_protection() -> RootProtection:
    """Return the protection by a key file, with a fresh salt."""
    return RootProtection(
        kind=KEY_FILE, kdf=None, kdf_params={}, salt=aead.random_bytes(SALT_BYTES)
    )


@final
class Keyring:
    """The opened keys of one installation; `load` takes over a changed list of terms."""

    __slots__ = ("_active", "_keks", "_root", "_unusable", "_wrapping", "installation_id")

    def __init__(self, installation_id: str, root: Secret, terms: Iterable[KekTerm]) -> None:
        self.installation_id = installation_id
        self._root = root
        self._wrapping = _derive(root, _WRAPPING_LABEL, installation_id)
        self.load(terms)

    @property
    def active_term(self) -> int:
        """The term that new records are sealed under."""
        return self._active

    @property
    def newest_term(self) -> int:
        """The highest term whose key is here, active or not yet."""
        return max(self._keks)

    @property
    def unusable(self) -> Mapping[int, str]:
        """Terms whose row cannot be used, each with the reason."""
        return self._unusable

    def load(self, terms: Iterable[KekTerm]) -> None:
        """Unwrap the keys of `terms` and put them in the place of those held so far.

        A damaged term that is not active is kept out and listed in `unusable`.

        Raises:
            RootKeyError: no active term, more than one, or it does not open. Nothing changed.
        """
        rows = tuple(terms)
        active = _find_active(rows)
        keks: dict[int, Secret] = {}
        unusable: dict[int, str] = {}
        for row in rows:
            try:
                keks[row.term] = _open_term(self._wrapping, self.installation_id, row)
            except VaultIntegrityError as error:
                unusable[row.term] = error.reason
        if active.term not in keks:
            raise RootKeyError(_say_unusable(active.term, unusable, opened=bool(keks)))
        self._active, self._keks, self._unusable = active.term, keks, unusable

    def get_kek(self, term: int) -> Secret:
        """Return the key of `term`.

        Raises:
            VaultIntegrityError: there is no such term, or its row is damaged or destroyed.
        """
        return _get_kek(self._keks, self._unusable, term)

    def pick_keks(self) -> KekSet:
        """Return the keys of all terms by themselves: they open records, and nothing else."""
        return KekSet(self._keks, self._unusable)

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for a purpose of our own (`KeyDeriver`)."""
        info = dump_fields(_PURPOSE_LABEL, purpose.encode())
        return aead.hkdf_sha256(self._root, salt=self.installation_id.encode(), info=info)

    def build_term(self, term: int, state: KekState, created_at: int) -> KekTerm:
        """Make a new random key for `term`, wrapped. `created_at` in ms since the epoch.

        Raises:
            VaultIntegrityError: `term` is outside of 1 to 2^32 - 1.
        """
        return _build_term(self._wrapping, self.installation_id, term, state, created_at)

    def rewrap_root(
        self, meta: VaultMeta, unlocking: Secret, protection: RootProtection
    ) -> VaultMeta:
        """Return `meta` with the same root key under another key file or passphrase."""
        return _protect(meta, self._root, unlocking, protection)

    def __repr__(self) -> str:
        return f"Keyring(active_term={self._active})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Keyring cannot be pickled or copied")


@final
class KekSet:
    """Opened keys of terms without the root key above them: all that opening records needs."""

    __slots__ = ("keks", "unusable")

    def __init__(self, keks: Mapping[int, Secret], unusable: Mapping[int, str]) -> None:
        self.keks = keks
        self.unusable = unusable

    def get_kek(self, term: int) -> Secret:
        """Return the key of `term`.

        Raises:
            VaultIntegrityError: there is no such term, or its row is damaged or destroyed.
        """
        return _get_kek(self.keks, self.unusable, term)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a KekSet cannot be pickled or copied")


def _get_kek(keks: Mapping[int, Secret], unusable: Mapping[int, str], term: int) -> Secret:
    kek = keks.get(term)
    if kek is None:
        raise VaultIntegrityError(unusable.get(term, f"key term {term} is not in the database"))
    return kek


def create_installation(
    unlocking: Secret, protection: RootProtection, *, created_at: int
) -> tuple[VaultMeta, KekTerm]:
    """Make the root key and the first term of a new installation.

    Args:
        unlocking: content of the key file, or what `derive_unlocking_key` made of a passphrase.
        protection: what describes it.
        created_at: milliseconds since the epoch.
    """
    root = Secret(aead.random_bytes(aead.KEY_BYTES))
    blank = VaultMeta(
        installation_id=aead.random_bytes(16).hex(),
        root_kind=protection.kind,
        kdf=protection.kdf,
        kdf_params=protection.kdf_params,
        salt=protection.salt,
        root_check=b"",
        wrapped_root=b"",
        created_at=created_at,
    )
    meta = _protect(blank, root, unlocking, protection)
    wrapping = _derive(root, _WRAPPING_LABEL, meta.installation_id)
    return meta, _build_term(wrapping, meta.installation_id, 1, KekState.ACTIVE, created_at)


def open_keyring(unlocking: Secret, meta: VaultMeta, terms: Iterable[KekTerm]) -> Keyring:
    """Unwrap the root key and all terms.

    Raises:
        RootKeyError: wrong unlocking key, damaged vault row, missing or damaged active term.
    """
    return Keyring(meta.installation_id, _open_root(unlocking, meta), terms)


# --- the root key -------------------------------------------------------------------------


def _protect(
    meta: VaultMeta, root: Secret, unlocking: Secret, protection: RootProtection
) -> VaultMeta:
    described = replace(
        meta,
        root_kind=protection.kind,
        kdf=protection.kdf,
        kdf_params=dict(protection.kdf_params),
        salt=protection.salt,
    )
    key, check = _unlock(unlocking, described)
    wrapped = _wrap(key, root, _root_aad(described))
    return replace(described, root_check=check, wrapped_root=wrapped)


def _open_root(unlocking: Secret, meta: VaultMeta) -> Secret:
    if meta.root_kind not in _WRONG_ROOT:
        raise RootKeyError("the vault_meta row of the database is damaged: restore a backup")
    key, check = _unlock(unlocking, meta)
    agrees = aead.equal(check, meta.root_check)
    try:
        root = _unwrap(key, meta.wrapped_root, _root_aad(meta))
    except VaultIntegrityError:
        raise RootKeyError(_DAMAGED_META if agrees else _WRONG_ROOT[meta.root_kind]) from None
    if not agrees:
        raise RootKeyError(_DAMAGED_META)
    return root


_DAMAGED_META = (
    "the root key is right, but the vault_meta row of the database is damaged: "
    "restore the database from a backup"
)
_WRONG_ROOT = {
    KEY_FILE: "the key file is not the one that this database was sealed with: "
    "restore the right key file, or the database that belongs to this one",
    PASSPHRASE: "the passphrase is not the one that this database was sealed with: "
    "give the right passphrase, or restore the database that belongs to this one",
}


def _unlock(unlocking: Secret, meta: VaultMeta) -> tuple[Secret, bytes]:
    info = meta.installation_id.encode()
    key = aead.derive_key(unlocking, salt=meta.salt, info=dump_fields(_UNLOCK_LABEL, info))
    check = aead.hkdf_sha256(unlocking, salt=meta.salt, info=dump_fields(_ROOT_CHECK_LABEL, info))
    return key, check


def _root_aad(meta: VaultMeta) -> bytes:
    params = (part for name in sorted(meta.kdf_params) for part in (name, meta.kdf_params[name]))
    return dump_fields(
        _ROOT_WRAP_LABEL,
        meta.installation_id.encode(),
        meta.root_kind.encode(),
        (meta.kdf or "").encode(),
        meta.salt,
        *(str(part).encode() for part in params),
    )


# --- terms --------------------------------------------------------------------------------


def _find_active(rows: tuple[KekTerm, ...]) -> KekTerm:
    active = [row for row in rows if row.state is KekState.ACTIVE]
    if not active:
        raise RootKeyError(
            "the database has no active key term (missing term): restore it from a backup"
        )
    if len(active) > 1:
        raise RootKeyError(
            "the database has more than one active key term (damaged rows): "
            "restore it from a backup"
        )
    return active[0]


def _say_unusable(term: int, unusable: Mapping[int, str], *, opened: bool) -> str:
    if not opened and len(unusable) > 1:
        return (
            "no key term opens under this root key: the rows vault_meta and kek_terms do not "
            "belong together; restore the database from one backup"
        )
    return f"{unusable[term]} (damaged row): restore the database from a backup"


def _build_term(
    wrapping: Secret, installation_id: str, term: int, state: KekState, created_at: int
) -> KekTerm:
    if not 1 <= term <= MAX_TERM:
        raise VaultIntegrityError("a key term is outside of 1 to 2^32 - 1")
    kek = Secret(aead.random_bytes(aead.KEY_BYTES))
    return KekTerm(
        term=term,
        state=state,
        wrapped_key=_wrap(wrapping, kek, _term_aad(installation_id, term)),
        check_value=_check_term(kek, installation_id, term),
        created_at=created_at,
    )


def _open_term(wrapping: Secret, installation_id: str, row: KekTerm) -> Secret:
    if not row.wrapped_key and row.state is KekState.RETIRED:
        raise VaultIntegrityError(f"key term {row.term} was destroyed")
    damaged = f"the row of key term {row.term} is damaged"
    if not 1 <= row.term <= MAX_TERM:
        raise VaultIntegrityError(damaged)
    try:
        kek = _unwrap(wrapping, row.wrapped_key, _term_aad(installation_id, row.term))
    except VaultIntegrityError:
        raise VaultIntegrityError(damaged) from None
    if not aead.equal(_check_term(kek, installation_id, row.term), row.check_value):
        raise VaultIntegrityError(damaged)
    return kek


def _term_aad(installation_id: str, term: int) -> bytes:
    return dump_fields(_KEK_WRAP_LABEL, installation_id.encode(), struct.pack(">I", term))


def _check_term(kek: Secret, installation_id: str, term: int) -> bytes:
    info = dump_fields(_KEK_CHECK_LABEL, struct.pack(">I", term))
    return aead.hkdf_sha256(kek, salt=installation_id.encode(), info=info)


# --- wraps --------------------------------------------------------------------------------


def _derive(root: Secret, label: bytes, installation_id: str) -> Secret:
    return aead.derive_key(root, salt=installation_id.encode(), info=dump_fields(label))


def _wrap(key: Secret, inner: Secret, aad: bytes) -> bytes:
    nonce = aead.random_bytes(aead.NONCE_BYTES)
    return nonce + aead.seal_aes_256_gcm(key, nonce, inner, aad)


def _unwrap(key: Secret, wrapped: bytes, aad: bytes) -> Secret:
    if len(wrapped) != _WRAP_BYTES:
        raise VaultIntegrityError("a wrapped key has a wrong length")
    nonce, sealed = wrapped[: aead.NONCE_BYTES], wrapped[aead.NONCE_BYTES :]
    return aead.open_aes_256_gcm(key, nonce, sealed, aad)
